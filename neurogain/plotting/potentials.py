"""Potentials of soma and dendrite in time, of any two-compartment cell."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import draw, style

SOMA, DENDRITE = style.COLOURS[0], style.COLOURS[3]


def soma_and_dendrite(
    axes: Axes, time_ms: np.ndarray, soma: np.ndarray, dendrite: np.ndarray, threshold: float
) -> None:
    """Draw both potentials (mV) and the threshold of a calcium event."""
    axes.plot(time_ms, soma, color=SOMA, lw=1.0, label="soma")
    axes.plot(time_ms, dendrite, color=DENDRITE, lw=1.6, label="dendrite")
    draw.guides(axes, y=[threshold], linestyle="--", label="calcium event from here up")


def pulse_bar(axes: Axes, ends_ms: Sequence[float], height: float, label: str) -> None:
    """Draw a pulse as a bar at a height (mV)."""
    axes.plot(ends_ms, [height] * 2, color="0.3", lw=4, solid_capstyle="butt", label=label)
