"""From numbers in [0, 1] to spikes: by their time, by their rate, or row after row."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Shaped

from neurogain import _checks


def at_times(
    times: Shaped[Array | np.ndarray, "n channels"], steps: int
) -> Float[Array, "n steps channels"]:
    """Return one spike a channel, at a time in [0, 1) of the whole; none outside of it.

    Raises:
      ValueError: if times have another shape or are NaN.

    Example:
      >>> at_times(np.array([[0.0, 0.99, 2.0]]), 4)[0].astype(int).tolist()
      [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    """
    _checks.whole("steps", steps, 1)
    _check_axes("times", times, "n channels")
    _checks.in_range("times", times, "no NaN", lambda x: ~np.isnan(x), "Pass 1.0 for no spike.")
    return _in_steps(jnp.floor(jnp.asarray(times) * steps), steps)


def latency(
    values: Shaped[Array | np.ndarray, "n channels"], steps: int, *, last: float = 1.0
) -> Float[Array, "n steps channels"]:
    """Return one spike a channel, the earlier the larger the value; none for 0.

        step = floor((1 - value) last steps), at most last steps - 1

    Args:
      values: in [0, 1].
      steps: of an example.
      last: share of the steps within which spikes lie.

    Raises:
      ValueError: if values have another shape or lie outside [0, 1], or `last` outside (0, 1].

    Example:
      >>> latency(np.array([[1.0, 0.5, 0.0]]), 4)[0].astype(int).tolist()
      [[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]]
    """
    _checks.whole("steps", steps, 1)
    _check_values(values)
    _checks.one_number("last", last, "in (0, 1]", lambda x: (x > 0) & (x <= 1), "1.0")
    values = jnp.asarray(values, jnp.result_type(float))
    span = max(1, int(last * steps + 0.5))
    step = jnp.minimum(jnp.floor((1 - values) * span), span - 1)
    return _in_steps(jnp.where(values > 0, step, steps), steps)


def rate(
    values: Shaped[Array | np.ndarray, "n channels"],
    steps: int,
    key: Key[Array, ""],
    *,
    highest: float = 0.2,
) -> Float[Array, "n steps channels"]:
    """Return independent spikes in each step, with probability value x `highest`.

    Args:
      values: in [0, 1].
      steps: of an example.
      key: a jax.random.key.
      highest: probability a step for a value of 1.

    Raises:
      ValueError: if values have another shape or lie outside [0, 1], or `highest` outside (0, 1].

    Example:
      >>> rate(np.ones((2, 3)), 5, jax.random.key(0), highest=1.0).sum().item()
      30.0
    """
    _checks.whole("steps", steps, 1)
    _check_values(values)
    _checks.one_number("highest", highest, "in (0, 1]", lambda x: (x > 0) & (x <= 1), "0.2")
    _checks.key("key", key)
    values = jnp.asarray(values, jnp.result_type(float))
    n, channels = values.shape
    chance = jax.random.uniform(key, (n, steps, channels), values.dtype)
    return (chance < highest * values[:, None, :]).astype(values.dtype)


def rows(
    images: Shaped[Array | np.ndarray, "n height width"], *, repeat: int = 1
) -> Float[Array, "n steps width"]:
    """Return images row after row, each held for `repeat` steps (sequential digits, S-MNIST).

    With images of shape (n, height width, 1) it is pixel after pixel.

    Raises:
      ValueError: if images have another shape or lie outside [0, 1].

    Example:
      >>> rows(np.ones((2, 8, 8)), repeat=3).shape
      (2, 24, 8)
    """
    _checks.whole("repeat", repeat, 1)
    _check_values(images, "images", "n height width")
    images = jnp.asarray(images, jnp.result_type(float))
    return jnp.repeat(images, repeat, axis=1)


def _in_steps(step: Array, steps: int) -> Array:
    """Return a spike in the step of each channel, none where there is no such step."""
    spikes = step[:, None, :] == jnp.arange(steps)[None, :, None]
    return spikes.astype(jnp.result_type(float))


def _check_values(values: object, name: str = "values", axes: str = "n channels") -> None:
    """Raise an error unless values have these axes and are in [0, 1], where they are known."""
    _check_axes(name, values, axes)
    _checks.in_range(name, values, "in [0, 1]", lambda x: (x >= 0) & (x <= 1), "x / 255")


def _check_axes(name: str, values: Any, axes: str) -> None:
    """Raise an error unless values are numbers with these axes."""
    shape, names = _checks.broadcast(**{name: values}), axes.split()
    if len(shape) != len(names):
        raise ValueError(
            f"`{name}` must have shape ({', '.join(names)}); got {shape}. Reshape them, as "
            "x.reshape(len(x), -1)."
        )
