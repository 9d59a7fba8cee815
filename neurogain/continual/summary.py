"""Every figure of one method from the curves of all its seeds, with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurogain.continual import metrics
from neurogain.continual.training import TaskCurves
from neurogain.stats import summary

WINDOWS = (10, 100)  # evaluations, of windowed forgetting and plasticity (De Lange et al. 2023)
LEARNED_AFTER = (10, 50, 200)  # iterations after which the accuracy on the new task is reported


def measure(
    curves: TaskCurves,
    eval_every: int | None = None,
    evaluation_images: Sequence[int] | np.ndarray | None = None,
) -> dict[str, Any]:
    """Return every figure of one method.

    All are of the weights that act; where these are an average, `fast_avg_sg` and `fast_avg_acc`
    are of the weights that learn.

    Args:
      curves: with leading axes (seeds, tasks).
      eval_every: updates between evaluations; read off the curves where it is None.
      evaluation_images: of each task, (K,); without them the bias of the minima is not stated.
    """
    if eval_every is None:
        eval_every = curves.loss.shape[-1] // (curves.accuracy.shape[2] - 1)
    runs = [np.asarray(run, float) for run in curves.accuracy]
    updates = (metrics.evaluations(runs[0]) - 1) * eval_every
    there = np.arange(curves.loss.shape[-1]) < updates[:, None]  # (K, T), not behind a task's end
    result: dict[str, Any] = {}
    for suffix, previous_only in (("", False), ("_previous_task", True)):
        gaps = [
            metrics.gaps(run, eval_every=eval_every, previous_only=previous_only) for run in runs
        ]
        result[f"avg_sg{suffix}"] = summary([gap.sg.mean() for gap in gaps])
        for field in metrics.Gap._fields:
            columns = zip(*(getattr(gap, field) for gap in gaps), strict=True)
            result[f"{field}_per_switch{suffix}"] = [summary(column) for column in columns]
    result |= {
        "avg_acc": summary([metrics.final_accuracy(run) for run in runs]),
        "avg_acc_slow_weights": summary(np.mean(curves.slow_accuracy[:, -1], axis=1)),
        "min_acc": summary([metrics.min_accuracy(run) for run in runs]),
        "wc_acc": summary([metrics.worst_case_accuracy(run) for run in runs]),
        "max_gain": summary(curves.gain[:, there].max(axis=1)),
        "diverged": [not np.isfinite(loss[there]).all() for loss in curves.loss],
    }
    for window in WINDOWS:
        falls, rises = zip(*(metrics.windowed(run, window) for run in runs), strict=True)
        result[f"wf_{window}"], result[f"wp_{window}"] = summary(falls), summary(rises)
    result["new_task_accuracy"] = {
        str(after): summary([metrics.new_task_accuracy(run, after, eval_every) for run in runs])
        for after in LEARNED_AFTER
        if after % eval_every == 0 and after <= curves.loss.shape[-1]
    }
    if evaluation_images is not None:
        errors, bounds = zip(
            *(metrics.minimum_bias(run, evaluation_images) for run in runs), strict=True
        )
        result["minimum_bias"] = {
            "standard_error": float(np.mean(errors)),
            "at_most": float(np.mean(bounds)),
        }
    if not np.array_equal(curves.fast_accuracy, curves.accuracy, equal_nan=True):
        fast = [np.asarray(run, float) for run in curves.fast_accuracy]
        result["fast_avg_sg"] = summary([metrics.gaps(run).sg.mean() for run in fast])
        result["fast_avg_acc"] = summary([metrics.final_accuracy(run) for run in fast])
    return result
