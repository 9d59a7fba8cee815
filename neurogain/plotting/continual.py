"""Figures of continual learning: accuracy around switches, gain, trade-off of gap and accuracy.

Arrays per method: `accuracy` (seeds, K, E, K) as in `continual.metrics`, `gain` and `uncertainty`
(seeds, K, T). Bands and bars are 95 % t-intervals over seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import draw, style
from neurogain.plotting.style import Figure

ACCURACY = "avg-ACC: final accuracy, mean over tasks"
GAP = "avg-SG: relative drop, mean over switches"
OLD_TASKS = "accuracy on all old tasks"


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
    """Draw the accuracy on all old tasks around the switch to a task, into given axes.

    From `before` iterations before the switch to `after` iterations behind it.
    """
    for label, line, _ in style.assign(accuracy):
        runs = accuracy[label]
        lead = max(1, min(before // eval_every, runs.shape[2] - 1))
        length = min(after // eval_every + 1, runs.shape[2])
        earlier = runs[:, task - 1, -1 - lead : -1, :task].mean(axis=-1)
        curve = np.concatenate([earlier, runs[:, task, :length, :task].mean(axis=-1)], axis=1)
        x = eval_every * (np.arange(curve.shape[1]) - lead)
        draw.line(axes, x, draw.averaged(curve), label=label, **line)
    draw.guides(axes, x=[0])
    axes.set(title=f"{name} arrives", xlabel="iterations since the switch", ylim=(-0.02, 1.02))


def old_task_accuracy(
    accuracy: Mapping[str, np.ndarray], task_names: Sequence[str], *, title: str = "", **part: int
) -> Figure:
    """Draw the accuracy on all old tasks around every switch; `part` as for `around_switch`."""
    switches = len(task_names) - 1
    figure, panels = draw.row(switches, (3.0 * switches + 1.2, 3.6), y=OLD_TASKS)
    for task, axes in enumerate(panels, start=1):
        around_switch(axes, accuracy, task, task_names[task], **part)
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
    """Draw avg-SG against avg-ACC: lower right is better. Values as in `metrics.json`."""
    figure, axes = draw.single((6.4, 4.4), x=ACCURACY, y=GAP)
    for label, line, marker in style.assign(methods):
        look = {"color": line["color"], "marker": marker, "markersize": 6, "linestyle": "none"}
        x, y = methods[label]["avg_acc"], methods[label]["avg_sg"]
        draw.points(axes, x, y, label=label, **look)
    if axes.containers:
        axes.set_ylim(bottom=-0.02 * min(1, axes.get_ylim()[1]))
        draw.narrow(axes, x=(-0.02, 1.02), y=(-0.02, 1.02))
        draw.legend(axes)
    else:
        draw.say(axes, "no method here has a defined gap")
    seeds = len(next(iter(methods.values()))["avg_sg"]["per_seed"])
    return draw.finish(figure, title, draw.mean_over(seeds))
