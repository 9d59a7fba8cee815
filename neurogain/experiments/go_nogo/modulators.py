"""Figures of what acetylcholine and serotonin change in the Go/No-Go experiment."""

from collections.abc import Mapping

import numpy as np

from neurogain import stats
from neurogain.experiments.go_nogo.panels import by_validity
from neurogain.plotting import draw
from neurogain.plotting.style import Figure, assign

BLOCK = 20  # trials of a point
LEAST = 5  # seeds with a value, or all where there are fewer, that a point takes

Curves = Mapping[str, Mapping[float, np.ndarray]]  # (seeds, trials), by condition and validity


def changes(quantities: Mapping[str, Curves], shift: int, title: str) -> Figure:
    """Draw quantities over trials: a row each, a column a validity, a line a condition.

    Args:
      quantities: by label of the axis; NaN where a trial does not count. Points are means over
        the seeds of each seed's mean over 20 trials, bands their 95 % t-intervals; there is none
        where fewer than 5 seeds have a value.
      shift: first trial of the new rule.
      title: of the figure.
    """
    places = list(next(iter(next(iter(quantities.values())).values())))
    size = (4.2 * len(places) + 0.8, 2.5 * len(quantities) + 1.0)
    figure, panels = by_validity(places, size, len(quantities), sharex=True)
    for row, (label, curves) in zip(panels, quantities.items(), strict=True):
        for axes, validity in zip(row, places, strict=True):
            for name, line, _ in assign(curves):
                trials, value = blocks(curves[name][validity])
                draw.line(axes, trials, value, label=name, **line)
            draw.guides(axes, x=[shift])
        row[0].set_ylabel(label)
    for axes in panels[-1]:
        axes.set_xlabel("trial")
    return draw.finish(figure, title, letters=True, below=True)


def blocks(values: np.ndarray) -> tuple[np.ndarray, draw.Value]:
    """Return middle trials of blocks, and mean and interval over the seeds where enough have one.

    Args:
      values: (seeds, trials), NaN where a trial does not count.
    """
    whole = values[:, : values.shape[1] // BLOCK * BLOCK]
    parts = whole.reshape(len(values), -1, BLOCK)
    known = np.isfinite(parts)
    count = known.sum(axis=2)
    each = np.where(known, parts, 0).sum(axis=2) / np.maximum(count, 1)
    each = np.where(count > 0, each, np.nan)
    few = np.isfinite(each).sum(axis=0) < min(LEAST, len(values))
    found = [stats.summary(x, known_only=True) for x in np.where(few, np.nan, each).T]
    return BLOCK * (np.arange(len(found)) + 0.5), draw.joined(found)
