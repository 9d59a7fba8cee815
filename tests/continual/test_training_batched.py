import dataclasses

import numpy as np
import pytest

pytestmark = pytest.mark.optimized

CONSTANTS = {"learning_rate": 0.02, "decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}
OTHER = {"learning_rate": 0.05, "decay": 0.8, "baseline": 1.5, "sensitivity": 0.1}


def assert_same(batched, i, single):
    for name, a, b in zip(single._fields, batched, single, strict=True):
        np.testing.assert_allclose(a[i], b[0], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("constants", "seeds"),
    [([CONSTANTS, CONSTANTS], [3, 4]), ([CONSTANTS, OTHER], [3, 3])],
    ids=["seeds", "constants"],
)
def test_runs_side_by_side_are_the_runs_one_by_one(make_trainer, constants, seeds):
    trainer = make_trainer("ngm")
    batched = trainer.run(constants, seeds)
    assert not np.array_equal(batched.loss[0], batched.loss[1])
    for i, (run, seed) in enumerate(zip(constants, seeds, strict=True)):
        assert_same(batched, i, trainer.run([run], [seed]))


def test_each_task_is_reported_when_it_is_finished(make_trainer):
    trainer, seen = make_trainer("ngm"), []
    curves = trainer.run([CONSTANTS], [3], lambda task, part: seen.append((task, part)))
    assert [task for task, _ in seen] == [0, 1, 2]
    for task, part in seen:
        for whole, one in zip(curves, part, strict=True):
            np.testing.assert_array_equal(whole[:, task], one)


def test_slow_weights_are_left_out_on_request(make_trainer):
    trainer = make_trainer("ngm")
    left_out = dataclasses.replace(trainer, slow_weights=False).run([CONSTANTS], [3])
    assert np.isnan(left_out.slow_accuracy).all()
    np.testing.assert_array_equal(left_out.loss, trainer.run([CONSTANTS], [3]).loss)


def test_shapes(make_trainer):
    curves = make_trainer("ngm").run([CONSTANTS, OTHER], [3, 4])
    assert curves.accuracy.shape == (2, 3, 7, 3)
    assert curves.slow_accuracy.shape == (2, 3, 3)
    for name in ("gain", "uncertainty", "loss"):
        assert getattr(curves, name).shape == (2, 3, 6)
    assert all(isinstance(array, np.ndarray) for array in curves)


def test_a_run_repeats_bit_for_bit(make_trainer):
    trainer = make_trainer("ngm")
    for first, again in zip(*(trainer.run([CONSTANTS], [3]) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(first, again)
