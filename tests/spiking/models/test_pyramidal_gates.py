"""Random coupling, dynamic coupling, and gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.stats import binom

from neurogain.spiking import (
    Drive,
    NonFiniteError,
    PyramidalCell,
    PyramidalDrive,
    cells,
    simulate,
)
from neurogain.spiking.models import pyramidal
from neurogain.spiking.models.pyramidal import recruit_coupling
from neurogain.spiking.surrogate import Triangular

P = cells.L5_PYRAMIDAL
N, STEPS = 500, 200


@jax.jit
def gates(p, root):
    state = pyramidal.init(P, N)
    keys = jax.vmap(lambda i: jax.random.fold_in(root, i))(jnp.arange(STEPS))
    return jax.vmap(lambda key: pyramidal._gates(p, state, key))(keys)


def draw(p, seed=0):
    """Return both gates, shape (STEPS, N), with a key of its own for every step."""
    return [np.asarray(gate) for gate in gates(p, jax.random.key(seed))]


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


@pytest.mark.parametrize("p", [0.001, 0.05, 0.3, 0.5, 0.9, 0.999])
def test_each_gate_is_open_as_often_as_it_should(p):
    for gate in draw(p):
        assert set(np.unique(gate)) == {0.0, 1.0}
        low, high = binom.interval(0.999, gate.size, p)
        assert low <= gate.sum() <= high
        per_cell = binom.interval(1 - 1e-6, STEPS, p)
        assert per_cell[0] <= gate.sum(0).min() <= gate.sum(0).max() <= per_cell[1]


def test_gates_are_never_open_at_zero_and_always_at_one():
    for p in (0.0, 1.0):
        for gate in draw(p):
            np.testing.assert_array_equal(gate, np.full((STEPS, N), p))


@pytest.mark.parametrize("wrong", [1.01, -0.01, np.nan])
def test_what_is_no_probability_is_not_clipped_silently(wrong):
    drive = PyramidalDrive(coupling=np.array([0.5, 1.0, wrong, 0.0]))
    for coupling in ("stochastic", "mean-field"):
        after, _ = pyramidal.step(
            P, pyramidal.init(P, 4), drive, dt=0.1, key=jax.random.key(0), coupling=coupling
        )
        np.testing.assert_array_equal(np.isnan(after.dendrite.v), np.arange(4) == 2)


def test_a_coupling_that_is_computed_in_the_run_is_watched():
    drive = PyramidalDrive(coupling=lambda step, key: jnp.where(step == 57, 1.1, 0.5))
    with pytest.raises(NonFiniteError, match=r"`dendrite\.v` of cell 0 is nan after step 57 "):
        simulate(PyramidalCell(), P, drive, n=2, duration=10.0, key=jax.random.key(0))


def test_each_cell_has_its_own_probability():
    p = np.linspace(0, 1, N)
    for gate in draw(jnp.asarray(p)):
        np.testing.assert_allclose(gate.mean(0), p, atol=5 * 0.5 / np.sqrt(STEPS))


def test_the_two_gates_cells_and_steps_are_independent():
    back, forth = draw(0.4)
    bound = 4 / np.sqrt(N * STEPS)
    pairs = {
        "gates": (back, forth),
        "cells": (back[:, 1:], back[:, :-1]),
        "steps": (forth[1:], forth[:-1]),
        "gates of neighbours": (back[:, 1:], forth[:, :-1]),
        "gates of the next step": (back[1:], forth[:-1]),
        "keys": (back, draw(0.4, seed=1)[0]),
    }
    assert {name: abs(correlation(*pair)) < bound for name, pair in pairs.items()} == dict.fromkeys(
        pairs, True
    )


def test_a_gate_that_is_open_stays_open_at_a_higher_probability():
    for low, high in zip(draw(0.3), draw(0.6), strict=True):
        assert np.all(low <= high)


@pytest.mark.parametrize("key", [jax.random.key(0), None])
def test_the_gradient_of_a_gate_is_that_of_its_probability(key):
    state, weight = pyramidal.init(P, 4), jnp.asarray([1.0, 2.0, 3.0, 4.0])

    def weighted(p, which):
        return jnp.sum(weight * pyramidal._gates(p, state, key)[which])

    gradient = jax.jit(jax.grad(weighted), static_argnums=1)
    for which in (0, 1):
        assert gradient(0.3, which) == 10
        np.testing.assert_array_equal(gradient(jnp.full(4, 0.3), which), weight)


def test_one_gate_is_the_way_back_and_the_other_the_way_forth():
    state, key = pyramidal.init(P, N), jax.random.key(2)
    state = state._replace(  # all spike, in a calcium event, while an earlier spike arrives
        soma=state.soma._replace(v=jnp.full(N, 60.0)),
        dendrite=state.dendrite._replace(v=jnp.full(N, -20.0)),
        since_spike=jnp.full(N, 10, jnp.int32),
    )

    @jax.jit
    def step(state, key):
        drive = PyramidalDrive(coupling=0.5)
        return pyramidal.step(P, state, drive, dt=0.1, key=key), pyramidal._gates(0.5, state, key)

    (after, info), (back, forth) = jax.tree.map(np.asarray, step(state, key))
    assert 0.4 < np.mean(back == forth) < 0.6
    np.testing.assert_array_equal(info.burst, forth)
    arrived = after.dendrite.v - after.dendrite.v.min()
    np.testing.assert_allclose(arrived, back * 2600 * 0.1 / 170, rtol=1e-3, atol=1e-3)


def test_the_mean_field_is_the_probability_itself():
    gates = pyramidal._gates(0.3, pyramidal.init(P, 4), None)
    np.testing.assert_allclose(gates, np.full(2, 0.3), rtol=1e-6)


def test_numerical_gradients_agree_off_the_reset():
    @jax.jit
    def step(p, state, drive):
        state = state._replace(since_spike=jnp.asarray([3, 10], jnp.int32))
        after, _ = pyramidal.step(p, state, drive, dt=0.1, coupling="mean-field")
        return after.soma, after.dendrite

    with jax.enable_x64():
        p = jax.tree.map(jnp.float64, P._replace(bap_start=0.45, bap_end=2.45))
        state = pyramidal.init(p, 2, jnp.float64)
        state = state._replace(dendrite=state.dendrite._replace(v=jnp.asarray([-60.0, -20.0])))
        floating = state._replace(since_spike=None)
        drive = PyramidalDrive(Drive(500.0, 3.0, -200.0), Drive(300.0, 2.0, 10.0), coupling=0.4)
        drive = jax.tree.map(jnp.float64, drive)
        check_grads(step, (p, floating, drive), order=1, rtol=1e-4, atol=1e-4)


def test_the_gradient_of_a_burst_reaches_dendrite_and_coupling():
    state = pyramidal.init(P, 3)
    soma = state.soma._replace(v=jnp.asarray([60.0, 60.0, -60.0]))  # two of them spike

    def bursts(v, coupling):
        now = state._replace(soma=soma, dendrite=state.dendrite._replace(v=v))
        drive = PyramidalDrive(coupling=coupling)
        surrogate = Triangular(10.0)  # mV
        _, info = pyramidal.step(
            P, now, drive, dt=0.1, coupling="mean-field", calcium_surrogate=surrogate
        )
        return info.burst.sum()

    v = jnp.asarray([-29.0, -34.0, -29.0])
    to_v, to_coupling = jax.jit(jax.grad(bursts, (0, 1)))(v, 0.5)
    np.testing.assert_allclose(to_v, [0.5 * 0.09, 0.5 * 0.06, 0.0], rtol=1e-5)
    np.testing.assert_allclose(to_coupling, 1.0)  # one of the two has its calcium event


@settings(max_examples=40)
@given(p=st.floats(0, 1), arrivals=st.floats(0, 5), dt=st.floats(0.01, 1e4))
def test_a_dynamic_coupling_stays_a_probability(p, arrivals, dt):
    assert 0 <= recruit_coupling(p, arrivals, dt=dt) <= 1


@settings(max_examples=40)
@given(p=st.floats(0, 1), n=st.integers(1, 20), dt=st.floats(0.1, 100))
def test_it_decays_with_800_ms_and_one_arrival_sets_it_to_one(p, n, dt):
    decayed = p
    for _ in range(n):
        decayed = recruit_coupling(decayed, 0.0, dt=dt)
    np.testing.assert_allclose(decayed, p * np.exp(-n * dt / 800), rtol=1e-4, atol=1e-30)
    assert recruit_coupling(decayed, 1.0, dt=dt) == recruit_coupling(p, 3.0, dt=dt) == 1


def test_a_share_of_an_arrival_closes_that_share_of_the_distance_to_one():
    p = recruit_coupling(jnp.asarray([0.0, 0.4]), 0.25, dt=80.0, tau=40.0)
    decayed = np.asarray([0.0, 0.4]) * np.exp(-2)
    np.testing.assert_allclose(p, decayed + 0.25 * (1 - decayed), rtol=1e-6)


def test_its_gradient_is_finite_and_correct():
    with jax.enable_x64():
        recruit = jax.jit(lambda p, x, tau: recruit_coupling(p, x, dt=5.0, tau=tau))
        check_grads(recruit, (0.3, 0.4, 800.0), order=1)
        gradient = jax.jit(jax.grad(functools.partial(recruit_coupling, dt=5.0), (0, 1)))
        for x in (0.0, 1.0, 2.0):
            assert np.isfinite(gradient(0.3, x)).all()
