"""How experiments report networks of spiking cells that learned a task."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain import stats, tables
from neurogain.experiments.spiking_training import LearningOptions, Network, parameters

FROM_0 = (0.0, np.inf)


def entry(config: LearningOptions, network: Network, course: Any) -> dict[str, Any]:
    """Return the numbers of one network's course, which has the fields of `Course`."""
    half = config.updates // config.evaluate_every // 2
    return {
        "test_accuracy": stats.cut(stats.summary(course.accuracy[:, -1])),
        "accuracy_halfway": stats.cut(stats.summary(course.accuracy[:, half])),
        "chance": 1 / network.classes,
        "rate_hz": stats.cut(stats.summary(course.test_rate_hz[:, -1]), FROM_0),
        "largest_gradient_norm": stats.cut(stats.summary(course.gradient_norm.max(1)), FROM_0),
        "parameters": parameters(network),
    }


def difference(
    entries: Mapping[str, Any], first: str, field: str = "test_accuracy"
) -> dict[str, Any]:
    """Return by network how much higher a field is than that of the first, in pairs of seeds."""
    seeds = {name: np.array(own[field]["per_seed"], float) for name, own in entries.items()}
    return {n: stats.summary(x - seeds[first]) for n, x in seeds.items() if n != first}


def rows(entries: Mapping[str, Any]) -> list[str]:
    """Return a line of a table for each network."""
    width = min(20, max(map(len, ("network", *entries))))
    head: list[tuple[Any, ...]] = [("network", "param.", "accuracy", "rate (Hz)")]
    shown = [
        (name, own["parameters"], own["test_accuracy"], stats.text(own["rate_hz"], ".1f"))
        for name, own in entries.items()
    ]
    return tables.lines(f"{{:<{width}}}{{:>8}}  {{:<24.3f}}{{:<20}}", head + shown)


def differences(title: str, found: Mapping[str, Any]) -> list[str]:
    """Return lines that say how much higher the accuracies of networks are."""
    return [
        title,
        *tables.lines("  {:<20}{:<30}", ((n, stats.text(x, "+.3f")) for n, x in found.items())),
    ]
