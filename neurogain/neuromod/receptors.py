"""Receptors: Hill occupancy, and a second, slow stage behind metabotropic ones.

What a receptor does is told from its occupancy at the tonic concentration: at it, activation is 0
bit for bit.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks, gain
from neurogain.neuromod import kinetics


class ReceptorParams(NamedTuple):
    """Constants of one kind of receptor."""

    K: ArrayLike  # nM, concentration of half occupancy
    n: ArrayLike = 1.0  # dimensionless, Hill exponent, >= 1
    tau: ArrayLike = 0.0  # ms, of the second stage; 0: ionotropic, at once


def occupancy(concentration: ArrayLike, *, K: ArrayLike, n: ArrayLike) -> jax.Array:
    """Return the share of receptors that are bound: c^n / (K^n + c^n).

    Its gradients are finite for all c >= 0, at c = 0 too.

    Args:
      concentration: c, nM, >= 0.
      K: nM, concentration of half occupancy, > 0.
      n: Hill exponent, >= 1.

    Source: Hill, J Physiol 40:iv (1910).

    Example:
      >>> round(float(occupancy(10.0, K=10.0, n=2.0)), 5)
      0.5
    """
    c = jnp.asarray(concentration)
    bound = c > 0
    # n log(c / K) has no gradient at 0, so that it is not taken there
    ratio = jnp.where(bound, c, K) / K
    share = jax.nn.sigmoid(n * jnp.log(ratio))
    slope = jnp.where(jnp.asarray(n) == 1, c / K, jnp.zeros_like(c))  # of the first order, at 0
    return jnp.where(bound, share, slope)


def deviation(
    concentration: jax.Array, tonic: ArrayLike, *, K: ArrayLike, n: ArrayLike
) -> jax.Array:
    """Return occupancy less that at the tonic concentration, 0 bit for bit at the latter."""
    c = jnp.asarray(concentration)
    tonic = jnp.asarray(tonic, c.dtype)
    difference = occupancy(c, K=K, n=n) - occupancy(tonic, K=K, n=n)
    rounding = jnp.where(c == tonic, difference, 0)  # two ways to round the same number
    return difference - jax.lax.stop_gradient(rounding)


def step(
    params: ReceptorParams,
    activation: jax.Array,
    concentration: jax.Array,
    tonic: ArrayLike,
    *,
    dt: float,
) -> jax.Array:
    """Advance a receptor's activation by `dt`.

        ionotropic (tau = 0):  a = occupancy(c) - occupancy(tonic)
        metabotropic:          tau da/dt = -a + occupancy(c) - occupancy(tonic)

    Args:
      params: constants.
      activation: a, dimensionless, at t.
      concentration: nM, held over the step.
      tonic: nM, where activation is 0.
      dt: step in ms; exact for any.

    Returns:
      The activation at t + dt, in (-1, 1).

    Example:
      >>> ionotropic = ReceptorParams(K=10.0)
      >>> after = step(ionotropic, jnp.zeros(()), jnp.float32(30.0), 10.0, dt=1.0)
      >>> round(float(after), 5)  # occupancy 3 / 4, less 1 / 2 at the tonic level
      0.25
    """
    dtype = activation.dtype
    K, n, tau = (jnp.asarray(x, dtype) for x in params)
    wanted = deviation(concentration, tonic, K=K, n=n)
    slow = jnp.where(tau > 0, tau, 1)
    second = gain.relax(activation, wanted, tau=slow, baseline=0, strength=1, dt=dt)
    return jnp.where(tau > 0, second, wanted).astype(dtype)


def check(name: str, params: Any, tonic: tuple[int, ...] = ()) -> None:
    """Check that the constants are those of a receptor.

    Args:
      name: of the receptor.
      params: any value.
      tonic: shape of the tonic concentration of its system.

    Raises:
      ValueError, TypeError: names the constant, the rule with its unit, the value and a way out.
    """
    way_out = "See neuromod.tables.RECEPTORS."
    if not isinstance(params, ReceptorParams):
        raise TypeError(
            f"`receptors` must hold ReceptorParams; {name} is of type {type(params).__name__}. "
            f"{way_out}"
        )
    for field, rule, holds in (
        ("K", "positive, in nM", lambda x: (x > 0) & (x < np.inf)),
        ("n", "a Hill exponent of at least 1", lambda x: (x >= 1) & (x < np.inf)),
        ("tau", "at least 0 ms, 0 for ionotropic", lambda x: (x >= 0) & (x < np.inf)),
    ):
        _checks.in_range(f"{field} of {name}", getattr(params, field), rule, holds, way_out)
        kinetics.check_shape(f"{field} of {name}", getattr(params, field), tonic)
