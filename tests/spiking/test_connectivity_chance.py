"""Numbers drawn by the rules follow their distributions; memory grows with the synapses.

Seeds are fixed. With fresh ones each chi-square test would fail once in 10,000 times.
"""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from neurogain.spiking.connectivity import (
    FixedInDegree,
    FixedProbability,
    GaussianProbability,
    distance,
)

LEVEL = 1e-4  # of a false alarm
DRAWS = 1500


def counted(rule, n_pre, n_post, recurrent, draws=DRAWS):
    """Return how often each pair is connected, (n_pre, n_post), and all in-degrees."""
    rng = np.random.default_rng(11)
    drawn = [rule.connect(rng, n_pre, n_post, recurrent) for _ in range(draws)]
    pre, post = (np.concatenate([getattr(x, side) for x in drawn]) for side in ("pre", "post"))
    counts = np.bincount(pre * n_post + post, minlength=n_pre * n_post).reshape(n_pre, n_post)
    draw = np.repeat(np.arange(draws), [len(pairs.pre) for pairs in drawn])
    degrees = np.bincount(draw * n_post + post, minlength=draws * n_post).reshape(draws, n_post)
    return counts, degrees


def within(statistic, freedom):
    """Neither larger nor smaller than chance makes it."""
    low, high = stats.chi2.ppf([LEVEL / 2, 1 - LEVEL / 2], freedom)
    assert low < statistic < high, (low, statistic, high)


def z_squared(counts, p, draws=DRAWS):
    return (counts - draws * p) ** 2 / (draws * p * (1 - p))


@pytest.mark.parametrize(("recurrent", "autapses"), [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_every_set_of_sources_is_equally_likely(recurrent, autapses, k):
    n = 12
    counts, degrees = counted(FixedInDegree(k, autapses=autapses), n, n, recurrent)
    assert (degrees == k).all()
    choice = n - (recurrent and not autapses)
    there = ~np.eye(n, dtype=bool) if choice < n else np.ones((n, n), bool)
    assert (counts[~there] == 0).all()
    # k of `choice` without doubles: the squares of a cell add up to choice / (choice - 1) chi^2
    statistic = z_squared(counts[there], k / choice).sum() * (choice - 1) / choice
    within(statistic, n * (choice - 1))


def test_pairs_of_sources_are_equally_likely():
    """Drawing doubles again favours no set."""
    n, k, draws, cells = 6, 3, 40, 1000
    rng = np.random.default_rng(3)
    sets = np.zeros(2**n, int)
    for _ in range(draws):
        pairs = FixedInDegree(k).connect(rng, n, cells, False)
        np.add.at(sets, (1 << pairs.pre.reshape(cells, k)).sum(axis=1), 1)
    sizes = np.array([bin(i).count("1") for i in range(2**n)])
    assert sets[sizes != k].sum() == 0
    expected = draws * cells / 20
    within(((sets[sizes == k] - expected) ** 2 / expected).sum(), 19)


@pytest.mark.parametrize("recurrent", [True, False])
def test_multapses_are_drawn_one_by_one(recurrent):
    n, k = 10, 15
    counts, degrees = counted(FixedInDegree(k, multapses=True), n, n, recurrent)
    assert (degrees == k).all()
    there = ~np.eye(n, dtype=bool) if recurrent else np.ones((n, n), bool)
    assert (counts[~there] == 0).all()
    choice = n - recurrent
    expected = DRAWS * k / choice
    within(((counts[there] - expected) ** 2 / expected).sum(), n * (choice - 1))


def binomial_degrees(degrees, n, p):
    """Bins of at least 20 expected; the tails are one bin each."""
    probability = stats.binom.pmf(np.arange(n + 1), n, p)
    expected = degrees.size * probability
    main = np.flatnonzero(expected >= 20)
    low, high = main[0], main[-1]
    seen = np.bincount(np.clip(degrees.ravel(), low, high) - low)
    wanted = np.r_[expected[: low + 1].sum(), expected[low + 1 : high], expected[high:].sum()]
    within(((seen - wanted) ** 2 / wanted).sum(), len(wanted) - 1)


@pytest.mark.parametrize(
    ("p", "recurrent"), [(0.05, True), (0.3, False), (0.5, True), (0.7, False), (0.95, True)]
)
def test_fixed_probability_is_that_of_each_pair_and_degrees_are_binomial(p, recurrent):
    n = 14
    counts, degrees = counted(FixedProbability(p), n, n, recurrent)
    there = ~np.eye(n, dtype=bool) if recurrent else np.ones((n, n), bool)
    assert (counts[~there] == 0).all()
    within(z_squared(counts[there], p).sum(), there.sum())
    binomial_degrees(degrees, n - recurrent, p)


@pytest.mark.parametrize(
    ("layout", "n_pre", "n_post"),
    [
        ("ring", 12, 12),
        ("ring", 12, 18),  # share patterns of three cells
        ("ring", 5, 3),  # share none
        ("sheet", 16, 16),
        ("sheet", 36, 9),
        ("sheet", 4, 9),  # share none
    ],
)
def test_gaussian_probability_is_that_of_each_pair(layout, n_pre, n_post):
    sigma, p = (0.4, 0.95) if n_pre >= n_post else (1.5, 0.2)
    rule = GaussianProbability(sigma, p, layout)
    recurrent = n_pre == n_post
    counts, degrees = counted(rule, n_pre, n_post, recurrent)
    chance = p * np.exp(-(distance(layout, n_pre, n_post) ** 2) / (2 * sigma**2))
    if recurrent:
        chance[np.diag_indices(n_pre)] = 0
    assert (counts[chance == 0] == 0).all()
    likely = chance > 0.01
    z = z_squared(counts[likely], chance[likely])
    assert z.max() < 25, np.sqrt(z.max())
    within(z.sum(), likely.sum())
    # pairs are independent: the variance of a cell's in-degree is the sum of theirs
    each = chance * (1 - chance)
    variance = each.sum(axis=0)
    excess = (each * (1 - 6 * each)).sum(axis=0) / variance**2  # of the kurtosis
    error = variance * np.sqrt((2 + np.maximum(excess, 0)) / DRAWS)
    deviation = (degrees.var(axis=0, ddof=1) - variance) / error
    assert np.abs(deviation).max() < 5, deviation


def test_gaussian_probability_may_meet_itself_where_it_may():
    counts, _ = counted(GaussianProbability(0.5, 0.5, autapses=True), 8, 8, True)
    within(z_squared(np.diag(counts), 0.5).sum(), 8)


N = 10_000  # cells, a square


@pytest.mark.parametrize(
    "rule",
    [
        FixedInDegree(100),
        FixedInDegree(100, multapses=True),
        FixedProbability(0.01),
        FixedProbability(0.7),
        GaussianProbability(0.1, 0.25),
        GaussianProbability(0.1, 0.16, "sheet"),
    ],
    ids=repr,
)
def test_a_million_synapses_take_the_memory_stated(rule):
    n = 1200 if rule == FixedProbability(0.7) else N
    tracemalloc.start()
    try:
        pairs = rule.connect(np.random.default_rng(0), n, n, True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    synapses = len(pairs.pre)
    assert 0.9e6 < synapses < 1.1e6
    assert pairs.pre.nbytes + pairs.post.nbytes == 8 * synapses
    most = 120 if isinstance(rule, GaussianProbability) else 35
    assert peak < most * synapses, peak / synapses
