"""What `neurogain stability-gap` draws."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.axes import Axes

from neurogain.continual import methods
from neurogain.continual.training import TaskCurves
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.plotting import continual
from neurogain.plotting.style import Figure


def figures(
    config: StabilityGapConfig, found: Mapping[str, TaskCurves], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    title = f"{config.spec.name}, {config.regime}"
    names = metrics["stream"]["tasks"]
    return {
        "old_task_accuracy": functools.partial(
            continual.old_task_accuracy,
            _each(config, found, "accuracy"),
            names,
            eval_every=config.protocol.eval_every,
            title=title,
        ),
        "gain": functools.partial(
            continual.gain,
            _each(config, found, "gain"),
            _each(config, found, "uncertainty"),
            names,
            title=title,
        ),
        "trade_off": functools.partial(continual.trade_off, metrics["methods"], title=title),
    }


def plot(
    axes: Axes,
    config: StabilityGapConfig,
    found: Mapping[str, TaskCurves],
    metrics: Mapping[str, Any],
) -> None:
    """Draw the accuracy on the old tasks around the first switch."""
    continual.around_switch(
        axes,
        _each(config, found, "accuracy"),
        1,
        metrics["stream"]["tasks"][1],
        eval_every=config.protocol.eval_every,
    )
    axes.set_ylabel("accuracy on all old tasks")
    axes.legend(frameon=False)


def _each(
    config: StabilityGapConfig, found: Mapping[str, TaskCurves], field: str
) -> dict[str, Any]:
    """Return one field of all methods, by the names that they have in metrics.json."""
    labels = zip(config.parse_methods(), methods.texts(config.optimizers), strict=True)
    return {name: getattr(found[label], field) for name, label in labels}
