"""Figures of STDP between regular and bursting cells: time course, ratios, pulse, map."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.burst_stdp.config import SEGMENT, BurstStdpConfig
from neurogain.experiments.burst_stdp.table import RATIOS
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
    both = {name: found[name] for name in _LOOK}
    return {
        "courses": lambda: courses(
            {name: one.change for name, one in both.items()},
            {name: one.weights for name, one in both.items()},
            sample=config.sample,
            early=config.early,
        ),
        "ratios": lambda: ratios({text: metrics[name] for name, text in RATIOS.items()}),
        "pulse": lambda: pulse(
            found["pulse"].step, segment=SEGMENT, window=config.pulse, coupling=config.coupling
        ),
        "map": lambda: over_inputs(metrics["map"], early=config.early),
    }


def plot(
    axes: Axes, config: BurstStdpConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the change of weights in time, a line per regime."""
    del metrics
    _changes(axes, {name: found[name].change for name in _LOOK}, config.sample)
    tidy(axes)


def courses(
    change: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    *,
    sample: float,
    early: float,
) -> Figure:
    """Draw the change of weights in time, and the weights at the end.

    Args:
      change: by regime, shape (seeds, samples), mean |w - w(0)| over w_max.
      weights: by regime, shape (seeds, synapses), over w_max.
      sample: ms between samples.
      early: ms, end of the time over which the first change is measured.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _changes(left, change, sample)
    left.axvline(early / 1000, color="0.6", linewidth=0.8)
    left.annotate(
        "first change", (early / 1000, 0.02), xycoords=("data", "axes fraction"), color="0.4",
        xytext=(4, 0), textcoords="offset points", fontsize=8,
    )  # fmt: skip
    spread = max(np.abs(w - 0.5).max() for w in weights.values())
    bins = np.linspace(max(0, 0.5 - spread), min(1, 0.5 + spread), 41)
    for name, values in weights.items():
        right.hist(
            values.ravel(), bins=bins, histtype="step", density=True, label=name, **_LOOK[name]
        )
    right.axvline(0.5, color="0.6", linewidth=0.8)
    right.set(xlabel="w / w_max", ylabel="density", title="Weights at the end (all seeds)")
    for axes in (left, right):
        tidy(axes)
    panel_letters((left, right))
    seeds = len(next(iter(change.values())))
    figure.suptitle(f"STDP under the same somatic input ({_seeds(seeds)})", fontsize=11)
    return figure


def _changes(axes: Axes, change: Mapping[str, np.ndarray], sample: float) -> None:
    """Draw mean and interval of the change in time, a line per regime."""
    for name, values in change.items():
        time = sample / 1000 * np.arange(values.shape[1] + 1)
        padded = np.concatenate([np.zeros((len(values), 1)), values], axis=1)
        axes.plot(time, padded.mean(axis=0), label=name, **_LOOK[name])
        low, high = t_interval(padded)
        axes.fill_between(time, low, high, color=_LOOK[name]["color"], alpha=0.25, linewidth=0)
        axes.set_xlim(0, time[-1])
    axes.set(
        xlabel="time with plasticity (s)",
        ylabel="mean |w - w(0)| / w_max",
        title="Change of weights",
        ylim=(0, None),
    )
    axes.legend(frameon=False, loc="upper left")


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


def pulse(
    step: np.ndarray, *, segment: float, window: tuple[float, float], coupling: float
) -> Figure:
    """Draw the speed of change around a pulse of coupling.

    Args:
      step: shape (seeds, segments), mean change of a segment over w_max.
      segment: ms.
      window: start and end of the pulse in ms.
      coupling: in the pulse; 0 outside.
    """
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    speed = step * (1000 / segment)
    time = segment / 1000 * (np.arange(step.shape[1]) + 0.5)
    axes.axvspan(window[0] / 1000, window[1] / 1000, color=COLOURS[1], alpha=0.25, linewidth=0)
    axes.annotate(
        f"coupling {coupling:g}", (sum(window) / 2000, 0.05), ha="center", fontsize=9,
        xycoords=("data", "axes fraction"),
    )  # fmt: skip
    axes.plot(time, speed.mean(axis=0), "o-", color=COLOURS[0], markersize=4)
    low, high = t_interval(speed)
    axes.fill_between(time, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
    axes.set(
        xlabel="time with plasticity (s)",
        ylabel="mean |change| / w_max (1/s)",
        title=f"A pulse of gain switches plasticity ({_seeds(len(step))})",
        ylim=(0, None),
    )
    tidy(axes)
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
