"""bfloat16 parameters: types stay, and the weights are held in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import get_weights, modulate_by_gain


def _bf16(tree):
    return jax.tree.map(lambda x: x.astype(jnp.bfloat16), tree)


def _dtypes(tree):
    return {str(x.dtype) for x in jax.tree.leaves(tree)}


@pytest.mark.parametrize("keep", [None, False])
@pytest.mark.parametrize("per", ["global", "leaf", "unit"])
def test_updates_and_parameters_stay_bfloat16(per, keep, params, grads):
    params, grads = _bf16(params), _bf16(grads)
    tx = modulate_by_gain(optax.adam(0.1), per=per, keep_weights=keep)
    state = tx.init(params)
    updates, new = jax.jit(tx.update)(grads, state, params, uncertainty=0.5)
    assert _dtypes(updates) == _dtypes(optax.apply_updates(params, updates)) == {"bfloat16"}
    assert _dtypes(new.gain) == {"float32"}
    assert [(x.shape, x.dtype) for x in jax.tree.leaves(new)] == [
        (x.shape, x.dtype) for x in jax.tree.leaves(state)
    ]
    held = jax.tree.leaves(state.weights)
    assert len(held) == (3 if keep is None else 0)


def _drift(params, keep, steps=5000):
    """Return the largest relative change of W after updates whose gradient is zero."""
    tx = modulate_by_gain(optax.sgd(0.1), keep_weights=keep)
    zeros = jax.tree.map(jnp.zeros_like, params)

    def step(carry, drive):
        E, state = carry
        updates, state = tx.update(zeros, state, E, uncertainty=drive)
        return (optax.apply_updates(E, updates), state), None

    drives = np.random.default_rng(0).uniform(0, 2, size=steps).astype(np.float32)
    E, state = jax.jit(lambda c, u: jax.lax.scan(step, c, u)[0])((params, tx.init(params)), drives)
    assert state.gain > 2
    implied = jax.tree.map(lambda e: e.astype(jnp.float32) / state.gain, E)
    change = jax.tree.map(
        lambda w, p: np.abs(np.asarray(w, np.float64) / np.asarray(p, np.float64) - 1).max(),
        {"held": get_weights(state, E), "implied": implied},
        {"held": params, "implied": params},
    )
    return max(change["held"].values()), max(change["implied"].values())


def test_weights_do_not_drift_in_five_thousand_steps_and_would_if_not_held(params):
    params = _bf16(params)
    held, implied = _drift(params, keep=None)
    assert held < 1e-6
    assert implied < 0.01  # one rounding of E, not the sum of 5,000
    assert _drift(params, keep=False)[1] > 0.02


def test_mixed_precision_holds_all_leaves(params, grads):
    """So that optax.tree_map_params finds a tree like the parameters, whatever their dtypes."""
    params = {**params, "out": params["out"].astype(jnp.bfloat16)}
    grads = {**grads, "out": grads["out"].astype(jnp.bfloat16)}
    tx = modulate_by_gain(optax.sgd(0.1))
    updates, state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    assert {k: (x.shape, x.dtype) for k, x in state.weights.items()} == {
        k: (x.shape, jnp.float32) for k, x in params.items()
    }
    for k in params:
        assert updates[k].dtype == params[k].dtype
        p, g = (np.asarray(t[k], np.float64) for t in (params, grads))
        tolerance = 1e-6 if k != "out" else 1e-2
        np.testing.assert_allclose(
            np.asarray(updates[k], np.float64), 1.2 * (p - 0.1 * g) - p, atol=tolerance
        )
