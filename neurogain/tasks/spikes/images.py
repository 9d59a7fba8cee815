"""Digits and MNIST in spikes: by the time of one spike, by rates, or row after row."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from neurogain import _checks
from neurogain.continual import data
from neurogain.tasks.spikes import coding
from neurogain.tasks.spikes.labelled import Labelled, chosen

Code = Callable[[Array, Key[Array, ""]], Array]
"""From images in [0, 1], (n, height, width), and a key to spikes, (n, steps, channels)."""


def by_latency(images: Array, key: Key[Array, ""]) -> Array:
    """One spike a pixel in 100 steps, the earlier the brighter; none for black."""
    del key
    return coding.latency(images.reshape(len(images), -1), 100)


def by_rate(images: Array, key: Key[Array, ""]) -> Array:
    """Independent spikes in 100 steps, at most 0.1 a step."""
    return coding.rate(images.reshape(len(images), -1), 100, key, highest=0.1)


def by_row(images: Array, key: Key[Array, ""]) -> Array:
    """Row after row, each held as a current for a few steps, 80 to 84 in all."""
    del key
    return coding.rows(images, repeat=max(1, 84 // images.shape[1]))


def by_pixel(images: Array, key: Key[Array, ""]) -> Array:
    """Pixel after pixel, a step each: S-MNIST."""
    del key
    return coding.rows(images.reshape(len(images), -1, 1))


CODES: dict[str, Code] = {
    "latency": by_latency, "rate": by_rate, "rows": by_row, "pixels": by_pixel,
}  # fmt: skip


SUMMARIES = {
    "latency": "a spike a pixel, the earlier the brighter", "rate": "spikes at random, by rates",
    "rows": "row after row as currents", "pixels": "pixel after pixel as currents",
}  # fmt: skip


GRADED = ("rows", "pixels")  # whose numbers are currents, not spikes


@functools.lru_cache(maxsize=2)
def load(name: str, data_dir: Path | None) -> tuple[data.Examples, data.Examples]:
    """Return training and test examples of a set; errors as in `data.load`."""
    whole = data.load(name, data_dir)
    return whole.train, whole.test


def sizes(name: str, data_dir: Path | None) -> tuple[int, int]:
    """Return the numbers of training and of test images of a set; errors as in `data.load`."""
    train, test = load(name, None if data_dir is None else Path(data_dir))
    return len(train.labels), len(test.labels)


def draw(
    name: str, code: Code, key: Key[Array, ""], train: int, test: int, data_dir: Path | None = None
) -> tuple[Labelled, Labelled]:
    """Return coded training and test examples, drawn without replacement from their parts.

    Args:
      name: of the set, as for `data.load`.
      code: from images in [0, 1] to spikes.
      key: a jax.random.key.
      train: number of training examples, at most those of the set.
      test: number of test examples, likewise.
      data_dir: folder of sets prepared by TensorFlow Datasets.

    Raises:
      ValueError: if the set has fewer examples, or if `data.load` raises it.
      FileNotFoundError: if the set is not there.

    Example:
      >>> first, second = draw("digits", by_latency, jax.random.key(0), 20, 10)
      >>> first.spikes.shape, second.labels.shape
      ((20, 100, 64), (10,))
    """
    _checks.key("key", key)
    found = []
    for number, (examples, n) in enumerate(zip(load(name, data_dir), (train, test), strict=True)):
        of_choice, of_code = jax.random.split(jax.random.fold_in(key, number))
        what = ("train", "test")[number]
        index = chosen(of_choice, len(examples.labels), n, what=what, of=name)
        images = jnp.asarray(examples.images[index, ..., 0], jnp.float32) / 255
        found.append(Labelled(code(images, of_code), jnp.asarray(examples.labels[index])))
    return found[0], found[1]
