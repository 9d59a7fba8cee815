"""Sums over a run that stay right however long it is: compensated, or of integers in two words.

A plain sum in float32 stops at 2^24 = 16,777,216 when ones are added, and loses digits before.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Sum(NamedTuple):
    """A sum so far.

    Of floats the sum is value - rest: `rest` is what rounding added to `value` (Kahan). Of integers
    up to 32 bits `value` holds the lower 32 bits and `rest` the upper ones, as two's complement.
    """

    value: jax.Array
    rest: jax.Array


def start(like: jax.Array) -> Sum:
    """Return the empty sum of arrays of this shape and dtype; conditions are counted."""
    x = _as_number(like)
    if jnp.issubdtype(x.dtype, jnp.inexact) or x.dtype.itemsize == 8:
        return Sum(jnp.zeros_like(x), jnp.zeros_like(x))
    return Sum(jnp.zeros(x.shape, jnp.uint32), jnp.zeros(x.shape, jnp.int32))


def add(total: Sum, x: jax.Array) -> Sum:
    """Return the sum with `x` added.

    The error of n floats is at most 2 eps + n eps^2 times the sum of their absolute values, eps
    being 6e-8 in float32, in which ones are counted exactly to 2^47. An infinity stays one.

    Source: Kahan, Commun. ACM 8 (1965) 40, 10.1145/363707.363723.
    """
    x = _as_number(x)
    value, rest = total
    if jnp.issubdtype(x.dtype, jnp.inexact):
        y = x - rest
        new = value + y
        lost = jnp.where(jnp.isfinite(new), (new - value) - y, jnp.zeros_like(y))
        return Sum(new, lost)
    if x.dtype.itemsize == 8:
        return Sum(value + x, rest)
    low = x.astype(jnp.uint32)
    new = value + low
    negative = (x < 0).astype(jnp.int32)
    return Sum(new, rest - negative + (new < low).astype(jnp.int32))


def total_of(total: Sum) -> jax.Array | np.ndarray:
    """Return the sum: in 64 bits for NumPy arrays.

    Inside jit a sum of floats has their dtype, and a sum of conditions or integers is int32, which
    wraps beyond 2^31.
    """
    value, rest = total
    if not isinstance(value, np.ndarray):
        return value.astype(jnp.int32) if value.dtype == jnp.uint32 else value - rest
    if value.dtype == np.uint32:
        return np.asarray(rest.astype(np.int64) * 2**32 + value.astype(np.int64))
    if jnp.issubdtype(value.dtype, jnp.inexact):
        value = value.astype(np.promote_types(value.dtype, np.float64))
    return np.asarray(value - rest)


def _as_number(x: jax.Array) -> jax.Array:
    small = x.dtype == bool or (jnp.issubdtype(x.dtype, jnp.integer) and x.dtype.itemsize < 4)
    return x.astype(jnp.int32) if small else x
