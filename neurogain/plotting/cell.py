"""Figures of one cell: traces in time, and the rest points of its dendrite."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurogain.plotting import style

SOMA, DENDRITE, THIRD = style.COLOURS[0], style.COLOURS[3], style.COLOURS[2]
SHADE = "#E69F00"


def traces(
    cell: Any,
    *,
    bursts: Sequence[tuple[float, float]],
    pulse: tuple[float, float],
    calcium_threshold: float | None,
    window: float,
    title: str,
) -> Figure:
    """Draw potentials, adaptation and spikes; bursts shaded, the pulse as a bar on top.

    `cell` holds the arrays of `experiments.cell.CellTraces`.
    """
    has_dendrite = cell.dendrite_v.size > 0
    rows = 4 if has_dendrite else 2
    figure = Figure(figsize=(9.0, 1.0 + 1.6 * rows), layout="constrained")
    panels = figure.subplots(
        rows, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": [2, 1] * (rows // 2)}
    )[:, 0]
    _soma(panels[0], cell)
    panels[1].plot(cell.time_ms, cell.soma_u, color=SOMA, lw=1)
    panels[1].set_ylabel("recovery u\n(pA)")
    if has_dendrite:
        panels[2].plot(cell.time_ms, cell.dendrite_v, color=DENDRITE, lw=1)
        panels[2].set_ylabel("dendrite (mV)")
        if calcium_threshold is not None:
            panels[2].axhline(calcium_threshold, color="0.4", lw=0.8, ls="--")
            panels[2].fill_between(
                cell.time_ms,
                calcium_threshold,
                np.maximum(cell.dendrite_v, calcium_threshold),
                color=DENDRITE,
                alpha=0.3,
                lw=0,
                label=f"calcium event: at least {calcium_threshold:g} mV",
            )
            panels[2].legend(loc="upper right", frameon=False, fontsize=8)
        panels[3].plot(cell.time_ms, cell.dendrite_w, color=DENDRITE, lw=1)
        panels[3].set_ylabel("adaptation w\n(pA)")
    for axes in panels:
        for i, (start, end) in enumerate(bursts):
            label = f"burst: spikes at most {window:g} ms apart" if i == 0 else None
            axes.axvspan(start - 1, end + 1, color=SHADE, alpha=0.3, lw=0, label=label)
        style.tidy(axes)
    panels[0].plot(pulse, [83, 83], color="0.3", lw=4, solid_capstyle="butt", label="current pulse")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False, fontsize=9, ncols=4)
    panels[-1].set_xlabel("time (ms)")
    panels[-1].set_xlim(0, float(cell.time_ms[-1]))
    figure.suptitle(title, fontsize=11)
    return figure


def _soma(axes: Axes, cell: Any) -> None:
    axes.plot(cell.time_ms, cell.soma_v, color=SOMA, lw=1)
    calcium = cell.spike_burst > 0  # in the mean field a share of it
    for chosen, marker, colour, label in (
        (~calcium, "|", "black", "spike"),
        (calcium, "v", DENDRITE, "spike reset as a burst"),
    ):
        if chosen.any():
            times = cell.spike_time_ms[chosen]
            axes.plot(times, np.full(len(times), 68.0), marker, color=colour, ms=5, label=label)
    axes.set_ylim(top=90)
    axes.set_ylabel("soma (mV)")


def rest_points(
    v: np.ndarray,
    current: np.ndarray,
    is_stable: np.ndarray,
    up: tuple[np.ndarray, np.ndarray],
    down: tuple[np.ndarray, np.ndarray],
) -> Figure:
    """Draw where the dendrite can rest under a constant current, and a slow ramp up and down.

    Args:
      v: mV, ascending.
      current: pA, the constant current under which the dendrite rests at v.
      is_stable: whether it is stable there; a lower and an upper stretch of v.
      up: current (pA) and potential (mV) while the current rises slowly.
      down: the same while it falls.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    stable, unstable = (np.where(mask, current, np.nan) for mask in (is_stable, ~is_stable))
    axes.plot(stable, v, color="black", lw=2.2, label="rest points, stable")
    axes.plot(unstable, v, color="black", lw=1.4, ls=":", label="rest points, unstable")
    axes.plot(*up, color=SOMA, lw=1.4, ls="--", label="current rises slowly")
    axes.plot(*down, color=DENDRITE, lw=1.4, ls="-.", label="current falls slowly")
    changes = np.flatnonzero(np.diff(is_stable.astype(int)))
    if len(changes) == 2:
        high, low = current[changes[0]], current[changes[1] + 1]  # ends of the two stretches
        axes.axvspan(low, high, color=SHADE, alpha=0.2, lw=0)
        axes.set_title(f"The dendrite is bistable from {low:.0f} to {high:.0f} pA", fontsize=11)
    axes.set_xlabel("dendritic current (pA)")
    axes.set_ylabel("dendritic potential (mV)")
    axes.set_xlim(float(up[0].min()), float(up[0].max()))
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    style.tidy(axes)
    return figure
