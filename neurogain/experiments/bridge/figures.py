"""What `neurogain bridge` draws."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurogain.experiments.bridge import inside
from neurogain.experiments.bridge.config import SOURCES
from neurogain.experiments.bridge.run import CURVE, WATCHED, curve_of
from neurogain.plotting import continual, draw, style
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
        "links": _links,
        "trade_off": lambda _: continual.trade_off(
            {SOURCES[n].summary: one for n, one in result.metrics["sources"].items()}, title=title
        ),
    } | ({"pulse": _pulse} if WATCHED in result.parts else {})


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


def _links(result: Result) -> Figure:
    """Draw the gain at a held level with each kind of effect alone."""
    links = result.metrics["links"]
    figure, axes = draw.single((6.4, 3.0))
    value = draw.joined(links["alone"].values(), "gain")
    draw.points(axes, value, np.arange(len(links["alone"])), marker="o", linestyle="none")
    draw.guides(axes, x=[1])
    axes.set_yticks(range(len(links["alone"])), [*links["alone"]])
    axes.invert_yaxis()
    axes.set_xlabel(f"gain at {links['concentration_nM']:g} nM of noradrenaline")
    return draw.finish(
        figure, "What each link adds", draw.counted(result.config.curve_seeds, "seed")
    )


def _pulse(result: Result) -> Figure:
    """Draw the gains of the first seed around the first switch, above the circuit's spikes."""
    config, window = result.config, inside.window(result.config)
    labels = ("gain g", "cells that spike")
    figure, (upper, lower) = draw.column(labels, (8.0, 6.0), x="updates since the switch")
    updates = np.arange(window.start, window.stop) - config.iterations
    for name, look, _ in style.assign(config.sources):
        course = result.parts[name].gain[0].ravel()[window.start : window.stop]
        if name != "none":
            upper.plot(updates + 1, course, label=SOURCES[name].summary, **look)
    cell, ms = np.nonzero(result.parts[WATCHED].spikes)
    lower.plot(ms / config.ms_per_update + updates[0], cell, ".", markersize=1, color="0.2")
    borders = np.cumsum([0, config.pyramidal, config.pv, config.som])
    lower.set_yticks((borders[1:] + borders[:-1]) / 2, ["pyramidal", "PV", "SOM"])
    lower.set_ylim(borders[-1], 0)
    draw.guides(lower, y=borders[1:-1])
    for axes in (upper, lower):
        draw.guides(axes, x=[0])
    return draw.finish(figure, f"{config.spec.name}: the first switch, one seed", below=True)
