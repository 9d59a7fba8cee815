"""The numbers of networks whose cells differ."""

from collections.abc import Mapping
from typing import Any

from neurogain import stats
from neurogain.experiments.heterogeneity.config import NOISES, HeterogeneityConfig
from neurogain.experiments.spiking_report import difference, entry


def summarize(config: HeterogeneityConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    networks = {}
    for condition in config.conditions:
        course = found[condition]
        networks[condition] = entry(config, config.network(condition), course) | {
            "under_noise": {
                name: stats.cut(stats.summary(course.noisy_accuracy[:, k]))
                for k, name in enumerate(NOISES)
            },
            "rate_under_noise_hz": {
                name: stats.summary(course.noisy_rate_hz[:, k]) for k, name in enumerate(NOISES)
            },
        }
    first = config.conditions[0]
    under = {
        name: {n: {"accuracy": own["under_noise"][name]} for n, own in networks.items()}
        for name in NOISES
    }
    return {
        "varied": list(config.varied),
        "networks": networks,
        "first": first,
        "difference_to_first": {
            name: difference(own, first, "accuracy") for name, own in under.items()
        },
        "rate_difference_to_first_hz": difference(networks, first, "rate_hz"),
    }
