"""What `neurogain dendrite` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables
from neurogain.experiments.spiking_report import differences, rows


def table(metrics: Mapping[str, Any]) -> str:
    """Return the accuracies at each delay, and what dendrites add to the soma."""
    config = metrics["config"]
    numbers = ", ".join(f"{n} {name}" for name, n in metrics["cells"].items())
    lines = tables.wrapped(
        f"Exclusive or of two cues; cells: {numbers}; {config['optimizer']}, {config['updates']} "
        "updates"
    )
    for own in metrics["delays"]:
        lines += [f"{own['delay_ms']} ms between the cues", *rows(own["networks"])]
        if own["difference_to_first"]:
            title = f"Accuracy less that of {own['first']!r}, in pairs:"
            lines += differences(title, own["difference_to_first"])
    return "\n".join([*lines, *tables.wrapped(tables.intervals_over(config["seeds"], "seed"))])
