"""Where the gain is constant the optimizer is known: the inner one, or one at another rate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import modulate_by_gain

pytestmark = pytest.mark.optimized

INNER = {
    "sgd": lambda: optax.sgd(0.1),
    "momentum": lambda: optax.sgd(0.1, 0.9, nesterov=True),
    "adam": lambda: optax.adam(1e-2),
    "adamw": lambda: optax.adamw(1e-2, weight_decay=0.1),
    "rmsprop": lambda: optax.rmsprop(1e-2),
    "lion": lambda: optax.lion(1e-2, weight_decay=0.1),
}
STEPS = 40
EAGER_STEPS = 10  # each costs as much as 20 compiled ones


def _trajectory(tx, params, wrap, **extra):
    rng = np.random.default_rng(5)
    update, state = wrap(tx.update), tx.init(params)
    for _ in range(EAGER_STEPS if wrap is _eager else STEPS):
        grads = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), p.dtype), params)
        updates, state = update(grads, state, params, **extra)
        params = optax.apply_updates(params, updates)
    return params


def _eager(function):
    return function


@pytest.fixture(scope="module")
def inner_trajectory():
    """Return the parameters that an optimizer alone reaches."""
    known = {}

    def run(name, params, wrap):
        if (name, wrap) not in known:
            known[name, wrap] = _trajectory(INNER[name](), params, wrap)
        return known[name, wrap]

    return run


@pytest.mark.parametrize("wrap", [_eager, jax.jit])
@pytest.mark.parametrize("per", ["global", "leaf", "unit"])
@pytest.mark.parametrize("name", INNER)
def test_without_sensitivity_bit_identical_to_the_inner_optimizer(
    name, per, wrap, params, inner_trajectory
):
    tx = modulate_by_gain(INNER[name](), sensitivity=0.0, baseline=1.0, per=per)
    ours = _trajectory(tx, params, wrap, uncertainty=1.7)
    theirs = inner_trajectory(name, params, wrap)
    for k in params:
        assert not np.array_equal(ours[k], params[k])
        np.testing.assert_array_equal(ours[k], theirs[k])


@pytest.mark.parametrize("name", INNER)
def test_traced_constants_identical_up_to_fused_multiply_adds(name, params, inner_trajectory):
    build = optax.inject_hyperparams(modulate_by_gain, static_args=("inner", "unit_axis"))
    tx = build(INNER[name](), sensitivity=0.0, baseline=1.0)
    ours = _trajectory(tx, params, jax.jit, uncertainty=1.7)
    theirs = inner_trajectory(name, params, jax.jit)
    for k in params:
        scale = np.abs(theirs[k]).max()
        np.testing.assert_allclose(ours[k], theirs[k], rtol=0, atol=1e-6 * scale)


def test_fixed_gain_two_is_sgd_at_four_times_the_rate(params, assert_close):
    tx = modulate_by_gain(optax.sgd(0.01), sensitivity=0.0, baseline=2.0)
    ours = _trajectory(tx, params, jax.jit, uncertainty=1.0)
    assert_close(ours, _trajectory(optax.sgd(0.04), params, jax.jit), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("per", "groups"), [("global", 1), ("leaf", 3), ("unit", 4 + 4 + 2)])
@pytest.mark.parametrize("name", INNER)
def test_state_holds_one_number_per_gain_group(name, per, groups, params):
    def size(state):
        return sum(np.size(x) for x in jax.tree.leaves(state))

    inner = INNER[name]()
    state = modulate_by_gain(inner, per=per).init(params)
    assert size(state) - size(inner.init(params)) == groups


def test_initial_gain_and_hold(params, grads, assert_close):
    tx = modulate_by_gain(optax.sgd(0.1), initial_gain=3.0, on_missing="hold")
    state = tx.init(params)
    updates, held = tx.update(grads, state, params)
    assert float(state.gain) == float(held.gain) == 3.0
    assert_close(updates, jax.tree.map(lambda g: -0.1 * 9.0 * g, grads), rtol=1e-6)
    _, moved = tx.update(grads, held, params, uncertainty=0.5)
    np.testing.assert_allclose(moved.gain, 0.9 * 3.0 + 0.1 + 0.4 * 0.5, rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("per", ["global", "unit"])
def test_without_sensitivity_low_precision_is_that_of_the_inner_optimizer_too(per, dtype, params):
    params = jax.tree.map(lambda p: p.astype(dtype), params)
    tx = modulate_by_gain(optax.adam(1e-2), sensitivity=0.0, per=per)
    assert not jax.tree.leaves(tx.init(params).weights)
    ours = _trajectory(tx, params, jax.jit, uncertainty=0.3)
    jax.tree.map(
        np.testing.assert_array_equal, ours, _trajectory(optax.adam(1e-2), params, jax.jit)
    )
