"""Potentials of soma and dendrite in time, of any two-compartment cell."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurogain.plotting import style

SOMA, DENDRITE = style.COLOURS[0], style.COLOURS[3]
SHADE = style.COLOURS[1]


def soma_and_dendrite(
    axes: Axes, time_ms: np.ndarray, soma: np.ndarray, dendrite: np.ndarray, threshold: float
) -> None:
    """Draw both potentials (mV) and the threshold of a calcium event."""
    axes.plot(time_ms, soma, color=SOMA, lw=1.0, label="soma")
    axes.plot(time_ms, dendrite, color=DENDRITE, lw=1.6, label="dendrite")
    axes.axhline(threshold, color="0.4", lw=0.8, ls="--", label="calcium event from here up")
    style.tidy(axes)


def legend_below(figure: Figure, axes: Axes, **look: Any) -> None:
    """Put the legend of one panel below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    look = {"frameon": False, "ncols": 4} | look
    figure.legend(handles, labels, loc="outside lower center", **look)
