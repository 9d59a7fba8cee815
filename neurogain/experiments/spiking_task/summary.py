"""The numbers of a task in spikes."""

import math
from collections.abc import Mapping
from typing import Any

import jax

from neurogain import stats
from neurogain.experiments.spiking_task.config import SpikingTaskConfig


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
        "parameters": _parameters(config),
    }


def _parameters(config: SpikingTaskConfig) -> int:
    """Return the number of what is learned."""
    inits = (config.layer().init, config.readout().init)
    shapes = [jax.eval_shape(init, jax.random.key(0)) for init in inits]
    return sum(math.prod(x.shape) for x in jax.tree.leaves(shapes))
