"""Figures of STDP between regular and bursting cells: time course, ratios, pulse, map."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.burst_stdp.config import SEGMENT
from neurogain.experiments.burst_stdp.summary import RATIOS
from neurogain.plotting import draw
from neurogain.plotting.rows import values, where
from neurogain.plotting.style import COLOURS, MARKERS, Figure
from neurogain.runner import Figures, Result

TIME, RATIO = "time with plasticity (s)", "bursting / regular"
_LOOK: dict[str, dict[str, Any]] = {
    "regular": {"color": COLOURS[0], "linestyle": "-"},
    "bursting": {"color": COLOURS[3], "linestyle": "--"},
}


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    return {"courses": courses, "ratios": ratios, "pulse": pulse, "map": over_inputs}


def plot(axes: Axes, result: Result) -> None:
    """Draw the change of weights in time, a line per regime."""
    _changes(axes, result)
    axes.set(xlabel=TIME, title="Change of weights")


def courses(result: Result) -> Figure:
    """Draw the change of weights in time, and the weights at the end."""
    titles = ("Change of weights", "Weights at the end (all seeds)")
    figure, panels = draw.row(titles, (9, 3.6), x=(TIME, "w / w_max"), sharey=False)
    _changes(panels[0], result)
    weights = {name: result.parts[name].weights.ravel() for name in _LOOK}
    spread = max(np.abs(w - 0.5).max() for w in weights.values())
    bins = np.linspace(max(0, 0.5 - spread), min(1, 0.5 + spread), 41)
    for name, own in weights.items():
        panels[1].hist(own, bins=bins, histtype="step", density=True, label=name, **_LOOK[name])
    draw.guides(panels[1], x=[0.5])
    panels[1].set_ylabel("density")
    note = draw.mean_over(result.config.seeds)
    return draw.finish(figure, "STDP under the same somatic input", note, letters=True)


def _changes(axes: Axes, result: Result) -> None:
    """Draw mean and interval of the change in time, a line per regime."""
    for name, look in _LOOK.items():
        change = np.pad(result.parts[name].change, ((0, 0), (1, 0)))
        time = result.config.sample / 1000 * np.arange(change.shape[1])
        draw.line(axes, time, draw.averaged(change), label=name, **look)
    look = {"color": "0.3", "linestyle": ":", "label": "end of the first change"}
    draw.guides(axes, x=[result.config.early / 1000], **look)
    axes.set(ylabel="mean |w - w(0)| / w_max", xlim=(0, time[-1]), ylim=(0, None))
    draw.legend(axes, loc="lower right")


def ratios(result: Result) -> Figure:
    """Draw each ratio of bursting over regular: mean, interval, seeds."""
    named = {text: result.metrics[name] for name, (_, text) in RATIOS.items()}
    figure, axes = draw.single((6.5, 0.9 + 0.6 * len(named)), x=RATIO)
    for place, ratio in enumerate(named.values()):
        own = np.array([v for v in ratio["per_seed"] if v is not None])
        jitter = np.linspace(-0.18, 0.18, len(own))
        axes.plot(own, place + jitter, "o", color="0.65", markersize=3)
        look = {"marker": "D", "markersize": 6, "elinewidth": 3, "capsize": 0}
        draw.points(axes, ratio, place, color=COLOURS[3], **look)
    draw.guides(axes, x=[1], linestyle=":")
    axes.set_yticks(range(len(named)), list(named))
    axes.invert_yaxis()
    return draw.finish(figure, "Ratios (grey: seeds)", draw.mean_over(result.config.seeds))


def pulse(result: Result) -> Figure:
    """Draw the speed of change around a pulse of coupling, from changes of segments."""
    config, step = result.config, result.parts["pulse"].step
    figure, axes = draw.single((6.5, 3.4), x=TIME, y="mean |change| / w_max (1/s)")
    start, end = (t / 1000 for t in config.pulse)
    time = SEGMENT / 1000 * (np.arange(step.shape[1]) + 0.5)
    speed = draw.averaged(step * (1000 / SEGMENT))
    draw.line(axes, time, speed, color=COLOURS[0], marker="o", markersize=4)
    draw.shade(axes, start, end, f"coupling {config.coupling:g}")
    axes.set_ylim(0, None)
    draw.legend(axes)
    return draw.finish(figure, "A pulse of gain switches plasticity", draw.mean_over(len(step)))


def over_inputs(result: Result) -> Figure:
    """Draw the ratio of first changes over somatic current, a line for each noise."""
    points = result.metrics["map"]
    figure, axes = draw.single((6.5, 3.6), x="somatic current (pA)", y=RATIO)
    noises = values(points, "noise_pA")
    for i, noise in enumerate(noises):
        own = where(points, noise_pA=noise)
        x = [p["somatic_current_pA"] + 8 * (i - (len(noises) - 1) / 2) for p in own]
        look = {"marker": MARKERS[i % 5], "color": COLOURS[i % len(COLOURS)]}
        ratio = draw.joined(p["speed_ratio"] for p in own)
        draw.points(axes, x, ratio, label=f"{noise:g} pA", **look)
    draw.guides(axes, y=[1], linestyle=":")
    axes.set(ylim=(0, None), xticks=values(points, "somatic_current_pA"))
    draw.legend(axes, "noise (sd)", beside=True)
    title = f"First change ({result.config.early / 1000:g} s) over inputs"
    return draw.finish(figure, title, draw.mean_over(result.config.map_seeds))
