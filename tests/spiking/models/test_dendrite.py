import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.optimize import brentq

from neurogain.spiking import cells
from neurogain.spiking.engine.drives import Drive, combine, synapse
from neurogain.spiking.models import dendrite
from neurogain.spiking.models.dendrite import DendriteParams, DendriteState

P = cells.L5_DENDRITE


def resting_current(v):
    """Return the current in pA that models.md asks for at rest: w = a_w (v - E_L), dv/dt = 0."""
    calcium = 1200 / (1 + np.exp(-(v + 38) / 6))
    return 170 / 7 * (v + 70) - calcium + 13 * (v + 70)


@pytest.mark.parametrize("conductance", [0.0, 8.0])
def test_half_a_second_agrees_with_numpy(conductance, reference, trajectory):
    current = np.asarray([-300.0, 0.0, 400.0, 600.0, 1000.0])
    out = reference.dendrite(P, current, n=5, steps=5000, g=conductance, E=-75.0)
    with jax.enable_x64():
        drive = combine(Drive(jnp.asarray(current)), synapse(conductance, -75.0))
        start = dendrite.init(P, 5, jnp.float64)
        state, _ = trajectory(lambda s, _: (dendrite.step(P, s, drive, dt=0.1), None), start, 5000)
    assert np.ptp(out.v) > 30
    np.testing.assert_allclose(state.v, out.v, rtol=0, atol=1e-9)
    np.testing.assert_allclose(state.w, out.w, rtol=0, atol=1e-9)


@pytest.mark.parametrize("conductance", [0.0, 8.0])
def test_convergence_order(conductance):
    drive = combine(Drive(800.0), synapse(conductance, -75.0))

    def state_at_20_ms(dt):
        start = dendrite.init(P, 1, jnp.float64)
        body = lambda s, _: (dendrite.step(P, s, drive, dt=dt), None)  # noqa: E731
        return jnp.concatenate(jax.lax.scan(body, start, length=round(20 / dt))[0])

    with jax.enable_x64():
        change = np.diff([state_at_20_ms(0.1 / 2**i) for i in range(4)], axis=0)
    np.testing.assert_allclose(np.log2(change[:-1] / change[1:]), 1, atol=0.1)


def test_at_rest_the_calcium_current_is_small():
    state = dendrite.init(P, 3)
    np.testing.assert_array_equal(state, [[-70.0] * 3, [0.0] * 3])
    after = dendrite.step(P, state, Drive(), dt=0.1)
    np.testing.assert_allclose((after.v - state.v) * 170 / 0.1, 5.77, atol=0.05)  # pA


def test_the_steady_current_is_that_of_the_closed_form_and_holds_the_dendrite():
    with jax.enable_x64():
        v = jnp.linspace(-80.0, 0.0, 33)
        current = dendrite.steady_current(P, v)
        np.testing.assert_allclose(current, resting_current(np.asarray(v)), rtol=1e-12)
        rest = DendriteState(v=v, w=-13.0 * (v + 70))
        after = dendrite.step(P, rest, Drive(current), dt=0.1)
        np.testing.assert_allclose(after.v, rest.v, rtol=0, atol=1e-11)
        np.testing.assert_allclose(after.w, rest.w, rtol=0, atol=1e-11)


def test_it_is_bistable_between_two_turning_points():
    with jax.enable_x64():
        v = np.linspace(-90.0, 20.0, 11_001)
        current = np.asarray(dendrite.steady_current(P, jnp.asarray(v)))
    turns = np.flatnonzero(np.diff(np.sign(np.diff(current)))) + 1
    assert turns.size == 2
    assert current[turns[0]] > current[turns[1]]
    assert 450 < current[turns[1]] < 550
    assert 600 < current[turns[0]] < 700
    assert -45 < v[turns[0]] < v[turns[1]] < -30


def growth_at_rest(v, p=P):
    """Return in 1/ms the real part of the leading eigenvalue of the kernel's own Jacobian."""

    def jacobian(v):
        w, drive = p.a_w * (v - p.E_leak), Drive(dendrite.steady_current(p, v))

        def rates(x, dt=1e-6):
            after = dendrite.step(p, DendriteState(v=x[:1], w=x[1:]), drive, dt=dt)
            return (jnp.concatenate(after) - x) / dt

        return rates(jnp.stack([v, w])), jax.jacobian(rates)(jnp.stack([v, w]))

    rates, jacobians = jax.jit(jax.vmap(jacobian))(jnp.asarray(v))
    np.testing.assert_allclose(rates, 0, atol=1e-5)
    return np.linalg.eigvals(jacobians).real.max(axis=1)


def test_of_three_fixed_points_at_600_pa_the_middle_one_is_unstable():
    brackets = ((-60, -45), (-44, -34), (-32, -15))
    v = [brentq(lambda v: resting_current(v) - 600, *bracket) for bracket in brackets]
    np.testing.assert_allclose(v, [-50, -39, -25], atol=1.5)
    with jax.enable_x64():
        growth = growth_at_rest(np.asarray(v))
        np.testing.assert_array_equal(np.sign(growth), [-1, 1, -1])
        np.testing.assert_array_equal(dendrite.is_stable(P, jnp.asarray(v)), [True, False, True])
    assert np.all(np.abs(growth) > 0.005)  # 1/ms


@pytest.mark.parametrize("change", [{}, {"tau_w": 3.0}, {"tau_w": 300.0}, {"a_w": -60.0}])
def test_stability_is_that_of_the_kernels_jacobian(change):
    p, v = P._replace(**change), np.linspace(-90.0, 10.0, 201)
    with jax.enable_x64():
        stable = np.asarray(dendrite.is_stable(p, jnp.asarray(v)))
        growth = growth_at_rest(v, p)
    assert 0 < stable.sum() < v.size
    np.testing.assert_array_equal(stable, growth < 0)


@pytest.mark.parametrize(("start", "end"), [(-55.0, -50.0), (-20.0, -25.0)])
def test_at_600_pa_it_stays_on_its_side(start, end, trajectory):
    state = DendriteState(v=jnp.asarray([start]), w=jnp.asarray([-13.0 * (start + 70)]))
    state, _ = trajectory(
        lambda s, _: (dendrite.step(P, s, Drive(600.0), dt=0.1), None), state, 10_000
    )
    np.testing.assert_allclose(state.v[-1], end, atol=1.5)
    np.testing.assert_allclose(np.ptp(state.v[-1000:]), 0, atol=1e-2)


def test_jit_is_eager_and_vmap_over_parameter_sets_is_a_loop():
    state = DendriteState(v=jnp.linspace(-80.0, 0.0, 30), w=jnp.linspace(-900.0, 300.0, 30))

    def step(p):
        return dendrite.step(p, state, Drive(300.0, 4.0, -100.0), dt=0.1)

    sets = [P, P._replace(g_ca=0.0), P._replace(C=80.0, tau_w=90.0)]
    loop = np.asarray([step(p) for p in sets])
    np.testing.assert_allclose(jax.jit(step)(P), loop[0], rtol=1e-5, atol=1e-4)
    stacked = jax.tree.map(lambda *x: jnp.asarray(x), *sets)
    ours = np.stack(jax.jit(jax.vmap(step))(stacked), 1)
    np.testing.assert_allclose(ours, loop, rtol=1e-5, atol=1e-4)
    assert np.abs(loop[0] - loop[1:]).max() > 0.5


def test_numerical_gradients_agree():
    @jax.jit
    def step(p, state, drive):
        return dendrite.step(p, state, drive, dt=0.1)

    with jax.enable_x64():
        p = DendriteParams(*map(jnp.float64, P))
        state = DendriteState(v=jnp.asarray([-60.0, -38.0, -20.0]), w=jnp.asarray([0.0, -90, -500]))
        drive = Drive(jnp.asarray([100.0, 600.0, -50.0]), jnp.float64(3.0), jnp.float64(-200.0))
        check_grads(step, (p, state, drive), order=1, rtol=1e-4, atol=1e-4)
        steady = jax.jit(lambda v: dendrite.steady_current(P, v))
        check_grads(steady, (state.v,), order=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"C": 0.0}, "`dendrite.C` must be positive, in pF; got 0.0"),
        ({"g_leak": -1.0}, "`dendrite.g_leak` must be positive, in nS; got -1.0"),
        ({"tau_w": float("nan")}, "`dendrite.tau_w` must be positive, in ms; got nan"),
        ({"E_ca": float("inf")}, "`dendrite.E_ca` must be finite, in mV; got inf"),
        ({"a_w": float("nan")}, "`dendrite.a_w` must be finite, in nS; got nan"),
        ({"D_ca": np.ones(4)}, "`dendrite.D_ca` must be one value, or one per cell, shape (3,)"),
    ],
)
def test_constants_that_make_no_dendrite_are_refused(change, message):
    dendrite.check(P, n=3)
    with pytest.raises(ValueError, match=re.escape(message)):
        dendrite.check(P._replace(**change), n=3)


def test_the_shortest_time_constant_is_the_membranes_or_that_of_adaptation():
    assert min(dendrite.time_constants(P).values()) == pytest.approx(7.0)
    slow = P._replace(g_leak=np.asarray([1.0, 2.0]), tau_w=np.asarray([90.0, 40.0]))
    assert min(dendrite.time_constants(slow).values()) == 40.0
