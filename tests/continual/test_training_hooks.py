"""What is drawn, what is observed, and tasks learned one at a time."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual import batches

SGD = {"learning_rate": 0.3}


def output(state):
    return state.params["output"]["kernel"]


@pytest.fixture(scope="module")
def trainer(make_trainer):
    return dataclasses.replace(make_trainer("sgd", eval_every=6), observe=output)


def test_weights_are_observed_after_the_updates_asked_for(trainer):
    together = trainer.learn(trainer.start([SGD] * 2, [0, 1]), 0, keep=[1, 4, 6])
    assert together.observed.shape == (2, 3, 12, 10)
    np.testing.assert_array_equal(together.observed[:, -1], output(together.runs.state))
    looped = dataclasses.replace(trainer, batched=False, scanned=False)
    assert looped.step_by_step
    apart = looped.learn(looped.start([SGD] * 2, [0, 1]), 0, keep=[1, 4, 6])
    np.testing.assert_allclose(apart.observed, together.observed, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(apart.curves.loss, together.curves.loss, rtol=1e-4)


def test_each_run_may_learn_a_task_of_its_own(trainer):
    runs = trainer.learn(trainer.start([SGD] * 2, [0, 1]), [2, 1], first=0)
    for i, task in enumerate((2, 1)):
        alone = trainer.learn(trainer.start([SGD] * 2, [0, 1]), task, first=0)
        np.testing.assert_allclose(runs.curves.loss[i], alone.curves.loss[i], rtol=1e-5)
        np.testing.assert_allclose(runs.curves.accuracy[i], alone.curves.accuracy[i], rtol=1e-6)
    with pytest.raises(ValueError, match=r"one for each of the 2 runs; got 1"):
        trainer.learn(trainer.start([SGD] * 2, [0, 1]), [2])


def test_nothing_is_kept_unless_it_is_asked_for(trainer):
    assert trainer.learn(trainer.start([SGD], [0]), 0).observed == ()


def test_draws_follow_the_number_of_the_update_in_the_run(stream, trainer):
    key, buffer = jax.random.key(3), jnp.zeros(1, jnp.int32)
    protocol = dataclasses.replace(trainer.protocol, regime="finetune")
    for task, first, number in ((1, None, 6 + 2), (1, 0, 2), (2, 5, 7)):
        source = batches.make_source(stream, protocol, task, first)
        found = batches.of_run(key, 16, source, buffer, jnp.int32(2))
        own = jax.random.fold_in(jax.random.fold_in(key, 1), number)
        expected = jax.random.randint(own, (16,), stream.starts[task], stream.starts[task + 1])
        np.testing.assert_array_equal(found, expected)


def test_a_state_that_was_saved_is_that_of_the_same_runs_alone(trainer):
    runs = trainer.start([SGD] * 2, [0, 1])
    saved = runs.saved()
    other = trainer.start([SGD] * 2, [2, 3])
    np.testing.assert_array_equal(output(other.restored(saved).state), output(runs.state))
    with pytest.raises(ValueError, match=r"a checkpoint must be of the same runs; state0 is"):
        trainer.start([SGD], [0]).restored(saved)
    with pytest.raises(ValueError, match=r"state1 is float64 of shape \(0,\), here float32"):
        runs.restored({"state0": saved["state0"]})
