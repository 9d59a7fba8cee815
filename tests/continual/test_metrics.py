import numpy as np
import pytest

from neurogain.continual import metrics


def curves(*tasks):
    """Return (K, E, K) from one list of curves a task, NaN for the tasks that are not seen yet."""
    accuracy = np.full((len(tasks), len(tasks[0][0]), len(tasks)), np.nan)
    for k, rows in enumerate(tasks):
        for j, curve in enumerate(rows):
            accuracy[k, :, j] = curve
    return accuracy


TWO = curves([[0.1, 0.5, 0.8, 0.8]], [[0.8, 0.2, 0.74, 0.78], [0.0, 0.4, 0.7, 0.9]])
THREE = curves(
    [[0.0, 0.5, 1.0]],
    [[1.0, 0.4, 0.9], [0.0, 0.6, 0.7]],
    [[0.9, 0.5, 0.8], [0.7, 0.1, 0.6], [0.0, 0.9, 1.0]],
)


def test_a_gap_made_by_hand():
    gap = metrics.gaps(TWO)
    np.testing.assert_allclose(gap.sg, [0.75])  # (0.8 - 0.2) / 0.8
    np.testing.assert_allclose(gap.depth, [0.6])
    np.testing.assert_array_equal(gap.duration, [2])  # 0.2 and 0.74 are below 0.76, 0.78 is not
    np.testing.assert_allclose(gap.area, [0.6 + 0.06 + 0.02])


def test_old_tasks_are_pooled_with_equal_weight():
    gap = metrics.gaps(THREE)
    np.testing.assert_allclose(gap.sg, [0.6, (0.8 - 0.3) / 0.8])
    np.testing.assert_allclose(gap.depth, [0.6, 0.5])


def test_previous_task_variant_looks_at_one_task():
    gap = metrics.gaps(THREE, previous_only=True)
    np.testing.assert_allclose(gap.sg, [0.6, (0.7 - 0.1) / 0.7])
    np.testing.assert_allclose(metrics.old_task_accuracy(THREE, 2), [0.8, 0.3, 0.7])
    np.testing.assert_allclose(
        metrics.old_task_accuracy(THREE, 2, previous_only=True), [0.7, 0.1, 0.6]
    )


def test_duration_and_area_are_in_iterations_whatever_the_spacing():
    one, ten = metrics.gaps(TWO), metrics.gaps(TWO, eval_every=10)
    np.testing.assert_array_equal(ten.duration, 10 * one.duration)
    np.testing.assert_allclose(ten.area, 10 * one.area)
    np.testing.assert_array_equal(ten.sg, one.sg)
    np.testing.assert_array_equal(ten.depth, one.depth)


def test_a_rise_is_no_gap_and_takes_nothing_from_the_area():
    rising = curves([[0.1, 0.4, 0.5]], [[0.5, 0.9, 0.4], [0.0, 0.5, 0.5]])
    gap = metrics.gaps(rising)
    np.testing.assert_allclose(gap.area, [0.1])
    np.testing.assert_allclose(gap.sg, [0.2])
    assert metrics.gaps(curves([[0.5, 0.5]], [[0.5, 0.9], [0.0, 0.5]])).sg == [0.0]


def test_a_drop_that_never_recovers_counts_in_full():
    lost = curves([[0.5, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    gap = metrics.gaps(lost)
    assert (gap.sg, gap.depth, gap.duration, gap.area) == ([1.0], [1.0], [1.0], [1.0])


def test_relative_gap_is_undefined_where_nothing_was_learned():
    nothing = curves([[0.2, 0.0]], [[0.0, 0.3], [0.0, 0.5]])
    gap = metrics.gaps(nothing)
    assert np.isnan(gap.sg).all()
    assert (gap.depth, gap.duration, gap.area) == ([0.0], [0.0], [0.0])


def test_final_minimum_and_worst_case_accuracy_by_hand():
    assert metrics.final_accuracy(THREE) == pytest.approx((0.8 + 0.6 + 1.0) / 3)
    assert metrics.min_accuracy(THREE) == pytest.approx((0.4 + 0.1) / 2)
    assert metrics.worst_case_accuracy(THREE) == pytest.approx(1 / 3 + 2 / 3 * 0.25)


def test_windowed_changes_by_hand():
    # task 0: 0.1 0.5 0.8 0.8 | 0.2 0.74 0.78; task 1: 0 0.4 0.7 0.9
    fall, rise = metrics.windowed(TWO, 1)
    assert (fall, rise) == pytest.approx(((0.6 + 0.0) / 2, (0.54 + 0.4) / 2))
    fall, rise = metrics.windowed(TWO, 2)
    assert (fall, rise) == pytest.approx(((0.6 + 0.0) / 2, (0.7 + 0.7) / 2))


def test_windows_do_not_count_the_evaluation_at_a_switch_twice():
    falling = curves([[0.9, 0.7]], [[0.7, 0.5], [0.5, 0.5]])
    assert metrics.windowed(falling, 2)[0] == pytest.approx(0.4 / 2)  # 0.9 to 0.5 in two steps


def test_exactly_ninety_five_percent_in_float32_is_not_below_it():
    accuracy = np.full((2, 3, 2), np.nan, np.float32)
    accuracy[0, :, 0] = 1
    accuracy[1] = np.array([[1, 0], [475 / 500, 0.5], [1, 1]], np.float32)
    assert metrics.gaps(accuracy.astype(float)).duration == [0]


def test_accuracy_on_the_new_task_after_some_iterations():
    assert metrics.new_task_accuracy(THREE, 1) == pytest.approx((0.6 + 0.9) / 2)
    assert metrics.new_task_accuracy(THREE, 20, eval_every=10) == pytest.approx((0.7 + 1.0) / 2)


def test_standard_error_and_bound_of_the_bias_of_a_minimum_by_hand():
    error, bound = metrics.minimum_bias(TWO, [100, 50])  # task 0 alone is old
    assert error == pytest.approx((0.74 * 0.26 / 100) ** 0.5)  # the largest of 0.8, 0.2, 0.74, 0.78
    assert bound == pytest.approx(error * 1.02938, rel=1e-5)  # largest of 4: Harter 1961, table 1
    error, _ = metrics.minimum_bias(THREE, [100, 50, 10])
    first = (0.4 * 0.6 / 100) ** 0.5
    second = max(
        (a * (1 - a) / 100 + b * (1 - b) / 50) ** 0.5 / 2
        for a, b in ((0.9, 0.7), (0.5, 0.1), (0.8, 0.6))
    )
    assert error == pytest.approx((first + second) / 2)


def test_the_bound_holds_where_images_are_drawn_anew():
    rng = np.random.default_rng(0)
    true, images, evaluations = 0.7, 200, 50
    read = rng.binomial(images, true, (2000, evaluations)) / images
    accuracy = np.full((2, evaluations, 2), np.nan)
    accuracy[1] = true
    _, bound = metrics.minimum_bias(accuracy, [images, images])
    bias = true - read.min(axis=1).mean()
    assert 0.9 * bound < bias < 1.05 * bound
