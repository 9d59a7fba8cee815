import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import get_gain, modulate_by_gain, ngm_sgd, reset_on_switch
from neurogain.optim.train_state import TrainState


class WithTask(TrainState):
    task: int = 0


def test_apply_gradients_forwards_the_drive(params, grads, assert_close):
    tx = optax.chain(optax.clip(1.0), modulate_by_gain(optax.adam(0.1)))
    state = TrainState.create(apply_fn=None, params=params, tx=tx)
    state = jax.jit(lambda s, u: s.apply_gradients(grads=grads, uncertainty=u))(state, 0.5)
    updates, opt_state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    assert_close(state.params, optax.apply_updates(params, updates), rtol=1e-5, atol=1e-6)
    assert_close(state.opt_state, opt_state, rtol=1e-5, atol=1e-6)
    assert int(state.step) == 1
    np.testing.assert_allclose(get_gain(state.opt_state), 1.2, rtol=1e-6)


def test_other_keywords_replace_fields_and_extra_args_reach_the_optimizer(params, grads):
    tx = reset_on_switch(modulate_by_gain(optax.sgd(0.1)))
    state = WithTask.create(apply_fn=None, params=params, tx=tx, task=0)
    state = state.apply_gradients(
        grads=grads, uncertainty=0.5, extra_args={"task_switch": False}, task=7
    )
    assert (state.step, state.task) == (1, 7)
    np.testing.assert_allclose(get_gain(state.opt_state), 1.2, rtol=1e-6)


def test_an_optimizer_without_a_gain_ignores_the_drive(params):
    state = TrainState.create(apply_fn=None, params=params, tx=optax.scale(-1.0))
    state = state.apply_gradients(grads=params, uncertainty=0.5)
    assert not any(jnp.any(x) for x in jax.tree.leaves(state.params))


def test_a_missing_drive_raises(params, grads):
    state = TrainState.create(apply_fn=None, params=params, tx=modulate_by_gain(optax.sgd(0.1)))
    with pytest.raises(TypeError, match="did not receive `uncertainty`"):
        state.apply_gradients(grads=grads)


def test_a_gain_is_forwarded():
    params = {"w": jnp.ones(2)}
    state = TrainState.create(apply_fn=None, params=params, tx=ngm_sgd(0.1))
    state = state.apply_gradients(grads=params, gain=2.0)
    np.testing.assert_allclose(state.params["w"], 2.0 * 0.9, rtol=1e-6)
