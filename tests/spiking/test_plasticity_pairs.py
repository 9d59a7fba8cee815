"""Single pairs of spikes, the modulator, and the bounds."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Population,
    Projection,
    SpikeListSource,
    TimeSeries,
    build,
    cells,
    simulate,
    spike_list,
)
from neurogain.spiking.connectivity import AllToAll, OneToOne
from neurogain.spiking.models.sources import SpikeList
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor, TripletSTDP

DT = 0.5  # ms
STEPS = 600
DELAY = 3  # steps
AT = 140  # step of the postsynaptic spike
KICK = 4e4  # pA; in one step it lifts a silent cell above its peak
SILENT = cells.PV._replace(b=0.0, d=0.0)
PATHS = ("dense", "sparse")
NEAR, FAR = np.arange(0.5, 5.5, 0.5), np.arange(7.5, 52.5, 2.5)
LAGS = np.r_[-FAR[::-1], -NEAR[::-1], 0.0, NEAR, FAR]  # ms, from the arrival to the postsynaptic
PAIR = PairSTDP(tau_plus=15.0, tau_minus=25.0, lambda_=0.02, alpha=1.2, Wmax=0.9)
START = 0.4  # nS
M = 0.0125  # 1/ms


def network(pre, rules, connectivity, *, n_pre, n_post, weight=START):
    populations = {
        "pre": Population(SpikeListSource(), pre, n_pre),
        "post": Population(IzhikevichCell(), SILENT, n_post),
    }
    projections = {
        name: Projection(
            "pre", "post", connectivity, weight, receptor="gaba_a", delay=DT * DELAY,
            plasticity=rule, path=path,
        )
        for name, (rule, path) in rules.items()
    }  # fmt: skip
    return build(populations, projections, dt=DT, key=jax.random.key(0))


def kicks(steps, n):
    """Return currents that make all silent cells spike in these steps."""
    values = np.zeros((STEPS, n))
    values[steps] = KICK
    return Drive(TimeSeries(values))


def single_pairs(tau_c=50.0, signal=None, dtype="float64"):
    """Return weights of one pair at each lag, before and after, by rule and path."""
    n = len(LAGS)
    arrival = AT - np.rint(LAGS / DT).astype(int)
    kinds = {"pair": PAIR, "factors": ThreeFactor(PAIR, tau_c)}
    rules = {f"{kind}_{path}": (rule, path) for kind, rule in kinds.items() for path in PATHS}
    with jax.enable_x64(dtype == "float64"):
        listed = spike_list(DT * (arrival - DELAY + 1), np.arange(n), n=n, dt=DT)
        net, params = network(listed, rules, OneToOne(), n_pre=n, n_post=n)
        drive = {"post": kicks([AT], n)}
        if signal is not None:
            drive |= {f"factors_{path}": TimeSeries(np.full(STEPS, signal)) for path in PATHS}
        run = simulate(net, params, drive, duration=DT * STEPS, dt=DT, dtype=dtype)
        np.testing.assert_array_equal(run.recorded["spikes"], np.ones(2 * n))
        first, last = (
            {name: net.synapses(params, name, state).weight for name in rules}
            for state in (None, run.state)
        )
    return {kind: [(first[f"{kind}_{p}"], last[f"{kind}_{p}"]) for p in PATHS] for kind in kinds}


@functools.cache
def unmodulated(dtype):
    """Return single pairs without a modulator: one that is 0, or none."""
    return single_pairs(signal={"float64": 0.0, "float32": None}[dtype], dtype=dtype)


def window():
    """Return the textbook's window of one pair."""
    rise = 0.02 * 0.9 * np.exp(-LAGS / 15.0)
    fall = -1.2 * 0.02 * 0.9 * np.exp(LAGS / 25.0)
    return np.where(LAGS == 0, 0.0, np.where(LAGS > 0, rise, fall))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_window_of_a_pair_is_exact(dtype):
    tolerance = {"rtol": 1e-9} if dtype == "float64" else {"atol": 2e-7}
    for before, after in unmodulated(dtype)["pair"]:
        np.testing.assert_allclose(after - before, window(), **tolerance)
        np.testing.assert_array_equal((after - before)[LAGS == 0], 0.0)


def steps_of_last_spikes():
    """Return when a pair is complete."""
    return np.where(LAGS > 0, AT, AT - np.rint(LAGS / DT))


@pytest.mark.parametrize("tau_c", [50.0, 400.0])
def test_a_constant_modulator_turns_a_pair_into_its_closed_form(tau_c):
    """With tau_c = 50 ms there are two common restarts, with 400 ms there is none."""
    q = np.exp(-DT / tau_c)
    left = STEPS - 1 - steps_of_last_spikes()
    expected = window() * M * DT * q * (1 - q**left) / (1 - q)
    for before, after in single_pairs(tau_c, signal=M)["factors"]:
        np.testing.assert_allclose(after - before, expected, rtol=1e-5, atol=1e-12)


def test_a_pair_in_the_past_is_rewarded_later():
    late = np.zeros(STEPS)
    late[400] = M
    expected = window() * M * DT * np.exp(-DT * (400 - steps_of_last_spikes()) / 50.0)
    for before, after in single_pairs(signal=late)["factors"]:
        np.testing.assert_allclose(after - before, expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_without_a_modulator_no_bit_changes(dtype):
    for before, after in unmodulated(dtype)["factors"]:
        np.testing.assert_array_equal(after, before)


BOUNDED = {
    "additive": PairSTDP(lambda_=0.5, alpha=1.0, Wmax=0.9),
    "multiplicative": PairSTDP(lambda_=0.5, mu_plus=1.0, mu_minus=1.0, Wmax=0.9),
    "mixed": PairSTDP(lambda_=0.5, mu_plus=0.5, mu_minus=0.5, Wmax=0.9),
    "triplet": TripletSTDP(Aplus=0.3, Aplus_triplet=0.3, Aminus=0.3, Wmax=0.9),
    "three_factor": ThreeFactor(PairSTDP(lambda_=0.5, Wmax=0.9), tau_c=50.0),
}
MOST = 20  # spikes of a cell
train = st.lists(st.integers(0, STEPS - 1), max_size=MOST, unique=True).map(sorted)


@pytest.fixture(scope="module")
def bounded():
    """Run all rules on both paths on given trains; the shapes are always the same."""
    rules = {f"{name}_{path}": (rule, path) for name, rule in BOUNDED.items() for path in PATHS}
    empty = SpikeList(jnp.zeros((2, MOST + 1), jnp.int32), DT)
    net, params = network(empty, rules, AllToAll(), n_pre=2, n_post=2, weight=0.3)

    def run(pre, post, signal):
        table = np.full((2, MOST + 1), np.iinfo(np.int32).max, np.int32)
        values = np.zeros((STEPS, 2))
        for cell in (0, 1):
            table[cell, : len(pre[cell])] = pre[cell]
            values[post[cell], cell] = KICK
        cell_params = params.cells | {"pre": SpikeList(jnp.asarray(table), DT)}
        drive = {"post": Drive(TimeSeries(values))}
        drive |= {name: TimeSeries(signal) for name in net.modulated}
        result = simulate(
            net, params._replace(cells=cell_params), drive, duration=DT * STEPS, dt=DT
        )
        return {name: net.synapses(params, name, result.state).weight for name in rules}

    return run


@settings(max_examples=10)
@given(
    pre=st.tuples(train, train),
    post=st.tuples(train, train),
    height=st.floats(-10.0, 10.0),
    period=st.integers(1, STEPS),
)
def test_weights_stay_in_their_bounds(bounded, pre, post, height, period):
    signal = height * np.sign(np.sin(2 * np.pi * np.arange(STEPS) / period))
    for name, weight in bounded(pre, post, signal).items():
        assert np.all((weight >= 0) & (weight <= np.float32(0.9))), name


def test_weights_reach_their_bounds_where_they_are_driven_there(bounded):
    early, late = list(range(100, 160, 3)), list(range(110, 170, 3))
    up = bounded((early, early), (late, late), np.full(STEPS, 10.0))
    down = bounded((late, late), (early, early), np.full(STEPS, 10.0))
    for name in up:
        assert up[name].max() <= np.float32(0.9)
    for path in PATHS:
        assert up[f"three_factor_{path}"].max() == np.float32(0.9)
        assert down[f"three_factor_{path}"].min() == 0
