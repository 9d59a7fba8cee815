"""Concentration, receptors and the locus coeruleus against closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from neurogain.neuromod import kinetics, locus_coeruleus, receptors
from neurogain.neuromod.kinetics import KineticsParams, Release
from neurogain.neuromod.locus_coeruleus import LocusParams
from neurogain.neuromod.receptors import ReceptorParams

POSITIVE = st.floats(0.1, 1000.0)


advanced = jax.jit(functools.partial(kinetics.step, dt=0.5))


@given(POSITIVE, POSITIVE, st.floats(-1.0, 20.0), st.floats(0.0, 500.0), st.integers(1, 30))
def test_concentration_equals_the_closed_form(tonic, tau, activity, phasic, steps):
    with jax.enable_x64():
        params = KineticsParams(tonic, tau)
        c = advanced(params, kinetics.init(params, jnp.float64), Release(0.0, phasic))
        for _ in range(steps):
            c = advanced(params, c, Release(activity, 0.0))
        target = tonic * (1 + activity)
        expected = target + (tonic + phasic - target) * np.exp(-0.5 * steps / tau)
        np.testing.assert_allclose(c, expected, rtol=1e-9, atol=1e-9 * tonic)
        assert c >= 0


released = jax.jit(functools.partial(kinetics.step, dt=0.1))


@pytest.mark.parametrize(("activity", "counts_as"), [(-0.5, -0.5), (-1.0, -1.0), (-3.0, -1.0)])
def test_neurons_that_fire_less_release_less(activity, counts_as):
    params = KineticsParams(10.0, 5.0)
    c = released(params, kinetics.init(params), Release(activity))
    np.testing.assert_allclose(c, 10 + 10 * counts_as * (1 - np.exp(-0.1 / 5)), rtol=1e-5)


@pytest.mark.optimized
@given(POSITIVE, POSITIVE)
def test_tonic_release_keeps_the_concentration_bit_for_bit(tonic, tau):
    params = KineticsParams(np.float32(tonic), np.float32(tau))
    c = kinetics.init(params)
    for _ in range(5):
        c = released(params, c, Release())
    assert c == np.float32(tonic)


def test_silent_neurons_are_the_least():
    params = KineticsParams(20.0, 10.0)
    deep, silent = (
        kinetics.step(params, jnp.float32(20.0), Release(a), dt=1.0) for a in (-5.0, -1.0)
    )
    assert deep == silent


def test_wired_release_reaches_targets_apart():
    params = KineticsParams(np.full(3, 20.0), 50.0)
    reached = kinetics.transmit(np.array([[1, 0], [0, 1], [0.5, 0.5]]), jnp.array([2.0, 0.0]))
    c = kinetics.step(params, kinetics.init(params), Release(reached), dt=1e6)
    np.testing.assert_allclose(c, [60.0, 20.0, 40.0])


@given(st.floats(0, 1e4), POSITIVE, st.floats(1.0, 4.0))
def test_occupancy_is_the_hill_curve(c, K, n):
    with jax.enable_x64():
        found = receptors.occupancy(c, K=K, n=n)
        assert found == pytest.approx(c**n / (K**n + c**n), rel=1e-9, abs=1e-300)


occupancy_gradients = jax.jit(jax.grad(lambda c, K, n: receptors.occupancy(c, K=K, n=n), (0, 1, 2)))


@pytest.mark.parametrize("n", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("c", [0.0, 1e-30, 3.0, 1e6])
def test_gradients_of_occupancy_are_finite(c, n):
    assert np.isfinite(occupancy_gradients(c, 5.0, n)).all()


def test_the_first_order_slope_at_zero_is_that_of_the_curve():
    slope = jax.grad(lambda c: receptors.occupancy(c, K=5.0, n=1.0))(0.0)
    assert slope == pytest.approx(1 / 5)


def test_gradients_of_occupancy_and_activation():
    with jax.enable_x64():
        occupied = jax.jit(lambda c, K: receptors.occupancy(c, K=K, n=1.7))
        check_grads(occupied, (3.0, 5.0), order=2)

        @jax.jit
        def activated(K, tau):
            params = ReceptorParams(K, 1.3, tau)
            return receptors.step(params, jnp.float64(0.1), jnp.float64(30.0), 20.0, dt=1.0)

        check_grads(activated, (50.0, 20.0), order=1)


@jax.jit
def activated(params, c, tonic):
    return receptors.step(params, jnp.float32(0), c, tonic, dt=0.1)


@pytest.mark.optimized
@given(POSITIVE, POSITIVE, st.floats(1.0, 4.0), st.sampled_from([0.0, 10.0]))
def test_nothing_is_activated_at_the_tonic_level(tonic, K, n, tau):
    tonic = np.float32(tonic)
    assert activated(ReceptorParams(K, n, tau), jnp.asarray(tonic), tonic) == 0


@pytest.mark.optimized
def test_nothing_is_activated_at_a_tonic_level_that_the_compiler_knows():
    step = jax.jit(lambda c: receptors.step(ReceptorParams(7.0, 1.7), c * 0, c, 0.3, dt=0.1))
    assert step(jnp.float32(0.3)) == 0


def test_the_activation_at_the_tonic_level_still_has_a_gradient():
    step = lambda c: receptors.step(ReceptorParams(20.0), jnp.float32(0), c, 20.0, dt=0.1)  # noqa: E731
    slope = jax.grad(step)(jnp.float32(20.0))
    assert slope == pytest.approx(1 / 80)  # of c / (K + c) at c = K: 1 / (4 K)


def test_the_second_stage_is_a_low_pass():
    with jax.enable_x64():
        params, a = ReceptorParams(20.0, 1.0, 50.0), jnp.float64(0)
        for _ in range(30):
            a = receptors.step(params, a, jnp.float64(60.0), 20.0, dt=1.0)
        assert a == pytest.approx((0.75 - 0.5) * (1 - np.exp(-30 / 50)), rel=1e-12)


def test_a_second_burst_finds_the_locus_refractory():
    triggers = np.zeros(20_000, np.float32)
    triggers[:2] = 1
    step = lambda state, x: locus_coeruleus.step(LocusParams(), state, x, dt=1.0)  # noqa: E731
    _, activity = jax.lax.scan(step, locus_coeruleus.init(), triggers)
    assert activity[0] == pytest.approx((0 + 20) / 2 - 1)  # the tonic firing pauses
    assert activity[1] < activity[0]
    assert -1 < activity[400] < 0  # burst over, still hyperpolarised
    assert activity[-1] == pytest.approx(0, abs=1e-6)


def test_the_tonic_mode_fires_more_and_bursts_less():
    params, state = LocusParams(), locus_coeruleus.init()
    _, quiet = locus_coeruleus.step(params, state, 0.0, mode=1.0, dt=1.0)
    assert quiet == pytest.approx(5 / 2 - 1)
    _, burst = locus_coeruleus.step(params, state, 1.0, mode=1.0, dt=1.0)
    assert burst <= quiet


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        (lambda: kinetics.check("x", KineticsParams(-1.0, 5.0)), "`tonic of x` .* nM; got -1.0"),
        (lambda: kinetics.check("x", KineticsParams(1.0, 0.0)), "`tau of x` .* ms; got 0.0"),
        (lambda: receptors.check("x", ReceptorParams(0.0)), "positive, in nM"),
        (lambda: receptors.check("x", ReceptorParams(1.0, 0.5)), "at least 1"),
        (lambda: receptors.check("x", ReceptorParams(1.0, 1.0, -1.0)), "at least 0 ms"),
        (lambda: locus_coeruleus.check(LocusParams(tonic_hz=0.0)), "positive, in Hz"),
    ],
)
def test_bad_constants_are_refused(refuse, message):
    with pytest.raises(ValueError, match=message):
        refuse()
