"""Gain dynamics: the leaky integrator that optimizers and spiking cells share.

    per update:       g(t+1) = g0 + decay (g(t) - g0) + sensitivity u(t)
    continuous time:  tau dg/dt = -(g - g0) + strength u

The second, with `u` held over `dt`, is the first with decay = exp(-dt / tau) and
sensitivity = strength (1 - decay), exactly. Optimizers use the first, simulations the second;
they are one function. Every argument is a scalar or an array of mutually broadcastable shape and
any float dtype; every result is differentiable in all of them. Dtypes and shapes are checked when a
function is traced, and ranges where values are concrete.

Source: Rodriguez-Garcia, Ghosh & Ramaswamy, arXiv 2507.14056, eq. 4.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks


class PerUpdate(NamedTuple):
    """The integrator's two constants per update."""

    decay: ArrayLike  # dimensionless, in (0, 1)
    sensitivity: ArrayLike  # gain per unit of drive, >= 0


class Continuous(NamedTuple):
    """The integrator's two constants in continuous time."""

    tau: ArrayLike  # ms (or the unit of dt)
    strength: ArrayLike  # gain per unit of drive, at the fixed point


class FastSlow(NamedTuple):
    """Effective weights as a sum of a part that stays and a part that lives as long as the gain."""

    slow: jax.Array  # baseline * W
    fast: jax.Array  # (gain - baseline) * W


def step(
    gain: ArrayLike,
    drive: ArrayLike,
    *,
    decay: ArrayLike,
    baseline: ArrayLike,
    sensitivity: ArrayLike,
) -> jax.Array:
    """Advance the gain by one update.

        g' = g0 + decay (g - g0) + sensitivity u

    Written about the baseline, so that g = g0 with no drive is kept bit for bit.

    Args:
      gain: g, dimensionless.
      drive: u >= 0, for instance an entropy in nats.
      decay: in (0, 1), dimensionless.
      baseline: g0 >= 1, the tonic gain.
      sensitivity: eta >= 0, gain per unit of drive.

    Returns:
      g', of the broadcast shape.

    Raises:
      TypeError: if an argument is no real number or array of them.
      ValueError: if shapes do not broadcast, or a concrete decay is outside [0, 1], whose ends
        `relax` reaches.

    Example:
      >>> float(step(1.0, 0.5, decay=0.9, baseline=1.0, sensitivity=0.4))
      1.2000000476837158

    Source: arXiv 2507.14056, eq. 4.
    """
    _checks.broadcast(
        gain=gain, drive=drive, decay=decay, baseline=baseline, sensitivity=sensitivity
    )
    _checks.in_range("decay", decay, "in [0, 1]", lambda x: ~((x < 0) | (x > 1)), "0.9")
    baseline = jnp.asarray(baseline)
    return baseline + decay * (gain - baseline) + sensitivity * jnp.asarray(drive)


def relax(
    gain: ArrayLike,
    drive: ArrayLike,
    *,
    tau: ArrayLike,
    baseline: ArrayLike,
    strength: ArrayLike,
    dt: ArrayLike,
) -> jax.Array:
    """Advance the gain by `dt` with the drive held: exact, whatever the size of `dt`.

    Args:
      gain: g, dimensionless.
      drive: u >= 0, constant over the step.
      tau: time constant in ms (or the unit of dt), > 0.
      baseline: g0, the tonic gain.
      strength: kappa, gain per unit of drive at the fixed point.
      dt: step in the unit of tau, >= 0.

    Returns:
      The gain after `dt`, of the broadcast shape.

    Raises:
      TypeError: if an argument is no real number or array of them.
      ValueError: if shapes do not broadcast, or a concrete value is outside its range.

    Example:
      >>> constants = {"tau": 100.0, "baseline": 1.0, "strength": 2.0}  # ms
      >>> once = relax(1.0, 0.5, dt=20.0, **constants)
      >>> twice = relax(relax(1.0, 0.5, dt=10.0, **constants), 0.5, dt=10.0, **constants)
      >>> print(f"{once:.4f} {twice:.4f}")
      1.1813 1.1813
    """
    _checks.broadcast(gain=gain, drive=drive, tau=tau, baseline=baseline, strength=strength, dt=dt)
    decay, sensitivity = per_update(tau=tau, strength=strength, dt=dt)
    return step(gain, drive, decay=decay, baseline=baseline, sensitivity=sensitivity)


def per_update(*, tau: ArrayLike, strength: ArrayLike, dt: ArrayLike) -> PerUpdate:
    """Return decay = exp(-dt/tau) and sensitivity = strength (1 - decay).

    Args:
      tau: time constant in ms (or the unit of dt), > 0.
      strength: gain per unit of drive at the fixed point.
      dt: step in the unit of tau, >= 0.

    Raises:
      TypeError: if an argument is no real number or array of them.
      ValueError: if shapes do not broadcast, or a concrete `tau` or `dt` is outside its range.

    Example:
      >>> decay, sensitivity = per_update(tau=100.0, strength=2.0, dt=20.0)
      >>> print(f"{decay:.4f} {sensitivity:.4f}")
      0.8187 0.3625
    """
    _checks.broadcast(tau=tau, strength=strength, dt=dt)
    _checks.in_range("tau", tau, "> 0, in the unit of dt", lambda x: x > 0, "100.0")
    _checks.in_range("dt", dt, ">= 0, in the unit of tau", lambda x: x >= 0, "0.1")
    rate = -jnp.asarray(dt) / jnp.asarray(tau)
    return PerUpdate(decay=jnp.exp(rate), sensitivity=-jnp.expm1(rate) * strength)


def continuous(*, decay: ArrayLike, sensitivity: ArrayLike, dt: ArrayLike) -> Continuous:
    """Return tau = -dt / ln(decay) and strength = sensitivity / (1 - decay).

    Args:
      decay: per update, in (0, 1).
      sensitivity: gain per unit of drive, per update.
      dt: time of an update, in the unit that tau will have, > 0.

    Raises:
      TypeError: if an argument is no real number or array of them.
      ValueError: if shapes do not broadcast, or a concrete `decay` or `dt` is outside its range.

    Example:
      >>> tau, strength = continuous(decay=0.9, sensitivity=0.4, dt=1.0)
      >>> print(f"{tau:.3f} {strength:.3f}")  # of the optimizers' constants, in updates
      9.491 4.000
    """
    _checks.broadcast(decay=decay, sensitivity=sensitivity, dt=dt)
    _check_decay(decay)
    _checks.in_range("dt", dt, "> 0, in the unit of tau", lambda x: x > 0, "1.0")
    decay = jnp.asarray(decay)
    return Continuous(tau=-jnp.asarray(dt) / jnp.log(decay), strength=sensitivity / (1 - decay))


def fixed_point(
    drive: ArrayLike, *, decay: ArrayLike, baseline: ArrayLike, sensitivity: ArrayLike
) -> jax.Array:
    """Return the gain that a constant drive settles at: g0 + sensitivity u / (1 - decay).

    Arguments are those of `step`, with the decay in (0, 1).

    Raises:
      TypeError: if an argument is no real number or array of them.
      ValueError: if shapes do not broadcast, or a concrete decay is outside (0, 1).

    Example:
      >>> print(f"{fixed_point(0.5, decay=0.9, baseline=1.0, sensitivity=0.4):.3f}")
      3.000
    """
    _checks.broadcast(drive=drive, decay=decay, baseline=baseline, sensitivity=sensitivity)
    _check_decay(decay)
    return jnp.asarray(baseline) + sensitivity * jnp.asarray(drive) / (1 - jnp.asarray(decay))


def bounds(
    max_drive: ArrayLike, *, decay: ArrayLike, baseline: ArrayLike, sensitivity: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Return the lowest and highest gain that drives in [0, max_drive] can reach from g0.

    For the entropy of C classes, `max_drive` is ln C (nats), and it must be >= 0. Other errors are
    those of `fixed_point`.

    Example:
      >>> low, high = bounds(jnp.log(10.0), decay=0.9, baseline=1.0, sensitivity=0.4)
      >>> print(f"{low:.2f} {high:.2f}")
      1.00 10.21
    """
    _checks.broadcast(max_drive=max_drive, decay=decay, baseline=baseline, sensitivity=sensitivity)
    _checks.in_range("max_drive", max_drive, ">= 0", lambda x: x >= 0, "2.3")
    top = fixed_point(max_drive, decay=decay, baseline=baseline, sensitivity=sensitivity)
    return jnp.broadcast_to(jnp.asarray(baseline, top.dtype), top.shape), top


def fast_slow(effective: ArrayLike, gain: ArrayLike, *, baseline: ArrayLike) -> FastSlow:
    """Split effective weights E = g W into slow g0 W and fast (g - g0) W; they add up to E.

    Args:
      effective: E, any shape.
      gain: g > 0, broadcastable to E.
      baseline: g0, broadcastable to E.

    Raises:
      TypeError: if an argument is no real number or array of them.
      ValueError: if gain or baseline do not broadcast to E, or a concrete gain is not > 0.

    Example:
      >>> fast_slow(jnp.array([3.0, 6.0]), 1.5, baseline=1.0)
      FastSlow(slow=Array([2., 4.], dtype=float32), fast=Array([1., 2.], dtype=float32))
    """
    shape = _checks.broadcast(effective=effective, gain=gain, baseline=baseline)
    if shape != np.shape(effective):
        raise ValueError(
            "`gain` and `baseline` must broadcast to `effective`, of shape "
            f"{np.shape(effective)}; got shapes {np.shape(gain)} and {np.shape(baseline)}. Pass "
            "numbers, or one per weight."
        )
    _checks.in_range("gain", gain, "> 0", lambda x: ~(x <= 0), "1.0")
    effective, gain = jnp.asarray(effective), jnp.asarray(gain)
    fast = (gain - baseline) / gain * effective
    return FastSlow(slow=effective - fast, fast=fast)


def check_parameters(*, decay: object, baseline: object, sensitivity: object) -> None:
    """Check that constants are in their ranges, where they are concrete numbers.

    Schedules and traced values pass: their values are not known yet.

    Raises:
      ValueError: if `decay` is outside (0, 1), `baseline` is below 1, or a value is negative or not
        finite.
    """
    _check_decay(decay)
    _checks.in_range(
        "baseline", baseline, "a finite gain of at least 1", lambda x: (x >= 1) & (x < jnp.inf), "1"
    )
    check_sensitivity(sensitivity)


def _check_decay(decay: object) -> None:
    """Raise a ValueError if a concrete decay is outside (0, 1)."""
    _checks.in_range("decay", decay, "in (0, 1), per update", lambda x: (x > 0) & (x < 1), "0.9")


def check_sensitivity(sensitivity: object) -> None:
    """Raise a ValueError if a concrete sensitivity is negative or not finite."""
    _checks.in_range(
        "sensitivity", sensitivity, "finite and >= 0", lambda x: (x >= 0) & (x < jnp.inf), "0.4"
    )
