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


class Queue:
    """The queue of De Lange et al.'s public code, for one task: push an accuracy, keep the most.

    `within` is their search of a window, which leaves out what begins below an earlier value, or
    that of all pairs, which the paper defines. Falls are the same with both.
    """

    def __init__(self, size, within):
        self.size, self.within, self.values, self.most = size, within, [], 0.0

    def push(self, value):
        self.values.append(value)
        if len(self.values) > self.size:
            del self.values[0]
        self.most = max(self.most, *self.within(self.values), 0.0)


def all_pairs(sign):
    return lambda seen: [sign * (b - a) for i, a in enumerate(seen) for b in seen[i + 1 :]]


def from_running_maxima(sign):
    def changes(seen):
        tops = [i for i, a in enumerate(seen) if a >= max(seen[: i + 1])]
        return [sign * (b - seen[i]) for i in tops for b in seen[i + 1 :]]

    return changes


def pushed(accuracy, window, within):
    """Return the mean over tasks; all are evaluated after each update, the first before it, too."""
    tasks, evaluations, _ = accuracy.shape
    queues = [Queue(window, within) for _ in range(tasks)]
    queues[0].push(accuracy[0, 0, 0])
    for k in range(tasks):
        for i in range(1, evaluations):
            for j in range(k + 1):
                queues[j].push(accuracy[k, i, j])
    return np.mean([queue.most for queue in queues])


@given(accuracies(), st.integers(1, 40))
def test_windowed_changes_are_those_of_the_authors_queue(accuracy, window):
    fall, rise = metrics.windowed(accuracy, window)
    np.testing.assert_allclose(fall, pushed(accuracy, window, from_running_maxima(-1)), atol=1e-12)
    np.testing.assert_allclose(fall, pushed(accuracy, window, all_pairs(-1)), atol=1e-12)
    np.testing.assert_allclose(rise, pushed(accuracy, window, all_pairs(1)), atol=1e-12)
    assert rise >= pushed(accuracy, window, from_running_maxima(1)) - 1e-12


@given(accuracies(), st.lists(st.integers(1, 9), min_size=5, max_size=5))
def test_average_anytime_accuracy_by_a_loop_over_iterations(accuracy, spans):
    """Every iteration counts with the next evaluation, each evaluation of all tasks so far."""
    tasks, evaluations, _ = accuracy.shape
    times = np.concatenate([[0], np.cumsum(spans[: evaluations - 1])])
    total, count = 0.0, 0
    for k in range(tasks):
        for iteration in range(1, times[-1] + 1):
            i = next(i for i, time in enumerate(times) if time >= iteration)
            total += sum(float(accuracy[k, i, j]) for j in range(k + 1)) / (k + 1)
            count += 1
    found = metrics.average_anytime_accuracy(accuracy, eval_every=times)
    assert found == pytest.approx(total / count)


@given(accuracies(), st.integers(1, 9))
def test_evenly_spaced_evaluations_have_equal_weights(accuracy, every):
    readings = [
        sum(float(accuracy[k, i, j]) for j in range(k + 1)) / (k + 1)
        for k in range(len(accuracy))
        for i in range(1, len(accuracy[0]))
    ]
    found = metrics.average_anytime_accuracy(accuracy, eval_every=every)
    assert found == pytest.approx(sum(readings) / len(readings))


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
