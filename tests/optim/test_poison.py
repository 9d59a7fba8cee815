"""A bad drive that only the device sees turns gain and updates into NaN: nothing stays hidden."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import get_gain, modulate_by_gain, ngm_sgd
from neurogain.uncertainty import entropy


@pytest.mark.parametrize("drive", [float("nan"), -0.5, float("inf"), np.array([0.5, -0.1])])
def test_under_jit_a_bad_drive_poisons_gain_and_updates(drive, params, grads):
    tx = modulate_by_gain(optax.sgd(0.1))
    updates, state = jax.jit(tx.update)(grads, tx.init(params), params, uncertainty=drive)
    assert np.isnan(state.gain)
    assert all(np.isnan(x).all() for x in jax.tree.leaves(updates))


def test_only_the_poisoned_unit_is_lost(params, grads):
    tx = modulate_by_gain(optax.sgd(0.1), per="unit")
    drive = {"bias": np.ones(4), "hidden": np.array([1.0, -1.0, 1.0, 1.0]), "out": np.ones(2)}
    updates, _ = jax.jit(tx.update)(grads, tx.init(params), params, uncertainty=drive)
    assert np.isnan(updates["hidden"][:, 1]).all()
    assert np.isfinite(np.delete(updates["hidden"], 1, axis=1)).all()
    assert np.isfinite(updates["out"]).all()


def test_apply_if_finite_skips_a_step_whose_logits_are_nan(params, assert_close):
    tx = optax.apply_if_finite(ngm_sgd(0.1), 3)

    @jax.jit
    def step(E, state, x):
        def loss(E):
            logits = jnp.tanh(x @ E["hidden"] + E["bias"]) @ E["out"]
            return jnp.mean(logits**2), logits

        grads, logits = jax.grad(loss, has_aux=True)(E)
        updates, state = tx.update(grads, state, E, uncertainty=entropy(logits))
        return optax.apply_updates(E, updates), state

    x = jnp.ones((2, 3))
    E, state = step(params, tx.init(params), x)
    E_bad, state_bad = step(E, state, jnp.full_like(x, jnp.nan))
    assert_close(E_bad, E, rtol=0)
    assert float(get_gain(state_bad)) == float(get_gain(state)) > 1.1
    assert int(state_bad.total_notfinite) == 1
    E_next, _ = step(E_bad, state_bad, x)
    assert any(np.any(E_next[k] != E[k]) for k in E)


def test_apply_if_finite_looks_at_gradients_not_at_the_drive(params, grads):
    tx = optax.apply_if_finite(ngm_sgd(0.1), 3)
    _, state = jax.jit(tx.update)(grads, tx.init(params), params, uncertainty=jnp.nan)
    assert np.isnan(get_gain(state))
    assert int(state.total_notfinite) == 0
