"""Figures of continual learning: accuracy around switches, gain, trade-off of gap and accuracy.

Arrays per method: `accuracy` (seeds, K, E, K) as in `continual.metrics`, `gain` and `uncertainty`
(seeds, K, T). Bands and bars are 95 % t-intervals over seeds, cut to [0, 1] where accuracies and
gaps lie. `eval_every` is the number of iterations between evaluations, or the iteration of each.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from neurogain.continual.metrics import EvalEvery, evaluated_at, evaluation_counts
from neurogain.plotting import draw, style
from neurogain.plotting.style import Figure
from neurogain.stats import SHARE

ACCURACY = "avg-ACC: final accuracy, mean over tasks"
ANYTIME = "AAA: accuracy on all tasks so far, mean over training"
GAP = "avg-SG: relative drop, mean over switches"
OLD_TASKS = "accuracy on all old tasks"
NEW_TASK = "accuracy on the new task"
SINCE = "iterations since the switch"


def around_switch(
    axes: Axes,
    accuracy: Mapping[str, np.ndarray],
    task: int,
    name: str,
    *,
    eval_every: EvalEvery = 1,
    before: int = 20,
    after: int = 100,
    of: Literal["old", "new"] = "old",
) -> None:
    """Draw the accuracy around the switch to a task, into given axes.

    On all old tasks from `before` iterations before the switch to `after` iterations behind it; or,
    with `of="new"`, on the new task, which is evaluated from the switch on. `name` is that of the
    task in the panel's title; without it there is none.
    """
    for label, line, _ in style.assign(accuracy):
        runs = np.asarray(accuracy[label], float)
        times = evaluated_at(eval_every, runs.shape[2])
        later = runs[:, task, times <= after]
        if of == "new":
            x, curve = times[times <= after], later[:, :, task]
        else:
            last = int(evaluation_counts(runs[0])[task - 1]) - 1  # is the first of the new task
            ends = times[:last] - times[last]
            lead = max(1, int(np.sum(ends >= -before)))
            earlier = runs[:, task - 1, last - lead : last, :task].mean(axis=-1)
            curve = np.concatenate([earlier, later[:, :, :task].mean(axis=-1)], axis=1)
            x = np.concatenate([ends[-lead:], times[times <= after]])
        draw.line(axes, x, draw.averaged(curve, within=SHARE), label=label, **line)
    draw.guides(axes, x=[0])
    title = f"{name} arrives" if name else ""
    axes.set(title=title, xlabel=SINCE, ylim=(-0.02, 1.02))


def old_task_accuracy(
    accuracy: Mapping[str, np.ndarray],
    task_names: Sequence[str],
    *,
    title: str = "",
    eval_every: EvalEvery = 1,
    before: int = 20,
    after: int = 100,
) -> Figure:
    """Draw the accuracy around every switch: on all old tasks, and below it on the new one.

    Arguments as for `around_switch`.
    """
    switches = len(task_names) - 1
    figure, rows = draw.grid(
        2, switches, (3.0 * switches + 1.2, 6.0), y=(OLD_TASKS, NEW_TASK), sharex="col",
        sharey=True,
    )  # fmt: skip
    for task, panels in enumerate(rows.T, start=1):
        part: Any = {"eval_every": eval_every, "before": before, "after": after}
        around_switch(panels[0], accuracy, task, task_names[task], **part)
        around_switch(panels[1], accuracy, task, "", of="new", **part)
        panels[0].set_xlabel("")
    return draw.finish(figure, title, _seeds(accuracy), below=True)


def _seeds(runs: Mapping[str, np.ndarray]) -> str:
    return draw.mean_over(len(next(iter(runs.values()))))


def gain(
    gain: Mapping[str, np.ndarray],
    uncertainty: Mapping[str, np.ndarray],
    task_names: Sequence[str],
    *,
    title: str = "",
) -> Figure:
    """Draw the gain, of methods that have one, above the uncertainty that drives it, of all."""
    labels, below = (
        ("gain g (dimensionless)", "batch entropy (nats)"),
        "iterations (lines: a new task)",
    )
    figure, (upper, lower) = draw.column(labels, (8.0, 5.0), x=below)
    for label, line, _ in style.assign(uncertainty):
        shown = [(lower, uncertainty[label])]
        shown += [(upper, gain[label])] if np.any(gain[label] != 1) else []
        for axes, values in shown:
            curve = draw.averaged(values.reshape(len(values), -1))
            x = np.arange(1, len(curve["mean"]) + 1)
            draw.line(axes, x, curve, label=label, **{"linewidth": 1.3} | line)
    iterations = next(iter(uncertainty.values())).shape[2]
    if not upper.lines:
        draw.say(upper, "no method here has a gain")
    for axes in (upper, lower):
        draw.guides(axes, x=[task * iterations for task in range(1, len(task_names))])
    lower.set_ylim(bottom=0)
    return draw.finish(figure, title, _seeds(gain), below=True)


def trade_off(methods: Mapping[str, Mapping[str, Any]], *, title: str = "") -> Figure:
    """Draw avg-SG against avg-ACC, and beside it against AAA where all methods have it.

    Lower right is better. Values as in `metrics.json`.
    """
    across = {"avg_acc": ACCURACY, "avg_anytime_acc": ANYTIME}
    known = [name for name in across if all(name in m for m in methods.values())]
    size = (4.6 * len(known) + 1.8, 5.0)
    figure, panels = draw.row(len(known), size, x=[across[name] for name in known], y=GAP)
    for axes, name in zip(panels, known, strict=True):
        for label, line, marker in style.assign(methods):
            look = {"color": line["color"], "marker": marker, "markersize": 6, "linestyle": "none"}
            draw.points(axes, methods[label][name], methods[label]["avg_sg"], label=label, **look)
        if axes.containers:
            axes.set_ylim(bottom=-0.02 * min(1, axes.get_ylim()[1]))
            draw.narrow(axes, x=(-0.02, 1.02), y=(-0.02, 1.02))
        else:
            draw.say(axes, "no method here has a defined gap")
    seeds = len(next(iter(methods.values()))["avg_sg"]["per_seed"])
    return draw.finish(figure, title, draw.mean_over(seeds), below=True)
