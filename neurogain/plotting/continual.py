"""Figures of continual learning: accuracy around switches, gain, trade-off of gap and accuracy.

Arrays per method: `accuracy` (seeds, K, E, K) as in `continual.metrics`, `gain` and `uncertainty`
(seeds, K, T). Bands and bars are 95 % t-intervals over seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from neurogain.plotting import style
from neurogain.plotting.style import Figure


def _mean_and_half_width(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and half width of the 95 % t-interval over the first axis; 0 for one seed."""
    n = len(values)
    if n < 2:
        return values.mean(axis=0), np.zeros(values.shape[1:])
    return values.mean(axis=0), stats.t.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / n**0.5


def _seeds(n: int) -> str:
    return f"mean and 95 % t-interval, {n} seeds" if n > 1 else "one seed"


def _finish(figure: Figure, axes: Axes, title: str, *, seeds: int) -> None:
    """Put the legend of the axes below the figure and the title above it."""
    handles, labels = axes.get_legend_handles_labels()
    columns = min(6, int(figure.get_figwidth() / 1.9), len(labels))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    apart = ": " if figure.get_figwidth() > 8.5 else "\n"
    figure.suptitle(f"{title}{apart}{_seeds(seeds)}" if title else _seeds(seeds), fontsize=11)


def around_switch(
    axes: Axes,
    accuracy: Mapping[str, np.ndarray],
    task: int,
    name: str,
    *,
    eval_every: int = 1,
    before: int = 20,
    after: int = 100,
) -> None:
    """Draw the accuracy on all old tasks around the switch to a task, into given axes."""
    for label, line, _ in style.assign(accuracy):
        runs = accuracy[label]
        lead = max(1, min(before // eval_every, runs.shape[2] - 1))
        length = min(after // eval_every + 1, runs.shape[2])
        earlier = runs[:, task - 1, -1 - lead : -1, :task].mean(axis=-1)
        curve = np.concatenate([earlier, runs[:, task, :length, :task].mean(axis=-1)], axis=1)
        x = eval_every * (np.arange(curve.shape[1]) - lead)
        mean, half = _mean_and_half_width(curve)
        axes.plot(x, mean, label=label, linewidth=1.8, **line)
        axes.fill_between(x, mean - half, mean + half, color=line["color"], alpha=0.18, lw=0)
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_title(f"{name} arrives", fontsize=10)
    axes.set_xlabel("iterations since the switch")
    axes.set_ylim(-0.02, 1.02)
    style.tidy(axes)


def old_task_accuracy(
    accuracy: Mapping[str, np.ndarray],
    task_names: Sequence[str],
    *,
    eval_every: int = 1,
    before: int = 20,
    after: int = 100,
    title: str = "",
) -> Figure:
    """Draw the accuracy on all old tasks around every switch, one panel each.

    From `before` iterations before the switch to `after` iterations behind it.
    """
    tasks = len(task_names)
    figure = Figure(figsize=(3.0 * (tasks - 1) + 1.2, 3.6), layout="constrained")
    panels = figure.subplots(1, tasks - 1, sharey=True, squeeze=False)[0]
    for task, axes in enumerate(panels, start=1):
        around_switch(
            axes, accuracy, task, task_names[task],
            eval_every=eval_every, before=before, after=after,
        )  # fmt: skip
    panels[0].set_ylabel("accuracy on all old tasks")
    _finish(figure, panels[0], title, seeds=len(next(iter(accuracy.values()))))
    return figure


def gain(
    gain: Mapping[str, np.ndarray],
    uncertainty: Mapping[str, np.ndarray],
    task_names: Sequence[str],
    *,
    title: str = "",
) -> Figure:
    """Draw the gain, of methods that have one, above the uncertainty that drives it, of all."""
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for label, line, _ in style.assign(uncertainty):
        if np.any(gain[label] != 1):
            _over_training(upper, gain[label], label, line)
        _over_training(lower, uncertainty[label], label, line)
    iterations = next(iter(uncertainty.values())).shape[2]
    for axes in (upper, lower):
        for task in range(1, len(task_names)):
            axes.axvline(task * iterations, color="0.4", linewidth=0.8)
        style.tidy(axes)
    if all(np.all(values == 1) for values in gain.values()):
        upper.text(0.5, 0.5, "no method here has a gain", transform=upper.transAxes, ha="center")
    upper.set_ylabel("gain g (dimensionless)")
    lower.set_ylabel("batch entropy (nats)")
    lower.set_ylim(bottom=0)
    lower.set_xlabel("iterations (vertical lines: a new task)")
    _finish(figure, lower, title, seeds=len(next(iter(gain.values()))))
    return figure


def _over_training(axes: Axes, values: np.ndarray, label: str, line: dict[str, Any]) -> None:
    mean, half = _mean_and_half_width(values.reshape(len(values), -1))
    x = np.arange(1, len(mean) + 1)
    axes.plot(x, mean, label=label, linewidth=1.3, **line)
    axes.fill_between(x, mean - half, mean + half, color=line["color"], alpha=0.18, lw=0)


def trade_off(methods: Mapping[str, Mapping[str, Any]], *, title: str = "") -> Figure:
    """Draw avg-SG against avg-ACC: lower right is better. Values as in `metrics.json`."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for label, line, marker in style.assign(methods):
        x, y = methods[label]["avg_acc"], methods[label]["avg_sg"]
        if x["mean"] is None or y["mean"] is None:
            continue
        axes.errorbar(
            x["mean"],
            y["mean"],
            xerr=_bar(x),
            yerr=_bar(y),
            label=label,
            color=line["color"],
            marker=marker,
            linestyle="none",
            capsize=3,
        )
    axes.set_xlabel("avg-ACC: final accuracy, mean over tasks")
    axes.set_ylabel("avg-SG: relative drop, mean over switches")
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, -0.02), min(right, 1.02))  # wide intervals reach beyond
    top = min(axes.get_ylim()[1], 1.02)
    axes.set_ylim(-0.02 * top, top)
    if axes.containers:
        axes.legend(frameon=False)
    else:
        axes.text(
            0.5, 0.5, "no method here has a defined gap", transform=axes.transAxes, ha="center"
        )
    style.tidy(axes)
    n = len(next(iter(methods.values()))["avg_sg"]["per_seed"])
    axes.set_title(f"{title}: {_seeds(n)}" if title else _seeds(n), fontsize=11)
    return figure


def _bar(figure: Mapping[str, Any]) -> list[list[float]] | None:
    low, high = figure["ci"]
    return None if low is None else [[figure["mean"] - low], [high - figure["mean"]]]
