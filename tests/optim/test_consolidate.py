"""Slow weights against a weighted mean in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    consolidate,
    get_acting,
    modulate_by_gain,
    ngm_adam,
    ngm_sgd,
    scale_by_gain,
    two_timescale,
)

DRIVES = (0.5, 2.0, 0.0, 1.0, 0.25)
NAN, INF = float("nan"), float("inf")


def _equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.97, 0.9999])
def test_slow_weights_are_the_average_after_every_update(decay, params, oracle, train):
    history, states = train(consolidate(ngm_sgd(0.1), decay=decay), params)
    for t, state in enumerate(states, start=1):
        for k in params:
            expected = oracle.average([p[k] for p in history[:t]], decay)
            np.testing.assert_allclose(state.slow[k], expected, rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(state.weight, 1 - decay**t, rtol=1e-5)
    _equal(states[0].slow, history[0])
    if decay == 0:
        _equal(states[-1].slow, history[-1])


def test_a_rate_may_follow_the_gain(params, oracle, train):
    inner = ngm_sgd(0.1, decay=0.8, baseline=1.5, sensitivity=0.3)
    tx = consolidate(inner, decay=0.7, baseline=1.5, follow_gain=True)
    history, states = train(tx, params, drives=DRIVES)
    g, decays = 1.5, []
    for drive in DRIVES:
        g = oracle.gain_step(g, drive, decay=0.8, baseline=1.5, sensitivity=0.3)
        decays.append(1 - 0.3 * 1.5 / g)
    for k in params:
        expected = oracle.average([p[k] for p in history], decays)
        np.testing.assert_allclose(states[-1].slow[k], expected, rtol=2e-5, atol=1e-6)


def test_a_rate_follows_the_mean_over_the_groups_of_a_gain(params, oracle):
    tx = consolidate(modulate_by_gain(optax.sgd(0.1), per="leaf"), decay=0.7, follow_gain=True)
    state, E, history, decays = tx.init(params), params, [], []
    g = dict.fromkeys(params, 1.0)
    for t in range(3):
        drive = {"bias": 0.1 * t, "hidden": 0.5, "out": 2.0 - t}
        updates, state = tx.update(params, state, E, uncertainty=drive)
        E = optax.apply_updates(E, updates)
        history.append(E)
        g = {k: oracle.gain_step(g[k], drive[k]) for k in g}
        decays.append(1 - 0.3 / np.mean(list(g.values())))
    for k in params:
        expected = oracle.average([p[k] for p in history], decays)
        np.testing.assert_allclose(state.slow[k], expected, rtol=2e-5, atol=1e-6)


def test_a_gain_far_below_its_baseline_does_not_overshoot(params):
    tx = consolidate(ngm_sgd(0.1, initial_gain=0.1), decay=0.2, follow_gain=True)
    _, state = tx.update(params, tx.init(params), params, uncertainty=0.0)
    assert state.inner_state.gain < 0.8
    np.testing.assert_allclose(state.weight, 1.0)


def test_the_scaling_control_is_a_gain_too(params, oracle, train):
    tx = consolidate(optax.chain(optax.sgd(0.1), scale_by_gain()), decay=0.5, follow_gain=True)
    _, states = train(tx, params, drives=DRIVES)
    np.testing.assert_allclose(states[0].weight, 0.5 / oracle.gain_step(1.0, DRIVES[0]), rtol=1e-6)


def test_weights_that_move_linearly_lag_by_the_closed_form():
    """The lag is beta / (1 - beta) updates, less t beta^t / (1 - beta^t) at the start."""
    beta, start, velocity = 0.9, np.array([1.0, -2.0]), np.array([0.5, 0.25])
    tx = consolidate(optax.sgd(1.0), decay=beta)

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(jnp.asarray(-velocity), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), get_acting(state, params)

    with jax.enable_x64():
        E = jnp.asarray(start)
        _, slow = jax.lax.scan(step, (E, tx.init(E)), length=200)
    t = np.arange(1, 201)[:, None]
    lag = beta / (1 - beta) - t * beta**t / (1 - beta**t)
    np.testing.assert_allclose(slow, start + velocity * (t - lag), rtol=1e-12)


def test_weights_that_stay_are_kept_bit_for_bit(params):
    tx = consolidate(optax.sgd(0.1))
    zeros, state = jax.tree.map(jnp.zeros_like, params), tx.init(params)
    for _ in range(5):
        _, state = tx.update(zeros, state, params)
    _equal(state.slow, params)


@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
@pytest.mark.parametrize("follow_gain", [False, True])
def test_updates_are_those_of_the_inner_optimizer_bit_for_bit(follow_gain, wrap, params, train):
    inner = optax.chain(optax.clip_by_global_norm(0.1), ngm_adam(0.1))
    ours, states = train(consolidate(inner, follow_gain=follow_gain), params, wrap)
    theirs, plain = train(inner, params, wrap)
    _equal(ours, theirs)
    _equal([s.inner_state for s in states], plain)


def test_every_extra_argument_reaches_the_inner_optimizer(params):
    def update(updates, state, params=None, *, uncertainty, task_switch, **extra):
        assert (float(uncertainty), task_switch, extra) == (0.5, True, {"value": 3})
        return updates, state

    inner = optax.GradientTransformationExtraArgs(lambda p: optax.EmptyState(), update)
    tx = consolidate(inner)
    tx.update(params, tx.init(params), params, uncertainty=0.5, task_switch=True, value=3)


def test_schedules_are_read_at_the_update_count(params, oracle, train):
    inner = ngm_sgd(0.1)
    tx = consolidate(
        inner, decay=lambda t: 0.9 - 0.1 * t, baseline=lambda t: 1.0 + 0.1 * t, follow_gain=True
    )
    history, states = train(tx, params, drives=DRIVES)
    g, decays = 1.0, []
    for t, drive in enumerate(DRIVES):
        g = oracle.gain_step(g, drive)
        decays.append(1 - (0.1 + 0.1 * t) * (1.0 + 0.1 * t) / g)
    for k in params:
        expected = oracle.average([p[k] for p in history], decays)
        np.testing.assert_allclose(states[-1].slow[k], expected, rtol=2e-5, atol=1e-6)
    assert int(states[-1].step) == len(DRIVES)


def test_a_decay_can_be_injected_and_set_between_updates(params, grads, oracle):
    tx = optax.inject_hyperparams(consolidate, static_args=("inner", "mask"))(
        optax.sgd(0.1), decay=0.5
    )
    state, E, history = tx.init(params), params, []
    for decay in (0.5, 0.25):
        state.hyperparams["decay"] = jnp.asarray(decay)
        updates, state = tx.update(grads, state, E)
        E = optax.apply_updates(E, updates)
        history.append(E)
    expected = oracle.average([p["out"] for p in history], [0.5, 0.25])
    np.testing.assert_allclose(get_acting(state, E)["out"], expected, rtol=1e-5)


@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
@pytest.mark.parametrize("decay", [0.9, 0.999])
def test_low_precision_weights_are_averaged_in_float32(decay, wrap, params, oracle, train):
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    history, states = train(consolidate(optax.sgd(0.01), decay=decay), params, wrap)
    acting = get_acting(states[-1], history[-1])
    for k in params:
        assert (states[-1].slow[k].dtype, acting[k].dtype) == (jnp.float32, jnp.bfloat16)
        expected = oracle.average([p[k] for p in history], decay)
        np.testing.assert_allclose(states[-1].slow[k], expected, rtol=1e-4, atol=1e-6)


def test_double_precision_weights_have_a_rate_of_their_own(oracle, train):
    with jax.enable_x64():
        params = {"double": jnp.ones(3), "single": jnp.ones(3, jnp.float32)}
        history, states = train(consolidate(optax.sgd(0.1), decay=0.97), params)
        slow = states[-1].slow
        assert {k: str(x.dtype) for k, x in slow.items()} == {
            "double": "float64",
            "single": "float32",
        }
        expected = oracle.average([p["double"] for p in history], 0.97)
        np.testing.assert_allclose(slow["double"], expected, rtol=1e-13)


@pytest.mark.parametrize("value", [1.0, -0.1, 1.5, NAN])
def test_a_decay_outside_its_range(value):
    with pytest.raises(ValueError, match=rf"`decay` must be in \[0, 1\), per update; got {value}"):
        consolidate(optax.sgd(0.1), decay=value)
    with pytest.raises(ValueError, match=rf"`consolidation` must be in \[0, 1\).*; got {value}"):
        two_timescale(consolidation=value)


@pytest.mark.parametrize("value", [0.5, NAN, INF])
def test_a_baseline_outside_its_range(value):
    with pytest.raises(ValueError, match=rf"`baseline` must be a finite gain.*; got {value}"):
        consolidate(optax.sgd(0.1), baseline=value)


def test_constants_are_single_numbers():
    with pytest.raises(ValueError, match="`decay` must be one number, or a schedule"):
        consolidate(optax.sgd(0.1), decay=np.array([0.5, 0.9]))
    with pytest.raises(TypeError, match="`decay` must be a number"):
        consolidate(optax.sgd(0.1), decay="slow")


def test_an_optimizer_that_was_not_built():
    with pytest.raises(TypeError, match=r"`inner` must be an optax optimizer.*optax\.adam\(1e-3\)"):
        consolidate(optax.adam)


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        (optax.adam(0.1), "found 0"),
        (optax.chain(ngm_sgd(0.1), ngm_sgd(0.1)), r"found 2: \['\[0\]'"),
    ],
)
def test_a_rate_cannot_follow_no_gain_or_two(inner, found, params):
    with pytest.raises(ValueError, match=rf"`follow_gain` needs exactly one gain.*{found}"):
        consolidate(inner, follow_gain=True).init(params)


def test_leaves_and_masks_that_do_not_fit(params):
    with pytest.raises(TypeError, match=r"floating dtype; got int32, shape \(3,\).*`mask`"):
        consolidate(optax.sgd(0.1)).init({"count": jnp.arange(3)})
    with pytest.raises(ValueError, match="`mask` must have the structure of the parameters"):
        consolidate(optax.sgd(0.1), mask={"bias": True}).init(params)


def test_missing_params(params, grads):
    tx = consolidate(optax.sgd(0.1))
    with pytest.raises(ValueError, match="`params` must be passed to update: the slow weights"):
        tx.update(grads, tx.init(params))


def test_a_leaf_without_a_gradient():
    tx = consolidate(optax.sgd(0.1), decay=0.5)
    params = {"w": jnp.ones(2), "frozen": jnp.full(3, 2.0)}
    with pytest.raises(ValueError, match=r"each leaf must have a gradient, .*shape \(3,\)\. Pass"):
        tx.update({"w": jnp.ones(2), "frozen": None}, tx.init(params), params)
