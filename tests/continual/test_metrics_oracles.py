"""The measures against loops in plain Python, written from the definitions in the papers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurogain.continual import metrics


@st.composite
def accuracies(draw):
    """Draw curves as the trainer records them: i = 0 repeats the end of the task before."""
    tasks, evaluations = draw(st.integers(2, 4)), draw(st.integers(2, 6))
    accuracy = np.full((tasks, evaluations, tasks), np.nan)
    span = draw(st.sampled_from([1, 3, 20]))  # slow drifts as well as jumps
    for j in range(tasks):
        length = (tasks - j) * (evaluations - 1) + 1
        changes = draw(hnp.arrays(np.int64, length, elements=st.integers(-span, span)))
        seen = np.clip(10 + np.cumsum(changes), 0, 20) / 20
        for k in range(j, tasks):
            start = (k - j) * (evaluations - 1)
            accuracy[k, :, j] = seen[start : start + evaluations]
    return accuracy


def plain_gap(accuracy, every, previous_only):
    rows = []
    for k in range(1, len(accuracy)):
        old = [k - 1] if previous_only else list(range(k))
        curve = [sum(float(a[j]) for j in old) / len(old) for a in accuracy[k]]
        depth = curve[0] - min(curve)
        below = every * sum(value < 0.95 * curve[0] for value in curve)
        area = every * sum(max(curve[0] - value, 0.0) for value in curve)
        rows.append([depth / curve[0] if curve[0] else float("nan"), depth, below, area])
    return rows


def history(accuracy, task):
    """Return the evaluations of a task since it was first seen, each once."""
    seen = [float(a) for a in accuracy[task, :, task]]
    for later in range(task + 1, len(accuracy)):
        seen += [float(a) for a in accuracy[later, 1:, task]]
    return seen


@given(accuracies(), st.integers(1, 5), st.booleans())
def test_gaps(accuracy, every, previous_only):
    gap = metrics.gaps(accuracy, eval_every=every, previous_only=previous_only)
    expected = plain_gap(accuracy, every, previous_only)
    np.testing.assert_allclose(np.transpose(gap), expected, atol=1e-12)


@given(accuracies(), st.booleans())
def test_relative_gap_lies_between_zero_and_one(accuracy, previous_only):
    sg = metrics.gaps(accuracy, previous_only=previous_only).sg
    defined = sg[~np.isnan(sg)]
    assert np.all((defined >= 0) & (defined <= 1))


@given(accuracies())
def test_fewer_evaluations_never_deepen_the_gap(accuracy):
    fine, coarse = metrics.gaps(accuracy), metrics.gaps(accuracy[:, ::2], eval_every=2)
    assert np.all(coarse.depth <= fine.depth)


@given(accuracies(), st.integers(1, 40))
def test_windowed_changes_by_a_double_loop(accuracy, window):
    falls, rises = [], []
    for task in range(len(accuracy)):
        seen, fall, rise = history(accuracy, task), 0.0, 0.0
        for start in range(len(seen)):
            for end in range(start + 1, min(start + window, len(seen) - 1) + 1):
                fall = max(fall, seen[start] - seen[end])
                rise = max(rise, seen[end] - seen[start])
        falls.append(fall)
        rises.append(rise)
    expected = np.mean(falls), np.mean(rises)
    np.testing.assert_allclose(metrics.windowed(accuracy, window), expected, atol=1e-12)


@given(accuracies())
def test_minimum_final_and_worst_case_accuracy(accuracy):
    tasks = len(accuracy)
    lowest = []
    for task in range(tasks - 1):
        later = [
            accuracy[k, i, task] for k in range(task + 1, tasks) for i in range(len(accuracy[0]))
        ]
        lowest.append(min(later))
    lowest = sum(lowest) / len(lowest)
    last = [accuracy[-1, -1, task] for task in range(tasks)]
    assert metrics.min_accuracy(accuracy) == pytest.approx(lowest)
    assert metrics.final_accuracy(accuracy) == pytest.approx(sum(last) / tasks)
    worst = last[-1] / tasks + (1 - 1 / tasks) * lowest
    assert metrics.worst_case_accuracy(accuracy) == pytest.approx(worst)
