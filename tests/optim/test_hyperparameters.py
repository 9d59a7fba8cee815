"""Schedules, inject_hyperparams, and optax's own tools for states."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    consolidate,
    get_gain,
    leaky_integrator,
    modulate_by_gain,
    ngm_adam,
    ngm_adamw,
    ngm_sgd,
    with_gain_source,
)

DRIVES = (0.5, 1.0, 0.25, 0.75)


def _gains(tx, params, grads, drives=DRIVES):
    update, state, gains = jax.jit(tx.update), tx.init(params), []
    for drive in drives:
        _, state = update(grads, state, params, uncertainty=drive)
        gains.append(float(get_gain(state)))
    return gains


def test_schedules_are_read_at_the_update_count(params, grads, oracle):
    schedules = {
        "decay": lambda t: 0.9 - 0.1 * t,
        "baseline": lambda t: 1.0 + 0.5 * t,
        "sensitivity": lambda t: 0.4 / (1 + t),
    }
    g, expected = 1.0, []
    for t, drive in enumerate(DRIVES):
        g = oracle.gain_step(g, drive, **{k: f(t) for k, f in schedules.items()})
        expected.append(g)
    tx = modulate_by_gain(optax.sgd(0.1), **schedules)
    np.testing.assert_allclose(_gains(tx, params, grads), expected, rtol=1e-5)


def test_a_scheduled_baseline_starts_the_gain_at_its_first_value(params):
    tx = modulate_by_gain(optax.sgd(0.1), baseline=lambda t: 2.0 + t)
    assert float(tx.init(params).gain) == 2.0


OUT_OF_RANGE = {
    "decay": (1.5, -0.1, np.nan),
    "baseline": (0.5, np.inf),
    "sensitivity": (-1.0, np.nan),
}
MAKERS = {
    "modulate_by_gain": modulate_by_gain,
    "consolidate": lambda inner, **o: consolidate(modulate_by_gain(inner), follow_gain=True, **o),
    "leaky_integrator": lambda inner, **o: with_gain_source(inner, leaky_integrator(**o)),
}


@pytest.mark.parametrize(
    ("maker", "name", "value"),
    [
        (maker, name, value)
        for maker in MAKERS
        for name, values in OUT_OF_RANGE.items()
        for value in values
        if (maker, name) != ("consolidate", "sensitivity")
    ],
)
def test_a_schedule_out_of_range_is_an_error_or_nan(maker, name, value, params, grads):
    """A value that is only out of range later is seen then; under jit it can't be an error."""
    fine = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}[name]
    tx = MAKERS[maker](optax.sgd(0.1), **{name: lambda t: jnp.where(t < 1, fine, value)})
    _, state = jax.jit(tx.update)(grads, tx.init(params), params, uncertainty=0.5)
    with pytest.raises(ValueError, match=rf"`{name}` must be .*; got"):
        tx.update(grads, state, params, uncertainty=0.5)
    updates, state = jax.jit(tx.update)(grads, state, params, uncertainty=0.5)
    seen = state.slow if maker == "consolidate" else updates
    assert all(np.isnan(x).all() for x in jax.tree.leaves(seen))


@pytest.mark.parametrize("maker", MAKERS)
def test_a_schedule_of_several_numbers_is_refused(maker, params, grads):
    tx = MAKERS[maker](optax.sgd(0.1), decay=lambda t: jnp.full(1, 0.9))
    with pytest.raises(ValueError, match=r"`decay` must be one number at each update; .*\(1,\)"):
        jax.eval_shape(lambda s: tx.update(grads, s, params, uncertainty=0.5), tx.init(params))


@pytest.mark.parametrize("make", [ngm_sgd, ngm_adam, ngm_adamw])
def test_presets_can_be_injected_and_set_between_updates(make, params, grads, oracle):
    tx = optax.inject_hyperparams(make)(learning_rate=0.1, sensitivity=0.2)
    state = tx.init(params)
    _, state = tx.update(grads, state, params, uncertainty=0.5)
    state.hyperparams["sensitivity"] = jnp.asarray(1.0)
    _, state = tx.update(grads, state, params, uncertainty=0.5)
    first = oracle.gain_step(1.0, 0.5, sensitivity=0.2)
    expected = oracle.gain_step(first, 0.5, sensitivity=1.0)
    np.testing.assert_allclose(get_gain(state), expected, rtol=1e-6)


def test_the_transformation_itself_can_be_injected(params, grads, oracle):
    make = optax.inject_hyperparams(modulate_by_gain, static_args=("inner", "mask", "unit_axis"))
    tx = make(optax.sgd(0.1), sensitivity=lambda t: 0.1 * (t + 1), per="unit")
    state = tx.init(params)
    for _ in range(2):
        _, state = tx.update(grads, state, params, uncertainty=1.0)
    expected = oracle.gain_step(oracle.gain_step(1.0, 1.0, sensitivity=0.1), 1.0, sensitivity=0.2)
    for gain in jax.tree.leaves(get_gain(state)):
        np.testing.assert_allclose(gain, np.full(gain.shape, expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("ours", "inner"),
    [
        (ngm_sgd(0.1, momentum=0.9, nesterov=True), optax.sgd(0.1, 0.9, nesterov=True)),
        (ngm_adam(0.1, b1=0.8), optax.adam(0.1, b1=0.8)),
        (ngm_adamw(0.1, weight_decay=0.3), optax.adamw(0.1, weight_decay=0.3)),
    ],
    ids=["sgd", "adam", "adamw"],
)
def test_presets_are_the_transformation_over_optax(ours, inner, params, grads, assert_close):
    wanted = modulate_by_gain(inner)
    a, b = ours.init(params), wanted.init(params)
    for drive in DRIVES[:2]:
        updates, a = ours.update(grads, a, params, uncertainty=drive)
        expected, b = wanted.update(grads, b, params, uncertainty=drive)
        assert_close((updates, a), (expected, b), rtol=0)


def test_presets_pass_every_option_on(params, grads):
    options = {"per": "unit", "unit_axis": 0, "initial_gain": 2.0, "on_missing": "hold"}
    mask = {"bias": False, "hidden": True, "out": True}
    for make in (ngm_sgd, ngm_adam, ngm_adamw):
        tx = make(0.1, mask=mask, keep_weights=True, **options)
        _, state = tx.update(grads, tx.init(params), params)
        assert [x.shape for x in jax.tree.leaves(state.gain)] == [(3, 1), (4, 1)]
        assert all(np.all(x == 2.0) for x in jax.tree.leaves(state.gain))
        assert len(jax.tree.leaves(state.weights)) == 2


def test_optax_tree_get_and_set_work_through_a_chain(params, grads):
    tx = optax.chain(optax.clip(1.0), modulate_by_gain(optax.adam(0.1)))
    _, state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    np.testing.assert_allclose(optax.tree.get(state, "gain"), 1.2, rtol=1e-6)
    state = optax.tree.set(state, gain=jnp.asarray(3.0))
    assert float(get_gain(state)) == 3.0


def test_optax_tree_map_params_reaches_the_inner_moments_alone(params, grads):
    tx = optax.chain(modulate_by_gain(optax.adam(0.1)))
    _, state = tx.update(grads, tx.init(params), params, uncertainty=0.5)
    doubled = optax.tree_map_params(tx, lambda x: 2 * x, state)
    assert float(get_gain(doubled)) == float(get_gain(state))
    for name in ("mu", "nu"):
        ours, theirs = optax.tree.get(doubled, name), optax.tree.get(state, name)
        for k in params:
            np.testing.assert_array_equal(ours[k], 2 * theirs[k])
