"""Data parallel: with `axis_name`, many devices give what one does with the whole batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, PartitionSpec

from neurogain.optim import get_gain, modulate_by_gain
from neurogain.uncertainty import entropy

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32) * 3
Y = np.random.default_rng(1).integers(0, 2, size=8)


@functools.partial(jax.jit, static_argnames=("tx", "axis", "tree"))
def _step(tx, E, state, x, y, axis=None, tree=False):
    def loss(E):
        logits = jnp.tanh(x @ E["hidden"] + E["bias"]) @ E["out"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    grads, logits = jax.grad(loss, has_aux=True)(E)
    if axis:
        grads = jax.lax.pmean(grads, axis)
    drive = entropy(logits)
    drive = dict.fromkeys(E, drive) if tree else drive
    updates, state = tx.update(grads, state, E, uncertainty=drive)
    return optax.apply_updates(E, updates), state


@pytest.mark.parametrize("per", ["global", "leaf"])
def test_shard_map_over_four_devices_equals_one(per, params, assert_close):
    mesh = Mesh(np.array(jax.devices()[:4]), "data")
    spread, whole = PartitionSpec("data"), PartitionSpec()
    many = modulate_by_gain(optax.adam(0.1), axis_name="data", per=per)
    one = modulate_by_gain(optax.adam(0.1), per=per)
    tree = per == "leaf"

    @jax.jit
    def sharded(E, state):
        return jax.shard_map(
            lambda E, state, x, y: _step(many, E, state, x, y, "data", tree),
            mesh=mesh,
            in_specs=(whole, whole, spread, spread),
            out_specs=whole,
        )(E, state, X, Y)

    E, state = params, many.init(params)
    E_one, state_one = params, one.init(params)
    for _ in range(3):
        E, state = sharded(E, state)
        E_one, state_one = _step(one, E_one, state_one, X, Y, tree=tree)
    assert_close(E, E_one, rtol=1e-4, atol=1e-5)
    assert_close(get_gain(state), get_gain(state_one), rtol=1e-5)


def test_pmap_over_four_devices_equals_one(params, assert_close):
    many, one = modulate_by_gain(optax.sgd(0.1), axis_name="data"), modulate_by_gain(optax.sgd(0.1))

    def step(x, y):
        return _step(many, params, many.init(params), x, y, "data")

    E, state = jax.pmap(step, axis_name="data")(X.reshape(4, 2, 3), Y.reshape(4, 2))
    E_one, state_one = _step(one, params, one.init(params), X, Y)
    for device in range(4):
        assert_close(jax.tree.map(lambda x, d=device: x[d], E), E_one, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state.gain, np.full(4, state_one.gain), rtol=1e-5)


def test_the_mean_over_devices_matters():
    """Without `axis_name` the shards' gains part, with it they agree."""
    drives = jnp.arange(4.0)
    E = {"w": jnp.ones(3)}

    def gain(drive, axis_name):
        tx = modulate_by_gain(optax.sgd(0.1), axis_name=axis_name)
        return tx.update(E, tx.init(E), E, uncertainty=drive)[1].gain

    apart, together = jax.jit(jax.vmap(lambda u: (gain(u, None), gain(u, "i")), axis_name="i"))(
        drives
    )
    np.testing.assert_allclose(apart, 1 + 0.4 * drives, rtol=1e-6)
    np.testing.assert_allclose(together, np.full(4, 1.6), rtol=1e-6)
