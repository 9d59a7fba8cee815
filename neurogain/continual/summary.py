"""Every figure of one method from the curves of all its seeds, with intervals."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from neurogain.continual import metrics
from neurogain.continual.training import TaskCurves
from neurogain.stats import POSITIVE, SHARE, summary

WINDOWS = (10, 100)  # evaluations, of windowed forgetting and plasticity (De Lange et al. 2023)
LEARNED_AFTER = (10, 50, 200)  # iterations after which the accuracy on the new task is reported


def measure(
    curves: TaskCurves, evaluation_images: Sequence[int] | np.ndarray | None = None
) -> dict[str, Any]:
    """Return every figure of one method.

    All are of the weights that act; where these are an average, `fast_avg_sg`, `fast_avg_acc` and
    `fast_avg_anytime_acc` are of the weights that learn. Intervals of accuracies and gaps are cut
    to [0, 1], those of durations and areas to what is not negative (`stats.summary`).

    Args:
      curves: with leading axes (seeds, tasks).
      evaluation_images: of each task, (K,); without them the bias of the minima is not stated.

    Raises:
      ValueError: if the curves are not of at least two tasks, or not as in `metrics`.
    """
    times = curves.evaluated_at[0, 0]
    runs = [np.asarray(run, float) for run in curves.accuracy]
    updates = times[metrics.evaluation_counts(runs[0]) - 1]
    there = np.arange(curves.loss.shape[-1]) < updates[:, None]  # (K, T), not behind a task's end
    result: dict[str, Any] = {}
    for suffix, previous_only in (("", False), ("_previous_task", True)):
        gaps = [metrics.gaps(run, eval_every=times, previous_only=previous_only) for run in runs]
        result[f"avg_sg{suffix}"] = _share([gap.sg.mean() for gap in gaps])
        for field in metrics.Gap._fields:
            columns = zip(*(getattr(gap, field) for gap in gaps), strict=True)
            ends = SHARE if field in ("sg", "depth") else POSITIVE
            each = [summary(column, within=ends) for column in columns]
            result[f"{field}_per_switch{suffix}"] = each
    result |= {
        "avg_acc": _share(map(metrics.final_accuracy, runs)),
        "avg_anytime_acc": _anytime(runs, times),
        "avg_acc_slow_weights": _share(np.mean(curves.slow_accuracy[:, -1], axis=1)),
        "min_acc": _share(map(metrics.min_accuracy, runs)),
        "wc_acc": _share(map(metrics.worst_case_accuracy, runs)),
        "max_gain": summary(curves.gain[:, there].max(axis=1)),
        "diverged": [not np.isfinite(loss[there]).all() for loss in curves.loss],
    }
    for window in WINDOWS:
        falls, rises = zip(*(metrics.windowed(run, window) for run in runs), strict=True)
        result[f"wf_{window}"], result[f"wp_{window}"] = _share(falls), _share(rises)
    result["new_task_accuracy"] = {
        str(after): _share([metrics.new_task_accuracy(run, after, times) for run in runs])
        for after in LEARNED_AFTER
        if after in times
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
        result["fast_avg_sg"] = _share([metrics.gaps(run).sg.mean() for run in fast])
        result["fast_avg_acc"] = _share(map(metrics.final_accuracy, fast))
        result["fast_avg_anytime_acc"] = _anytime(fast, times)
    return result


def _share(values: Iterable[float]) -> dict[str, Any]:
    """Return the summary of proportions."""
    return summary(list(values), within=SHARE)


def _anytime(runs: Iterable[np.ndarray], times: np.ndarray) -> dict[str, Any]:
    return _share(metrics.average_anytime_accuracy(run, eval_every=times) for run in runs)
