import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.tasks.spikes import delayed_xor, multi_timescale_xor, randman, yin_yang
from neurogain.tasks.spikes.randman import manifold, modes
from neurogain.tasks.spikes.yin_yang import which_class

KEY = jax.random.key(0)


# Randman


def plain_manifold(x, theta, alpha):
    """Evaluate it as the published NumPy code does, function by function and mode by mode."""
    points = np.ones((len(x), len(theta)))
    for unit, functions in enumerate(theta):
        for dim, (amplitude, stretch, phase) in enumerate(functions):
            total = np.zeros(len(x))
            for i in range(len(amplitude)):
                wave = np.sin(2 * np.pi * (i * x[:, dim] * stretch[i] + phase[i]))
                total += amplitude[i] / (i + 1) ** alpha * wave
            points[:, unit] *= total
    return points


@pytest.mark.parametrize("dims", [1, 2])
def test_a_manifold_is_the_published_sum_of_waves(dims):
    rng = np.random.default_rng(0)
    x, theta = rng.random((6, dims)), rng.random((3, dims, 3, 32))
    with jax.enable_x64():
        found = manifold(jnp.asarray(x), jnp.asarray(theta), 2.0)
    np.testing.assert_allclose(found, plain_manifold(x, theta, 2.0), rtol=1e-10)


def test_the_number_of_modes_is_the_published_one():
    for alpha in (0.5, 1.0, 1.5, 2.0, 3.0):
        assert modes(alpha) == min(np.ceil(1e-3 ** (-1 / alpha)), 1000)


def test_every_unit_spikes_once_and_counts_tell_nothing():
    found = randman(KEY, classes=3, units=5, samples=40)
    spikes = np.asarray(found.spikes(50))
    assert spikes.shape == (120, 50, 5)
    np.testing.assert_array_equal(spikes.sum(1), 1)
    np.testing.assert_array_equal(np.bincount(found.labels), [40] * 3)
    np.testing.assert_array_equal(spikes.argmax(1), np.floor(np.asarray(found.times) * 50))
    for label in range(3):  # of a class each unit's times fill the whole
        times = np.asarray(found.times)[found.labels == label]
        np.testing.assert_allclose(times.min(0), 0, atol=1e-6)
        np.testing.assert_allclose(times.max(0), 1, atol=1e-4)


def test_classes_are_curves_and_the_key_draws_them():
    one = randman(KEY, classes=2, units=4, samples=300)
    again = randman(KEY, classes=2, units=4, samples=300)
    other = randman(jax.random.key(1), classes=2, units=4, samples=300)
    np.testing.assert_array_equal(one.times, again.times)
    assert not np.allclose(one.times, other.times)
    times, labels = np.asarray(one.times), np.asarray(one.labels)
    distance = np.linalg.norm(times[:, None] - times[None], axis=-1) + 9 * np.eye(600)
    assert np.mean(labels[distance.argmin(1)] == labels) > 0.95  # neighbours are of one class


@pytest.mark.parametrize("options", [{"dims": 10}, {"alpha": 20.0}, {"dims": 4, "alpha": 8.0}])
def test_smooth_and_small_manifolds_fill_the_whole_time(options):
    found = randman(KEY, classes=1, units=4, samples=200, **options)
    times = np.asarray(found.times)
    np.testing.assert_allclose(times.min(0), 0, atol=1e-6)
    np.testing.assert_allclose(times.max(0), 1, atol=2e-4)
    assert times.max() < 1


def test_any_smoothness_has_modes_or_is_refused():
    assert [modes(alpha) for alpha in (1e-9, 1e-3, 400.0)] == [1000, 1000, 2]
    with pytest.raises(ValueError, match="`alpha` and `dims` must leave the manifolds a range"):
        randman(KEY, classes=1, units=4, samples=20, alpha=400.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 0}, "`classes` must be a whole number of at least 1; got 0"),
        ({"samples": 1}, "`samples` must be a whole number of at least 2; got 1"),
        ({"alpha": 0.0}, r"`alpha` must be positive; got 0\.0"),
        ({"units": 2.5}, r"`units` must be a whole number of at least 1; got 2\.5"),
    ],
)
def test_randman_refuses_numbers_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        randman(KEY, **options)


# Yin-Yang


def plain_class(x, y):
    """The published rule, point by point."""
    right = np.sqrt((x - 0.75) ** 2 + (y - 0.5) ** 2)
    left = np.sqrt((x - 0.25) ** 2 + (y - 0.5) ** 2)
    if right < 0.1 or left < 0.1:
        return 2
    return int(right <= 0.1 or 0.1 < left <= 0.25 or (y > 0.5 and right > 0.25))


def test_each_point_has_the_published_class():
    grid = np.array([p for p in itertools.product(np.linspace(0, 1, 83), repeat=2)])
    grid = grid[np.linalg.norm(grid - 0.5, axis=1) <= 0.5]
    with jax.enable_x64():
        found = which_class(jnp.asarray(grid[:, 0]), jnp.asarray(grid[:, 1]))
    np.testing.assert_array_equal(found, [plain_class(*p) for p in grid])
    assert set(np.asarray(found)) == {0, 1, 2}


def test_classes_are_balanced_and_points_uniform_within_them():
    points = yin_yang(KEY, 3000)
    values, labels = np.asarray(points.values, float), np.asarray(points.labels)
    np.testing.assert_allclose(values[:, 2:], 1 - values[:, :2], atol=1e-6)
    assert np.all(np.linalg.norm(values[:, :2] - 0.5, axis=1) <= 0.5)
    assert [plain_class(*p) for p in values[:, :2]] == labels.tolist()
    assert stats.chisquare(np.bincount(labels)).pvalue > 0.01
    left = values[(labels == 2) & (values[:, 0] < 0.5), :2] - [0.25, 0.5]  # a disc of radius 0.1
    radius = np.linalg.norm(left, axis=1)
    assert stats.kstest((radius / 0.1) ** 2, "uniform").pvalue > 0.01


def test_a_larger_value_spikes_later():
    points = yin_yang(KEY, 20)
    spikes = np.asarray(points.spikes(40))
    np.testing.assert_array_equal(spikes.sum(1), 1)
    np.testing.assert_array_equal(spikes.argmax(1), np.floor(np.asarray(points.values) * 40))


# XOR


def test_the_target_is_whether_the_cues_differ():
    found = delayed_xor(KEY, 600, delay=30)
    spikes, targets = np.asarray(found.spikes), np.asarray(found.targets)
    assert spikes.shape == (600, 50, 20)
    counted = np.zeros(50, bool)
    counted[40:] = True
    np.testing.assert_array_equal(found.counted, np.broadcast_to(counted, (600, 50)))
    high = [spikes[:, cue].mean((1, 2)) > 0.4 for cue in (slice(0, 10), slice(40, 50))]
    np.testing.assert_array_equal(targets[:, 40:], np.tile(high[0] != high[1], (10, 1)).T)
    assert stats.chisquare(np.bincount(2 * high[0] + high[1])).pvalue > 0.01


def test_channels_spike_with_the_published_rates():
    found = delayed_xor(KEY, 600, delay=30)
    spikes = np.asarray(found.spikes)
    first = spikes[:, :10].mean((1, 2))
    for chosen, p in ((first > 0.4, 0.6), (first < 0.4, 0.2)):
        expected = 1 - (1 - p) * 0.99
        size = chosen.sum() * 200
        assert abs(first[chosen].mean() - expected) < 4 * (expected * (1 - expected) / size) ** 0.5
    assert abs(spikes[:, 10:40].mean() - 0.01) < 4 * (0.0099 / (600 * 600)) ** 0.5


def test_every_later_cue_has_a_target_of_its_own():
    found = multi_timescale_xor(KEY, 200)
    spikes, targets = np.asarray(found.spikes), np.asarray(found.targets)
    assert spikes.shape == (200, 100, 40)
    first = spikes[:, :10, :20].mean((1, 2)) > 0.4
    counted = np.zeros(100, bool)
    for cue in range(6):
        when = slice(10 + 15 * cue + 5, 10 + 15 * (cue + 1))
        counted[when] = True
        later = spikes[:, when, 20:].mean((1, 2)) > 0.4
        np.testing.assert_array_equal(targets[:, when], np.tile(first != later, (10, 1)).T)
    np.testing.assert_array_equal(found.counted, np.broadcast_to(counted, (200, 100)))
    assert spikes[:, 10:, :20].mean() < 0.012  # noise alone
    assert spikes[:, ~counted, 20:].mean() < 0.012


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: delayed_xor(KEY, 4, delay=-1),
            "`delay` must be a whole number of at least 0; got -1",
        ),
        (lambda: delayed_xor(KEY, 0), "`n` must be a whole number of at least 1; got 0"),
        (
            lambda: multi_timescale_xor(KEY, 4, cues=0),
            "`cues` must be a whole number of at least 1",
        ),
        (lambda: yin_yang(KEY, 0), "`n` must be a whole number of at least 1; got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("key", [0, None, "key", np.ones(2)], ids=repr)
@pytest.mark.parametrize("make", [delayed_xor, multi_timescale_xor, yin_yang])
def test_a_key_of_another_kind_is_refused(make, key):
    with pytest.raises(TypeError, match=r"`key` must be one key; got .*jax\.random\.key\(0\)"):
        make(key, 3)
    with pytest.raises(TypeError, match="`key` must be one key"):
        randman(key, samples=2)
