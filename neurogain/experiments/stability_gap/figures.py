"""What `neurogain stability-gap` draws."""

from typing import Any

from matplotlib.axes import Axes

from neurogain.plotting import continual, draw
from neurogain.runner import Figures, Result


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    names, every = result.metrics["stream"]["tasks"], result.config.protocol.evaluated_at
    accuracy, gain, uncertainty = (_each(result, f) for f in ("accuracy", "gain", "uncertainty"))
    title = f"{result.config.spec.name}, {result.config.regime}"
    return {
        "old_task_accuracy": lambda _: continual.old_task_accuracy(
            accuracy, names, title=title, eval_every=every
        ),
        "gain": lambda _: continual.gain(gain, uncertainty, names, title=title),
        "trade_off": lambda _: continual.trade_off(result.metrics["methods"], title=title),
    }


def plot(axes: Axes, result: Result) -> None:
    """Draw the accuracy on the old tasks around the first switch."""
    every, name = result.config.protocol.evaluated_at, result.metrics["stream"]["tasks"][1]
    continual.around_switch(axes, _each(result, "accuracy"), 1, name, eval_every=every)
    axes.set_ylabel(continual.OLD_TASKS)
    draw.legend(axes, below=True)


def _each(result: Result, field: str) -> dict[str, Any]:
    """Return one field of all methods, by the names that they have in metrics.json."""
    methods = result.config.labelled()
    return {name: getattr(result.parts[label], field) for label, name, _ in methods}
