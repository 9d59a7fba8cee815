import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.spiking.engine import random_bits


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_bits_are_those_of_jax(make, n):
    for seed in (0, 1, 2**31):
        key = jax.random.fold_in(make(seed), 5)
        expected = jax.random.bits(key, (n,), jnp.uint32)
        np.testing.assert_array_equal(random_bits.draw(key, n), expected)


def test_keys_of_another_generator_are_drawn_from_by_it():
    key = jax.random.key(3, impl="rbg")
    np.testing.assert_array_equal(random_bits.draw(key, 9), jax.random.bits(key, (9,), jnp.uint32))


def test_bits_of_many_keys_are_those_of_each():
    keys = jax.random.split(jax.random.key(0), 4)
    batched = jax.vmap(lambda k: random_bits.draw(k, 5))(keys)
    np.testing.assert_array_equal(batched, [random_bits.draw(k, 5) for k in keys])


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_keys_folded_in_are_those_of_jax(make):
    for seed in (0, 3):
        key = make(seed)
        for number in (0, 1, 2**31, 2**32 - 1):
            expected = jax.random.fold_in(key, number)
            ours = random_bits.fold_in(key, number)
            assert ours.dtype == expected.dtype
            assert (jax.random.key_data(ours) == jax.random.key_data(expected)).all()
        steps = jnp.arange(3)
        many = jax.jit(jax.vmap(lambda i, key=key: random_bits.fold_in(key, i)))(steps)
        theirs = jax.vmap(lambda i, key=key: jax.random.fold_in(key, i))(steps)
        assert (jax.random.key_data(many) == jax.random.key_data(theirs)).all()


def test_keys_of_another_generator_are_folded_by_it():
    key = jax.random.key(3, impl="rbg")
    ours, expected = random_bits.fold_in(key, 7), jax.random.fold_in(key, 7)
    assert ours.dtype == expected.dtype
    assert (jax.random.key_data(ours) == jax.random.key_data(expected)).all()


MANY = 1_000_000
KEY = jax.random.key(20)


def drawn(kind, key=KEY, n=MANY, **options):
    if kind == "poisson":
        options["mean"] = 0.5
    return jax.jit(lambda key: getattr(random_bits, kind)(key, n=n, **options))(key)


@pytest.fixture(scope="module")
def normals():
    return np.asarray(jax.jit(lambda key: random_bits.normal(key, MANY))(KEY), float)


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


@pytest.mark.parametrize("mean", [0.001, 0.1, 1.0])
def test_poisson_counts_follow_their_law(mean):
    counts = jax.jit(lambda mean: random_bits.poisson(KEY, mean, MANY))(mean)
    counts = np.asarray(counts).astype(int)
    most = np.flatnonzero(MANY * stats.poisson.pmf(np.arange(14), mean) >= 5)[-1]
    seen = np.bincount(np.minimum(counts, most), minlength=most + 1)
    expected = MANY * stats.poisson.pmf(np.arange(most + 1), mean)
    expected[-1] = MANY * stats.poisson.sf(most - 1, mean)
    statistic = ((seen - expected) ** 2 / expected).sum()
    assert statistic < stats.chi2.isf(1e-4, most)  # by chance once in 10,000 times


@pytest.mark.parametrize(
    "mean", [0.0, 0.001, 1.0, *(pytest.param(m, marks=pytest.mark.slow) for m in (5e-4, 0.1))]
)
def test_every_count_has_its_chance_to_the_last_of_24_bits(mean, monkeypatch):
    """All 2^24 numbers in turn: a sum of rounded terms must not end below the largest of them."""
    n = 2**24
    words = jnp.arange(n, dtype=jnp.uint32) << np.uint32(8)
    monkeypatch.setattr(random_bits, "_pairs", lambda key, n, stream: (words, words))
    counts = np.asarray(jax.jit(lambda mean: random_bits.poisson(KEY, mean, n))(mean))
    share = np.bincount(counts.astype(int), minlength=14) / n
    exact = stats.poisson.pmf(np.arange(14), mean)
    np.testing.assert_allclose(share, exact, atol=5 / n)
    assert (share[exact < 1e-3 / n] == 0).all(), np.rint(share * n)


def test_poisson_means_may_differ_between_cells():
    means = jnp.tile(jnp.asarray([0.0, 0.1, 1.0]), 100_000)
    counts = np.asarray(random_bits.poisson(KEY, means, 300_000)).reshape(-1, 3)
    assert (counts[:, 0] == 0).all()
    np.testing.assert_allclose(counts.mean(axis=0)[1:], [0.1, 1], atol=5 / np.sqrt(100_000))


def test_uniform_numbers_are_multiples_of_a_24_bit_step_below_1():
    x = np.asarray(random_bits.uniform(KEY, MANY), float)
    assert (x * 2**24 == np.rint(x * 2**24)).all()
    assert 0 <= x.min() < 1e-5
    assert 1 - 1e-5 < x.max() < 1
    bound = np.sqrt(np.log(2 / 1e-6) / (2 * MANY))
    assert stats.kstest(x, "uniform").statistic < bound + 2.0**-24


@pytest.mark.parametrize("kind", ["normal", "uniform", "poisson"])
def test_keys_of_another_generator_draw_the_same_law(kind):
    key = jax.random.key(3, impl="rbg")
    n = 100_000
    ours = drawn(kind, key, n)
    np.testing.assert_array_equal(ours, drawn(kind, key, n))
    assert np.mean(ours == drawn(kind, key, n, stream=1)) < 0.9
    mean, sd = {"normal": (0, 1), "uniform": (0.5, 12**-0.5), "poisson": (0.5, 0.5**0.5)}[kind]
    np.testing.assert_allclose(ours.mean(), mean, atol=5 * sd / np.sqrt(n))
    np.testing.assert_allclose(ours.std(), sd, rtol=0.02)


@pytest.mark.parametrize("kind", ["normal", "uniform", "poisson"])
def test_numbers_are_of_the_dtype_and_depend_on_the_cell_alone(kind):
    single, few = drawn(kind, n=1000), drawn(kind, n=10)
    np.testing.assert_array_equal(single[:10], few)
    assert single.dtype == jnp.float32
    with jax.disable_jit():
        np.testing.assert_allclose(drawn(kind, n=10), few, rtol=1e-6)
    with jax.enable_x64():
        double = drawn(kind, n=1000, dtype=jnp.float64)
        assert double.dtype == jnp.float64
        assert drawn(kind, n=10).dtype == jnp.float32
    np.testing.assert_allclose(double, single, rtol=1e-6, atol=1e-7)
