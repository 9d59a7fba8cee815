"""The optimizer inside flax.nnx, and the helpers on the state that nnx wraps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from neurogain.optim import (
    find_gains,
    get_acting,
    get_fast_slow,
    get_gain,
    get_weights,
    has_acting,
    modulate_by_gain,
    ngm_sgd,
    only,
    two_timescale,
)


def _kernels(params):
    return jax.tree.map(lambda p: p.ndim > 1, params)


def _build(options, dtype=jnp.float32):
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0), param_dtype=dtype, dtype=dtype)
    tx = optax.chain(optax.clip_by_global_norm(1.0), modulate_by_gain(optax.adam(0.01), **options))
    return model, nnx.Optimizer(model, tx, wrt=nnx.Param), tx


def _loss(model):
    return jnp.mean(model(jnp.ones((4, 3))).astype(jnp.float32) ** 2)


def _step(model, opt, uncertainty):
    opt.update(model, nnx.grad(_loss)(model), uncertainty=uncertainty)
    return get_gain(opt.opt_state)


def _by_hand(model, tx, drives):
    """Train the pure parameters with the transformation itself."""
    graph, params = nnx.split(model)
    params = nnx.to_pure_dict(params)
    state = tx.init(params)

    def loss(params):
        return _loss(nnx.merge(graph, nnx.State(params)))

    @jax.jit
    def step(params, state, drive):
        updates, state = tx.update(jax.grad(loss)(params), state, params, uncertainty=drive)
        return optax.apply_updates(params, updates), state

    for drive in drives:
        params, state = step(params, state, drive)
    return params, state


@pytest.mark.parametrize(
    ("options", "wrap"),
    [({}, lambda f: f), ({"per": "unit", "mask": _kernels}, nnx.jit)],
    ids=["global-eager", "unit-jit"],
)
def test_nnx_optimizer_equals_the_transformation_by_hand(options, wrap):
    drives = [0.5, 1.0, 0.25]
    model, opt, tx = _build(options)
    params, state = _by_hand(model, tx, drives)
    step = wrap(_step)
    for drive in drives:
        gain = step(model, opt, jnp.asarray(drive))
    np.testing.assert_allclose(
        np.ravel(jax.tree.leaves(gain)[0]), np.ravel(jax.tree.leaves(get_gain(state))[0])
    )
    trained = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    weights = nnx.to_pure_dict(get_weights(opt.opt_state, nnx.state(model, nnx.Param)))
    expected = get_weights(state, params)
    for k in params:
        np.testing.assert_allclose(trained[k], params[k], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weights[k], expected[k], rtol=1e-5, atol=1e-6)


def test_helpers_on_the_wrapped_state(oracle):
    model, opt, _ = _build({})
    for drive in (0.5, 1.0):
        _step(model, opt, drive)
    expected = oracle.gain_after([0.5, 1.0])
    np.testing.assert_allclose(get_gain(opt.opt_state), expected, rtol=1e-6)
    assert list(find_gains(opt.opt_state)) == ["[1]"]
    params = nnx.state(model, nnx.Param)
    weights, split = get_weights(opt.opt_state, params), get_fast_slow(opt.opt_state, params)
    kernel = params["kernel"][...]
    np.testing.assert_allclose(weights["kernel"], kernel / expected, rtol=1e-6)
    np.testing.assert_allclose(split.slow["kernel"], kernel / expected, rtol=1e-5)
    nnx.update(model, split.slow)
    np.testing.assert_allclose(model.kernel[...], kernel / expected, rtol=1e-5)


def test_low_precision_weights_are_read_from_the_wrapped_state():
    model, opt, _ = _build({"mask": _kernels}, jnp.bfloat16)
    _step(model, opt, 0.5)
    weights = get_weights(opt.opt_state, nnx.state(model, nnx.Param))
    assert weights["kernel"].dtype == jnp.float32
    assert weights["bias"].dtype == jnp.bfloat16
    kernel = model.kernel[...]
    np.testing.assert_allclose(1.2 * weights["kernel"], kernel.astype(jnp.float32), rtol=1e-2)


def test_without_the_drive_nnx_raises_too():
    model, opt, _ = _build({})
    with pytest.raises(TypeError, match="did not receive `uncertainty`"):
        opt.update(model, nnx.grad(_loss)(model))


@pytest.mark.parametrize("wrap", [nnx.jit, lambda f: f], ids=["jit", "eager"])
def test_the_slow_weights_of_a_model_follow_it_and_act(wrap, oracle):
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    tx = two_timescale(0.1, consolidation=0.8, mask=only("kernel"))
    opt = nnx.Optimizer(model, tx, wrt=nnx.Param)
    assert has_acting(opt.opt_state)
    step, history = wrap(_step), []
    for _ in range(3):
        step(model, opt, jnp.asarray(0.5))
        history.append(nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    acting = get_acting(opt.opt_state, nnx.state(model, nnx.Param))
    for k in ("kernel", "bias"):
        expected = oracle.average([h[k] for h in history], 0.8)
        np.testing.assert_allclose(acting[k], expected, rtol=1e-5, atol=1e-7)
    slow = nnx.merge(nnx.graphdef(model), acting)
    assert _loss(slow) != _loss(model)


@pytest.mark.parametrize("per", ["global", "leaf"])
@pytest.mark.parametrize("make", [ngm_sgd, two_timescale])
def test_helpers_read_the_state_that_nnx_splits_off(make, per):
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    tx = optax.chain(optax.clip(1.0), make(0.1, per=per))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    found, wanted = get_gain(nnx.state(optimizer)), get_gain(optimizer.opt_state)
    assert (
        jax.tree.leaves(found) == jax.tree.leaves(wanted) == [1.0] * (1 if per == "global" else 2)
    )
    assert has_acting(nnx.state(optimizer)) == (make is two_timescale)
