"""Amounts of four modulators, once per update, against plain loops and an integrator of SciPy."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import solve_ivp

from neurogain import optim
from neurogain.neuromod import Effect, KineticsParams, amounts, tables
from neurogain.neuromod.drives import Drives

ALL = {
    "noradrenaline": amounts.noradrenaline,
    "acetylcholine": amounts.acetylcholine,
    "dopamine": amounts.dopamine,
    "serotonin": amounts.serotonin,
}


def course(source, readings):
    """Return the amount behind each update."""

    def step(state, reading):
        amount, state = source.update(state, reading)
        return state, amount

    scan = jax.jit(lambda xs: jax.lax.scan(step, source.init(), xs)[1])
    return np.asarray(scan(jnp.asarray(readings, jnp.float32)))


def integrated(system, receptor, activities, ms):
    """Return a receptor's activation behind each update, by an adaptive integrator."""
    kinetics, own = tables.KINETICS[system], tables.RECEPTORS[system][receptor]
    tonic = float(kinetics.tonic)

    def bound(c):
        return c**own.n / (own.K**own.n + c**own.n)

    state, found = np.array([tonic, 0.0]), []
    for activity in activities:

        def slope(t, y, activity=activity):
            (c, a), active = y, max(activity, -1.0)
            wanted = bound(max(c, 0.0)) - bound(tonic)
            return [(tonic * (1 + active) - c) / kinetics.tau, (wanted - a) / own.tau]

        state = solve_ivp(slope, (0, ms), state, rtol=1e-9, atol=1e-12).y[:, -1]
        found.append(state[1])
    return np.array(found)


def running(readings, average):
    """Return the mean of what was read before each, and the mean with it."""
    before, behind = [], []
    for k, now in enumerate(readings):
        weights = average ** np.arange(k)[::-1]
        before.append(np.average(readings[:k], weights=weights) if k else now)
        weights = average ** np.arange(k + 1)[::-1]
        behind.append(np.average(readings[: k + 1], weights=weights))
    return np.array(before), np.array(behind)


REWARDS = np.array([0.0, 1.0, 1.0, -1.0, 0.0, 0.5, 1.0, -1.0, -1.0, 1.0])
UNCERTAINTIES = np.array([0.1, 0.1, 1.2, 0.9, 0.4, 0.1, 0.1, 0.1, 0.8, 0.1])


def test_dopamine_is_the_prediction_error_through_its_receptor():
    source = amounts.dopamine(30.0, average=0.8, ms_per_update=700.0)
    errors = REWARDS - running(REWARDS, 0.8)[0]
    expected = 30.0 * integrated("dopamine", "d1", errors, 700.0)
    np.testing.assert_allclose(course(source, REWARDS), expected, rtol=0.01, atol=2e-3)


def test_serotonin_answers_punishment_alone():
    source = amounts.serotonin(3.0, ms_per_update=400.0)
    expected = 3.0 * integrated("serotonin", "5ht1a", np.maximum(-REWARDS, 0), 400.0)
    np.testing.assert_allclose(course(source, REWARDS), expected, rtol=0.01, atol=1e-4)
    assert np.all(course(source, np.abs(REWARDS)) == 0)


def test_acetylcholine_is_the_expected_uncertainty():
    source = amounts.acetylcholine(4.0, average=0.7, ms_per_update=30.0)
    expected = 4.0 * integrated("acetylcholine", "m1", running(UNCERTAINTIES, 0.7)[1], 30.0)
    np.testing.assert_allclose(course(source, UNCERTAINTIES), expected, rtol=0.01, atol=5e-4)


def bursts(shares, ms, substeps):
    """Return the activity of the locus coeruleus, held over each substep, by a plain loop."""
    p, burst, ahp, found = tables.standard().locus, 0.0, 0.0, []
    dt = ms / substeps
    for share in shares:
        for _ in range(substeps):
            called = 1 - (1 - share) ** (dt / ms)
            burst *= np.exp(-dt / p.tau_burst)
            ahp *= np.exp(-dt / p.tau_ahp)
            burst += called * (1 - ahp) * p.burst_hz
            ahp += called * (1 - ahp)
            found.append(burst / p.tonic_hz - ahp)
    return np.array(found)


def test_noradrenaline_is_what_is_not_expected_through_the_locus():
    source = amounts.noradrenaline(5.0, full=0.9, average=0.8, ms_per_update=40.0)
    shares = np.clip((UNCERTAINTIES - running(UNCERTAINTIES, 0.8)[0]) / 0.9, 0, 1)
    active = bursts(shares, 40.0, 20)
    expected = 5.0 * integrated("noradrenaline", "alpha1", active, 2.0)[19::20]
    found = course(source, UNCERTAINTIES)
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=2e-3)
    assert found.max() > 0.1


def test_a_full_burst_raises_the_gain_by_some_40_percent():
    readings = np.r_[0.0, 5.0, np.zeros(400)]
    gain = np.exp(course(amounts.noradrenaline(), readings))
    assert 1.3 < gain.max() < 1.5
    assert gain.min() < 1, "the pause behind the burst"
    assert gain[-1] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_nothing_read_is_the_tonic_level_bit_for_bit(name):
    assert np.all(course(ALL[name](), np.zeros(20)) == 0)


def _learns(source, updates=300):
    """Return losses and gains of a regression whose targets change halfway, under jit."""
    tx = optim.with_gain_source(optax.sgd(0.05), source)
    x = jax.random.normal(jax.random.key(0), (64, 4))
    targets = x @ jnp.array([[1.0, -2.0, 0.5, 1.5], [-1.0, 2.0, -0.5, 3.0]]).T

    def loss(params, y):
        return jnp.mean((x @ params["w"] - y) ** 2)

    def step(carry, t):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params, targets[:, t // (updates // 2)])
        change, state = tx.update(grads, state, params, uncertainty=value)
        return (optax.apply_updates(params, change), state), (value, optim.get_gain(state))

    params = {"w": jnp.zeros(4)}
    scan = jax.jit(lambda c: jax.lax.scan(step, c, jnp.arange(updates))[1])
    return map(np.asarray, scan((params, tx.init(params))))


def test_a_modulator_may_drive_a_gain_through_bursts_and_pauses():
    losses, gains = _learns(amounts.gain_of(amounts.noradrenaline(full=3.0)))
    assert np.all(np.isfinite(losses))
    assert gains.min() < 1 < gains.max()
    assert losses[149] < 1e-2
    assert losses[-1] < 1e-2


def test_an_amount_is_no_drive_and_is_refused_where_one_is_meant():
    pause = course(amounts.noradrenaline(), np.r_[0.0, 5.0, np.zeros(60)]).min()
    assert pause < 0
    tx, params = optim.ngm_sgd(0.1), {"w": jnp.ones(2)}
    with pytest.raises(ValueError, match="`uncertainty` must be finite, >= 0 and not empty; got"):
        tx.update(params, tx.init(params), params, uncertainty=pause)


def test_a_source_of_ones_own():
    def to_drives(count, reward):
        return Drives(aversion=jnp.maximum(-reward, 0) * (count > 1)), count + 1

    effects = [Effect("5ht1a", "any", 2.0), Effect("5ht2a", "other", -1.0)]
    own = amounts.source(effects, to_drives, 0, reads="reward", ms_per_update=10.0)
    found = course(own, [-1.0, -1.0, -1.0, 0.0])
    assert np.all(found[:2] == 0)
    assert np.all(found[2:] != 0)
    quick = tables.standard()._replace(
        kinetics=tables.KINETICS | {"serotonin": KineticsParams(20.0, 50.0)}
    )
    faster = functools.partial(amounts.source, effects, to_drives, 0, reads="reward")
    assert abs(course(faster(ms_per_update=10.0, params=quick), [-1.0] * 3)[2]) > abs(found[2])


WIRED = tables.standard()._replace(
    kinetics=tables.KINETICS | {"noradrenaline": KineticsParams(np.full(3, 30.0), 500.0)}
)
D1 = [Effect("d1", "x", 1.0)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: amounts.noradrenaline(np.nan), "`strength` must be finite"),
        (lambda: amounts.noradrenaline(full=0.0), "`full` must be positive and finite, in nats"),
        (lambda: amounts.noradrenaline(average=1.0), r"`average` must be in \[0, 1\), per update"),
        (lambda: amounts.dopamine(ms_per_update=-1.0), "`ms_per_update` must be positive"),
        (lambda: amounts.noradrenaline(params=WIRED), "`effects` must be of volume transmission"),
        (lambda: amounts.noradrenaline(params=3), "`params` must be NeuromodParams; got int"),
        (lambda: own([Effect("d7", "x", 1.0)]), "`receptor` of the effect on x must be one of"),
        (lambda: own(D1[0]), "`effects` must be a tuple of Effect"),
        (lambda: own(D1, reads="loss"), "`reads` must be one of uncertainty, reward; got 'loss'"),
        (lambda: own(D1, to_drives=None), "`to_drives` must be a function of .memory, reading."),
        (lambda: amounts.gain_of(amounts.dopamine()), "must be of the uncertainty here; got one"),
        (lambda: amounts.gain_of(amounts.noradrenaline), "`amounts` must be an AmountSource"),
        (lambda: amounts.gain_of(optim.leaky_integrator()), "`amounts` must be an AmountSource"),
    ],
)
def test_bad_sources(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def own(effects, to_drives=lambda memory, reward: (Drives(), memory), reads="reward"):
    return amounts.source(effects, to_drives, (), reads=reads, ms_per_update=1.0)


def test_means_weigh_what_was_read_to_1():
    mean = amounts.Mean()
    assert mean.of(jnp.float32(3.0)) == 3.0
    before, behind = running(REWARDS, 0.9)
    for k, reward in enumerate(REWARDS):
        np.testing.assert_allclose(mean.of(jnp.float32(reward)), before[k], atol=1e-6)
        mean = mean.behind(jnp.float32(reward), 0.9)
        np.testing.assert_allclose(mean.of(jnp.float32(9.0)), behind[k], atol=1e-6)


def test_a_source_compiles_once_whatever_it_reads():
    for make in ALL.values():
        source = make()
        update = jax.jit(source.update)
        state = source.init()
        for reading in itertools.islice(itertools.cycle((0.0, 0.5, 2.0)), 6):
            _, state = update(state, reading)
        assert update._cache_size() == 1
