"""How several networks learn: accuracies over updates, and at the end."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from neurogain import stats
from neurogain.plotting import draw


def courses(axes: Axes, updates: ArrayLike, accuracies: Mapping[str, np.ndarray]) -> None:
    """Draw accuracies, (seeds, evaluations), over the updates before each, one line a network."""
    for name, accuracy in accuracies.items():
        value = draw.averaged(accuracy, within=stats.SHARE)
        draw.line(axes, np.asarray(updates), value, label=name)
    axes.set(xlabel="update", ylabel="accuracy, test", ylim=(0, 1.02))


def ends(
    axes: Axes, networks: Sequence[str], values: Iterable[Mapping[str, Any]], **look: Any
) -> None:
    """Draw a mean with its interval, a `stats.summary`, for each network."""
    look = {"linestyle": "none"} | look
    draw.points(axes, np.arange(len(networks)), draw.joined(values), **look)
    axes.set_xticks(np.arange(len(networks)), networks)
