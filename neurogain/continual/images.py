"""What happens to uint8 images on the device before a model sees them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt8


class Scale(NamedTuple):
    """Per channel, in units of [0, 1]: images become (pixel / 255 - mean) / sd."""

    mean: tuple[float, ...] = (0.0,)
    sd: tuple[float, ...] = (1.0,)


def statistics(images: np.ndarray) -> Scale:
    """Return each channel's mean and standard deviation, of images of shape (n, h, w, channels).

    Of a channel that is the same everywhere the deviation counts as 1.
    """
    channels = images.shape[-1]
    counts = np.zeros((channels, 256))
    for start in range(0, len(images), 1000):  # exact, and small in memory
        for c in range(channels):
            part = images[start : start + 1000, ..., c].ravel()
            counts[c] += np.bincount(part, minlength=256)
    share, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
    mean = share @ values
    sd = np.sqrt(np.sum(share * (values - mean[:, None]) ** 2, axis=1))
    return Scale(tuple(mean.tolist()), tuple(np.where(sd > 0, sd, 1.0).tolist()))


def scaled(images: UInt8[Array, "..."], scale: Scale) -> Float[Array, "..."]:
    """Return float32 images in [0, 1], normalised."""
    unit = images.astype(jnp.float32) / 255
    if scale == Scale():
        return unit
    mean, sd = (np.asarray(x, np.float32) for x in scale)
    return (unit - mean) / sd


def augment(
    key: Key[Array, ""], images: UInt8[Array, "n h w c"], *, padding: int = 4
) -> UInt8[Array, "n h w c"]:
    """Shift every image by up to `padding` pixels each way and mirror every other, at random.

    A crop of the original size at a uniform place in the image with a black border; then mirrored
    left to right with probability 1/2.
    """
    n, *shape = images.shape
    place_key, mirror_key = jax.random.split(key)
    places = jax.random.randint(place_key, (n, 2), 0, 2 * padding + 1)
    mirrored = jax.random.bernoulli(mirror_key, shape=(n,))
    border = (padding, padding)
    bordered = jnp.pad(images, ((0, 0), border, border, (0, 0)))

    def one(image: Array, place: Array, mirror: Array) -> Array:
        crop = jax.lax.dynamic_slice(image, (place[0], place[1], 0), shape)
        return jnp.where(mirror, crop[:, ::-1], crop)

    return jax.vmap(one)(bordered, places, mirrored)
