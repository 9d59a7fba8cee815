"""The numbers of a task in spikes."""

from collections.abc import Mapping
from typing import Any

from neurogain import stats
from neurogain.experiments.spiking_task.config import SpikingTaskConfig
from neurogain.experiments.spiking_training import parameters


def summarize(config: SpikingTaskConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    course = found["course"]
    half = config.updates // config.evaluate_every // 2
    return {
        "test_accuracy": stats.cut(stats.summary(course.accuracy[:, -1])),
        "accuracy_halfway": stats.cut(stats.summary(course.accuracy[:, half])),
        "chance": 1 / config.spike_task.classes,
        "rate_hz": stats.summary(course.test_rate_hz[:, -1]),
        "largest_gradient_norm": stats.summary(course.gradient_norm.max(1)),
        "parameters": parameters(config.network()),
    }
