"""Noise on examples in spikes: jitter of times, lost spikes, spikes of no cause.

Source: the kinds of noise in Zenke & Vogels, Neural Computation 33:899 (2021) and Perez-Nieves et
al., Nat Commun 12:5791 (2021).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num

from neurogain import _checks

Spikes = Num[Array, "n steps channels"]


def jitter(spikes: Spikes, key: Key[Array, ""], sd: float) -> Spikes:
    """Return spikes at times moved by a normal number of steps, rounded, and kept within the ends.

    Spikes of one channel that meet in a step add up; those of one step and channel move together.
    In a dtype of few bits, as uint8, a number is at most the largest that it has.

    Args:
      spikes: numbers of spikes.
      key: a jax.random.key.
      sd: standard deviation, in steps.

    Raises:
      ValueError: if `sd` is negative or not finite, or spikes have another shape.

    Example:
      >>> jitter(jnp.ones((2, 30, 3)), jax.random.key(0), 4.0).sum()
      Array(180., dtype=float32)
    """
    finite = "finite, at least 0 steps"
    _checks.one_number("sd", sd, finite, lambda x: (x >= 0) & (x < np.inf), "4.0")
    _check(spikes, key)
    n, steps, channels = spikes.shape
    far = jnp.round(sd * jax.random.normal(key, spikes.shape))
    moved = jnp.clip(far, -steps, steps).astype(jnp.int32)
    example, now, channel = jnp.meshgrid(
        jnp.arange(n), jnp.arange(steps), jnp.arange(channels), indexing="ij"
    )
    at = jnp.clip(now + moved, 0, steps - 1)
    wide = _wide(spikes)
    return _narrow(jnp.zeros_like(wide).at[example, at, channel].add(wide), spikes)


def thinned(spikes: Spikes, key: Key[Array, ""], lost: float) -> Spikes:
    """Return spikes of which each is lost with a probability.

    Args:
      spikes: 0 or 1 a step; or their numbers, in a dtype of whole numbers.
      key: a jax.random.key.
      lost: probability that a spike is lost.

    Raises:
      ValueError: if `lost` is outside [0, 1].

    Example:
      >>> thinned(jnp.ones((2, 30, 3)), jax.random.key(0), 1.0).sum()
      Array(0., dtype=float32)
    """
    _checks.one_number("lost", lost, "in [0, 1]", lambda x: (x >= 0) & (x <= 1), "0.2")
    _check(spikes, key)
    if jnp.issubdtype(spikes.dtype, jnp.integer):

        def one_more(k: Array, kept: Array) -> Array:
            own = jax.random.bernoulli(jax.random.fold_in(key, k), 1 - lost, spikes.shape)
            return kept + (own & (spikes > k)).astype(spikes.dtype)

        return jax.lax.fori_loop(
            0, spikes.max().astype(jnp.int32), one_more, jnp.zeros_like(spikes)
        )
    return spikes * jax.random.bernoulli(key, 1 - lost, spikes.shape).astype(spikes.dtype)


def with_background(spikes: Spikes, key: Key[Array, ""], rate: float) -> Spikes:
    """Return spikes with others, in each step and channel with probability `rate`.

    In a dtype of few bits, as uint8, a number is at most the largest that it has.

    Raises:
      ValueError: if `rate` is outside [0, 1].

    Example:
      >>> with_background(jnp.zeros((2, 30, 3)), jax.random.key(0), 1.0).sum()
      Array(180., dtype=float32)
    """
    _checks.one_number("rate", rate, "in [0, 1]", lambda x: (x >= 0) & (x <= 1), "0.01")
    _check(spikes, key)
    wide = _wide(spikes)
    more = jax.random.bernoulli(key, rate, spikes.shape).astype(wide.dtype)
    return _narrow(wide + more, spikes)


def _check(spikes: Spikes, key: Key[Array, ""]) -> None:
    """Raise an error unless spikes are numbers of three axes, and there is one key."""
    _checks.key("key", key)
    if len(_checks.broadcast(spikes=spikes)) != 3:
        raise ValueError(
            f"`spikes` must have shape (n, steps, channels); got {spikes.shape}. Pass x[None]."
        )


def _wide(spikes: Spikes) -> Spikes:
    """Return whole numbers of few bits in 32, so that sums don't wrap."""
    few = jnp.issubdtype(spikes.dtype, jnp.integer) and spikes.dtype.itemsize < 4
    return spikes.astype(jnp.int32) if few else spikes


def _narrow(wide: Spikes, like: Spikes) -> Spikes:
    """Return numbers in the dtype of others, at most the largest that it has."""
    if wide.dtype == like.dtype:
        return wide
    return jnp.minimum(wide, jnp.iinfo(like.dtype).max).astype(like.dtype)
