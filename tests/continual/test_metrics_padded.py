"""Measures of tasks of different lengths, whose curves are NaN at the end."""

import numpy as np
import pytest

from neurogain.continual import metrics

LENGTHS = (5, 3, 7)


@pytest.fixture(scope="module")
def ragged():
    """Return the accuracies of each task, (E_k, K), of three tasks of different lengths."""
    rng = np.random.default_rng(0)
    tasks = [rng.uniform(0.2, 1, (length, 3)) for length in LENGTHS]
    for k, task in enumerate(tasks):
        task[:, k + 1 :] = np.nan
    return tasks


@pytest.fixture(scope="module")
def padded(ragged):
    accuracy = np.full((3, max(LENGTHS), 3), np.nan)
    for k, task in enumerate(ragged):
        accuracy[k, : len(task)] = task
    return accuracy


def test_evaluations_are_counted(padded):
    assert metrics.evaluation_counts(padded).tolist() == list(LENGTHS)
    assert metrics.evaluation_counts(padded[:2, :, :2]).tolist() == [5, 3]


@pytest.mark.parametrize("previous_only", [False, True])
def test_gaps_end_with_their_task(padded, ragged, previous_only):
    found = metrics.gaps(padded, eval_every=2, previous_only=previous_only)
    for i, k in enumerate((1, 2)):
        curve = ragged[k][:, k - 1 if previous_only else 0 : k].mean(axis=1)
        drops = curve[0] - curve
        assert found.depth[i] == pytest.approx(max(drops))
        assert found.sg[i] == pytest.approx(max(drops) / curve[0])
        assert found.duration[i] == 2 * sum(value < 0.95 * curve[0] for value in curve)
        assert found.area[i] == pytest.approx(2 * sum(drop for drop in drops if drop > 0))


def test_the_ends_are_the_last_evaluations(padded, ragged):
    shorter = padded[:2, :, :2]  # its last task is the shorter one
    assert metrics.final_accuracy(shorter) == pytest.approx(ragged[1][-1, :2].mean())
    assert metrics.final_accuracy(padded) == pytest.approx(ragged[2][-1].mean())
    lowest = [min(ragged[1][:, 0].min(), ragged[2][:, 0].min()), ragged[2][:, 1].min()]
    assert metrics.min_accuracy(padded) == pytest.approx(np.mean(lowest))
    worst = ragged[1][-1, 1] / 2 + ragged[1][:, 0].min() / 2
    assert metrics.worst_case_accuracy(shorter) == pytest.approx(worst)


def test_windows_join_the_tasks(padded, ragged):
    falls, rises = zip(
        *(
            metrics.windowed(np.asarray(curve)[None, :, None], 3)
            for curve in (
                [*ragged[0][:, 0], *ragged[1][1:, 0], *ragged[2][1:, 0]],
                [*ragged[1][1:, 1], *ragged[2][1:, 1]],  # behind an update of its own
                ragged[2][1:, 2],
            )
        ),
        strict=True,
    )
    assert metrics.windowed(padded, 3) == pytest.approx((np.mean(falls), np.mean(rises)))


def test_what_a_task_did_not_reach_is_undefined(padded, ragged):
    expected = np.mean([ragged[1][2, 1], ragged[2][2, 2]])
    assert metrics.new_task_accuracy(padded, 4, eval_every=2) == pytest.approx(expected)
    assert np.isnan(metrics.new_task_accuracy(padded, 8, eval_every=2))


def test_the_error_of_a_minimum_is_that_of_what_was_evaluated(padded, ragged):
    images = np.array([50, 80, 90])
    largest = []
    for k in (1, 2):
        p = ragged[k][:, :k]
        largest.append(max(np.sqrt((p * (1 - p) / images[:k]).sum(axis=1)) / k))
    error, bound = metrics.minimum_bias(padded, images)
    assert error == pytest.approx(np.mean(largest))
    assert error < bound < 3 * error


def test_time_is_that_of_each_task(padded, ragged):
    times = np.array([0, 1, 2, 3, 5, 9, 17])
    means = []
    for k, task in enumerate(ragged):
        spans = np.diff(times[: len(task)])
        means.append(sum(spans * task[1:, : k + 1].mean(axis=1)) / sum(spans))
    found = metrics.average_anytime_accuracy(padded, eval_every=times)
    assert found == pytest.approx(np.mean(means))
