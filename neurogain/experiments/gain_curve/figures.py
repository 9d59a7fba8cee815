"""Figures of f-I curves; `curves` as in the metrics.json of `neurogain gain-curve`.

Bands and bars are 95 % t-intervals over repeats; deterministic curves have none to see.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import draw, rows, style
from neurogain.plotting.rows import Row, values, where
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result

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
_PAIR = (10.0, 3.6)  # inches, of a figure with two panels


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    drawn = {"fi_curves": fi_curves, "gain": gain, "bursts": bursts}
    if has_inhibition(result.metrics["curves"]):
        drawn["inhibition"] = inhibition
    return {name: functools.partial(_of, figure) for name, figure in drawn.items()}


def _of(figure: Callable[..., Figure], result: Result) -> Figure:
    return figure(result.metrics["curves"], repeats=result.config.repeats)


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
    for [curve], look in rows.families(curves, by):
        x = np.array(curve["somatic_current_pA"]) / 1000
        value = {"mean": curve[field], "ci": curve.get(f"{field}_ci", [[None, None]] * len(x))}
        draw.line(axes, x, value, markersize=2.5, **look)


def fi_curves(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw f-I curves, a panel per coupling (at most five), a line per dendritic current."""
    curves = _least_inhibited(curves)
    couplings = style.spread(values(curves, COUPLING), MAX_PANELS)
    titles, size = [f"p = {p:g}" for p in couplings], (2.7 * len(couplings) + 2.0, 3.4)
    figure, panels = draw.row(titles, size, x=CURRENT, y=RATE)
    for axes, coupling in zip(panels, couplings, strict=True):
        _lines(axes, where(curves, **{COUPLING: coupling}), DRIVE)
    draw.legend(panels[-1], NAMES[DRIVE], beside=True)
    return draw.finish(figure, "f-I curves", draw.mean_over(repeats, "repeat"))


def gain(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw gain against dendritic current, a line per coupling, and the other way round."""
    curves = _least_inhibited(curves)
    ways, y = (DRIVE, COUPLING), "gain: slope of the f-I curve (Hz/nA)"
    figure, panels = draw.row(2, _PAIR, x=[NAMES[along] for along in ways], y=y)
    for axes, along, by in zip(panels, ways, reversed(ways), strict=True):
        rows.points(axes, curves, along, "gain_hz_per_nA", by=by)
        draw.legend(axes, NAMES[by], beside=True)
    return draw.finish(figure, "Gain", draw.mean_over(repeats, "repeat"), letters=True)


def bursts(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw both burst measures against somatic current at the strongest dendritic current."""
    curves = _least_inhibited(curves)
    strongest = max(values(curves, DRIVE))
    titles = ("spikes reset as a burst", "spikes with a close neighbour")
    figure, panels = draw.row(titles, _PAIR, x=CURRENT, y="share of all spikes")
    for axes, kind in zip(panels, ("calcium", "isi"), strict=True):
        _lines(axes, where(curves, **{DRIVE: strongest}), COUPLING, f"{kind}_burst_fraction")
        axes.set_ylim(-0.03, 1.03)
    draw.legend(panels[1], NAMES[COUPLING], beside=True)
    title = f"Bursts at a dendritic current of {strongest:g} pA"
    note = f"pooled over {draw.counted(repeats, 'repeat')}"
    return draw.finish(figure, title, note, letters=True)


def has_inhibition(curves: Sequence[Row]) -> bool:
    """Return whether inhibition is varied."""
    return any(len(values(curves, key)) > 1 for key in (ON_DENDRITE, ON_SOMA))


def inhibition(curves: Sequence[Row], *, repeats: int) -> Figure:
    """Draw f-I curves under inhibition of dendrite and of soma, all else at its strongest."""
    top = {key: max(values(curves, key)) for key in (DRIVE, COUPLING)}
    chosen = where(curves, **top)
    ways = (ON_DENDRITE, ON_SOMA)
    figure, panels = draw.row(2, _PAIR, x=CURRENT, y=RATE)
    for axes, key, other in zip(panels, ways, reversed(ways), strict=True):
        _lines(axes, where(chosen, **{other: min(values(chosen, other))}), key)
        draw.legend(axes, NAMES[key], beside=True)
    title = f"Inhibition at {top[DRIVE]:g} pA of dendritic current, p = {top[COUPLING]:g}"
    return draw.finish(figure, title, draw.mean_over(repeats, "repeat"), letters=True)
