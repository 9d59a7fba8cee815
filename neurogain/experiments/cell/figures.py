"""Figures of one cell: traces in time, and the rest points of its dendrite."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.cell.config import CellConfig
from neurogain.experiments.cell.run import CellTraces, Ramp
from neurogain.plotting import style
from neurogain.plotting.potentials import DENDRITE, SHADE, SOMA, legend_below
from neurogain.plotting.style import Figure
from neurogain.spiking import cells
from neurogain.spiking.models import dendrite

_KEY = {"frameon": False, "fontsize": 9}


def figures(
    config: CellConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    drawn = {"traces": lambda: traces(config, found["traces"], metrics["burst_periods_ms"])}
    if "ramp" in found:
        drawn["dendrite"] = lambda: dendrite_at_rest(found["ramp"])
    return drawn


def plot(
    axes: Axes, config: CellConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the somatic potential with its spikes."""
    _soma(axes, found["traces"])
    _mark(axes, metrics["burst_periods_ms"], config.burst_window)
    axes.set(xlabel="time (ms)", title=_title(config))
    axes.legend(loc="lower right", **_KEY)


def _title(config: CellConfig) -> str:
    title = f"{config.cell}: {config.somatic_current:g} pA into the soma"
    if config.is_pyramidal:
        title += f", {config.dendritic_current:g} pA into the dendrite, p = {config.coupling:g}"
        title += f" ({config.coupling_mode})"
    return title


def traces(config: CellConfig, cell: CellTraces, bursts: Any) -> Figure:
    """Draw potentials, adaptation and spikes; bursts shaded, the pulse as a bar on top."""
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
        _dendrite(panels[2], cell, cells.L5_V_CALCIUM)
        panels[3].plot(cell.time_ms, cell.dendrite_w, color=DENDRITE, lw=1)
        panels[3].set_ylabel("adaptation w\n(pA)")
    for axes in panels:
        _mark(axes, bursts, config.burst_window)
    panels[0].plot(
        config.pulse, [83, 83], color="0.3", lw=4, solid_capstyle="butt", label="current pulse"
    )
    legend_below(figure, panels[0], **_KEY)
    panels[-1].set_xlabel("time (ms)")
    panels[-1].set_xlim(0, float(cell.time_ms[-1]))
    figure.suptitle(_title(config), fontsize=11)
    return figure


def _mark(axes: Axes, bursts: Any, window: float) -> None:
    for i, (start, end) in enumerate(bursts):
        label = f"burst: spikes at most {window:g} ms apart" if i == 0 else None
        axes.axvspan(start - 1, end + 1, color=SHADE, alpha=0.3, lw=0, label=label)
    style.tidy(axes)


def _dendrite(axes: Axes, cell: CellTraces, threshold: float) -> None:
    axes.plot(cell.time_ms, cell.dendrite_v, color=DENDRITE, lw=1)
    axes.set_ylabel("dendrite (mV)")
    axes.axhline(threshold, color="0.4", lw=0.8, ls="--")
    axes.fill_between(
        cell.time_ms, threshold, np.maximum(cell.dendrite_v, threshold), color=DENDRITE, alpha=0.3,
        lw=0, label=f"calcium event: at least {threshold:g} mV",
    )  # fmt: skip
    axes.legend(loc="upper right", frameon=False, fontsize=8)


def _soma(axes: Axes, cell: CellTraces) -> None:
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


def dendrite_at_rest(ramp: Ramp) -> Figure:
    """Draw the rest points of the layer-5 dendrite, and a slow ramp up and down."""
    v = np.linspace(-72.0, 0.0, 2000)
    current = np.asarray(dendrite.steady_current(cells.L5_DENDRITE, v))
    return rest_points(v, current, np.asarray(dendrite.is_stable(cells.L5_DENDRITE, v)), ramp)


def rest_points(v: np.ndarray, current: np.ndarray, is_stable: np.ndarray, ramp: Ramp) -> Figure:
    """Draw where a dendrite can rest under a constant current, and a slow ramp up and down.

    Args:
      v: mV, ascending.
      current: pA, the constant current under which the dendrite rests at v.
      is_stable: whether it is stable there; a lower and an upper stretch of v.
      ramp: current and potential while the current rises, then falls slowly.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    stable, unstable = (np.where(mask, current, np.nan) for mask in (is_stable, ~is_stable))
    axes.plot(stable, v, color="black", lw=2.2, label="rest points, stable")
    axes.plot(unstable, v, color="black", lw=1.4, ls=":", label="rest points, unstable")
    for way, colour, dash, x, y in zip(
        ("rises", "falls"), (SOMA, DENDRITE), ("--", "-."), *ramp, strict=True
    ):
        axes.plot(x, y, color=colour, lw=1.4, ls=dash, label=f"current {way} slowly")
    changes = np.flatnonzero(np.diff(is_stable.astype(int)))
    if len(changes) == 2:
        high, low = current[changes[0]], current[changes[1] + 1]  # ends of the two stretches
        axes.axvspan(low, high, color=SHADE, alpha=0.2, lw=0)
        axes.set_title(f"The dendrite is bistable from {low:.0f} to {high:.0f} pA", fontsize=11)
    axes.set_xlabel("dendritic current (pA)")
    axes.set_ylabel("dendritic potential (mV)")
    axes.set_xlim(float(ramp.current.min()), float(ramp.current.max()))
    axes.legend(loc="upper left", **_KEY)
    style.tidy(axes)
    return figure
