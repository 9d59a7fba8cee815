"""Figures of f-I curves; `curves` as in the metrics.json of `neurogain gain-curve`.

Bands and bars are 95 % t-intervals over repeats; deterministic curves have none to see.
"""

import functools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import draw, style
from neurogain.plotting.rows import Row, families, values, where
from neurogain.plotting.style import Figure
from neurogain.runner import Result

DRIVE, COUPLING = "dendritic_current_pA", "coupling"
ON_DENDRITE, ON_SOMA = "dendritic_inhibition_nS", "somatic_inhibition_nS"
NAMES = {
    DRIVE: "dendritic current (pA)",
    COUPLING: "coupling p",
    ON_DENDRITE: "dendritic inhibition (nS)",
    ON_SOMA: "somatic inhibition (nS)",
}
CURRENT, RATE = "somatic current (nA)", "firing rate (Hz)"
MAX_PANELS = 5
_PAIR = (8.4, 3.6)  # inches, of a figure with two panels


def figures(result: Result) -> draw.Figures:
    """Return what draws each figure, by name."""
    curves, repeats = result.metrics["curves"], result.config.repeats
    drawn = {"fi_curves": fi_curves, "gain": gain, "bursts": bursts}
    if has_inhibition(curves):
        drawn["inhibition"] = inhibition
    return {name: functools.partial(f, curves, repeats=repeats) for name, f in drawn.items()}


def plot(axes: Axes, result: Result) -> None:
    """Draw the f-I curves at the strongest coupling, a line per dendritic current."""
    curves = _least_inhibited(result.metrics["curves"])
    strongest = max(values(curves, COUPLING))
    _lines(axes, where(curves, **{COUPLING: strongest}), DRIVE)
    axes.set(xlabel=CURRENT, ylabel=RATE, title=f"p = {strongest:g}")
    draw.legend(axes, NAMES[DRIVE])


def _least_inhibited(curves: Sequence[Row]) -> list[Row]:
    return where(curves, **{key: min(values(curves, key)) for key in (ON_DENDRITE, ON_SOMA)})


def _lines(axes: Axes, curves: Sequence[Row], by: str, field: str = "rate_hz") -> None:
    """Draw a field against somatic current, coloured by another, with its interval if any."""
    for [curve], look in families(curves, by):
        x = np.array(curve["somatic_current_pA"]) / 1000
        value = {"mean": curve[field], "ci": curve.get(f"{field}_ci", [[None, None]] * len(x))}
        draw.line(axes, x, value, markersize=2.5, **look)
    axes.set_xlabel(CURRENT)


def fi_curves(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw f-I curves, a panel per coupling (at most five), a line per dendritic current."""
    curves = _least_inhibited(curves)
    couplings = style.spread(values(curves, COUPLING), MAX_PANELS)
    figure, panels = draw.row(len(couplings), (2.7 * len(couplings) + 0.9, 3.4))
    for axes, coupling in zip(panels, couplings, strict=True):
        _lines(axes, where(curves, **{COUPLING: coupling}), DRIVE)
        axes.set_title(f"p = {coupling:g}")
    panels[0].set_ylabel(RATE)
    draw.legend(panels[0], NAMES[DRIVE])
    return draw.finish(figure, "f-I curves", draw.mean_over(repeats, "repeat"))


def gain(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw gain against dendritic current, a line per coupling, and the other way round."""
    curves = _least_inhibited(curves)
    figure, panels = draw.row(2, _PAIR)
    for axes, along, by in zip(panels, (DRIVE, COUPLING), (COUPLING, DRIVE), strict=True):
        for own, look in families(curves, by):
            own.sort(key=lambda curve: curve[along])
            ends = [curve["gain_hz_per_nA_ci"] for curve in own]
            slope = {"mean": [curve["gain_hz_per_nA"] for curve in own], "ci": ends}
            draw.points(axes, [curve[along] for curve in own], slope, **look)
        axes.set_xlabel(NAMES[along])
        draw.legend(axes, NAMES[by])
    panels[0].set_ylabel("gain: slope of the f-I curve (Hz/nA)")
    return draw.finish(figure, "Gain", draw.mean_over(repeats, "repeat"), letters=True)


def bursts(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw both burst measures against somatic current at the strongest dendritic current."""
    curves = _least_inhibited(curves)
    strongest = max(values(curves, DRIVE))
    figure, panels = draw.row(2, _PAIR)
    kinds = {"calcium": "reset as a burst", "isi": "with a close neighbour"}
    for axes, (kind, what) in zip(panels, kinds.items(), strict=True):
        _lines(axes, where(curves, **{DRIVE: strongest}), COUPLING, f"{kind}_burst_fraction")
        axes.set(title=f"spikes {what}", ylim=(-0.03, 1.03))
    panels[0].set_ylabel("share of all spikes")
    draw.legend(panels[1], NAMES[COUPLING])
    pooled = f"pooled over {repeats} repeats" if repeats > 1 else "one repeat"
    title = f"Bursts at a dendritic current of {strongest:g} pA"
    return draw.finish(figure, title, pooled, letters=True)


def has_inhibition(curves: Sequence[Row]) -> bool:
    """Return whether inhibition is varied."""
    return any(len(values(curves, key)) > 1 for key in (ON_DENDRITE, ON_SOMA))


def inhibition(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw f-I curves under inhibition of dendrite and of soma, all else at its strongest."""
    top = {key: max(values(curves, key)) for key in (DRIVE, COUPLING)}
    chosen = where(curves, **top)
    figure, panels = draw.row(2, _PAIR)
    ways = (ON_DENDRITE, ON_SOMA)
    for axes, key, other in zip(panels, ways, reversed(ways), strict=True):
        _lines(axes, where(chosen, **{other: min(values(chosen, other))}), key)
        draw.legend(axes, NAMES[key])
    panels[0].set_ylabel(RATE)
    title = f"Inhibition at {top[DRIVE]:g} pA of dendritic current, p = {top[COUPLING]:g}"
    return draw.finish(figure, title, draw.mean_over(repeats, "repeat"), letters=True)
