"""Figures of what acetylcholine and serotonin change in the Go/No-Go experiment."""

from collections.abc import Mapping

import numpy as np

from neurogain import stats
from neurogain.plotting.style import Figure, assign, panel_letters, tidy

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
    figure = Figure(
        figsize=(4.2 * len(places) + 0.8, 2.5 * len(quantities) + 1.0), layout="constrained"
    )
    panels = figure.subplots(len(quantities), len(places), squeeze=False, sharex=True, sharey="row")
    for row, (label, curves) in zip(panels, quantities.items(), strict=True):
        for axes, validity in zip(row, places, strict=True):
            for name, line, _ in assign(curves):
                trials, mean, low, high = blocks(curves[name][validity])
                axes.plot(trials, mean, **line, label=name)
                axes.fill_between(trials, low, high, color=line["color"], alpha=0.2, linewidth=0)
            axes.axvline(shift, color="0.5", linewidth=0.8)
            tidy(axes)
        row[0].set_ylabel(label)
    for axes, validity in zip(panels[0], places, strict=True):
        axes.set_title(f"feedback valid in {validity:.0%}")
    for axes in panels[-1]:
        axes.set_xlabel("trial")
    panel_letters(panels.ravel())
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=11)
    return figure


def blocks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return middle trials of blocks, mean over seeds, its interval; NaN where few have a value."""
    whole = values[:, : values.shape[1] // BLOCK * BLOCK]
    parts = whole.reshape(len(values), -1, BLOCK)
    known = np.isfinite(parts)
    count = known.sum(axis=2)
    each = np.where(known, parts, 0).sum(axis=2) / np.maximum(count, 1)
    each = np.where(count > 0, each, np.nan)
    few = np.isfinite(each).sum(axis=0) < min(LEAST, len(values))
    found = [stats.summary(x, known_only=True) for x in np.where(few, np.nan, each).T]
    mean = np.array([f["mean"] for f in found], float)
    low, high = np.array([f["ci"] for f in found], float).T
    return BLOCK * (np.arange(len(mean)) + 0.5), mean, low, high
