"""Gain measured in spikes: circuits with probes, curves, and sources for an optimizer."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import bridge, optim, stats
from neurogain.bridge.curve import held
from neurogain.neuromod import KineticsParams, NeuromodParams, amounts, receptors, tables
from neurogain.spiking import simulate

NOTHING = NeuromodParams({}, {})
QUICK = {"seeds": range(3), "duration": 400.0, "warm_up": 100.0}


@pytest.fixture(scope="module")
def circuit():
    return bridge.pyramidal_cells(40, strength=4.0)


@pytest.fixture(scope="module")
def curve(circuit):
    return bridge.measure(circuit, [0.0, 60.0, 200.0], **QUICK)


@pytest.fixture(scope="module")
def source(circuit, curve):
    return bridge.online(
        circuit, curve, key=jax.random.key(3), warm_up=200.0, calibrate=10_000.0, ms_per_update=25.0
    )


def test_a_reading_is_of_the_arms(circuit):
    rng = np.random.default_rng(0)
    spikes = rng.integers(0, 9, 40)
    bursts = np.minimum(spikes, rng.integers(0, 3, 40))
    found = circuit.read({"spikes": spikes, "bursts": bursts}, 500.0)
    upper, lower = spikes[1::2].mean() / 0.5, spikes[::2].mean() / 0.5  # Hz
    assert found.slope == pytest.approx((upper - lower) / 0.2, rel=1e-5)  # per nA
    assert found.burst_fraction == pytest.approx(bursts.sum() / spikes.sum())
    assert found.rate == pytest.approx(spikes.mean() / 0.5)
    assert circuit.read({"spikes": 0 * spikes, "bursts": 0 * bursts}, 500.0).burst_fraction == 0
    mean = circuit.drive["pyramidal"].soma.current.mean
    np.testing.assert_array_equal(mean[circuit.upper], 900.0)
    np.testing.assert_array_equal(mean[~circuit.upper], 700.0)


def test_a_held_concentration_and_its_receptors_stay(circuit):
    params, state = held(circuit, "noradrenaline", 120.0)
    run = simulate(
        circuit.model, params, circuit.drive, state=state, duration=50.0, dt=circuit.dt,
        key=jax.random.key(0),
    )  # fmt: skip
    after = run.state.neuromod
    assert after.concentration["noradrenaline"] == np.float32(120.0)
    for name, one in tables.RECEPTORS["noradrenaline"].items():
        expected = receptors.deviation(jnp.float32(120.0), 30.0, K=one.K, n=one.n)
        np.testing.assert_allclose(after.activation[name], expected, rtol=1e-4)
    assert after.activation["m1"] == 0


def test_the_curve_is_of_pairs_of_seeds(curve):
    assert curve.concentration.tolist() == [0.0, 30.0, 60.0, 200.0]
    assert curve.concentration[curve.tonic] == 30.0
    mean = curve.slope.mean(axis=0)
    np.testing.assert_allclose(curve.gain, mean / mean[1])
    low, high = curve.interval()
    change = curve.slope - curve.slope[:, [1]]
    for j in (0, 2, 3):
        ends = np.array(stats.t_interval(change[:, j]))
        np.testing.assert_allclose((low[j], high[j]), 1 + ends / mean[1])
    assert (low[1], high[1]) == (1, 1)
    assert curve.gain[0] < 1 < curve.gain[2] < curve.gain[3]
    bursts = curve.burst_fraction.mean(axis=0)
    assert np.all(np.diff(bursts) > 0)
    c = np.array([0.0, 20.0, 45.0, 500.0])
    np.testing.assert_allclose(curve.at(c), np.interp(c, curve.concentration, curve.gain), 1e-5)
    b = np.linspace(0, 1, 7)
    np.testing.assert_allclose(curve.of_bursts(b), np.interp(b, bursts, curve.gain), 1e-5)


def test_without_effects_no_level_changes_a_spike():
    none = bridge.measure(bridge.pyramidal_cells(40, strength=0.0), [60.0, 200.0], **QUICK)
    for field in (none.slope, none.burst_fraction, none.rate):
        np.testing.assert_array_equal(field, np.broadcast_to(field[:, :1], field.shape))
    np.testing.assert_array_equal(none.gain, 1.0)


def course(source, uncertainties):
    def step(state, u):
        gain, state = source.update(state, u)
        return state, (gain, state)

    scan = jax.jit(lambda xs: jax.lax.scan(step, source.init(), xs)[1])
    return scan(jnp.asarray(uncertainties, jnp.float32))


CALLED = np.r_[np.full(10, 0.1), np.full(6, 1.2), np.full(30, 0.1)]


def test_offline_it_is_the_curve_behind_the_receptor(curve):
    gains, _ = course(bridge.offline(curve), CALLED)
    active, state = [], (alpha := amounts.noradrenaline(1.0)).init()
    for u in CALLED:
        amount, state = alpha.update(state, u)
        active.append(float(amount))
    bound = np.array(active) + 30 / 330
    expected = np.interp(300 * bound / (1 - bound), curve.concentration, curve.gain)
    np.testing.assert_allclose(gains, expected, atol=2e-3)
    assert np.max(gains) > 1.05
    np.testing.assert_array_equal(course(bridge.offline(curve), np.full(9, 0.5))[0], 1.0)


def test_online_it_scatters_around_1_while_nothing_is_unexpected(source):
    """The calibration was over as many updates, so the difference has twice the variance."""
    found = bridge.sampling_error(source, 400)
    assert found["mean"] == pytest.approx(1, abs=3 * np.sqrt(2) * found["se"])
    assert 0 < found["sd"] < 0.2


def test_online_the_slope_is_that_of_the_curve_within_its_interval(source, circuit, curve):
    """400 updates of 25 ms at the tonic level, in blocks, and 3 seeds of 400 ms."""
    slopes = np.asarray(course(source, np.zeros(400))[1].slope).reshape(20, 20).mean(axis=1)
    difference = slopes.mean() - curve.slope[:, curve.tonic].mean()
    error = np.hypot(
        slopes.std(ddof=1) / np.sqrt(20), curve.slope[:, curve.tonic].std(ddof=1) / np.sqrt(3)
    )
    assert abs(difference) < 3 * error


def test_only_some_effects_are_left(circuit):
    kept = circuit.only("coupling").params.effects
    assert {one.target for one in kept if one.strength} == {"pyramidal.coupling"}
    assert [one.target for one in kept] == [one.target for one in circuit.params.effects]
    micro = bridge.microcircuit(4, 2, 2).only("som.", "dendrite.gain").params.effects
    left = {one.target for one in micro if one.strength}
    assert left == {"som.soma.current", "pyramidal.dendrite.gain"}


def test_online_a_surprise_raises_the_gain_and_it_falls_again(source):
    gains = np.asarray(
        course(source, np.r_[np.full(40, 0.1), np.full(6, 1.2), np.full(300, 0.1)])[0]
    )
    assert gains[40:80].max() > gains[:40].max() + 0.1
    assert gains[-60:].mean() == pytest.approx(1, abs=0.1)


def test_online_noise_is_of_the_key_and_the_update(circuit, curve):
    task = {"warm_up": 50.0, "calibrate": 200.0, "ms_per_update": 25.0}
    one, same, other = (
        bridge.online(circuit, curve, key=jax.random.key(seed), **task) for seed in (1, 1, 2)
    )
    states = [course(each, np.zeros(3))[1] for each in (one, same, other)]
    np.testing.assert_array_equal(states[0].slope, states[1].slope)
    assert np.any(states[0].slope != states[2].slope)
    assert len(set(np.asarray(states[0].slope).tolist())) == 3


def test_it_steps_inside_the_state_of_an_optimizer(source):
    tx = optim.with_gain_source(optax.sgd(0.1), source)
    params = {"w": jnp.ones(2)}
    state = tx.init(params)
    update = jax.jit(lambda s, u: tx.update(params, s, params, uncertainty=u)[1])
    for u in (0.1, 0.1, 1.5, 0.1):
        state = update(state, u)
    assert int(state.source.updates) == 4
    assert np.isfinite(optim.get_gain(state))
    assert update._cache_size() == 1


@pytest.mark.optimized
def test_cells_of_the_microcircuit_answer_too():
    circuit = bridge.microcircuit(24, 8, 8)
    curve = bridge.measure(circuit, [500.0], seeds=range(2), duration=300.0, warm_up=100.0)
    assert curve.gain[-1] > 1.2
    assert circuit.model.network.sizes == {"pyramidal": 24, "pv": 8, "som": 8}
    names = {effect.target for effect in circuit.params.effects}
    assert {"pyramidal.coupling", "pv.soma.current", "som.soma.current"} <= names


def wired(circuit):
    own = circuit.params.neuromod
    kinetics = own.kinetics | {"noradrenaline": KineticsParams(np.full(40, 30.0), 500.0)}
    params = circuit.params._replace(neuromod=own._replace(kinetics=kinetics))
    return dataclasses.replace(circuit, params=params)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, k: bridge.pyramidal_cells(7), "`n` must be even, half of the cells"),
        (lambda c, k: bridge.pyramidal_cells(0), "`n` must be a whole number of at least 2"),
        (lambda c, k: bridge.pyramidal_cells(4, currents=(9, 7)), "`currents` must be two, pA"),
        (lambda c, k: bridge.microcircuit(4, 2, 2, strength=np.nan), "`strength` must be finite"),
        (lambda c, k: bridge.measure(c, [-1.0]), "`concentrations` must be at least 0"),
        (lambda c, k: bridge.measure(c, [60.0], duration=0.0), "`duration` must be positive"),
        (lambda c, k: bridge.measure(c, [60.0], system="gaba"), "`system` must be one of dopamine"),
        (lambda c, k: bridge.measure(wired(c), [60.0]), "`system` must have one level for all"),
        (lambda c, k: bridge.offline(c), "`curve` must be a GainCurve; got Circuit"),
        (lambda c, k: bridge.offline(k._replace(system="dopamine")), "`curve` must be of noradr"),
        (lambda c, k: bridge.offline(k, full=0.0), "`full` must be positive"),
        (lambda c, k: bridge.online(c, k, key=3), "`key` must be one key; got 3"),
        (lambda c, k: online(c, k, memory=1.0), r"`memory` must be in \[0, 1\)"),
        (lambda c, k: online(c, k, warm_up=0.0), "`warm_up` must be positive"),
        (lambda c, k: online(c, k, ms_per_update=0.1), "`ms_per_update` must be a multiple"),
        (lambda c, k: bridge.measure(None, [60.0]), "`circuit` must be a Circuit; got None"),
        (lambda c, k: bridge.measure(c, 60.0), "`concentrations` must be several, nM; got 60.0"),
        (lambda c, k: bridge.measure(c, [60.0], seeds=[]), "`seeds` must be whole numbers, at l"),
        (lambda c, k: bridge.measure(c, [60.0], seeds=3), "`seeds` must be whole numbers, at le"),
        (lambda c, k: bridge.measure(c, [60.0], seeds=[0.5]), "`seeds` must be a whole number"),
        (
            lambda c, k: k.interval(1.5),
            r"`level` must be one number, in \(0, 1\)|`level` must be in",
        ),
        (lambda c, k: k._replace(slope=0 * k.slope).gain, "`slope` at the tonic level must be abo"),
        (lambda c, k: bridge.offline(k, params=NOTHING), "`params` must have noradrenaline with"),
        (lambda c, k: bridge.sampling_error(None), "`source` must be a GainSource; got None"),
        (lambda c, k: bridge.pyramidal_cells(4, noise=-1.0), "`noise` must be .*at least 0, pA"),
        (lambda c, k: bridge.pyramidal_cells(4, coupling=2.0), "`coupling` must be a probability"),
        (lambda c, k: bridge.pyramidal_cells(4, dendrite=np.inf), "`dendrite` must be finite, in"),
        (lambda c, k: bridge.pyramidal_cells(4, currents=("a", "b")), "`currents` must be "),
        (lambda c, k: bridge.pyramidal_cells(4, currents=800.0), "`currents` must be two, pA"),
        (lambda c, k: bridge.microcircuit(4, 0, 2), "`pv` must be a whole number of at least 1"),
        (lambda c, k: bridge.microcircuit(4, 2, 2, recurrence=-1.0), "`recurrence` must be finite"),
        (lambda c, k: bridge.microcircuit(4, 2, 2, interneurons=(1.0,)), "`interneurons` must be"),
        (lambda c, k: c.only("coupling", "axon"), "`targets` must be of effects of .*got 'axon'"),
        (
            lambda c, k: watched(c, k, range(3, 9)),
            r"`at` must be some of the 4 updates.*range.3, 9",
        ),
        (lambda c, k: watched(c, k, range(0)), "`at` must be some of the 4 updates"),
        (lambda c, k: watched(c, k, range(2), ms_per_update=12.5), "must be a whole number of ms"),
        (lambda c, k: bridge.sampling_error(bridge.offline(k), 3), "`updates` must be a whole num"),
    ],
)
def test_bad_input(call, message, circuit, curve):
    with pytest.raises((ValueError, TypeError), match=message):
        call(circuit, curve)


def watched(circuit, curve, at, **options):
    source = bridge.offline(curve)
    return bridge.spikes_of(circuit, source, np.zeros(4), at, **options)


def online(circuit, curve, **options):
    return bridge.online(circuit, curve, key=jax.random.key(0), **options)
