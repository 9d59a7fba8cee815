"""A gain that is prescribed, or stepped by a source of one's own."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    GainSource,
    consolidate,
    find_gains,
    get_gain,
    leaky_integrator,
    modulate_by_gain,
    multi_steps,
    reset_on_switch,
    scale_by_gain,
    scale_by_uncertainty,
    two_timescale,
    with_gain_source,
)

DRIVES = (0.5, 2.0, 0.0, 1.0)
TXS = {
    "global": lambda: modulate_by_gain(optax.adam(0.1)),
    "leaf": lambda: modulate_by_gain(optax.adam(0.1), per="leaf"),
    "unit": lambda: modulate_by_gain(optax.adam(0.1), per="unit"),
    "schedule": lambda: modulate_by_gain(optax.adam(0.1), decay=lambda n: 0.9 - 0.01 * n),
    "slow": lambda: two_timescale(),
    "rate": lambda: optax.chain(scale_by_gain(), optax.sgd(0.1)),
}


@pytest.mark.parametrize("name", TXS)
def test_the_integrators_gain_gives_its_trajectory_bit_for_bit(name, params, grads):
    tx = TXS[name]()
    a = b = tx.init(params)
    held = given = params
    for drive in DRIVES:
        updates, a = tx.update(grads, a, held, uncertainty=drive)
        held = optax.apply_updates(held, updates)
        updates, b = tx.update(grads, b, given, gain=get_gain(a))
        given = optax.apply_updates(given, updates)
        jax.tree.map(np.testing.assert_array_equal, (held, a), (given, b))


@pytest.mark.parametrize("name", ["global", "leaf", "unit"])
def test_one_number_below_1_serves_all_groups_and_traced_too(name, params, grads):
    tx = TXS[name]()
    state = tx.init(params)
    updates, after = jax.jit(lambda g: tx.update(grads, state, params, gain=g))(0.5)
    assert all(np.all(g == 0.5) for g in jax.tree.leaves(after.gain))
    moved = optax.apply_updates(params, updates)
    for k, p in params.items():  # Adam's first step is -rate at W = E
        np.testing.assert_allclose(moved[k], 0.5 * (p - 0.1 * np.sign(grads[k])), atol=1e-5)


BAD = {
    "zero": (0.0, ValueError, "`gain` must be finite and > 0; got 0.0"),
    "negative": (-1.0, ValueError, "`gain` must be finite and > 0"),
    "infinite": (np.inf, ValueError, "`gain` must be finite and > 0"),
    "shape": (np.ones(3), ValueError, r"`gain` must be one number.*got shape \(3,\)"),
    "tree": ({"bias": 1.0}, ValueError, "`gain` must be one number, or a tree like"),
    "text": ("1", TypeError, "`gain` must be a number"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_gain(name, params, grads):
    value, error, message = BAD[name]
    tx = TXS["global"]()
    with pytest.raises(error, match=message):
        tx.update(grads, tx.init(params), params, gain=value)


def test_a_bad_traced_gain_poisons_the_update(params, grads):
    tx = TXS["global"]()
    updates, _ = jax.jit(lambda g: tx.update(grads, tx.init(params), params, gain=g))(-1.0)
    assert all(np.all(np.isnan(x)) for x in jax.tree.leaves(updates))


NONE = {
    "slow": lambda: consolidate(optax.sgd(0.1)),
    "reset": lambda: reset_on_switch(optax.sgd(0.1)),
    "steps": lambda: multi_steps(optax.sgd(0.1), 2),
    "uncertainty": scale_by_uncertainty,
    "fixed": lambda: modulate_by_gain(optax.sgd(0.1), sensitivity=0.0),
}


@pytest.mark.parametrize("name", NONE)
def test_a_gain_for_what_has_none_is_an_error(name, params, grads):
    tx = NONE[name]()
    more = {"task_switch": False} if name == "reset" else {}
    with pytest.raises(TypeError, match="`gain`"):
        tx.update(grads, tx.init(params), params, gain=1.5, **more)


@pytest.mark.parametrize("name", ["global", "rate"])
def test_a_gain_and_a_drive_together_are_an_error(name, params, grads):
    tx = TXS[name]()
    with pytest.raises(TypeError, match="received `gain` and `uncertainty`"):
        tx.update(grads, tx.init(params), params, gain=1.5, uncertainty=0.5)


def test_accumulation_takes_the_last_gain(params, grads):
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    state = tx.init(params)
    for g in (1.5, 1.25):
        _, state = tx.update(grads, state, params, gain=g)
    assert float(get_gain(state)) == 1.25


@pytest.mark.parametrize("schedule", [False, True])
def test_the_leaky_source_is_the_integrator(schedule, params, grads):
    constants = {"decay": (lambda n: 0.9 - 0.01 * n) if schedule else 0.8, "sensitivity": 0.3}
    ours = with_gain_source(optax.adam(0.1), leaky_integrator(**constants))
    wanted = modulate_by_gain(optax.adam(0.1), **constants)
    a, b = ours.init(params), wanted.init(params)
    update = [jax.jit(lambda s, u, tx=tx: tx.update(grads, s, params, uncertainty=u))
              for tx in (ours, wanted)]  # fmt: skip
    for drive in DRIVES:
        (updates, a), (expected, b) = update[0](a, drive), update[1](b, drive)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), updates, expected)
    assert a.source.gain == a.gain


def test_a_source_sees_the_mean_drive_and_is_left_alone_without(params, grads):
    source = GainSource(
        lambda: {"sum": jnp.float32(0)}, lambda s, u: (1 + s["sum"], {"sum": s["sum"] + u})
    )
    tx = with_gain_source(optax.sgd(0.1), source, initial_gain=1.5, on_missing="hold")
    state = tx.init(params)
    assert float(state.gain) == 1.5
    _, state = tx.update(grads, state, params, uncertainty=np.array([0.5, 1.5]))
    assert (float(state.gain), float(state.source["sum"])) == (1.0, 1.0)
    for given in ({}, {"gain": 3.0}):
        _, state = tx.update(grads, state, params, **given)
        assert float(state.source["sum"]) == 1.0
    assert find_gains(state) == {"": 3.0}


@pytest.mark.parametrize(
    ("constants", "start"),
    [
        ({"baseline": 1.5}, 1.5),
        ({"initial_gain": 3.0}, 3.0),
        ({"baseline": lambda t: 2.0 + t}, 2.0),
    ],
)
def test_the_gain_starts_where_its_source_does(constants, start, params, grads):
    tx = with_gain_source(optax.adam(0.1), leaky_integrator(**constants))
    state, other = tx.init(params), modulate_by_gain(optax.adam(0.1), **constants)
    assert float(get_gain(state)) == start
    wanted, _ = other.update(grads, other.init(params), params, uncertainty=0.5)
    found, _ = tx.update(grads, state, params, uncertainty=0.5)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), found, wanted)
    given = with_gain_source(optax.sgd(0.1), leaky_integrator(**constants), initial_gain=4.0)
    assert float(get_gain(given.init(params))) == 4.0


@pytest.mark.parametrize(
    "source",
    [
        GainSource(lambda seed: (), lambda s, u: (1.0, s)),
        GainSource(lambda: (), lambda s: (1.0, s)),
        GainSource(lambda: (), lambda s, u, more: (1.0, s)),
    ],
)
def test_a_source_with_other_arguments(source):
    with pytest.raises(TypeError, match=r"of `source` must be called as init\(\) or update\(S, dr"):
        with_gain_source(optax.sgd(0.1), source)


def test_bad_sources(params, grads):
    with pytest.raises(TypeError, match=r"`source` must have the functions.*no `init`"):
        with_gain_source(optax.sgd(0.1), object())
    wide = GainSource(lambda: (), lambda s, u: (jnp.ones(3), s))
    tx = with_gain_source(optax.sgd(0.1), wide)
    with pytest.raises(ValueError, match=r"`the gain of a source` must be one number"):
        tx.update(grads, tx.init(params), params, uncertainty=0.5)
    with pytest.raises(ValueError, match="`initial_gain` must be finite and > 0"):
        with_gain_source(optax.sgd(0.1), wide, initial_gain=0.0)


@pytest.mark.parametrize("returned", [jnp.float32(1.0), None, (jnp.float32(1.0), (), ())])
def test_a_source_that_returns_no_pair(returned, params, grads):
    tx = with_gain_source(optax.sgd(0.1), GainSource(lambda: (), lambda state, u: returned))
    with pytest.raises(TypeError, match=r"`update` of a source must return .* a pair; got"):
        tx.update(grads, tx.init(params), params, uncertainty=0.1)
