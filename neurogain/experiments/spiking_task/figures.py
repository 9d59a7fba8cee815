"""Figures of a task in spikes."""

import numpy as np
from matplotlib.axes import Axes

from neurogain import stats
from neurogain.experiments.spiking_cells import CELLS
from neurogain.plotting import draw
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    del result
    return {"learning": learning}


def plot(axes: Axes, result: Result) -> None:
    """Draw the accuracy on test examples over the updates."""
    course = result.parts["course"]
    at = np.array(result.config.evaluated_at)
    draw.line(axes, at, draw.averaged(course.accuracy, within=stats.SHARE))
    draw.guides(axes, y=[1 / result.config.first_task.classes])
    axes.set(xlabel="update", ylabel="accuracy, test (grey: chance)", ylim=(0, 1.02))


def learning(result: Result) -> Figure:
    """Draw accuracy, rate and the norm of gradients over the updates."""
    config, course = result.config, result.parts["course"]
    figure, (accuracy, rate, norm) = draw.row(3, (10.0, 3.2), sharey=False)
    plot(accuracy, result)
    at = np.array(config.evaluated_at)
    draw.line(rate, at, draw.averaged(course.test_rate_hz))
    rate.set(xlabel="update", ylabel="rate of the cells (Hz), test")
    draw.each(
        norm,
        np.arange(1, config.updates + 1),
        course.gradient_norm,
        "mean",
        color="C0",
        faint="0.6",
    )
    draw.guides(norm, y=[config.max_norm])
    norm.set(xlabel="update", ylabel="norm of the gradient (grey: clipped)", yscale="log")
    kind = CELLS[config.cell].summary
    title = f"{config.task}, {kind}, {config.method.summary}; {draw.mean_over(config.seeds)}"
    return draw.finish(figure, title)
