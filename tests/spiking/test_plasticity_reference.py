"""Plasticity equals sums over all pairs of spikes, taken pair by pair without any trace."""

import jax
import numpy as np
import pytest

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
from neurogain.spiking.connectivity import FixedProbability
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor, TripletSTDP
from neurogain.spiking.recorders import Spikes

DT = 0.5  # ms
STEPS = 700
N_PRE, N_POST = 7, 5
DELAYS = (1, 7, 50)  # steps
SOME_DELAYS = {"additive": DELAYS, "triplet": (1, 50), "strong": (1, 50)}  # others: 7
KICK = 4e4  # pA; in one step it lifts a silent cell above its peak
SILENT = cells.PV._replace(b=0.0, d=0.0)

PAIR = {"tau_plus": 17.0, "tau_minus": 33.0, "alpha": 0.5, "Wmax": 1.3}
TRIPLET = TripletSTDP(Aplus=0.01, Aplus_triplet=0.02, Aminus=0.05, Aminus_triplet=0.02)
RULES = {
    "additive": PairSTDP(lambda_=0.1, **PAIR),
    "multiplicative": PairSTDP(lambda_=0.1, mu_plus=1.0, mu_minus=1.0, **PAIR),
    "mixed": PairSTDP(lambda_=0.1, mu_plus=0.5, mu_minus=0.5, **PAIR),
    "triplet": TRIPLET,
    "gentle": ThreeFactor(PairSTDP(lambda_=0.1, mu_plus=0.5, mu_minus=0.5, **PAIR), tau_c=50.0),
    "strong": ThreeFactor(TRIPLET, tau_c=500.0),
}
MODULATOR = {  # 1/ms
    "gentle": 0.003 * np.sin(np.arange(STEPS) / 37.0),  # weights stay off their bounds
    "strong": 0.05 * np.sin(np.arange(STEPS) / 60.0),
}
PATHS = ("dense", "sparse")
CASES = [(r, path, delay) for r in RULES for path in PATHS for delay in SOME_DELAYS.get(r, (7,))]
SINGLE = [  # in single precision
    (rule, path, 7) for rule in ("mixed", "gentle", "strong") for path in PATHS
]


def trains(seed):
    """Return the steps of the spikes of all cells; some arrive together with another's spike."""
    rng = np.random.default_rng(seed)
    pre, post = (rng.random((n, STEPS)) < 0.03 for n in (N_PRE, N_POST))
    for i, delay in enumerate(DELAYS):
        post[i, delay:] |= pre[i, :-delay] & (rng.random(STEPS - delay) < 0.5)
    return [[np.flatnonzero(x) for x in side] for side in (pre, post)]


def pairs(before, now, tau):
    """Sum over all spikes before now."""
    return sum(np.exp(-DT * (now - t) / tau) for t in before if t < now)


def rise(rule, w, arrivals, posts, now):
    if isinstance(rule, TripletSTDP):
        slow = pairs(posts, now, rule.tau_minus_triplet)
        return pairs(arrivals, now, rule.tau_plus) * (rule.Aplus + rule.Aplus_triplet * slow)
    step = rule.lambda_ * rule.Wmax * (1 - w / rule.Wmax) ** rule.mu_plus
    return step * pairs(arrivals, now, rule.tau_plus)


def fall(rule, w, arrivals, posts, now):
    if isinstance(rule, TripletSTDP):
        slow = pairs(arrivals, now, rule.tau_plus_triplet)
        return pairs(posts, now, rule.tau_minus) * (rule.Aminus + rule.Aminus_triplet * slow)
    step = rule.alpha * rule.lambda_ * rule.Wmax * (w / rule.Wmax) ** rule.mu_minus
    return step * pairs(posts, now, rule.tau_minus)


def two_factor(rule, w, arrivals, posts):
    """Walk through the events in time; of two at one moment, which are no pair, the post first."""
    for now, is_pre in sorted([(t, True) for t in arrivals] + [(t, False) for t in posts]):
        change = (lambda *args: -fall(*args)) if is_pre else rise
        w = min(max(w + change(rule, w, arrivals, posts, now), 0.0), rule.Wmax)
    return w


def three_factor(rule, w, arrivals, posts, modulator):
    """Walk step by step; also return how far the weight was outside its bounds."""
    pair, e, outside = rule.stdp, 0.0, 0.0
    arrivals_in, posts_in = set(arrivals.tolist()), set(posts.tolist())
    for step in range(STEPS):
        e *= np.exp(-DT / rule.tau_c)
        w += modulator[step] * DT * e
        outside = max(outside, -w, w - rule.Wmax)
        if step in posts_in:
            w = min(max(w, 0.0), rule.Wmax)
            e += rise(pair, w, arrivals, posts, step)
        if step in arrivals_in:
            w = min(max(w, 0.0), rule.Wmax)
            e -= fall(pair, w, arrivals, posts, step)
    return min(max(w, 0.0), rule.Wmax), outside


def kicks(trains_of_posts):
    """Return currents that make silent cells spike in these steps."""
    values = np.zeros((STEPS, len(trains_of_posts)))
    for i, steps in enumerate(trains_of_posts):
        values[steps, i] = KICK
    return Drive(TimeSeries(values))


def network(pre, rules, connectivity, *, n_post, weight):
    """Build a projection for each of `rules`, (rule, path, delay in steps) by name."""
    times = np.concatenate([DT * (steps + 1) for steps in pre])
    number = np.repeat(np.arange(len(pre)), [len(steps) for steps in pre])
    listed = spike_list(times, number, n=len(pre), dt=DT)
    populations = {
        "pre": Population(SpikeListSource(), listed, len(pre)),
        "post": Population(IzhikevichCell(), SILENT, n_post),
    }
    projections = {
        name: Projection(
            "pre", "post", connectivity, weight, receptor="gaba_a", delay=DT * delay,
            plasticity=rule, path=path,
        )
        for name, (rule, path, delay) in rules.items()
    }  # fmt: skip
    return build(populations, projections, dt=DT, key=jax.random.key(1))


def label(rule, path, delay):
    return f"{rule}_{path}_{delay}"


def uniform(rng, count):
    return rng.uniform(0.2, 0.9, count)


def learn(cases, dtype):
    """Return the recorded spikes by cell, and synapses before and after, by case."""
    pre, post = trains(0)
    rules = {label(*case): (RULES[case[0]], *case[1:]) for case in cases}
    with jax.enable_x64(dtype == "float64"):
        net, params = network(pre, rules, FixedProbability(0.7), n_post=N_POST, weight=uniform)
        signals = {label(*c): TimeSeries(MODULATOR[c[0]]) for c in cases if c[0] in MODULATOR}
        run = simulate(
            net, params, {"post": kicks(post)} | signals, duration=DT * STEPS, dt=DT,
            record={"spikes": Spikes()}, dtype=dtype,
        )  # fmt: skip
        changed = {
            case: (
                net.synapses(params, label(*case)),
                net.synapses(params, label(*case), run.state),
            )
            for case in cases
        }
    spikes = run.recorded["spikes"]
    step = np.rint(spikes.time_ms / DT).astype(int) - 1
    return [step[spikes.cell == cell] for cell in range(N_PRE + N_POST)], changed


@pytest.fixture(scope="module")
def double():
    return learn(CASES, "float64")


@pytest.fixture(scope="module")
def single():
    return learn(SINGLE, "float32")


def expected_weights(rule, delay, first, spikes):
    """Return the weights of the reference, and whether one was out of bounds between events."""
    weights, outside = [], False
    for i, j, w in zip(first.pre, first.post, first.weight.astype(float), strict=True):
        arrivals, posts = spikes[i] + delay, spikes[N_PRE + j]
        arrivals = arrivals[arrivals < STEPS]
        if rule in MODULATOR:
            w, out = three_factor(RULES[rule], w, arrivals, posts, MODULATOR[rule])
            outside |= out > 0
        else:
            w = two_factor(RULES[rule], w, arrivals, posts)
        weights.append(w)
    return np.array(weights), outside


def test_the_cells_spike_when_they_are_told_to(double):
    pre, post = trains(0)
    for actual, expected in zip(double[0], pre + post, strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(("rule", "path", "delay"), CASES)
def test_weights_are_those_of_all_pairs(double, rule, path, delay):
    spikes, changed = double
    first, last = changed[rule, path, delay]
    expected, outside = expected_weights(rule, delay, first, spikes)
    assert outside == (rule == "strong")  # "gentle" restarts, which bounds the weight as well
    assert np.abs(expected - first.weight).mean() > 0.02
    np.testing.assert_allclose(last.weight, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("rule", "path", "delay"), SINGLE)
def test_weights_are_those_of_all_pairs_in_single_precision(single, rule, path, delay):
    spikes, changed = single
    first, last = changed[rule, path, delay]
    expected, _ = expected_weights(rule, delay, first, spikes)
    assert last.weight.dtype == np.float32
    np.testing.assert_allclose(last.weight, expected, rtol=1e-5, atol=1e-6)


def test_some_weights_reach_their_bounds(double):
    for rule, delays in SOME_DELAYS.items():
        weight = np.concatenate([double[1][rule, "sparse", delay][1].weight for delay in delays])
        assert (weight == 0).any() or rule == "strong", rule
        assert (weight == RULES[rule].Wmax).any(), rule
