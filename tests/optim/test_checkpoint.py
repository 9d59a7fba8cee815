import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from neurogain.optim import get_acting, get_gain, modulate_by_gain, two_timescale


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({}, jnp.float32),
        ({"per": "unit", "mask": {"bias": False, "hidden": True, "out": True}}, jnp.float32),
        ({"decay": lambda count: 0.9 - 0.01 * count}, jnp.bfloat16),
    ],
)
def test_orbax_restores_the_state_and_training_goes_on(options, dtype, params, grads, tmp_path):
    params, grads = jax.tree.map(lambda x: x.astype(dtype), (params, grads))
    tx = optax.chain(optax.clip(1.0), modulate_by_gain(optax.adam(0.1), **options))
    _, state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", tx.init(params))
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    np.testing.assert_allclose(jax.tree.leaves(get_gain(restored))[0].ravel()[0], 1.2, rtol=1e-6)
    ours = tx.update(grads, restored, params, uncertainty=0.7)
    jax.tree.map(
        np.testing.assert_array_equal, ours, tx.update(grads, state, params, uncertainty=0.7)
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_orbax_restores_the_slow_weights(dtype, params, grads, tmp_path):
    params, grads = jax.tree.map(lambda x: x.astype(dtype), (params, grads))
    tx = optax.chain(two_timescale(consolidation=lambda count: 0.5 + 0.1 * count, follow_gain=True))
    _, state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", tx.init(params))
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    jax.tree.map(
        np.testing.assert_array_equal, get_acting(restored, params), get_acting(state, params)
    )
    jax.tree.map(
        np.testing.assert_array_equal,
        tx.update(grads, restored, params, uncertainty=0.7),
        tx.update(grads, state, params, uncertainty=0.7),
    )
