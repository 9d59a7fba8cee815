"""Figures of STDP between regular and bursting cells: time course, ratios, pulse, map."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.burst_stdp.config import SEGMENT, BurstStdpConfig
from neurogain.experiments.burst_stdp.summary import RATIOS
from neurogain.plotting.style import COLOURS, Figure, panel_letters, tidy
from neurogain.stats import t_interval

_LOOK: dict[str, dict[str, Any]] = {
    "regular": {"color": COLOURS[0], "linestyle": "-"},
    "bursting": {"color": COLOURS[3], "linestyle": "--"},
}


def figures(
    config: BurstStdpConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    return {
        "courses": lambda: courses(config, found),
        "ratios": lambda: ratios({text: metrics[name] for name, (_, text) in RATIOS.items()}),
        "pulse": lambda: pulse(config, found["pulse"].step),
        "map": lambda: over_inputs(metrics["map"], early=config.early),
    }


def plot(
    axes: Axes, config: BurstStdpConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the change of weights in time, a line per regime."""
    del metrics
    _changes(axes, config, found)


def courses(config: BurstStdpConfig, found: Mapping[str, Any]) -> Figure:
    """Draw the change of weights in time, and the weights at the end."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _changes(left, config, found)
    early = config.early
    left.axvline(early / 1000, color="0.6", linewidth=0.8)
    left.annotate(
        "first change", (early / 1000, 0.02), xycoords=("data", "axes fraction"), color="0.4",
        xytext=(4, 0), textcoords="offset points", fontsize=8,
    )  # fmt: skip
    weights = {name: found[name].weights.ravel() for name in _LOOK}
    spread = max(np.abs(w - 0.5).max() for w in weights.values())
    bins = np.linspace(max(0, 0.5 - spread), min(1, 0.5 + spread), 41)
    for name, values in weights.items():
        right.hist(values, bins=bins, histtype="step", density=True, label=name, **_LOOK[name])
    right.axvline(0.5, color="0.6", linewidth=0.8)
    right.set(xlabel="w / w_max", ylabel="density", title="Weights at the end (all seeds)")
    tidy(right)
    panel_letters((left, right))
    seeds = _seeds(len(found["regular"].change))
    figure.suptitle(f"STDP under the same somatic input ({seeds})", fontsize=11)
    return figure


def _changes(axes: Axes, config: BurstStdpConfig, found: Mapping[str, Any]) -> None:
    """Draw mean and interval of the change in time, a line per regime."""
    for name, look in _LOOK.items():
        change = found[name].change
        padded = np.concatenate([np.zeros((len(change), 1)), change], axis=1)
        time = config.sample / 1000 * np.arange(padded.shape[1])
        _with_interval(axes, time, padded, label=name, **look)
        axes.set_xlim(0, time[-1])
    axes.set(xlabel="time with plasticity (s)", ylabel="mean |w - w(0)| / w_max")
    axes.set(title="Change of weights", ylim=(0, None))
    axes.legend(frameon=False, loc="upper left")


def _with_interval(axes: Axes, time: np.ndarray, values: np.ndarray, **look: Any) -> None:
    """Draw the mean over seeds, values of shape (seeds, times), with its interval."""
    axes.plot(time, values.mean(axis=0), **look)
    low, high = t_interval(values)
    axes.fill_between(time, low, high, color=look["color"], alpha=0.25, linewidth=0)
    tidy(axes)


def ratios(named: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw each ratio of bursting over regular: mean, interval, seeds."""
    figure = Figure(figsize=(6.5, 0.7 + 0.6 * len(named)), layout="constrained")
    axes = figure.subplots()
    for row, ratio in enumerate(named.values()):
        values = np.array([v for v in ratio["per_seed"] if v is not None])
        jitter = np.linspace(-0.18, 0.18, len(values))
        axes.plot(values, row + jitter, "o", color="0.65", markersize=3)
        low, high = ratio["ci"]
        if low is not None:
            axes.plot([low, high], [row, row], color=COLOURS[3], linewidth=3)
        if ratio["mean"] is not None:
            axes.plot(ratio["mean"], row, "D", color=COLOURS[3], markersize=6)
    axes.axvline(1, color="0.4", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(named)), list(named))
    axes.invert_yaxis()
    seeds = max(len(ratio["per_seed"]) for ratio in named.values())
    axes.set(xlabel="bursting / regular", title=f"Ratios ({_seeds(seeds)}; grey: seeds)")
    tidy(axes)
    return figure


def pulse(config: BurstStdpConfig, step: np.ndarray) -> Figure:
    """Draw the speed of change around a pulse of coupling, from changes of segments."""
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    time = SEGMENT / 1000 * (np.arange(step.shape[1]) + 0.5)
    start, end = (t / 1000 for t in config.pulse)
    axes.axvspan(start, end, color=COLOURS[1], alpha=0.25, linewidth=0)
    axes.annotate(
        f"coupling {config.coupling:g}", ((start + end) / 2, 0.05), ha="center", fontsize=9,
        xycoords=("data", "axes fraction"),
    )  # fmt: skip
    speed = step * (1000 / SEGMENT)
    _with_interval(axes, time, speed, color=COLOURS[0], marker="o", markersize=4)
    axes.set(xlabel="time with plasticity (s)", ylabel="mean |change| / w_max (1/s)")
    title = f"A pulse of gain switches plasticity ({_seeds(len(step))})"
    axes.set(title=title, ylim=(0, None))
    return figure


def over_inputs(points: Sequence[Mapping[str, Any]], *, early: float) -> Figure:
    """Draw the ratio of first changes over somatic current, a line for each noise."""
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    noises = sorted({p["noise_pA"] for p in points})
    for i, noise in enumerate(noises):
        own = [p for p in points if p["noise_pA"] == noise and p["speed_ratio"]["mean"] is not None]
        x = [p["somatic_current_pA"] + 8 * (i - (len(noises) - 1) / 2) for p in own]
        mean = np.array([p["speed_ratio"]["mean"] for p in own])
        bounds = np.array([_known(p["speed_ratio"]["ci"], p["speed_ratio"]["mean"]) for p in own])
        reach = np.abs(bounds.reshape(-1, 2).T - mean)
        axes.errorbar(
            x, mean, reach, marker="osD^v"[i % 5], color=COLOURS[i % len(COLOURS)], capsize=3,
            label=f"{noise:g} pA",
        )  # fmt: skip
    axes.axhline(1, color="0.4", linestyle=":", linewidth=1)
    seeds = max(len(p["speed_ratio"]["per_seed"]) for p in points)
    axes.set(
        xlabel="somatic current (pA)",
        ylabel="bursting / regular",
        title=f"First change ({early / 1000:g} s) over inputs ({_seeds(seeds)})",
        ylim=(0, None),
    )
    axes.legend(title="noise (sd)", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    tidy(axes)
    return figure


def _known(interval: Sequence[float | None], mean: float) -> tuple[float, float]:
    low, high = interval
    return (mean if low is None else low, mean if high is None else high)


def _seeds(count: int) -> str:
    return f"{count} seeds, 95 % t-intervals" if count > 1 else "1 seed"
