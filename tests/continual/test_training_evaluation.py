import dataclasses

import numpy as np
import pytest

from neurogain.experiments import stability_gap

SGD = {"learning_rate": 0.3}


@pytest.fixture(scope="module")
def every_update(make_trainer):
    return make_trainer("sgd").run([SGD], [0])


@pytest.mark.parametrize("eval_every", [2, 6])
def test_fewer_evaluations_are_some_of_the_same(make_trainer, every_update, eval_every):
    fewer = make_trainer("sgd", eval_every=eval_every).run([SGD], [0])
    expected = every_update.accuracy[:, :, ::eval_every]
    np.testing.assert_allclose(fewer.accuracy, expected, atol=1e-6)
    np.testing.assert_allclose(fewer.loss, every_update.loss, rtol=1e-4)


@pytest.mark.parametrize("options", [{}, {"batched": False, "scanned": False}], ids=str)
def test_a_schedule_evaluates_some_of_the_same_updates(make_trainer, every_update, options):
    trainer = make_trainer("sgd", dense=2, sparse=4)
    times = [0, 1, 2, 6]
    assert list(trainer.protocol.evaluated_at) == times
    found = dataclasses.replace(trainer, **options).run([SGD], [0])
    np.testing.assert_array_equal(found.evaluated_at, np.tile(times, (1, 3, 1)))
    np.testing.assert_allclose(found.accuracy, every_update.accuracy[:, :, times], atol=1e-6)
    for name in ("loss", "gain", "uncertainty"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(every_update, name), rtol=1e-4, err_msg=name
        )
    np.testing.assert_allclose(found.slow_accuracy, every_update.slow_accuracy, atol=1e-6)


def test_curves_say_when_they_were_evaluated(every_update):
    np.testing.assert_array_equal(every_update.evaluated_at, np.tile(np.arange(7), (1, 3, 1)))


def test_tasks_to_come_are_not_evaluated(every_update):
    for task in range(3):
        assert not np.isnan(every_update.accuracy[0, task, :, : task + 1]).any()
        assert np.isnan(every_update.accuracy[0, task, :, task + 1 :]).all()
        assert np.isnan(every_update.slow_accuracy[0, task, task + 1 :]).all()


def test_first_evaluation_of_a_task_is_the_last_of_the_one_before(every_update):
    for task in (1, 2):
        before = every_update.accuracy[0, task - 1, -1, :task]
        np.testing.assert_array_equal(every_update.accuracy[0, task, 0, :task], before)


def test_accuracies_are_counts_of_the_evaluation_images(every_update, stream):
    right = every_update.accuracy[0, -1] * stream.test_counts
    assert len(set(stream.test_counts.tolist())) > 1  # padded
    np.testing.assert_allclose(right, np.round(right), atol=1e-4)
    assert 0 < right.max() <= stream.test_counts.max()


def test_a_run_that_diverged_is_always_wrong_and_flagged(make_trainer, every_update):
    with pytest.warns(RuntimeWarning, match=r"the loss is not finite in task \d in 1 of 1 runs"):
        curves = make_trainer("sgd").run([{"learning_rate": 1e30}], [0])
    assert not np.isfinite(curves.loss[0]).all()
    np.testing.assert_array_equal(curves.accuracy[0, 2, -1], 0.0)
    assert stability_gap.measure(curves)["diverged"] == [True]
    assert stability_gap.measure(every_update)["diverged"] == [False]


def test_slow_weights_are_the_weights_where_there_is_no_gain(every_update):
    np.testing.assert_array_equal(every_update.slow_accuracy, every_update.accuracy[:, :, -1])
