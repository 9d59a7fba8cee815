"""What `neurogain heterogeneity` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import stats, tables
from neurogain.experiments.heterogeneity.config import NOISES
from neurogain.experiments.spiking_report import differences, rows


def table(metrics: Mapping[str, Any]) -> str:
    """Return accuracies without and under noise, and rates."""
    config, networks = metrics["config"], metrics["networks"]
    head: list[tuple[Any, ...]] = [("accuracy under noise", *NOISES[1:])]
    under = [
        (name, *(stats.text(own["under_noise"][n], ".2f") for n in NOISES[1:]))
        for name, own in networks.items()
    ]
    noise = (
        f"Noise: jitter of {config['jitter']:g} steps, {config['deletion']:.0%} of spikes lost, "
        f"{config['background']:g} spikes a step and channel besides."
    )
    lines = [
        *tables.wrapped(
            f"{config['task']}: {config['hidden']} {config['cell']} cells, of which "
            f"{', '.join(metrics['varied'])} may differ (cv {config['cv']:g}); "
            f"{config['optimizer']}, {config['updates']} updates"
        ),
        *rows(networks),
        *tables.lines("{:<20}  {:<19}{:<19}{:<19}", head + under),
    ]
    for name in ("none", "background"):
        if metrics["difference_to_first"][name]:
            what = "without noise" if name == "none" else "under background spikes"
            title = f"Accuracy {what}, less that of {metrics['first']!r}, in pairs:"
            lines += differences(title, metrics["difference_to_first"][name])
    return "\n".join(
        [*lines, *tables.wrapped(noise, tables.intervals_over(config["seeds"], "seed"))]
    )
