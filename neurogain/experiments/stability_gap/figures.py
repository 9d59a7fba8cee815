"""What `neurogain stability-gap` draws."""

from typing import Any

from matplotlib.axes import Axes

from neurogain.continual import methods
from neurogain.plotting import continual, draw
from neurogain.runner import Result


def figures(result: Result) -> draw.Figures:
    """Return what draws each figure, by name."""
    config, metrics = result.config, result.metrics
    title, names = f"{config.spec.name}, {config.regime}", metrics["stream"]["tasks"]
    every = {"eval_every": config.protocol.eval_every}
    accuracy, gain, uncertainty = (_each(result, f) for f in ("accuracy", "gain", "uncertainty"))
    return {
        "old_task_accuracy": lambda: continual.old_task_accuracy(
            accuracy, names, title=title, **every
        ),
        "gain": lambda: continual.gain(gain, uncertainty, names, title=title),
        "trade_off": lambda: continual.trade_off(metrics["methods"], title=title),
    }


def plot(axes: Axes, result: Result) -> None:
    """Draw the accuracy on the old tasks around the first switch."""
    every, name = result.config.protocol.eval_every, result.metrics["stream"]["tasks"][1]
    continual.around_switch(axes, _each(result, "accuracy"), 1, name, eval_every=every)
    axes.set_ylabel("accuracy on all old tasks")
    draw.legend(axes, loc="lower right")


def _each(result: Result, field: str) -> dict[str, Any]:
    """Return one field of all methods, by the names that they have in metrics.json."""
    labels = zip(
        result.config.parse_methods(), methods.texts(result.config.optimizers), strict=True
    )
    return {name: getattr(result.parts[label], field) for name, label in labels}
