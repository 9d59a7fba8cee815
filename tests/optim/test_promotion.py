"""No silent promotion: the kernels run under JAX's strict modes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import gain, uncertainty
from neurogain.optim import consolidate, modulate_by_gain, scale_by_gain, scale_by_uncertainty


@pytest.fixture(autouse=True)
def _strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


CONSTANTS = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_gain_kernels(dtype):
    g, u = jnp.ones((3,), dtype), jnp.full((3,), 0.5, dtype)
    results = [
        gain.step(g, u, **CONSTANTS),
        gain.relax(g, u, tau=10.0, baseline=1.0, strength=2.0, dt=0.1),
        gain.fixed_point(u, **CONSTANTS),
        *gain.bounds(u, **CONSTANTS),
        *gain.fast_slow(u, g, baseline=1.0),
    ]
    assert {x.dtype for x in results} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["entropy", "normalized_entropy", "least_confidence", "margin"])
def test_uncertainty_kernels(name, masked, dtype):
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), dtype)
    where = jnp.arange(12).reshape(4, 3) % 3 != 1 if masked else None
    h = getattr(uncertainty, name)(logits, where=where)
    assert h.shape == (4,)
    assert h.dtype == jnp.float32
    assert uncertainty.batch_mean(h, where=h > 0.5).dtype == jnp.float32


def test_surprise_kernel():
    h = uncertainty.surprise(jnp.zeros((4, 3)), jnp.zeros(4, jnp.int32))
    np.testing.assert_allclose(h, np.full(4, np.log(3)), rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"per": "leaf"}, {"keep_weights": True}])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_modulated_sgd(dtype, options, params, grads):
    params, grads = jax.tree.map(lambda x: x.astype(dtype), (params, grads))
    tx = modulate_by_gain(optax.sgd(0.1), **options)
    updates, state = jax.jit(tx.update)(grads, tx.init(params), params, uncertainty=0.5)
    np.testing.assert_allclose(jax.tree.leaves(state.gain)[0], 1.2, rtol=1e-6)
    assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("follow_gain", [False, True])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_slow_weights(dtype, follow_gain, params, grads):
    params, grads = jax.tree.map(lambda x: x.astype(dtype), (params, grads))
    tx = consolidate(modulate_by_gain(optax.sgd(0.1)), follow_gain=follow_gain)
    _, state = jax.jit(tx.update)(grads, tx.init(params), params, uncertainty=0.5)
    assert {x.dtype for x in jax.tree.leaves(state.slow)} == {jnp.dtype(jnp.float32)}
    np.testing.assert_allclose(state.weight, 0.025 if follow_gain else 0.03, rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float8_e4m3fn])
@pytest.mark.parametrize("make", [scale_by_gain, scale_by_uncertainty])
def test_controls(make, dtype, grads):
    grads = jax.tree.map(lambda x: x.astype(dtype), grads)
    updates, _ = make().update(grads, make().init(grads), grads, uncertainty=np.float32(0.5))
    assert updates["bias"].dtype == dtype
    wide = grads["bias"].astype(jnp.float32)
    wanted = (jnp.float32(1.2) * wide).astype(dtype).astype(jnp.float32)
    np.testing.assert_allclose(updates["bias"].astype(jnp.float32), wanted, rtol=1e-6)
