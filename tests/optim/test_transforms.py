"""vmap, scan and grad through the optimizer, and donation of its state."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from neurogain.optim import (
    consolidate,
    get_acting,
    get_gain,
    get_weights,
    modulate_by_gain,
    ngm_adam,
    ngm_sgd,
    reset_on_switch,
    two_timescale,
)
from neurogain.uncertainty import entropy

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
Y = np.array([0, 1, 1, 0, 1, 0])


def _loss(E):
    logits = jnp.tanh(X.astype(E["hidden"].dtype) @ E["hidden"] + E["bias"]) @ E["out"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, Y).mean(), logits


def _train(tx, E, steps=5):
    def step(carry, _):
        E, state = carry
        grads, logits = jax.grad(_loss, has_aux=True)(E)
        updates, state = tx.update(grads, state, E, uncertainty=entropy(logits))
        return (optax.apply_updates(E, updates), state), None

    return jax.lax.scan(step, (E, tx.init(E)), length=steps)[0]


def test_scan_equals_a_loop(params, assert_close):
    tx = ngm_adam(0.01)
    E, state = params, tx.init(params)

    @jax.jit
    def step(E, state):
        grads, logits = jax.grad(_loss, has_aux=True)(E)
        updates, state = tx.update(grads, state, E, uncertainty=entropy(logits))
        return optax.apply_updates(E, updates), state

    for _ in range(5):
        E, state = step(E, state)
    assert_close(_train(tx, params), (E, state), rtol=1e-4, atol=1e-6)


def test_vmap_over_seeds_equals_a_loop(params, assert_close):
    seeds = [jax.tree.map(lambda p, i=i: p * (1 + i), params) for i in range(3)]
    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *seeds)
    train = jax.jit(lambda E: _train(ngm_sgd(0.1, momentum=0.9), E))
    E, state = jax.vmap(train)(stacked)
    for i, seed in enumerate(seeds):
        wanted = train(seed)
        assert_close(jax.tree.map(lambda x, i=i: x[i], (E, state)), wanted, rtol=1e-4, atol=1e-6)


def test_vmap_over_traced_hyperparameters_equals_a_loop(params, assert_close):
    grid = {
        "decay": jnp.array([0.5, 0.9]),
        "sensitivity": jnp.array([0.1, 0.7]),
        "baseline": jnp.array([1.0, 1.5]),
        "learning_rate": jnp.array([0.1, 0.01]),
    }
    out, state = jax.jit(jax.vmap(lambda h: _train(ngm_sgd(**h), params)))(grid)
    single_run = jax.jit(lambda h: _train(ngm_sgd(**h), params))
    for i in range(2):
        E, single = single_run({k: v[i] for k, v in grid.items()})
        assert_close(jax.tree.map(lambda x, i=i: x[i], out), E, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(get_gain(state)[i], get_gain(single), rtol=1e-5)
    assert abs(state.gain[0] - state.gain[1]) > 0.1


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (ngm_sgd, ("sensitivity", "learning_rate", "decay", "baseline")),
        (ngm_adam, ("sensitivity",)),
    ],
)
def test_gradient_through_a_training_run(make, names, params):
    values = {"sensitivity": 0.4, "learning_rate": 0.1, "decay": 0.8, "baseline": 1.2}
    fixed = {name: value for name, value in values.items() if name not in names}

    def final_loss(free):
        E = jax.tree.map(lambda p: p.astype(jnp.float64), params)
        E, state = _train(make(**fixed, **free), E, steps=3)
        return _loss(E)[0] + _loss(get_weights(state, E))[0]

    with jax.enable_x64():
        free, gradient_of = {name: values[name] for name in names}, jax.jit(jax.grad(final_loss))
        gradient, loss = gradient_of(free), jax.jit(final_loss)
        for name in names:
            high, low = (loss(free | {name: values[name] + h}) for h in (1e-5, -1e-5))
            assert abs(gradient[name]) > 1e-4
            np.testing.assert_allclose(gradient[name], (high - low) / 2e-5, rtol=1e-5)


def test_vmap_and_gradient_over_the_consolidation(params, assert_close):
    def final_loss(consolidation):
        tx = two_timescale(0.1, consolidation=consolidation, follow_gain=True)
        E, state = _train(tx, jax.tree.map(lambda p: p.astype(jnp.float64), params), steps=3)
        return _loss(get_acting(state, E))[0]

    with jax.enable_x64():
        loss, decays = jax.jit(final_loss), jnp.array([0.5, 0.97])
        assert_close(jax.vmap(loss)(decays), jnp.stack([loss(d) for d in decays]), rtol=1e-9)
        assert abs(loss(decays[0]) - loss(decays[1])) > 1e-4
        check_grads(loss, (decays[0],), order=1, modes=["rev"], rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("mask", [None, {"bias": False, "hidden": True, "out": True}])
def test_an_inner_optimizer_that_keeps_the_parameters_can_be_donated(mask, dtype, params):
    params = jax.tree.map(lambda p: p.astype(dtype), params)
    state = modulate_by_gain(optax.contrib.mechanize(optax.sgd(0.1)), mask=mask).init(params)
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((params, state))]
    assert len(buffers) == len(set(buffers))


@pytest.mark.parametrize("outer", [reset_on_switch, consolidate])
def test_other_transformations_leave_each_buffer_one_owner_too(outer, params):
    state = outer(optax.contrib.mechanize(optax.sgd(0.1))).init(params)
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((params, state))]
    assert len(buffers) == len(set(buffers))
