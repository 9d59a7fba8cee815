"""Figures of networks whose cells differ."""

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.heterogeneity.config import NOISES
from neurogain.plotting import draw, learning
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    del result
    return {"robustness": robustness}


def plot(axes: Axes, result: Result) -> None:
    """Draw the accuracies without and under noise."""
    networks = result.metrics["networks"]
    for k, (name, own) in enumerate(networks.items()):
        places = np.arange(len(NOISES)) + 0.12 * (k - (len(networks) - 1) / 2)
        values = draw.joined(own["under_noise"][n] for n in NOISES)
        draw.points(axes, places, values, label=name, linestyle="none")
    axes.set_xticks(np.arange(len(NOISES)), ["no noise", *NOISES[1:]])
    draw.guides(axes, y=[next(iter(networks.values()))["chance"]])
    axes.set(ylabel="accuracy, test (grey: chance)", ylim=(0, 1.02))


def robustness(result: Result) -> Figure:
    """Draw the courses, the accuracies under noise, and the rates."""
    config = result.config
    figure, (course, noise, rate) = draw.row(3, (12.0, 3.6), sharey=False)
    found = {name: own.accuracy for name, own in result.parts.items()}
    learning.courses(course, config.evaluated_at, found)
    plot(noise, result)
    for name, own in result.parts.items():
        at = np.array(config.evaluated_at)
        draw.line(rate, at, draw.averaged(own.test_rate_hz), label=name)
    if config.band:
        draw.guides(rate, y=config.band)
    rate.set(xlabel="update", ylabel="rate of the cells (Hz), test", ylim=(0, None))
    draw.legend_below(figure)
    varied = ", ".join(config.varied)
    title = f"{config.task}, {config.cell}: {varied}; {draw.mean_over(config.seeds)}"
    return draw.finish(figure, title)
