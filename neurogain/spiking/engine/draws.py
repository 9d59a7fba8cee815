"""Draws of a step: Gaussian noise and Poisson counts, each from the stream of its field's name."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from neurogain import _checks, _seeds
from neurogain.spiking.engine import random_bits
from neurogain.spiking.engine.drives import (
    MOST_COUNTS,
    SLACK,
    Noise,
    PoissonInput,
    PoissonInRounds,
)
from neurogain.spiking.surrogate import straight_through


def in_rounds(leaf: Any, dt: float) -> Any:
    """Return a field of a drive whose Poisson counts are sums where their mean may be above 1.

    Where all means are known to be at most 1 the field stays as it is. Arrays have the dtype of
    the run.
    """
    if not isinstance(leaf, PoissonInput):
        return leaf
    known = _checks.is_concrete(leaf.rate_hz)  # and then checked
    if known and np.all(np.asarray(leaf.rate_hz) * (dt / 1000) <= 1 + SLACK):
        return leaf
    mean = jnp.asarray(leaf.rate_hz) * (dt / 1000)
    right = (mean >= 0) & (mean <= MOST_COUNTS * (1 + SLACK))
    rounds = jnp.where(right, jnp.maximum(jnp.ceil(mean * (1 - SLACK)), 1), 1)
    # a NaN that is not needed would be an error where JAX looks for them
    mean = mean / rounds if known else jnp.where(right, mean / rounds, jnp.nan)
    whole = rounds.astype(jnp.int32)
    return PoissonInRounds(mean, leaf.weight, whole, jnp.max(whole))


def draw(
    leaves: Sequence[Any],
    key: jax.Array | None,
    *,
    names: Sequence[str],
    dt: float,
    n: Sequence[int],
    dtype: DTypeLike,
) -> tuple[jax.Array, ...]:
    """Return the values in one step of the leaves that are `Noise` or `PoissonInput`.

    Args:
      leaves: of the drive.
      key: for this step and for drives alone.
      names: of the leaves; each that is drawn has a stream of its own, numbered by its name.
      dt: step in ms.
      n: number of cells of each leaf.
      dtype: of the draws.
    """
    drawn: list[Any] = []
    for leaf, name, size in zip(leaves, names, n, strict=True):
        stream = _seeds.of_name(name)
        if isinstance(leaf, Noise):
            noise = random_bits.normal(_needed(key), size, stream=stream, dtype=dtype)
            drawn.append(leaf.mean + leaf.sd * noise)
        elif isinstance(leaf, PoissonInput):
            mean = jnp.asarray(leaf.rate_hz, dtype) * (dt / 1000)
            count = random_bits.poisson(_needed(key), mean, size, stream=stream, dtype=dtype)
            drawn.append(leaf.weight * straight_through(count, mean))
        elif isinstance(leaf, PoissonInRounds):
            rounds = jnp.asarray(leaf.rounds)
            mean = jnp.asarray(leaf.mean, dtype)
            count = random_bits.poisson_sum(
                _needed(key), mean, size, rounds=rounds, most=leaf.most, stream=stream, dtype=dtype
            )
            drawn.append(leaf.weight * straight_through(count, mean * rounds.astype(dtype)))
    return tuple(drawn)


def _needed(key: jax.Array | None) -> jax.Array:
    if key is None:
        raise ValueError("`key` must be a jax.random.key for a drive that is drawn; got None.")
    return key
