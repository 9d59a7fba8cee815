import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.integrate import solve_ivp

from neurogain.spiking import LIFParams, cells, synapses
from neurogain.spiking.engine.drives import Drive, combine
from neurogain.spiking.models import izhikevich, lif
from neurogain.spiking.synapses import Receptor, SynapseParams, SynapseState

TAU = {"ampa": 6.0, "nmda": 100.0, "gaba_a": 6.0, "adaptation": 2000.0}  # ms
REVERSAL = {"ampa": 0.0, "nmda": 0.0, "gaba_a": -75.0, "adaptation": -80.0}  # mV
CLOSED = synapses.init(SynapseParams(), 2)
times = st.floats(1e-3, 1e3)


def named(values):
    """Return conductances of the standard receptors, in their order."""
    return SynapseState(**dict(zip(TAU, values, strict=True)))


def mean(g, tau, dt):
    """Return the mean of a decaying conductance over a step."""
    return g * tau / dt * (1 - np.exp(-dt / tau))


def opened(**conductances):
    return CLOSED._replace(**{k: jnp.broadcast_to(g, (2,)) for k, g in conductances.items()})


def gate(v):
    m = ((v + 80) / 60) ** 2
    return m / (1 + m)


def test_the_published_constants():
    for params in (synapses.SOMA, synapses.DENDRITE, SynapseParams()):
        assert {name: getattr(params, name).tau for name in TAU} == TAU
        assert {name: getattr(params, name).E for name in TAU} == REVERSAL
    assert (synapses.SOMA.nmda.ceiling, synapses.SOMA.adaptation.jump) == (85.0, 0.065)
    assert (synapses.DENDRITE.nmda.ceiling, synapses.DENDRITE.adaptation.jump) == (np.inf, 0.0)


@settings(max_examples=30)
@given(dt=times, n=st.integers(1, 10))
def test_decay_is_exponential_whatever_the_step(dt, n):
    state = opened(ampa=1.0, nmda=2.0, gaba_a=3.0, adaptation=4.0)
    for _ in range(n):
        state = synapses.step(synapses.SOMA, state, CLOSED, jnp.zeros(2), dt=dt)
    for start, (name, tau) in enumerate(TAU.items(), start=1):
        exact = start * np.exp(-n * dt / tau)
        np.testing.assert_allclose(getattr(state, name), exact, rtol=1e-3 * n, atol=1e-30)


@functools.partial(jax.jit, static_argnums=(0, 1))
def charges(dt, steps):
    """Return the integral of each conductance after one jump, at 40 mV, nS ms."""
    v, nothing = jnp.full(1, 40.0), jnp.zeros(1)
    closed = synapses.init(synapses.SOMA, 1, jnp.float64)
    jumps = {"ampa": jnp.full(1, 2.0), "nmda": jnp.full(1, 3.0), "gaba_a": jnp.full(1, 4.0)}
    opened_now = synapses.step(synapses.SOMA, closed, jumps, jnp.ones(1), dt=dt)

    def step(_, carry):
        state, total = carry
        alone = [SynapseState(**{name: state[name]}) for name in TAU]
        g = [synapses.drive(synapses.SOMA, one, v, dt=dt).conductance for one in alone]
        after = synapses.step(synapses.SOMA, state, {}, nothing, dt=dt)
        return after, total + dt * jnp.stack(g)[:, 0]

    return jax.lax.fori_loop(0, steps, step, (opened_now, jnp.zeros(4)))[1]


@pytest.mark.parametrize("dt", [0.1, 0.5, 1.0])
def test_a_jump_delivers_its_charge_whatever_the_step(dt):
    with jax.enable_x64():
        found = charges(dt, round(20 * TAU["adaptation"] / dt))
    jumps = np.array([2.0, 3.0 * 0.8, 4.0, 0.065])  # the gate is 0.8 at 40 mV
    np.testing.assert_allclose(found, jumps * list(TAU.values()), rtol=1e-6)


def potential_after(dt, pulse=5.0, until=20.0):
    """Return the potential of a leaky cell some time after a jump of its conductance, mV."""
    p = LIFParams(v_t=1e3, d=0.0)
    with jax.enable_x64():
        state = lif.init(p, 1, jnp.float64)
        jump = {"ampa": jnp.full(1, pulse)}
        closed = synapses.init(SYNAPSE, 1, jnp.float64, receptors=("ampa",))
        one = synapses.step(SYNAPSE, closed, jump, jnp.zeros(1), dt=dt)

        def step(_, carry):
            state, one = carry
            after, _ = lif.step(p, state, synapses.drive(SYNAPSE, one, state.v, dt=dt), dt=dt)
            return after, synapses.step(SYNAPSE, one, {}, jnp.zeros(1), dt=dt)

        return float(jax.lax.fori_loop(0, round(until / dt), step, (state, one))[0].v[0])


SYNAPSE = SynapseParams(ampa=Receptor(tau=5.0, E=0.0))


def test_a_potential_under_a_synapse_is_of_order_one():
    """Against an integrator of order 8 with a tolerance of 1e-12."""
    p = LIFParams()

    def rate(t, v):
        return (p.g_leak * (p.E_leak - v) - 5.0 * np.exp(-t / 5.0) * v) / p.C

    exact = solve_ivp(rate, (0.0, 20.0), [p.E_leak], "DOP853", rtol=1e-12, atol=1e-12).y[0, -1]
    error = [abs(potential_after(dt) - exact) for dt in (0.1, 0.05, 0.025)]
    order = np.log2(np.divide(error[:-1], error[1:]))
    np.testing.assert_allclose(order, 1.0, atol=0.05)
    assert error[0] < 0.02  # mV, of a deflection of 4 mV


@settings(max_examples=30)
@given(jump=st.floats(0.01, 100), dt=times)
def test_a_jump_arrives_in_full_after_the_decay_of_the_step(jump, dt):
    for name, tau in TAU.items():
        start, weight = opened(**{name: 5.0}), opened(**{name: jnp.asarray([jump, 0.0])})
        after = synapses.step(synapses.DENDRITE, start, weight, jnp.ones(2), dt=dt)
        exact = 5 * np.exp(-dt / tau) + np.asarray([jump, 0.0])
        np.testing.assert_allclose(getattr(after, name), exact, rtol=1e-4, atol=1e-30)
        others = [getattr(after, other) for other in TAU if other != name]
        np.testing.assert_array_equal(others, np.zeros((3, 2)))


def test_a_spike_of_the_soma_opens_its_adaptation():
    state = synapses.init(synapses.SOMA, 3)
    for spike in ([1.0, 0.0, 1.0], [1.0, 0.0, 0.0]):
        state = synapses.step(
            synapses.SOMA, state, synapses.init(synapses.SOMA, 3), jnp.asarray(spike), dt=0.1
        )
    exact = 0.065 * np.asarray([1 + np.exp(-0.1 / 2000), 0, np.exp(-0.1 / 2000)])
    np.testing.assert_allclose(state.adaptation, exact, rtol=1e-6)
    others = [state[name] for name in TAU if name != "adaptation"]
    np.testing.assert_array_equal(others, np.zeros((3, 3)))


@pytest.mark.parametrize(("v", "share"), [(-80, 0), (-20, 0.5), (40, 0.8), (-60, 0.1), (-140, 0.5)])
def test_the_magnesium_gate_at_known_potentials(v, share):
    np.testing.assert_allclose(synapses.nmda_gate(float(v)), share, rtol=1e-6)


def test_the_drive_adds_up_the_open_receptors():
    state = named(jnp.asarray([g, 10 * g]) for g in (1.0, 2.0, 3.0, 4.0))
    v = np.asarray([-60.0, -20.0])
    drive = synapses.drive(synapses.SOMA, state, jnp.asarray(v), dt=2.0)
    g = np.asarray([1.0, 10.0])
    a, n, i, s = (mean(k, tau, 2.0) for k, tau in enumerate(TAU.values(), start=1))
    np.testing.assert_allclose(drive.conductance, g * (a + n * gate(v) + i + s), rtol=1e-6)
    pull = g * (i * -75 + s * -80)
    np.testing.assert_allclose(drive.reversal_current, pull, rtol=1e-6)
    assert drive.current == 0


def test_every_receptor_pulls_towards_its_own_reversal():
    reversal = dict(zip(TAU, (10.0, 20.0, -30.0, -40.0), strict=True))
    params = SynapseParams(**{name: Receptor(tau=5.0, E=E) for name, E in reversal.items()})
    for name, E in reversal.items():
        drive = synapses.drive(params, opened(**{name: 3.0}), jnp.full(2, -20.0), dt=1.0)
        g = mean(1.5 if name == "nmda" else 3.0, 5.0, 1.0)
        np.testing.assert_allclose(drive.conductance, [g, g], rtol=1e-6)
        np.testing.assert_allclose(drive.reversal_current, [g * E, g * E], rtol=1e-6)


def test_the_ceiling_is_on_the_gated_conductance_of_nmda_alone():
    state, v = opened(nmda=jnp.asarray([150.0, 200.0]), ampa=90.0), jnp.full(2, -20.0)
    kinds = (synapses.SOMA, synapses.DENDRITE)
    soma, dendrite = (synapses.drive(p, state, v, dt=1e-4) for p in kinds)
    np.testing.assert_allclose(soma.conductance, [90 + 75, 90 + 85], rtol=2e-5)
    np.testing.assert_allclose(dendrite.conductance, [90 + 75, 90 + 100], rtol=2e-5)


def test_a_soma_with_all_synapses_agrees_with_numpy(trajectory):
    p, q, dt, steps = cells.L5_SOMA, synapses.SOMA, 0.1, 5000
    rng = np.random.default_rng(2)
    weights = np.asarray([8.0, 3.0, 4.0, 0.0])[:, None]  # nS, by receptor
    jumps = weights * (rng.random((steps, 4, 5)) < np.asarray([0.03, 0.03, 0.01, 0])[:, None])
    tau, E = (np.asarray(list(x.values()))[:, None] for x in (TAU, REVERSAL))

    v, u, g = np.full(5, p.v_r), np.zeros(5), np.zeros((4, 5))
    theirs = np.zeros((3, steps, 5))
    for i in range(steps):
        open_now = mean(g, tau, dt) * np.stack([np.ones(5), gate(v), np.ones(5), np.ones(5)])
        open_now[1] = np.minimum(open_now[1], 85)
        pull = (open_now * E).sum(0)
        v_next = v + dt / p.C * (p.k * (v - p.v_r) * (v - p.v_t) - u + 300 + pull)
        v_next = v_next / (1 + dt / p.C * open_now.sum(0))
        u = u + dt * p.a * (p.b * (v - p.v_r) - u)
        spike = v_next >= p.v_peak
        v, u = np.where(spike, p.c, v_next), u + p.d * spike
        g = g * np.exp(-dt / tau) + jumps[i]
        g[3] += 0.065 * spike
        theirs[:, i] = v, g[1], g[3]

    def step(state, i):
        soma, open_now = state
        drive = combine(Drive(300.0), synapses.drive(q, open_now, soma.v, dt=dt))
        soma, info = izhikevich.step(p, soma, drive, dt=dt)
        arriving = named(jnp.asarray(jumps)[i])
        return (soma, synapses.step(q, open_now, arriving, info.spike, dt=dt)), info.spike

    with jax.enable_x64():
        start = izhikevich.init(p, 5, jnp.float64), synapses.init(q, 5, jnp.float64)
        (soma, ours), spike = trajectory(step, start, steps)
    assert spike.sum() > 30
    assert (theirs[1] * gate(theirs[0])).max() > 85  # the ceiling was reached
    for x, reference in zip((soma.v, ours.nmda, ours.adaptation), theirs, strict=True):
        np.testing.assert_allclose(x, reference, rtol=0, atol=1e-6)


def test_jit_is_eager_and_vmap_is_a_loop():
    def both(p, v):
        drive = synapses.drive(p, state, v, dt=0.5)
        return drive.conductance, synapses.step(p, state, state, jnp.ones(2), dt=0.5)

    state, v = opened(ampa=1.0, nmda=200.0, gaba_a=3.0, adaptation=4.0), jnp.asarray([-60.0, 10.0])
    sets = [synapses.SOMA, synapses.DENDRITE]
    loop = jax.tree.map(lambda *x: np.stack(x), *(both(p, v) for p in sets))
    stacked = jax.tree.map(lambda *x: jnp.asarray(x), *sets)
    ours = jax.jit(jax.vmap(both, (0, None)))(stacked, v)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, loop)


def test_numerical_gradients_agree():
    def both(p, state, v):
        drive = synapses.drive(p, state, v, dt=0.5)
        return drive[1:], synapses.step(p, state, state, jnp.ones(2), dt=0.5)

    with jax.enable_x64():
        p = jax.tree.map(jnp.float64, synapses.SOMA)
        state = named(jnp.asarray([g, 2 * g]) for g in (1.0, 20.0, 3.0, 4.0))
        check_grads(jax.jit(both), (p, state, jnp.asarray([-60.0, 10.0])), order=1, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ampa": Receptor(tau=0.0, E=0.0)}, "`ampa.tau` must be positive, in ms; got 0.0"),
        ({"gaba_a": Receptor(6.0, float("nan"))}, "`gaba_a.E` must be finite, in mV; got nan"),
        ({"adaptation": Receptor(float("inf"), -80.0)}, "`adaptation.tau` must be positive, in ms"),
        ({"nmda_ceiling": -1.0}, "`nmda.ceiling` must be at least 0 nS; got -1.0"),
        (
            {"adaptation_jump": float("nan")},
            "`adaptation.jump` must be at least 0 and finite, in nS; got nan",
        ),
    ],
)
def test_constants_that_make_no_synapse_are_refused(change, message):
    synapses.check(synapses.SOMA)
    with pytest.raises(ValueError, match=re.escape(message)):
        synapses.check(synapses.SOMA._replace(**change))


def without(*names):
    """Opened synapses of three cells, and jumps, once with all receptors and once without some."""
    full = named(jnp.asarray([g, 2 * g, 0.0]) for g in (1.0, 20.0, 3.0, 4.0))
    jumps = named(jnp.asarray([0.0, g, 2 * g]) for g in (0.5, 1.0, 2.0, 3.0))
    zero = dict.fromkeys(names, jnp.zeros(3))
    lacking = (
        SynapseState(**{name: x[name] for name in x if name not in names}) for x in (full, jumps)
    )
    return lacking, (full._replace(**zero), jumps._replace(**zero))


LACKING = [
    ("nmda",),
    ("ampa", "gaba_a"),
    ("nmda", "adaptation"),
    tuple(TAU)[:3],
    tuple(TAU),
]


@pytest.mark.parametrize("names", LACKING)
def test_receptors_that_a_compartment_lacks_add_nothing_and_stay_away(names):
    no_jump = synapses.SOMA._replace(adaptation_jump=0.0)
    params = no_jump if "adaptation" in names else synapses.SOMA
    (ours, jumps), (closed, no_jumps) = without(*names)
    v, spike = jnp.asarray([-60.0, -20.0, 10.0]), jnp.asarray([0.0, 1.0, 1.0])
    for _ in range(3):
        drive, expected = (synapses.drive(params, state, v, dt=0.5) for state in (ours, closed))
        for a, b in zip(drive, expected, strict=True):
            np.testing.assert_array_equal(jnp.broadcast_to(a, (3,)), jnp.broadcast_to(b, (3,)))
        ours = jax.jit(lambda s: synapses.step(params, s, jumps, spike, dt=0.5))(ours)
        closed = jax.jit(lambda s: synapses.step(params, s, no_jumps, spike, dt=0.5))(closed)
        for name in TAU:
            if name in names:
                assert name not in ours
                np.testing.assert_array_equal(getattr(closed, name), np.zeros(3))
            else:
                np.testing.assert_array_equal(getattr(ours, name), getattr(closed, name))


def test_a_jump_at_a_receptor_that_is_lacking_opens_nothing():
    lacking = synapses.init(synapses.SOMA, 2, receptors=("ampa",))
    assert list(lacking) == ["ampa"]
    jumps = SynapseState(ampa=jnp.ones(2), nmda=jnp.ones(2))
    after = synapses.step(synapses.SOMA, lacking, jumps, jnp.ones(2), dt=0.5)
    np.testing.assert_array_equal(after.ampa, [1, 1])
    assert list(after) == ["ampa"]


def test_receptors_that_nothing_reached_only_decay():
    start = named(jnp.full(2, g) for g in (1.0, 20.0, 3.0, 4.0))
    for jumps in (SynapseState(), SynapseState(ampa=jnp.zeros(2), adaptation=jnp.zeros(2))):
        after = synapses.step(synapses.SOMA, start, jumps, jnp.zeros(2), dt=0.5)
        expected = synapses.step(synapses.SOMA, start, CLOSED, jnp.zeros(2), dt=0.5)
        for a, b in zip(*map(jax.tree.leaves, (after, expected)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_chosen_receptors_are_made_in_the_dtype():
    with jax.enable_x64():
        state = synapses.init(synapses.SOMA, 3, jnp.float64, receptors=("gaba_a", "ampa"))
        assert list(state) == ["gaba_a", "ampa"]
        with pytest.raises(AttributeError, match="has no 'nmda', only gaba_a, ampa"):
            _ = state.nmda
        assert state.ampa.dtype == state.gaba_a.dtype == jnp.float64
        assert synapses.init(synapses.SOMA, 3, receptors=()) == SynapseState()


def test_what_a_receptor_leaves_out_is_that_of_the_one_it_replaces():
    for soma in (
        synapses.SOMA._replace(nmda=Receptor(50.0, 0.0)),
        SynapseParams(nmda=Receptor(50.0, 0.0), nmda_ceiling=85.0),
    ):
        assert (soma.nmda.tau, soma.nmda.ceiling) == (50.0, 85.0)
        assert soma.nmda.gate is synapses.nmda_gate
    assert synapses.SOMA._replace(adaptation=Receptor(9.0, -80.0)).adaptation.jump == 0.065
    assert synapses.SOMA._replace(adaptation_jump=0.0).adaptation.tau == 2000.0
