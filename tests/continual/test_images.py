import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.continual import images

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 6, 5, 3), np.uint8)


def test_statistics_are_the_mean_and_deviation_of_each_channel():
    many = np.concatenate([PIXELS] * 40)  # more than one portion
    many[..., 1] //= 3
    scale = images.statistics(many)
    np.testing.assert_allclose(scale.mean, many.mean(axis=(0, 1, 2)) / 255, rtol=1e-12)
    np.testing.assert_allclose(scale.sd, many.std(axis=(0, 1, 2)) / 255, rtol=1e-12)


def test_a_channel_that_is_the_same_everywhere_is_not_divided():
    flat = PIXELS.copy()
    flat[..., 2] = 51
    assert images.statistics(flat).sd[2] == 1.0
    found = images.scaled(jnp.asarray(flat), images.statistics(flat))
    np.testing.assert_allclose(found[..., 2], 0, atol=1e-7)


def test_scaled_images_have_mean_zero_and_deviation_one():
    found = images.scaled(jnp.asarray(PIXELS), images.statistics(PIXELS))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1, rtol=1e-5)


def test_without_a_scale_images_are_in_the_unit_interval():
    found = images.scaled(jnp.asarray(PIXELS), images.Scale())
    np.testing.assert_allclose(found, PIXELS / 255, rtol=1e-6)


@pytest.fixture(scope="module")
def changed():
    """Return one image 4,000 times, each with its own shift and mirror."""
    one = jnp.broadcast_to(jnp.asarray(PIXELS[0]), (4000, 6, 5, 3))
    return np.asarray(jax.jit(images.augment)(jax.random.key(0), one))


def variants():
    """Return the 81 shifts of the image, as they are and mirrored, by (down, right, mirrored)."""
    bordered = np.pad(PIXELS[0], ((4, 4), (4, 4), (0, 0)))
    found = {}
    for top in range(9):
        for left in range(9):
            crop = bordered[top : top + 6, left : left + 5]
            found[top, left, False], found[top, left, True] = crop, crop[:, ::-1]
    return found


def test_every_image_is_a_shift_by_at_most_four_pixels_perhaps_mirrored(changed):
    assert changed.dtype == np.uint8
    known = {crop.tobytes(): place for place, crop in variants().items()}
    places = [known.get(image.tobytes()) for image in changed]
    assert None not in places
    counts = [places.count(place) for place in set(known.values())]
    assert len(counts) == 162
    assert stats.chisquare(counts).pvalue > 1e-3


def test_images_of_a_batch_change_independently_and_repeatably():
    key = jax.random.key(1)
    first, again = (images.augment(key, jnp.asarray(PIXELS)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = images.augment(jax.random.key(2), jnp.asarray(PIXELS))
    assert not np.array_equal(first, other)


def test_without_a_border_only_mirrors_are_left():
    found = np.asarray(images.augment(jax.random.key(0), jnp.asarray(PIXELS), padding=0))
    same = [np.array_equal(a, b) for a, b in zip(found, PIXELS, strict=True)]
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(found, PIXELS, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 5 < sum(same) < 25
