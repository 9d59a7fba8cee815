"""Traces of spikes: they jump by 1 at a spike and decay between."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Traces = tuple[Any, ...]
"""One array for each time constant of one side."""


def decay(traces: Traces, taus: tuple[ArrayLike, ...], *, dt: float) -> Traces:
    """Return traces after `dt` ms without a spike, for time constants in ms.

    Example:
      >>> (x,) = decay((jnp.ones(1),), (10.0,), dt=10.0)
      >>> round(float(x[0]), 4)
      0.3679
    """
    return tuple(decayed(x, tau, dt) for x, tau in zip(traces, taus, strict=True))


def decayed(x: jax.Array, tau: ArrayLike, dt: float) -> jax.Array:
    """Return x exp(-dt / tau), as a small change of x: a rounded factor's error would add up."""
    return x + x * jnp.expm1(-dt / jnp.asarray(tau, x.dtype))
