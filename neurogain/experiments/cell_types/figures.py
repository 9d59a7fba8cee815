"""Figures of networks with types of cells."""

from matplotlib.axes import Axes

from neurogain.plotting import draw, learning
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    del result
    return {"types": types}


def plot(axes: Axes, result: Result) -> None:
    """Draw the accuracies of the networks."""
    found = result.metrics["networks"]
    learning.ends(axes, list(found), [own["test_accuracy"] for own in found.values()])
    maps = result.config.contexts
    draw.guides(axes, y=[1 / maps])
    axes.set(
        ylabel=f"accuracy, test (grey: 1 / {maps})",
        ylim=(0, 1.02),
        xlabel="how cells answer the modulator",
    )


def types(result: Result) -> Figure:
    """Draw the courses, and the accuracies at the end."""
    config = result.config
    figure, (course, end) = draw.row(2, (10.0, 3.8), sharey=False)
    found = {name: own.accuracy for name, own in result.parts.items()}
    learning.courses(course, config.evaluated_at, found)
    draw.legend(course)
    plot(end, result)
    what = f"{config.task}, {config.contexts} maps of labels, {config.cell}"
    title = f"{what}; {draw.mean_over(config.seeds)}"
    return draw.finish(figure, title)
