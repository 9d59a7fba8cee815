"""Leaky integrate-and-fire cells against plain NumPy and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    PyramidalDrive,
    eprop,
    simulate,
    surrogate,
)
from neurogain.spiking.layers import Layer
from neurogain.spiking.models import lif
from neurogain.spiking.recorders import Intervals, Spikes, Traces

PARAMS = LIFParams()


def reference(current, steps, dt, conductance=0.0, refractory=0, by=False):
    """Step one cell in plain NumPy; return the steps in which it spiked and its last potential."""
    p, v, w, spikes = PARAMS, PARAMS.E_leak, 0.0, []
    for step in range(steps):
        if spikes and step <= spikes[-1] + refractory:
            w = w * np.exp(-dt / p.tau_w)
            continue
        mean = w * p.tau_w / dt * (1 - np.exp(-dt / p.tau_w))
        v = v + dt / p.C * (p.g_leak * (p.E_leak - v) - mean + current)
        v = v / (1 + dt / p.C * conductance)
        w = w * np.exp(-dt / p.tau_w)
        if v >= p.v_t:
            v, w = v - (p.v_t - p.v_reset) if by else p.v_reset, w + p.d
            spikes.append(step)
    return spikes, v


@pytest.mark.parametrize(
    ("dt", "refractory", "reset"),
    [(0.1, 0.0, "to"), (1.0, 0.0, "to"), (0.1, 2.0, "to"), (1.0, 5.0, "by"), (0.1, 0.0, "by")],
)
def test_spikes_are_those_of_a_plain_loop(dt, refractory, reset):
    currents = np.array([150.0, 210.0, 300.0, 900.0])
    cells = LIFCell(refractory=refractory, reset=reset)
    with jax.enable_x64():
        run = simulate(
            cells, PARAMS, Drive(currents), n=4, duration=400.0, dt=dt, dtype=jnp.float64,
            record={"events": Spikes()},
        )  # fmt: skip
    events = run.recorded["events"]
    for cell, current in enumerate(currents):
        held = {"refractory": round(refractory / dt), "by": reset == "by"}
        spikes, v = reference(current, round(400 / dt), dt, **held)
        found = np.rint(events.time_ms[events.cell == cell] / dt).astype(int) - 1
        np.testing.assert_array_equal(found, spikes)
        np.testing.assert_allclose(run.state.v[cell], v, rtol=1e-9)
    assert (events.cell == 0).sum() == 0 < (events.cell == 1).sum()


def test_the_membrane_relaxes_with_its_time_constant():
    with jax.enable_x64():
        run = simulate(
            LIFCell(), PARAMS, Drive(100.0), n=1, duration=40.0, dt=0.01, dtype=jnp.float64,
            record={"v": Traces(lambda state, info: state.v, every=1000)},
        )  # fmt: skip
    time, v = run.recorded["v"]
    np.testing.assert_allclose(v[:, 0], -70 + 10 * (1 - np.exp(-time / 20)), atol=5e-3)


@pytest.mark.parametrize("dt", [0.1, 0.5, 1.0])
def test_adaptation_takes_its_charge_whatever_the_step(dt):
    """Without a leak the potential keeps it: C (v_reset - v) = d tau_w."""
    p = LIFParams(C=200.0, g_leak=1e-12, v_t=-50.0, v_reset=-60.0, tau_w=10.0, d=7.0)
    with jax.enable_x64():
        state = lif.init(p, 1, jnp.float64)._replace(v=jnp.full(1, -49.0))
        step = jax.jit(lambda s: lif.step(p, s, Drive(), dt=dt)[0])
        for _ in range(round(400 / dt)):
            state = step(state)
        v = np.asarray(state.v)
    np.testing.assert_allclose(200.0 * (-60.0 - v), 7.0 * 10.0, rtol=1e-6)


def test_the_rate_without_adaptation_is_that_of_the_closed_form():
    current = 400.0  # pA; v would reach -30 mV
    run = simulate(LIFCell(), PARAMS._replace(d=0.0), Drive(current), n=1, duration=5000.0, dt=0.01)
    interval = 20 * np.log(40 / 20)  # ms, from -70 to -50 towards -30
    assert run.recorded["spikes"].item() == pytest.approx(5000 / interval, rel=2e-3)


def test_the_refractory_period_adds_to_the_interval():
    """Amit & Brunel 1997: rate = 1 / (t_ref + tau ln((RI) / (RI - theta)))."""
    plain, held = LIFCell(), LIFCell(refractory=3.0)
    for cell, period in ((plain, 0.0), (held, 3.0)):
        run = simulate(cell, PARAMS._replace(d=0.0), Drive(400.0), n=1, duration=5000.0, dt=0.01)
        interval = period + 20 * np.log(40 / 20)
        assert run.recorded["spikes"].item() == pytest.approx(5000 / interval, rel=2e-3)
    run = simulate(held, PARAMS._replace(d=0.0), Drive(1e6), n=1, duration=400.0, dt=1.0)
    assert run.recorded["spikes"].item() == 100  # one step in four, however strong the input


def test_a_layer_of_such_cells_holds_them_and_has_gradients():
    cell = LIFCell(surrogate.FastSigmoid(10.0), refractory=3.0, reset="by")
    layer = Layer(cell, PARAMS, inputs=4, n=3, scale=1e5)
    params = {"in": jnp.ones((4, 3))}
    spikes, state = layer.apply(params, jnp.ones((20, 2, 4)))
    assert state.cells.left.shape == (2, 3)
    first = np.asarray(spikes).argmax(0).max()
    assert spikes[first:].sum(0).max() == np.ceil((20 - first) / 4)
    grads = jax.grad(lambda p: layer.apply(p, jnp.ones((20, 2, 4)))[0].sum())(params)
    assert np.isfinite(grads["in"]).all()
    on = jnp.ones((20, 2, 3))
    eprop_grads = eprop.gradients(layer, params, jnp.ones((20, 2, 4)), on)
    np.testing.assert_allclose(eprop_grads["in"], grads["in"], rtol=1e-4)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: LIFCell(refractory=-1.0),
            ValueError,
            "`refractory` must be finite and at least 0",
        ),
        (lambda: LIFCell(refractory="2"), TypeError, "`refractory` must be one number"),
        (lambda: LIFCell(reset="minus"), ValueError, '`reset` must be "to" or "by"; got .minus.'),
        (
            lambda: simulate(LIFCell(refractory=2.5), PARAMS, n=1, duration=9.0, dt=1.0),
            ValueError,
            "`refractory` must be a multiple of the step, dt = 1 ms; got 2.5. Pass refractory=2",
        ),
        (
            lambda: simulate(LIFCell(refractory=0.4), PARAMS, n=1, duration=9.0, dt=1.0),
            ValueError,
            "`refractory` must be a multiple of the step, .* Pass refractory=1",
        ),
    ],
)
def test_other_resets_are_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_a_stronger_input_has_a_positive_gradient():
    from neurogain.spiking import rollout

    def spikes(current):
        run = rollout(LIFCell(), PARAMS, Drive(current), n=1, duration=100.0, dt=1.0)
        return run.recorded["spikes"].sum()

    assert jax.grad(spikes)(300.0) > 0


@pytest.mark.parametrize(
    ("params", "dt", "message"),
    [
        (PARAMS._replace(C=0.0), 1.0, "`C` must be positive, in pF"),
        (PARAMS._replace(v_t=-80.0), 1.0, "`v_reset` must be below `v_t`"),
        (PARAMS._replace(v_reset=-40.0), 1.0, "`v_reset` must be below `v_t`"),
        (PARAMS, 11.0, "half the shortest time constant"),
        (
            PARAMS._replace(C=2e-10),
            0.1,
            r"\(C / g_leak, in pF / nS\); got 0.1. Pass dt=2e-12, or co",
        ),
        (
            PARAMS._replace(tau_w=0.1),
            0.1,
            r"of these cells \(tau_w, in ms\); got 0.1. Pass dt=0.01",
        ),
    ],
)
def test_bad_constants_are_refused(params, dt, message):
    with pytest.raises(ValueError, match=message):
        simulate(LIFCell(), params, Drive(), n=1, duration=10 * dt, dt=dt)


def test_a_drive_of_another_cell_is_refused():
    with pytest.raises(TypeError, match="must be a Drive"):
        simulate(LIFCell(), PARAMS, PyramidalDrive(), n=1, duration=1.0, dt=1.0)


def test_a_leak_above_threshold_makes_a_cell_that_fires_by_itself():
    """Vogels & Abbott 2005, without synapses: the period has a closed form."""
    params = LIFParams(200.0, 10.0, E_leak=-49.0, v_t=-50.0, v_reset=-60.0, d=0.0)
    assert LIFCell().init(params, 2).v.tolist() == [-60.0, -60.0]
    run = simulate(LIFCell(), params, n=1, duration=1000.0, record={"i": Intervals()})
    expected = 200.0 / 10.0 * np.log((-49.0 + 60.0) / (-49.0 + 50.0))  # ms
    np.testing.assert_allclose(run.recorded["i"].mean_ms, expected, atol=0.2)  # order 1, on a grid
    assert run.recorded["i"].spikes == [int(1000.0 / expected)]
