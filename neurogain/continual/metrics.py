"""Measures of continual learning from the accuracies evaluated while learning.

All take `accuracy`, shape (K, E, K): [k, i, j] is the accuracy on task j at evaluation i of task k,
i = 0 before its first update, NaN for j > k. K >= 2. Tasks with fewer evaluations than the longest
are NaN at the end, for all j; nothing counts there.

Sources: arXiv 2507.14056 (stability gap); De Lange, van de Ven & Tuytelaars, 'Continual evaluation
for lifelong learning: identifying the stability gap', ICLR 2023 (the others).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy import stats

Accuracy = Float[np.ndarray, "K E K"]


def evaluations(accuracy: Accuracy) -> Int[np.ndarray, " K"]:
    """Return the number of evaluations of each task, (K,), without the NaN behind a short one.

    Example:
      >>> nan = np.nan
      >>> accuracy = np.array([[[0.1, nan], [nan, nan]], [[0.8, 0.1], [0.6, 0.9]]])
      >>> evaluations(accuracy).tolist()
      [1, 2]
    """
    there = ~np.isnan(accuracy).all(axis=2)
    return accuracy.shape[1] - np.argmax(there[:, ::-1], axis=1)


def _of_task(accuracy: Accuracy, task: int) -> np.ndarray:
    """Return the evaluations while one task is learned, (E_k, K)."""
    return accuracy[task, : evaluations(accuracy)[task]]


class Gap(NamedTuple):
    """The transient drop of old-task accuracy at each of the K - 1 switches."""

    sg: Float[np.ndarray, " switches"]  # relative: (A_f - min A) / A_f; NaN where A_f = 0
    depth: Float[np.ndarray, " switches"]  # A_f - min A, fraction correct
    duration: Float[np.ndarray, " switches"]  # iterations below 95 % of A_f
    area: Float[np.ndarray, " switches"]  # sum of (A_f - A) where positive, times iterations


def old_task_accuracy(accuracy: Accuracy, task: int, *, previous_only: bool = False) -> np.ndarray:
    """Return the accuracy on the tasks before `task` while it is learned, shape (E_k,).

    Pooled over all of them with equal weight, or on the one just before.
    """
    old = slice(task - 1, task) if previous_only else slice(0, task)
    return _of_task(accuracy, task)[:, old].mean(axis=1)


def gaps(accuracy: Accuracy, *, eval_every: int = 1, previous_only: bool = False) -> Gap:
    """Measure the gap at every switch.

    A_f is the accuracy before the first update of the new task; the minimum includes it, so no gap
    is negative. A drop that never recovers (fine-tuning) counts in full.

    Args:
      accuracy: see above.
      eval_every: iterations between evaluations.
      previous_only: on the task just before the switch, in place of all old ones pooled.

    Example:
      >>> nan = np.nan
      >>> accuracy = np.array([[[0.1, nan], [0.8, nan]], [[0.8, 0.1], [0.6, 0.9]]])
      >>> gaps(accuracy).sg.round(2)
      array([0.25])
    """
    columns = []
    for task in range(1, len(accuracy)):
        curve = old_task_accuracy(accuracy, task, previous_only=previous_only)
        final = curve[0]
        depth = final - curve.min()
        columns.append(
            (
                depth / final if final > 0 else np.nan,
                depth,
                eval_every * np.sum(curve < 0.95 * final - 1e-6),  # float32 rounds 0.95 down
                eval_every * np.sum(np.maximum(final - curve, 0)),
            )
        )
    return Gap(*np.array(columns, float).T)


def final_accuracy(accuracy: Accuracy) -> float:
    """Return avg-ACC: the mean over tasks of the accuracy after the last one.

    Example:
      >>> round(final_accuracy(np.array([[[0.8, np.nan]], [[0.6, 0.9]]])), 2)
      0.75
    """
    return float(_of_task(accuracy, -1)[-1].mean())


def min_accuracy(accuracy: Accuracy) -> float:
    """Return min-ACC: the mean over old tasks of their lowest accuracy after they were learned."""
    lowest = [np.nanmin(accuracy[task + 1 :, :, task]) for task in range(len(accuracy) - 1)]
    return float(np.mean(lowest))


def worst_case_accuracy(accuracy: Accuracy) -> float:
    """Return WC-ACC = A(T_K) / K + (1 - 1/K) min-ACC."""
    tasks = len(accuracy)
    return float(_of_task(accuracy, -1)[-1, -1] / tasks + (1 - 1 / tasks) * min_accuracy(accuracy))


def new_task_accuracy(accuracy: Accuracy, after: int, eval_every: int = 1) -> float:
    """Return the accuracy on the new task `after` iterations behind a switch, mean over switches.

    Args:
      accuracy: see above.
      after: iterations, a multiple of `eval_every`; NaN where a task has fewer.
      eval_every: iterations between evaluations.
    """
    reached = [accuracy[k, after // eval_every, k] for k in range(1, len(accuracy))]
    return float(np.mean(reached))


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
      images: evaluation images of each task, (K,).
    """
    variance = accuracy * (1 - accuracy) / np.asarray(images)
    old = [_of_task(variance, k)[:, :k].sum(axis=1) for k in range(1, len(accuracy))]
    errors = [np.sqrt(sums).max() / k for k, sums in enumerate(old, start=1)]
    x = np.linspace(-10, 10, 20_001)
    largest = 10 - np.trapezoid(stats.norm.cdf(x) ** accuracy.shape[1], x)
    return float(np.mean(errors)), float(np.mean(errors) * largest)


def windowed(accuracy: Accuracy, window: int) -> tuple[float, float]:
    """Return WF^n and WP^n: the largest fall and rise of accuracy within n evaluations.

    For each task over all evaluations since it was first seen; the mean over tasks.

    Args:
      accuracy: see above.
      window: n >= 1, in evaluations.
    """
    falls, rises = [], []
    for task in range(len(accuracy)):
        first = accuracy[task, :, task]
        rest = accuracy[task + 1 :, 1:, task].ravel()  # i = 0 repeats the evaluation before
        curve = np.concatenate([first, rest])
        curve = curve[~np.isnan(curve)]
        steps = range(1, min(window, len(curve) - 1) + 1)
        changes = [curve[step:] - curve[:-step] for step in steps]
        falls.append(max(0.0, *(-c.min() for c in changes)))
        rises.append(max(0.0, *(c.max() for c in changes)))
    return float(np.mean(falls)), float(np.mean(rises))
