"""Figures of STDP between regular and bursting cells: time course, ratios, pulse, map."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.burst_stdp.config import SEGMENT, BurstStdpConfig
from neurogain.experiments.burst_stdp.summary import RATIOS
from neurogain.plotting import draw
from neurogain.plotting.rows import Row, values, where
from neurogain.plotting.style import COLOURS, MARKERS, Figure
from neurogain.runner import Result

_LOOK: dict[str, dict[str, Any]] = {
    "regular": {"color": COLOURS[0], "linestyle": "-"},
    "bursting": {"color": COLOURS[3], "linestyle": "--"},
}


def figures(result: Result) -> draw.Figures:
    """Return what draws each figure, by name."""
    config, found, metrics = result.config, result.parts, result.metrics
    return {
        "courses": lambda: courses(config, found),
        "ratios": lambda: ratios({text: metrics[name] for name, (_, text) in RATIOS.items()}),
        "pulse": lambda: pulse(config, found["pulse"].step),
        "map": lambda: over_inputs(metrics["map"], early=config.early),
    }


def plot(axes: Axes, result: Result) -> None:
    """Draw the change of weights in time, a line per regime."""
    _changes(axes, result.config, result.parts)


def courses(config: BurstStdpConfig, found: Mapping[str, Any]) -> Figure:
    """Draw the change of weights in time, and the weights at the end."""
    figure, panels = draw.row(2, (9, 3.6), sharey=False)
    _changes(panels[0], config, found)
    weights = {name: found[name].weights.ravel() for name in _LOOK}
    spread = max(np.abs(w - 0.5).max() for w in weights.values())
    bins = np.linspace(max(0, 0.5 - spread), min(1, 0.5 + spread), 41)
    for name, own in weights.items():
        panels[1].hist(own, bins=bins, histtype="step", density=True, label=name, **_LOOK[name])
    draw.guides(panels[1], x=[0.5])
    panels[1].set(xlabel="w / w_max", ylabel="density", title="Weights at the end (all seeds)")
    title, seeds = "STDP under the same somatic input", len(found["regular"].change)
    return draw.finish(figure, title, draw.mean_over(seeds), letters=True)


def _changes(axes: Axes, config: BurstStdpConfig, found: Mapping[str, Any]) -> None:
    """Draw mean and interval of the change in time, a line per regime."""
    for name, look in _LOOK.items():
        change = np.pad(found[name].change, ((0, 0), (1, 0)))
        time = config.sample / 1000 * np.arange(change.shape[1])
        draw.line(axes, time, draw.averaged(change), label=name, **look)
    draw.guides(
        axes, x=[config.early / 1000], color="0.3", linestyle=":", label="end of the first change"
    )
    axes.set(xlabel="time with plasticity (s)", ylabel="mean |w - w(0)| / w_max")
    axes.set(title="Change of weights", xlim=(0, time[-1]), ylim=(0, None))
    draw.legend(axes, loc="upper left")


def ratios(named: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw each ratio of bursting over regular: mean, interval, seeds."""
    figure, axes = draw.single((6.5, 0.9 + 0.6 * len(named)))
    for place, ratio in enumerate(named.values()):
        own = np.array([v for v in ratio["per_seed"] if v is not None])
        jitter = np.linspace(-0.18, 0.18, len(own))
        axes.plot(own, place + jitter, "o", color="0.65", markersize=3)
        look = {"marker": "D", "markersize": 6, "elinewidth": 3, "capsize": 0}
        draw.points(axes, ratio, place, color=COLOURS[3], **look)
    draw.guides(axes, x=[1], linestyle=":")
    axes.set_yticks(range(len(named)), list(named))
    axes.invert_yaxis()
    axes.set_xlabel("bursting / regular")
    seeds = max(len(ratio["per_seed"]) for ratio in named.values())
    return draw.finish(figure, "Ratios (grey: seeds)", draw.mean_over(seeds))


def pulse(config: BurstStdpConfig, step: np.ndarray) -> Figure:
    """Draw the speed of change around a pulse of coupling, from changes of segments."""
    figure, axes = draw.single((6.5, 3.4))
    start, end = (t / 1000 for t in config.pulse)
    time = SEGMENT / 1000 * (np.arange(step.shape[1]) + 0.5)
    speed = draw.averaged(step * (1000 / SEGMENT))
    draw.line(axes, time, speed, color=COLOURS[0], marker="o", markersize=4)
    draw.shade(axes, start, end, f"coupling {config.coupling:g}")
    axes.set(xlabel="time with plasticity (s)", ylabel="mean |change| / w_max (1/s)")
    axes.set_ylim(0, None)
    draw.legend(axes)
    return draw.finish(figure, "A pulse of gain switches plasticity", draw.mean_over(len(step)))


def over_inputs(points: Sequence[Row], *, early: float) -> Figure:
    """Draw the ratio of first changes over somatic current, a line for each noise."""
    figure, axes = draw.single((6.5, 3.6))
    noises = values(points, "noise_pA")
    for i, noise in enumerate(noises):
        own = where(points, noise_pA=noise)
        x = [p["somatic_current_pA"] + 8 * (i - (len(noises) - 1) / 2) for p in own]
        look = {"marker": MARKERS[i % 5], "color": COLOURS[i % len(COLOURS)]}
        ratio = draw.joined(p["speed_ratio"] for p in own)
        draw.points(axes, x, ratio, label=f"{noise:g} pA", **look)
    draw.guides(axes, y=[1], linestyle=":")
    axes.set(xlabel="somatic current (pA)", ylabel="bursting / regular", ylim=(0, None))
    axes.set_xticks(values(points, "somatic_current_pA"))
    draw.legend(axes, "noise (sd)", beside=True)
    seeds = max(len(p["speed_ratio"]["per_seed"]) for p in points)
    title = f"First change ({early / 1000:g} s) over inputs"
    return draw.finish(figure, title, draw.mean_over(seeds))
