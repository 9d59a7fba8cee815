"""Figures of networks with and without dendrites."""

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.dendrite.run import label
from neurogain.plotting import draw
from neurogain.plotting import learning as over_updates
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    del result
    return {"delays": delays, "learning": learning}


def plot(axes: Axes, result: Result) -> None:
    """Draw the accuracies over the delays."""
    found = result.metrics["delays"]
    for k, name in enumerate(result.config.networks):
        places = np.arange(len(found)) + 0.1 * (k - (len(result.config.networks) - 1) / 2)
        value = draw.joined(own["networks"][name]["test_accuracy"] for own in found)
        draw.points(axes, places, value, label=name, linestyle="none")
    axes.set_xticks(np.arange(len(found)), [f"{own['delay_ms']}" for own in found])
    draw.guides(axes, y=[0.5])
    axes.set(xlabel="time between the cues (ms)", ylabel="accuracy, test (grey: chance)")
    axes.set(ylim=(0.4, 1.02), xlim=(-0.5, len(found) - 0.5))


def delays(result: Result) -> Figure:
    """Draw the accuracies over the delays."""
    figure, axes = draw.single((6.4, 4.0))
    plot(axes, result)
    draw.legend(axes, beside=True)
    return draw.finish(figure, f"Exclusive or; {draw.mean_over(result.config.seeds)}")


def learning(result: Result) -> Figure:
    """Draw the courses at each delay."""
    config = result.config
    titles = [f"{delay} ms" for delay in config.delays]
    figure, panels = draw.row(titles, (3.2 * len(titles), 3.4))
    for axes, delay in zip(panels, config.delays, strict=True):
        found = {name: result.parts[label(name, delay)].accuracy for name in config.networks}
        over_updates.courses(axes, config.evaluated_at, found)
    panels[0].set(ylim=(0.4, 1.02))
    draw.legend_below(figure)
    return draw.finish(figure, f"Exclusive or; {draw.mean_over(config.seeds)}")
