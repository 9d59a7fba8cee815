"""Figures of one cell: traces in time, and the rest points of its dendrite."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.cell.config import CellConfig
from neurogain.experiments.cell.run import CellTraces, Ramp
from neurogain.plotting import draw
from neurogain.plotting.potentials import DENDRITE, SOMA, pulse_bar
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result
from neurogain.spiking import cells
from neurogain.spiking.models import dendrite


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    ramp = {"dendrite": lambda result: dendrite_at_rest(result.parts["ramp"])}
    return {"traces": traces} | (ramp if "ramp" in result.parts else {})


def plot(axes: Axes, result: Result) -> None:
    """Draw the somatic potential with its spikes."""
    _soma(axes, result.parts["traces"])
    _shade(axes, result)
    axes.set(xlabel="time (ms)", ylabel="soma (mV)", title=_title(result.config))
    draw.legend(axes, below=True)


def _title(config: CellConfig) -> str:
    title = f"{config.cell}: {config.somatic_current:g} pA into the soma"
    if config.is_pyramidal:
        title += f",\n{config.dendritic_current:g} pA into the dendrite, p = {config.coupling:g}"
        title += f" ({config.coupling_mode})"
    return title


def traces(result: Result) -> Figure:
    """Draw potentials, adaptation and spikes; bursts shaded, the pulse as a bar on top."""
    config, cell = result.config, result.parts["traces"]
    has_dendrite = cell.dendrite_v.size > 0
    labels = ["soma (mV)", "recovery u\n(pA)"]
    labels += ["dendrite (mV)", "adaptation w\n(pA)"] if has_dendrite else []
    heights = [2, 1, 2, 1][: len(labels)]
    size = (9.0, 1.0 + 1.6 * len(labels))
    figure, panels = draw.column(labels, size, x="time (ms)", height_ratios=heights)
    _soma(panels[0], cell)
    pulse_bar(panels[0], config.pulse, 83, "current pulse")
    panels[1].plot(cell.time_ms, cell.soma_u, color=SOMA, lw=1)
    if has_dendrite:
        _dendrite(panels[2], cell, cells.L5_V_CALCIUM)
        panels[3].plot(cell.time_ms, cell.dendrite_w, color=DENDRITE, lw=1)
    for axes in panels:
        _shade(axes, result)
    panels[-1].set_xlim(0, float(cell.time_ms[-1]))
    return draw.finish(figure, _title(config), below=True)


def _shade(axes: Axes, result: Result) -> None:
    label = f"burst: spikes at most {result.config.burst_window:g} ms apart"
    for start, end in result.metrics["burst_periods_ms"]:
        draw.shade(axes, start - 1, end + 1, label)


def _dendrite(axes: Axes, cell: CellTraces, threshold: float) -> None:
    axes.plot(cell.time_ms, cell.dendrite_v, color=DENDRITE, lw=1)
    draw.guides(axes, y=[threshold], linestyle="--")
    look: Any = {"color": DENDRITE, "alpha": 0.3, "lw": 0}
    look["label"] = f"calcium event: at least {threshold:g} mV"
    axes.fill_between(cell.time_ms, threshold, np.maximum(cell.dendrite_v, threshold), **look)


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


def dendrite_at_rest(ramp: Ramp) -> Figure:
    """Draw where the layer-5 dendrite rests under constant currents, and a slow ramp up and down.

    `ramp`: current and potential while the current rises, then falls.
    """
    v = np.linspace(-72.0, 0.0, 2000)
    current = np.asarray(dendrite.steady_current(cells.L5_DENDRITE, v))
    is_stable = np.asarray(dendrite.is_stable(cells.L5_DENDRITE, v))
    labels = {"x": "dendritic current (pA)", "y": "dendritic potential (mV)"}
    figure, axes = draw.single((6.4, 4.4), **labels)
    stable, unstable = (np.where(mask, current, np.nan) for mask in (is_stable, ~is_stable))
    axes.plot(stable, v, color="black", lw=2.2, label="rest points, stable")
    axes.plot(unstable, v, color="black", lw=1.4, ls=":", label="rest points, unstable")
    looks: Any = {"rises": {"color": SOMA, "ls": "--"}, "falls": {"color": DENDRITE, "ls": "-."}}
    for (way, look), x, y in zip(looks.items(), *ramp, strict=True):
        axes.plot(x, y, lw=1.4, label=f"current {way} slowly", **look)
    end, start = np.flatnonzero(np.diff(is_stable))  # of the lower and the upper stable stretch
    low, high = float(current[start + 1]), float(current[end])
    draw.shade(axes, low, high)
    axes.set_title(f"The dendrite is bistable from {low:.0f} to {high:.0f} pA")
    axes.set_xlim(float(ramp.current.min()), float(ramp.current.max()))
    draw.legend(axes, loc="upper left")
    return draw.finish(figure)
