import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.spiking.engine import random_bits


def theirs(key, n):
    return jax.random.bits(key, (n,), jnp.uint32)


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_bits_are_those_of_jax(make):
    sizes = (1, 7, 1000)

    @jax.jit
    def both(key):
        return [[draw(key, n) for n in sizes] for draw in (random_bits.draw, theirs)]

    for seed in (0, 1, 2**31):
        key = jax.random.fold_in(make(seed), 5)
        jax.tree.map(np.testing.assert_array_equal, *both(key))
    np.testing.assert_array_equal(random_bits.draw(key, 7), both(key)[0][1])  # outside jit


def test_keys_of_another_generator_are_drawn_from_by_it():
    key = jax.random.key(3, impl="rbg")
    np.testing.assert_array_equal(random_bits.draw(key, 9), theirs(key, 9))


def test_bits_of_many_keys_are_those_of_each():
    keys = jax.random.split(jax.random.key(0), 4)
    one = jax.jit(lambda key: random_bits.draw(key, 5))
    batched = jax.jit(jax.vmap(one))(keys)
    np.testing.assert_array_equal(batched, [one(key) for key in keys])


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_keys_folded_in_are_those_of_jax(make):
    @jax.jit
    def both(key, number):
        ours, expected = random_bits.fold_in(key, number), jax.random.fold_in(key, number)
        assert ours.dtype == expected.dtype
        return jax.random.key_data(ours), jax.random.key_data(expected)

    for seed in (0, 3):
        for number in np.uint32([0, 1, 2**31, 2**32 - 1]):
            ours, expected = both(make(seed), number)
            np.testing.assert_array_equal(ours, expected)
    outside = random_bits.fold_in(make(3), 2**32 - 1)
    np.testing.assert_array_equal(jax.random.key_data(outside), ours)
    np.testing.assert_array_equal(*jax.vmap(both, (None, 0))(make(3), np.arange(3)))


def test_keys_of_another_generator_are_folded_by_it():
    key = jax.random.key(3, impl="rbg")
    ours, expected = random_bits.fold_in(key, 7), jax.random.fold_in(key, 7)
    assert ours.dtype == expected.dtype
    assert (jax.random.key_data(ours) == jax.random.key_data(expected)).all()


MANY = 1_000_000
KEY = jax.random.key(20)


@functools.partial(jax.jit, static_argnames=("kind", "n", "stream", "dtype"))
def drawn_from(key, kind, n, stream, dtype):
    options = {"mean": 0.5} if kind == "poisson" else {}
    return getattr(random_bits, kind)(key, n=n, stream=stream, dtype=dtype, **options)


def drawn(kind, key=KEY, n=MANY, stream=0, dtype=jnp.float32):
    return drawn_from(key, kind, n, stream, dtype)


@pytest.fixture(scope="module")
def normals():
    return np.asarray(drawn("normal"), float)


def exact_moments(most):
    """Moments of z from those of a binomial and of the difference of two 16-bit numbers."""
    ones = np.arange(33) - 16.0
    share = stats.binom.pmf(np.arange(33), 32, 0.5)
    step = np.arange(-(2**16) + 1, 2**16)
    between, triangle = step / 2**16, (2**16 - np.abs(step)) / 2.0**32
    linear, cubic = random_bits._LINEAR, random_bits._CUBIC
    result = np.zeros(most + 1)
    for number, chance in zip(ones, share, strict=True):
        y = number + between
        z = y * (linear + cubic * y * y)
        weight = chance * triangle
        for k in range(most + 1):
            result[k] += weight.sum()
            weight = weight * z
    return result


@pytest.fixture(scope="module")
def moments():
    return exact_moments(12)


def test_the_law_of_normals_has_the_moments_stated(moments):
    np.testing.assert_allclose(moments[[0, 2, 4]], [1, 1, 3], rtol=1e-9)
    np.testing.assert_allclose(moments[1::2], 0, atol=1e-9)
    np.testing.assert_allclose(moments[6], 14.98, atol=0.005)


def test_the_law_of_normals_is_near_the_normal_one():
    y = np.arange(-17 * 512, 17 * 512 + 1) / 512
    z = y * (random_bits._LINEAR + random_bits._CUBIC * y * y)
    below = np.zeros_like(y)
    for number, chance in enumerate(stats.binom.pmf(np.arange(33), 32, 0.5)):
        below += chance * stats.triang.cdf(y - (number - 16), 0.5, loc=-1, scale=2)
    assert np.abs(below - stats.norm.cdf(z)).max() < 1.7e-4 + 2.0**-16
    assert np.abs(z).max() < 6.5
    for deviations, missing in ((4, 0.06), (5, 0.27)):
        ratio = np.interp(-deviations, z, below) / stats.norm.cdf(-deviations)
        np.testing.assert_allclose(ratio, 1 - missing, atol=0.01)


def test_normals_have_the_moments_of_their_law(normals, moments):
    for k in (1, 2, 3, 4, 6):
        error = np.sqrt((moments[2 * k] - moments[k] ** 2) / MANY)
        assert abs((normals**k).mean() - moments[k]) < 5 * error
    assert np.abs(normals).max() < 6.5
    bound = np.sqrt(np.log(2 / 1e-6) / (2 * MANY))  # passed by chance once in a million times
    assert stats.kstest(normals, "norm").statistic < 1.7e-4 + bound


@pytest.mark.parametrize("kind", ["normal", "uniform", "poisson"])
def test_cells_streams_and_steps_are_independent(kind):
    """So are their squares, which noise of one size would give away."""
    n = 300_000
    later = [random_bits.fold_in(KEY, step) for step in (0, 1, 2)]
    rows = [drawn(kind, n=n), drawn(kind, n=n, stream=1), drawn(kind, n=n, stream=2)]
    rows += [drawn(kind, key, n) for key in later]
    rows += [np.roll(rows[0], shift) for shift in (1, 2, 32, 1024)]
    rows = np.asarray(rows, float)
    rows -= rows.mean(axis=1, keepdims=True)
    for values in (rows, rows**2):
        r = np.corrcoef(values)[np.triu_indices(len(rows), 1)]
        assert np.abs(r).max() < 5 / np.sqrt(n)


@jax.jit
def counts_of_many(mean):
    return random_bits.poisson(KEY, mean, MANY)


@pytest.mark.parametrize("mean", [0.001, 0.1, 1.0])
def test_poisson_counts_follow_their_law(mean):
    counts = np.asarray(counts_of_many(mean)).astype(int)
    most = np.flatnonzero(MANY * stats.poisson.pmf(np.arange(14), mean) >= 5)[-1]
    seen = np.bincount(np.minimum(counts, most), minlength=most + 1)
    expected = MANY * stats.poisson.pmf(np.arange(most + 1), mean)
    expected[-1] = MANY * stats.poisson.sf(most - 1, mean)
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert statistic < stats.chi2.isf(1e-4, most)  # by chance once in 10,000 times


@jax.jit
def counts_of_words(words, mean):
    with mock.patch.object(random_bits, "_pairs", return_value=(words, words)):
        return random_bits.poisson(KEY, mean, words.size)


@pytest.mark.parametrize(
    "mean", [0.0, 0.001, 1.0, *(pytest.param(m, marks=pytest.mark.slow) for m in (5e-4, 0.1))]
)
def test_every_count_has_its_chance_to_the_last_of_24_bits(mean):
    """All 2^24 numbers in turn: a sum of rounded terms must not end below the largest of them."""
    n = 2**24
    counts = np.asarray(counts_of_words(np.arange(n, dtype=np.uint32) << np.uint32(8), mean))
    share = np.bincount(counts.astype(int), minlength=14) / n
    exact = stats.poisson.pmf(np.arange(14), mean)
    np.testing.assert_allclose(share, exact, atol=5 / n)
    assert (share[exact < 1e-3 / n] == 0).all(), np.rint(share * n)


def test_poisson_means_may_differ_between_cells():
    means = np.tile(np.float32([0.0, 0.1, 1.0]), 100_000)
    draw = jax.jit(lambda key, means: random_bits.poisson(key, means, 300_000))
    counts = np.asarray(draw(KEY, means)).reshape(-1, 3)
    assert (counts[:, 0] == 0).all()
    np.testing.assert_allclose(counts.mean(axis=0)[1:], [0.1, 1], atol=5 / np.sqrt(100_000))


def test_uniform_numbers_are_multiples_of_a_24_bit_step_below_1():
    x = np.asarray(drawn("uniform"), float)
    assert (x * 2**24 == np.rint(x * 2**24)).all()
    assert 0 <= x.min() < 1e-5
    assert 1 - 1e-5 < x.max() < 1
    bound = np.sqrt(np.log(2 / 1e-6) / (2 * MANY))
    assert stats.kstest(x, "uniform").statistic < bound + 2.0**-24


@pytest.mark.parametrize("kind", ["normal", "uniform", "poisson"])
def test_keys_of_another_generator_draw_the_same_law(kind):
    key = jax.random.key(3, impl="rbg")
    n = 100_000
    ours = np.asarray(drawn(kind, key, n))
    np.testing.assert_array_equal(ours, drawn(kind, key, n))
    assert np.mean(ours == np.asarray(drawn(kind, key, n, stream=1))) < 0.9
    mean, sd = {"normal": (0, 1), "uniform": (0.5, 12**-0.5), "poisson": (0.5, 0.5**0.5)}[kind]
    np.testing.assert_allclose(ours.mean(), mean, atol=5 * sd / np.sqrt(n))
    np.testing.assert_allclose(ours.std(), sd, rtol=0.02)


@pytest.mark.parametrize("kind", ["normal", "uniform", "poisson"])
def test_numbers_are_of_the_dtype_and_depend_on_the_cell_alone(kind):
    single, few = np.asarray(drawn(kind, n=1000)), np.asarray(drawn(kind, n=10))
    np.testing.assert_array_equal(single[:10], few)
    assert single.dtype == jnp.float32
    with jax.disable_jit():
        np.testing.assert_allclose(drawn(kind, n=10), few, rtol=1e-6)
    with jax.enable_x64():
        double = drawn(kind, n=1000, dtype=jnp.float64)
        assert double.dtype == jnp.float64
        assert drawn(kind, n=10).dtype == jnp.float32
    np.testing.assert_allclose(double, single, rtol=1e-6, atol=1e-7)


def test_events_have_their_probability_to_48_bits():
    """Probabilities are put right beside the numbers that decide, small ones among them."""
    n = 100_000
    first, second = (np.asarray(x, np.uint64) for x in random_bits._pairs(KEY, n, 0))
    number = (first >> np.uint64(8)) * 2.0**-24 + (second >> np.uint64(8)) * 2.0**-48
    beside = number * (1 + 3e-7 * np.sin(np.arange(n)))
    probability = beside.astype(np.float32)
    found = random_bits.happens(KEY, probability, n)
    np.testing.assert_array_equal(found, number < probability.astype(float))
    assert 0.3 < found.mean() < 0.7
    assert number.min() < 1e-4
    rare = np.asarray(random_bits.poisson(KEY, probability, n)) > 0
    tail = -np.expm1(-beside)
    clear = np.abs(number - tail) > 1e-6 * tail
    np.testing.assert_array_equal(rare[clear], (number < tail)[clear])
