"""What `neurogain bridge` draws."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurogain.experiments.bridge.config import SOURCES
from neurogain.experiments.bridge.run import CURVE, curve_of
from neurogain.plotting import continual, draw
from neurogain.runner import Figures, Result


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    names = result.metrics["tasks"]
    every = result.config.protocol.evaluated_at
    accuracy, gain, drive = (
        {SOURCES[n].summary: getattr(result.parts[n], field) for n in result.config.sources}
        for field in ("accuracy", "gain", "uncertainty")
    )
    title = result.config.spec.name
    return {
        "old_task_accuracy": lambda _: continual.old_task_accuracy(
            accuracy, names, title=title, eval_every=every
        ),
        "gain": lambda _: continual.gain(gain, drive, names, title=title),
        "curve": _curve,
    }


def _curve(result: Result) -> Figure:
    figure, axes = draw.single((5.5, 4.0))
    plot(axes, result)
    return draw.finish(figure, "Gain of the microcircuit by the level of noradrenaline")


def plot(axes: Axes, result: Result) -> None:
    """Draw the measured curve with its interval."""
    curve = curve_of(result.parts[CURVE])
    low, high = curve.interval()
    axes.fill_between(curve.concentration, low, high, alpha=0.3)
    axes.plot(curve.concentration, curve.gain, marker="o")
    axes.axvline(curve.concentration[curve.tonic], color="0.6", linestyle=":")
    axes.set_xlabel("noradrenaline (nM), held")
    axes.set_ylabel("slope over the tonic slope")
    axes.set_ylim(bottom=0, top=float(np.max(high)) * 1.05)
