"""Noise on examples in spikes: jitter of times, lost spikes, spikes of no cause.

Source: the kinds of noise in Zenke & Vogels, Neural Computation 33:899 (2021) and Perez-Nieves et
al., Nat Commun 12:5791 (2021).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, Num

from neurogain import _checks

Spikes = Num[Array, "n steps channels"]


def jitter(spikes: Spikes, key: Key[Array, ""], sd: float) -> Spikes:
    """Return spikes at times moved by a normal number of steps, rounded, and kept within the ends.

    Spikes of one channel that meet in a step add up; those of one step and channel move together.

    Args:
      spikes: numbers of spikes.
      key: a jax.random.key.
      sd: standard deviation, in steps.

    Raises:
      ValueError: if `sd` is negative.

    Example:
      >>> jitter(jnp.ones((2, 30, 3)), jax.random.key(0), 4.0).sum()
      Array(180., dtype=float32)
    """
    _checks.one_number("sd", sd, "at least 0 steps", lambda x: x >= 0, "4.0")
    n, steps, channels = spikes.shape
    moved = jnp.round(sd * jax.random.normal(key, spikes.shape)).astype(jnp.int32)
    example, now, channel = jnp.meshgrid(
        jnp.arange(n), jnp.arange(steps), jnp.arange(channels), indexing="ij"
    )
    at = jnp.clip(now + moved, 0, steps - 1)
    return jnp.zeros_like(spikes).at[example, at, channel].add(spikes)


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

    Raises:
      ValueError: if `rate` is outside [0, 1].

    Example:
      >>> with_background(jnp.zeros((2, 30, 3)), jax.random.key(0), 1.0).sum()
      Array(180., dtype=float32)
    """
    _checks.one_number("rate", rate, "in [0, 1]", lambda x: (x >= 0) & (x <= 1), "0.01")
    return spikes + jax.random.bernoulli(key, rate, spikes.shape).astype(spikes.dtype)
