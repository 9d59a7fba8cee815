"""What happens to examples on the device before a model sees them: uint8 becomes [0, 1]."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num

from neurogain import _checks


class Scale(NamedTuple):
    """Per channel: x becomes (x - mean) / sd, with x = pixel / 255 for uint8."""

    mean: tuple[float, ...] = (0.0,)
    sd: tuple[float, ...] = (1.0,)


def check_images(examples: np.ndarray, what: str) -> None:
    """Raise a ValueError unless examples are images; `what` needs them, for the error.

    Images are uint8 or floats, of shape (n, height, width, channels).

    Example:
      >>> check_images(np.zeros((5, 8, 8, 3), np.uint8), "rotation")
    """
    numbers = examples.dtype == np.uint8 or jnp.issubdtype(examples.dtype, jnp.floating)
    if examples.ndim != 4 or not numbers:
        raise ValueError(
            f"{what} needs images, (n, height, width, channels), uint8 or floats; the examples "
            f"are {examples.dtype} of shape {examples.shape}. Convert them, or do without."
        )


def statistics(images: np.ndarray) -> Scale:
    """Return each channel's mean and standard deviation, of images of shape (n, h, w, channels).

    Of a channel that is the same everywhere the deviation counts as 1. Raises a ValueError if they
    are no images; see `check_images`.
    """
    check_images(images, "normalisation")
    mean, sd = _of_bytes(images) if images.dtype == np.uint8 else _of_floats(images)
    return Scale(tuple(mean.tolist()), tuple(np.where(sd > 0, sd, 1.0).tolist()))


def _of_bytes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of uint8 images, in units of [0, 1]."""
    channels = images.shape[-1]
    counts = np.zeros((channels, 256))
    for start in range(0, len(images), 1000):  # exact, and small in memory
        for c in range(channels):
            part = images[start : start + 1000, ..., c].ravel()
            counts[c] += np.bincount(part, minlength=256)
    share, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256) / 255
    mean = share @ values
    return mean, np.sqrt(np.sum(share * (values - mean[:, None]) ** 2, axis=1))


def _of_floats(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of images of floats, in float64."""
    flat = images.reshape(-1, images.shape[-1]).astype(float)
    return flat.mean(axis=0), flat.std(axis=0)


def scaled(images: Num[Array, "..."], scale: Scale) -> Num[Array, "..."]:
    """Return examples as the model gets them: uint8 as float32 in [0, 1]; normalised.

    Other dtypes are unchanged where `scale` is `Scale()`.

    Example:
      >>> print(scaled(jnp.array([0, 255], jnp.uint8), Scale()), scaled(jnp.arange(3), Scale()))
      [0. 1.] [0 1 2]
    """
    inputs = images.astype(jnp.float32) / 255 if images.dtype == jnp.uint8 else images
    if scale == Scale():
        return inputs
    mean, sd = (np.asarray(x, inputs.dtype) for x in scale)
    return (inputs - mean) / sd


def augment(
    key: Key[Array, ""], images: Num[Array, "n h w c"], *, padding: int = 4
) -> Num[Array, "n h w c"]:
    """Shift every image by up to `padding` pixels each way and mirror every other, at random.

    A crop of the original size at a uniform place in the image with a black border; then mirrored
    left to right with probability 1/2.
    """
    _checks.key("key", key)
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
