"""Figures of f-I curves; `curves` as in the metrics.json of `neurogain gain-curve`.

Bands and bars are 95 % t-intervals over repeats; deterministic curves have none to see.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.gain_curve.config import GainCurveConfig
from neurogain.plotting import style
from neurogain.plotting.style import Figure

Curve = Mapping[str, Any]
DRIVE, COUPLING = "dendritic_current_pA", "coupling"
ON_DENDRITE, ON_SOMA = "dendritic_inhibition_nS", "somatic_inhibition_nS"
NAMES = {
    DRIVE: "dendritic current (pA)",
    COUPLING: "coupling p",
    ON_DENDRITE: "dendritic inhibition (nS)",
    ON_SOMA: "somatic inhibition (nS)",
}
MAX_PANELS = 5


def figures(
    config: GainCurveConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    del found
    curves, repeats = metrics["curves"], config.repeats
    drawn = {"fi_curves": fi_curves, "gain": gain, "bursts": bursts}
    if has_inhibition(curves):
        drawn["inhibition"] = inhibition
    return {name: functools.partial(draw, curves, repeats=repeats) for name, draw in drawn.items()}


def plot(
    axes: Axes, config: GainCurveConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the f-I curves at the strongest coupling, a line per dendritic current."""
    del config, found
    curves = _least_inhibited(metrics["curves"])
    strongest = max(_values(curves, COUPLING))
    _lines(axes, _where(curves, **{COUPLING: strongest}), DRIVE)
    axes.set(xlabel="somatic current (nA)", ylabel="firing rate (Hz)")
    axes.set_title(f"p = {strongest:g}", fontsize=10)
    _legend(axes, NAMES[DRIVE])


def _values(curves: Sequence[Curve], key: str) -> list[float]:
    return sorted({curve[key] for curve in curves})


def _where(curves: Sequence[Curve], **fixed: float) -> list[Curve]:
    return [c for c in curves if all(c[key] == value for key, value in fixed.items())]


def _least_inhibited(curves: Sequence[Curve]) -> list[Curve]:
    return _where(
        curves,
        **{key: min(_values(curves, key)) for key in (ON_DENDRITE, ON_SOMA)},
    )


def _lines(axes: Axes, curves: Sequence[Curve], by: str, field: str = "rate_hz") -> None:
    """Draw a field against somatic current, coloured by another, with its interval if any."""
    colours = style.ordered(curve[by] for curve in curves)
    for curve in sorted(curves, key=lambda c: c[by]):
        x = np.array(curve["somatic_current_pA"]) / 1000
        colour = colours[curve[by]]
        y = np.array(curve[field], float)
        axes.plot(x, y, color=colour, lw=1.6, label=f"{curve[by]:g}", marker="o", ms=2.5)
        if f"{field}_ci" in curve:
            low, high = np.array(curve[f"{field}_ci"], float).T
            axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
    style.tidy(axes)


def _legend(axes: Axes, title: str) -> None:
    columns = 1 + (len(axes.get_lines()) > 6)
    axes.legend(title=title, frameon=False, fontsize=8, title_fontsize=8, ncols=columns)


def _finish(figure: Figure, title: str, repeats: int) -> None:
    band = f"mean and 95 % t-interval, {repeats} repeats" if repeats > 1 else "one repeat"
    figure.suptitle(f"{title}: {band}", fontsize=11)


def fi_curves(curves: Sequence[Curve], *, repeats: int) -> Figure:
    """Draw f-I curves, a panel per coupling (at most five), a line per dendritic current."""
    curves = _least_inhibited(curves)
    couplings = style.spread(_values(curves, COUPLING), MAX_PANELS)
    figure = Figure(figsize=(2.7 * len(couplings) + 0.9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(couplings), sharey=True, squeeze=False)[0]
    for axes, coupling in zip(panels, couplings, strict=True):
        _lines(axes, _where(curves, **{COUPLING: coupling}), DRIVE)
        axes.set_title(f"p = {coupling:g}", fontsize=10)
        axes.set_xlabel("somatic current (nA)")
    panels[0].set_ylabel("firing rate (Hz)")
    _legend(panels[0], NAMES[DRIVE])
    _finish(figure, "f-I curves", repeats)
    return figure


def gain(curves: Sequence[Curve], *, repeats: int) -> Figure:
    """Draw gain against dendritic current, a line per coupling, and the other way round."""
    curves = _least_inhibited(curves)
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, along, by in zip(panels, (DRIVE, COUPLING), (COUPLING, DRIVE), strict=True):
        colours = style.ordered(_values(curves, by))
        for value in _values(curves, by):
            line = [c for c in _where(curves, **{by: value}) if c["gain_hz_per_nA"] is not None]
            line.sort(key=lambda c: c[along])
            low_high = np.array([c["gain_hz_per_nA_ci"] for c in line], float).reshape(-1, 2)
            y = np.array([c["gain_hz_per_nA"] for c in line], float)
            axes.errorbar(
                [c[along] for c in line],
                y,
                yerr=np.nan_to_num(np.abs(low_high.T - y)),
                color=colours[value],
                marker="o",
                ms=3.5,
                capsize=2,
                label=f"{value:g}",
            )
        axes.set_xlabel(NAMES[along])
        style.tidy(axes)
        columns = 1 + (len(colours) > 6)
        axes.legend(title=NAMES[by], frameon=False, fontsize=8, title_fontsize=8, ncols=columns)
    panels[0].set_ylabel("gain: slope of the f-I curve (Hz/nA)")
    style.panel_letters(panels)
    _finish(figure, "Gain", repeats)
    return figure


def bursts(curves: Sequence[Curve], *, repeats: int) -> Figure:
    """Draw both burst measures against somatic current at the strongest dendritic current."""
    curves = _least_inhibited(curves)
    strongest = max(_values(curves, DRIVE))
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, kind, what in zip(
        panels, ("calcium", "isi"), ("reset as a burst", "with a close neighbour"), strict=True
    ):
        _lines(axes, _where(curves, **{DRIVE: strongest}), COUPLING, f"{kind}_burst_fraction")
        axes.set_title(f"spikes {what}", fontsize=10)
        axes.set_xlabel("somatic current (nA)")
        axes.set_ylim(-0.03, 1.03)
    panels[0].set_ylabel("share of all spikes")
    _legend(panels[1], NAMES[COUPLING])
    style.panel_letters(panels)
    figure.suptitle(
        f"Bursts at a dendritic current of {strongest:g} pA: pooled over "
        + (f"{repeats} repeats" if repeats > 1 else "one repeat"),
        fontsize=11,
    )
    return figure


def has_inhibition(curves: Sequence[Curve]) -> bool:
    """Return whether inhibition is varied."""
    return any(len(_values(curves, key)) > 1 for key in (ON_DENDRITE, ON_SOMA))


def inhibition(curves: Sequence[Curve], *, repeats: int) -> Figure:
    """Draw f-I curves under inhibition of dendrite and of soma, all else at its strongest."""
    top = {key: max(_values(curves, key)) for key in (DRIVE, COUPLING)}
    chosen = _where(curves, **top)
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    other: Callable[[str], str] = {ON_DENDRITE: ON_SOMA, ON_SOMA: ON_DENDRITE}.__getitem__
    for axes, key in zip(panels, (ON_DENDRITE, ON_SOMA), strict=True):
        least = min(_values(chosen, other(key)))
        _lines(axes, _where(chosen, **{other(key): least}), key)
        axes.set_xlabel("somatic current (nA)")
        _legend(axes, NAMES[key])
    panels[0].set_ylabel("firing rate (Hz)")
    style.panel_letters(panels)
    _finish(
        figure,
        f"Inhibition at {top[DRIVE]:g} pA of dendritic current, p = {top[COUPLING]:g}",
        repeats,
    )
    return figure
