"""Measures of continual learning from the accuracies evaluated while learning.

All take `accuracy`, shape (K, E, K): [k, i, j] is the accuracy, in [0, 1], on task j at evaluation
i of task k; i = 0 is before the task's first update; values for j > k are NaN and are not read.
Measures of switches need K >= 2. Tasks with fewer evaluations than the longest are NaN at the end,
for all j; nothing counts there.

`eval_every` is the number of iterations between evaluations, or the iteration of each evaluation,
shape (E,), ascending from 0, as `Protocol.evaluated_at` has it. An evaluation stands for the
iterations since the one before.

Every measure raises a TypeError or ValueError for accuracies of another kind or shape, outside
[0, 1] or NaN where they are read, and for other arguments out of their range.

Sources: arXiv 2507.14056 (stability gap); Caccia et al., 'New insights on reducing abrupt
representation change in online continual learning', ICLR 2022, arXiv 2104.05025 (average anytime
accuracy); De Lange, van de Ven & Tuytelaars, 'Continual evaluation for lifelong learning:
identifying the stability gap', ICLR 2023, arXiv 2205.13452 (the others).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy import stats

from neurogain import _checks
from neurogain.stats import Values

Accuracy = Float[np.ndarray, "K E K"]
EvalEvery = int | Values  # iterations between evaluations, or that of each


def evaluation_counts(accuracy: ArrayLike) -> Int[np.ndarray, " K"]:
    """Return the number of evaluations of each task, (K,), without the NaN behind a short one.

    Example:
      >>> nan = np.nan
      >>> accuracy = np.array([[[0.1, nan], [nan, nan]], [[0.8, 0.1], [0.6, 0.9]]])
      >>> evaluation_counts(accuracy).tolist()
      [1, 2]
    """
    array = _shaped(accuracy)
    for task in np.flatnonzero(np.isnan(array).all(axis=(1, 2))):
        raise ValueError(
            f"`accuracy` must have an evaluation of each task; got NaN alone for task {task}. "
            "Leave out what was not learned."
        )
    return _evaluation_counts(array)


def _evaluation_counts(accuracy: np.ndarray) -> np.ndarray:
    """Return the number of evaluations of each task; all where each is NaN, which is refused."""
    there = ~np.isnan(accuracy).all(axis=2)
    return accuracy.shape[1] - np.argmax(there[:, ::-1], axis=1)


def _of_task(accuracy: Accuracy, task: int) -> np.ndarray:
    """Return the evaluations while one task is learned, (E_k, K)."""
    return accuracy[task, : _evaluation_counts(accuracy)[task]]


class Gap(NamedTuple):
    """The transient drop of old-task accuracy at each of the K - 1 switches.

    A is the accuracy on old tasks behind a switch, A_f that just before it.

    Attributes:
      sg: relative gap, (A_f - min A) / A_f; NaN where A_f = 0.
      depth: A_f - min A, fraction correct.
      duration: iterations below 95 % of A_f.
      area: sum of (A_f - A) where positive, times iterations.
    """

    sg: Float[np.ndarray, " switches"]  # relative: (A_f - min A) / A_f; NaN where A_f = 0
    depth: Float[np.ndarray, " switches"]  # A_f - min A, fraction correct
    duration: Float[np.ndarray, " switches"]  # iterations below 95 % of A_f
    area: Float[np.ndarray, " switches"]  # sum of (A_f - A) where positive, times iterations


def evaluated_at(eval_every: EvalEvery, evaluations: int) -> np.ndarray:
    """Return the iteration of each evaluation of a task, shape (evaluations,), from 0 on.

    Args:
      eval_every: iterations between evaluations, or the iteration of each of them.
      evaluations: E, their number.

    Raises:
      ValueError: if E is no whole number of at least 1, or `eval_every` neither such a number nor
        E whole numbers that ascend from 0.

    Example:
      >>> evaluated_at(5, 3), evaluated_at([0, 1, 2, 12], 4)
      (array([ 0,  5, 10]), array([ 0,  1,  2, 12]))
    """
    _checks.whole("evaluations", evaluations, 1)
    if np.ndim(eval_every) == 0:
        _checks.whole("eval_every", eval_every, 1)
        return int(eval_every) * np.arange(evaluations)  # type: ignore[arg-type]
    times = _checks.as_numbers("eval_every", eval_every)
    whole = times.dtype.kind in "iu" or np.array_equal(times, np.round(times))
    if times.shape != (evaluations,) or not whole or times[0] != 0 or np.any(np.diff(times) <= 0):
        raise ValueError(
            f"`eval_every` must be a whole number of at least 1, or the iterations of the "
            f"{evaluations} evaluations, ascending from 0; got {eval_every!r:.200}. Pass the "
            "protocol's `evaluated_at`."
        )
    return times.astype(int)


def old_task_accuracy(accuracy: Accuracy, task: int, *, previous_only: bool = False) -> np.ndarray:
    """Return the accuracy on the tasks before `task` while it is learned, shape (E_k,).

    Pooled over all of them with equal weight, or on the one just before.

    Args:
      accuracy: see above.
      task: 1 to K - 1.
      previous_only: whether only the task just before counts.
    """
    accuracy = _checked(accuracy, tasks=2)
    _checks.flag("previous_only", previous_only)
    _checks.whole("task", task, 1)
    if task >= len(accuracy):
        raise ValueError(
            f"`task` must be one behind a switch, 1 to {len(accuracy) - 1}; got {task}. Tasks are "
            "counted from 0."
        )
    old = slice(task - 1, task) if previous_only else slice(0, task)
    return _of_task(accuracy, task)[:, old].mean(axis=1)


def gaps(accuracy: Accuracy, *, eval_every: EvalEvery = 1, previous_only: bool = False) -> Gap:
    """Measure the gap at every switch.

    A_f is the accuracy before the first update of the new task; the minimum includes it, so no gap
    is negative. A drop that never recovers (fine-tuning) counts in full.

    Args:
      accuracy: see above.
      eval_every: see above.
      previous_only: on the task just before the switch, in place of all old ones pooled.

    Example:
      >>> nan = np.nan
      >>> accuracy = np.array([[[0.1, nan], [0.8, nan]], [[0.8, 0.1], [0.6, 0.9]]])
      >>> gaps(accuracy).sg.round(2)
      array([0.25])
    """
    accuracy = _checked(accuracy, tasks=2)
    every = np.diff(evaluated_at(eval_every, accuracy.shape[1]), prepend=0)  # a drop has no i = 0
    columns = []
    for task in range(1, len(accuracy)):
        curve = old_task_accuracy(accuracy, task, previous_only=previous_only)
        final = curve[0]
        spans = every[: len(curve)]
        depth = final - curve.min()
        columns.append(
            (
                depth / final if final > 0 else np.nan,
                depth,
                np.sum(spans * (curve < 0.95 * final - 1e-6)),  # float32 rounds 0.95 down
                np.sum(spans * np.maximum(final - curve, 0)),
            )
        )
    return Gap(*np.array(columns, float).T)


def final_accuracy(accuracy: Accuracy) -> float:
    """Return avg-ACC: the mean over tasks of the accuracy after the last one.

    Example:
      >>> round(final_accuracy(np.array([[[0.8, np.nan]], [[0.6, 0.9]]])), 2)
      0.75
    """
    accuracy = _checked(accuracy, new=True)
    return float(_of_task(accuracy, -1)[-1].mean())


def average_anytime_accuracy(accuracy: Accuracy, *, eval_every: EvalEvery = 1) -> float:
    """Return AAA: the mean over time of the mean accuracy on all tasks so far, the new one too.

        AAA = 1/K sum_k sum_i (t_i - t_{i-1}) / T mean_{j <= k} A[k, i, j],   i = 1 to E - 1

    t_i is the iteration of evaluation i and T = t_{E-1}. Evaluations after an update count, all of
    them; i = 0, before a task's first update, does not: it repeats the weights of the task before.
    Each is weighted by the iterations that it stands for, so that evaluations that are denser just
    behind a switch don't bias the mean; evenly spaced ones have equal weights. Where accuracy
    rises, sparse evaluations read high, by half of the rise from one to the next. AAA charges slow
    uptake of a new task, which the gap does not.

    Args:
      accuracy: see above, E >= 2.
      eval_every: see above.

    Source: Caccia et al. 2022, arXiv 2104.05025.

    Example:
      >>> accuracy = np.array([[[0.1, np.nan], [0.8, np.nan]], [[0.8, 0.1], [0.6, 0.9]]])
      >>> round(average_anytime_accuracy(accuracy), 3)  # (0.8 + (0.6 + 0.9) / 2) / 2
      0.775
    """
    accuracy = _checked(accuracy, new=True, evaluations=2)
    every = np.diff(evaluated_at(eval_every, accuracy.shape[1]))
    means = []
    for k in range(len(accuracy)):
        over_tasks = _of_task(accuracy, k)[1:, : k + 1].mean(axis=1)
        spans = every[: len(over_tasks)]
        means.append(np.average(over_tasks, weights=spans))
    return float(np.mean(means))


def min_accuracy(accuracy: Accuracy) -> float:
    """Return min-ACC: the mean over old tasks of their lowest accuracy after they were learned."""
    accuracy = _checked(accuracy, tasks=2)
    lowest = [np.nanmin(accuracy[task + 1 :, :, task]) for task in range(len(accuracy) - 1)]
    return float(np.mean(lowest))


def worst_case_accuracy(accuracy: Accuracy) -> float:
    """Return WC-ACC = A(T_K) / K + (1 - 1/K) min-ACC."""
    accuracy = _checked(accuracy, new=True, tasks=2)
    tasks = len(accuracy)
    return float(_of_task(accuracy, -1)[-1, -1] / tasks + (1 - 1 / tasks) * min_accuracy(accuracy))


def new_task_accuracy(accuracy: Accuracy, after: int, eval_every: EvalEvery = 1) -> float:
    """Return the accuracy on the new task `after` iterations behind a switch, mean over switches.

    Args:
      accuracy: see above.
      after: iterations, at least 1; one at which there was an evaluation. NaN where a task has
        fewer.
      eval_every: see above.
    """
    accuracy = _checked(accuracy, new=True, tasks=2)
    _checks.whole("after", after, 1)
    times = evaluated_at(eval_every, accuracy.shape[1])
    if after not in times:
        raise ValueError(
            f"`after` must be an iteration that was evaluated, among {times[1:]!s:.200}; got "
            f"{after}. Choose one of these."
        )
    i = int(np.searchsorted(times, after))
    return float(np.mean([accuracy[k, i, k] for k in range(1, len(accuracy))]))


def minimum_bias(accuracy: Accuracy, images: ArrayLike) -> tuple[float, float]:
    """Return the standard error of one evaluation, and how far a minimum may read low for it.

    Of the accuracy on all old tasks, pooled, mean over switches. Accuracies p_j on n_j images each
    have the standard error s = sqrt(sum_j p_j (1 - p_j) / n_j) / k. Were the images drawn anew at
    each of E evaluations, the lowest reading would lie, on average, up to m s below the lowest
    accuracy, with m the mean of the largest of E standard normal numbers and s the largest there.
    Here all evaluations share their images, so most of the error is common to them and moves the
    curve as a whole: the bias lies between 0 and that bound.

    Args:
      accuracy: see above.
      images: evaluation images of each task, at least 1, (K,).
    """
    accuracy = _checked(accuracy, tasks=2)
    counts = _checks.as_numbers("images", images)
    if counts.shape != (len(accuracy),) or not np.all((counts >= 1) & (counts == np.round(counts))):
        raise ValueError(
            f"`images` must be the number of evaluation images of each of the {len(accuracy)} "
            f"tasks, whole and at least 1; got {images!r:.200}. Pass the stream's `test_counts`."
        )
    variance = accuracy * (1 - accuracy) / counts
    old = [_of_task(variance, k)[:, :k].sum(axis=1) for k in range(1, len(accuracy))]
    errors = [np.sqrt(sums).max() / k for k, sums in enumerate(old, start=1)]
    x = np.linspace(-10, 10, 20_001)
    largest = 10 - np.trapezoid(stats.norm.cdf(x) ** accuracy.shape[1], x)
    return float(np.mean(errors)), float(np.mean(errors) * largest)


def windowed(accuracy: Accuracy, window: int) -> tuple[float, float]:
    """Return WF^n and WP^n: the largest fall and rise of accuracy within n evaluations.

    For each task A_m - A_l and A_l - A_m are largest over all evaluations m < l of one window, that
    is l - m < n, since the task was first seen; then the mean over tasks. 0 where nothing falls or
    rises, so for n = 1. Windows are counted in evaluations, whatever their spacing.

    As in the authors' public code (github.com/Mattdl/ContinualEvaluation) the evaluation before
    the first update of all is in the first task's windows; those of later tasks begin behind an
    update of their own. That code leaves out some rises at the end of training, those from a value
    below an earlier one of the same window; the paper's definition, and this, count them.

    Args:
      accuracy: see above, E >= 2.
      window: n >= 1, in evaluations.

    Source: De Lange et al. 2023, windowed forgetting and windowed plasticity.

    Example:
      >>> accuracy = np.array([[[0.1, np.nan], [0.8, np.nan]], [[0.8, 0.1], [0.6, 0.9]]])
      >>> fall, rise = windowed(accuracy, 2)  # of 0.1, 0.8, 0.6 and of 0.9
      >>> round(fall, 2), round(rise, 2)
      (0.1, 0.35)
    """
    accuracy = _checked(accuracy, new=True, evaluations=2)
    _checks.whole("window", window, 1)
    falls, rises = [], []
    for task in range(len(accuracy)):
        later = accuracy[task:, 1:, task].ravel()  # i = 0 repeats the evaluation before
        later = later[~np.isnan(later)]
        curve = np.concatenate([accuracy[0, :1, 0], later]) if task == 0 else later
        steps = range(1, min(window, len(curve)))
        changes = np.concatenate([np.zeros(1), *(curve[step:] - curve[:-step] for step in steps)])
        falls.append(0.0 - changes.min())
        rises.append(changes.max())
    return float(np.mean(falls)), float(np.mean(rises))


def _checked(
    accuracy: ArrayLike, *, new: bool = False, tasks: int = 1, evaluations: int = 1
) -> np.ndarray:
    """Return the accuracies as an array; raise an error unless they are as stated above.

    Args:
      accuracy: (K, E, K).
      new: whether those on the task in training are read, too.
      tasks: K must be at least this.
      evaluations: E must be at least this.
    """
    array = _shaped(accuracy, tasks, evaluations)
    counts = _evaluation_counts(array)
    shape: tuple[int, ...] = array.shape
    k, i, j = np.indices(shape, sparse=True)
    read = (j <= k if new else j < k) & (i < counts[:, None, None])
    bad = np.argwhere(read & ~((array >= 0) & (array <= 1)))  # NaN, too
    if len(bad):
        place = tuple(int(x) for x in bad[0])
        raise ValueError(
            f"`accuracy` must be in [0, 1] (fraction correct) on every task seen so far; got "
            f"{array[place]} at (task, evaluation, of task) {place}. Divide percentages by 100."
        )
    return array


def _shaped(accuracy: ArrayLike, tasks: int = 1, evaluations: int = 1) -> np.ndarray:
    """Return accuracies as an array; raise an error unless they have the shape (K, E, K)."""
    array = _checks.as_numbers("accuracy", accuracy)
    shape = array.shape
    if len(shape) != 3 or shape[0] != shape[2] or shape[0] < tasks or shape[1] < evaluations:
        more = " Take the seeds one by one." if len(shape) == 4 else " See the module's help."
        raise ValueError(
            f"`accuracy` must have the shape (K, E, K), for K >= {tasks} tasks and E >= "
            f"{evaluations} evaluation{'s' * (evaluations > 1)} of each; got {shape}.{more}"
        )
    return array
