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
    # task 0: 0.1 0.5 0.8 0.8 | 0.2 0.74 0.78; task 1, after its first update: 0.4 0.7 0.9
    fall, rise = metrics.windowed(TWO, 2)
    assert (fall, rise) == pytest.approx(((0.6 + 0.0) / 2, (0.54 + 0.3) / 2))
    fall, rise = metrics.windowed(TWO, 3)
    assert (fall, rise) == pytest.approx(((0.6 + 0.0) / 2, (0.7 + 0.5) / 2))


def test_a_window_of_one_evaluation_holds_no_change():
    assert str(metrics.windowed(TWO, 1)) == "(0.0, 0.0)"  # not -0.0


def test_windows_do_not_count_the_evaluation_at_a_switch_twice():
    falling = curves([[0.9, 0.7]], [[0.7, 0.5], [0.5, 0.5]])
    assert metrics.windowed(falling, 3)[0] == pytest.approx(0.4 / 2)  # 0.9 to 0.5 in two steps


def test_average_anytime_accuracy_by_hand():
    first, second = (0.5 + 1.0) / 2, ((0.4 + 0.6) / 2 + (0.9 + 0.7) / 2) / 2
    third = ((0.5 + 0.1 + 0.9) / 3 + (0.8 + 0.6 + 1.0) / 3) / 2
    assert metrics.average_anytime_accuracy(THREE) == pytest.approx((first + second + third) / 3)


def test_average_anytime_accuracy_of_exponential_learning_in_closed_form():
    """New tasks are learned as 1 - q^i and never forgotten: sums of a geometric series."""
    q, updates, tasks = 0.9, 40, 4
    accuracy = np.full((tasks, updates + 1, tasks), np.nan)
    for k in range(tasks):
        accuracy[k, :, :k] = 1
        accuracy[k, :, k] = 1 - q ** np.arange(updates + 1)
    lost = q * (1 - q**updates) / (1 - q) / updates  # mean of q^i over i = 1 to T
    expected = 1 - lost * sum(1 / (k + 1) for k in range(tasks)) / tasks
    assert metrics.average_anytime_accuracy(accuracy) == pytest.approx(expected)


def test_an_evaluation_stands_for_the_iterations_since_the_one_before():
    times = [0, 1, 2, 12]
    gap = metrics.gaps(TWO, eval_every=times)  # old task: 0.8 0.2 0.74 0.78
    np.testing.assert_array_equal(gap.duration, [1 + 1])
    np.testing.assert_allclose(gap.area, [0.6 + 0.06 + 10 * 0.02])
    first = (0.5 + 0.8 + 10 * 0.8) / 12
    second = ((0.2 + 0.4) + (0.74 + 0.7) + 10 * (0.78 + 0.9)) / 2 / 12
    found = metrics.average_anytime_accuracy(TWO, eval_every=times)
    assert found == pytest.approx((first + second) / 2)
    assert metrics.new_task_accuracy(TWO, 12, times) == pytest.approx(0.9)


def test_where_curves_are_flat_between_evaluations_a_schedule_loses_nothing():
    """Steps held over the sparse spans: the schedule and every iteration give the same areas."""
    rng = np.random.default_rng(1)
    times = np.array([0, 1, 2, 3, 8, 13])
    some = rng.uniform(0.1, 1, (3, len(times), 3))
    every = np.repeat(some, np.diff(times, prepend=-1), axis=1)  # each ends at its evaluation
    for k in range(3):
        some[k, :, k + 1 :] = every[k, :, k + 1 :] = np.nan
    sparse, dense = metrics.gaps(some, eval_every=times), metrics.gaps(every)
    np.testing.assert_allclose(np.array(sparse), np.array(dense))
    np.testing.assert_allclose(
        metrics.average_anytime_accuracy(some, eval_every=times),
        metrics.average_anytime_accuracy(every),
    )


def test_exactly_ninety_five_percent_in_float32_is_not_below_it():
    accuracy = np.full((2, 3, 2), np.nan, np.float32)
    accuracy[0, :, 0] = 1
    accuracy[1] = np.array([[1, 0], [475 / 500, 0.5], [1, 1]], np.float32)
    assert metrics.gaps(accuracy.astype(float)).duration == [0]


def test_accuracy_on_the_new_task_after_some_iterations():
    assert metrics.new_task_accuracy(THREE, 1) == pytest.approx((0.6 + 0.9) / 2)
    assert metrics.new_task_accuracy(THREE, 10, eval_every=10) == pytest.approx((0.6 + 0.9) / 2)
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


NAN = np.nan
HALF = np.full((2, 3, 2), 0.5)
OF_CURVES = {
    "old_task_accuracy": lambda a: metrics.old_task_accuracy(a, 1),
    "gaps": metrics.gaps,
    "min_accuracy": metrics.min_accuracy,
    "minimum_bias": lambda a: metrics.minimum_bias(a, [9] * len(a)),
    "final_accuracy": metrics.final_accuracy,
    "average_anytime_accuracy": metrics.average_anytime_accuracy,
    "worst_case_accuracy": metrics.worst_case_accuracy,
    "new_task_accuracy": lambda a: metrics.new_task_accuracy(a, 1),
    "windowed": lambda a: metrics.windowed(a, 2),
}
OF_SWITCHES = OF_CURVES.keys() - {"final_accuracy", "average_anytime_accuracy", "windowed"}
OF_UPDATES = ("average_anytime_accuracy", "windowed")
SHAPE = r"`accuracy` must have the shape \(K, E, K\), for K >= {} tasks and E >= {} evaluation"


@pytest.mark.parametrize("name", OF_CURVES)
@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (np.full((2, 3), 0.5), r"got \(2, 3\)\. See"),
        (np.full((2, 3, 4), 0.5), r"got \(2, 3, 4\)"),
        (np.full((2, 0, 2), 0.5), r"got \(2, 0, 2\)"),
        (np.full((5, 2, 3, 2), 0.5), r"got \(5, 2, 3, 2\)\. Take the seeds one by one"),
    ],
    ids=str,
)
def test_curves_of_another_shape_are_refused(name, bad, got):
    tasks, evaluations = 1 + (name in OF_SWITCHES), 1 + (name in OF_UPDATES)
    with pytest.raises(ValueError, match=SHAPE.format(tasks, evaluations) + ".*" + got):
        OF_CURVES[name](bad)


@pytest.mark.parametrize("name", sorted(OF_SWITCHES))
def test_one_task_has_no_switch(name):
    with pytest.raises(ValueError, match=r"for K >= 2 tasks.*got \(1, 3, 1\)"):
        OF_CURVES[name](HALF[:1, :, :1])


@pytest.mark.parametrize("name", OF_UPDATES)
def test_evaluations_before_an_update_alone_are_refused(name):
    with pytest.raises(ValueError, match=r"E >= 2 evaluations of each; got \(2, 1, 2\)"):
        OF_CURVES[name](HALF[:, :1])


@pytest.mark.parametrize("name", OF_CURVES)
@pytest.mark.parametrize("value", [1.5, -0.1, 97.0, NAN, np.inf])
def test_accuracies_are_fractions_where_tasks_were_seen(name, value):
    bad = HALF.copy()
    bad[0, :, 1] = NAN  # not seen yet: may be anything
    OF_CURVES[name](bad)
    bad[1, 2, 0] = value
    message = rf"in \[0, 1\] .*; got {value} at \(task, evaluation, of task\) \(1, 2, 0\)"
    with pytest.raises(ValueError, match=message):
        OF_CURVES[name](bad)


@pytest.mark.parametrize("name", OF_CURVES)
def test_words_are_no_accuracies(name):
    with pytest.raises(TypeError, match="`accuracy` must be a number or an array of numbers"):
        OF_CURVES[name](np.full((2, 3, 2), "0.5"))


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("window", lambda n: metrics.windowed(HALF, n)),
        ("after", lambda n: metrics.new_task_accuracy(HALF, n)),
        ("task", lambda n: metrics.old_task_accuracy(HALF, n)),
        ("eval_every", lambda n: metrics.gaps(HALF, eval_every=n)),
        ("eval_every", lambda n: metrics.average_anytime_accuracy(HALF, eval_every=n)),
        ("eval_every", lambda n: metrics.new_task_accuracy(HALF, 1, n)),
    ],
)
def test_counts_are_whole_and_positive(name, call, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number of at least 1; got"):
        call(value)


@pytest.mark.parametrize(
    "times", [[1, 2, 3], [0, 2, 2], [0, 2, 1], [0, 1], [[0, 1, 2]], [0, 0.5, 1], [0, 1, NAN]]
)
def test_iterations_of_evaluations_ascend_from_0(times):
    message = r"`eval_every` must be .* the iterations of the 3 evaluations, ascending from 0; got"
    with pytest.raises(ValueError, match=message):
        metrics.gaps(HALF, eval_every=times)


def test_an_iteration_that_was_not_evaluated_is_refused():
    with pytest.raises(ValueError, match=r"`after` must be .* among \[ 5 10\]; got 7\."):
        metrics.new_task_accuracy(HALF, 7, eval_every=5)
    with pytest.raises(ValueError, match=r"among \[1 9\]; got 20\."):
        metrics.new_task_accuracy(HALF, 20, eval_every=[0, 1, 9])


def test_a_task_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"`task` must be one behind a switch, 1 to 1; got 2\."):
        metrics.old_task_accuracy(HALF, 2)
    with pytest.raises(TypeError, match="`previous_only` must be True or False; got 1"):
        metrics.gaps(HALF, previous_only=1)


@pytest.mark.parametrize("images", [5, [5], [5, 0], [5, -1], [5, 2.5], [5, NAN], [[5, 5]]])
def test_images_are_a_count_for_each_task(images):
    with pytest.raises(ValueError, match=r"`images` must be the number .* of each of the 2 tasks"):
        metrics.minimum_bias(HALF, images)


def test_evaluations_of_a_list_are_counted():
    nan = float("nan")
    assert metrics.evaluation_counts([[[0.5]]]).tolist() == [1]
    with pytest.raises(ValueError, match=r"`accuracy` must have the shape \(K, E, K\)"):
        metrics.evaluation_counts([0.5])
    with pytest.raises(ValueError, match=r"must have an evaluation of each task; .* for task 1\."):
        metrics.evaluation_counts([[[0.5, nan]], [[nan, nan]]])


@pytest.mark.parametrize(("times", "count"), [([], 0), (5, -3), (5, 0), (5, 2.0)])
def test_a_number_of_evaluations_is_whole_and_positive(times, count):
    with pytest.raises(ValueError, match="`evaluations` must be a whole number of at least 1; got"):
        metrics.evaluated_at(times, count)
