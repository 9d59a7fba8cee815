"""Concentration of a neuromodulator: tonic level, phasic release, first-order clearance."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks, gain


class KineticsParams(NamedTuple):
    """Constants of one neuromodulator.

    Transmission by volume: `tonic` has shape (), one concentration for all targets. Wired: `tonic`
    has shape (n,), a concentration for each target cell, and release may differ between them.
    """

    tonic: ArrayLike  # nM, >= 0, at the tonic firing of the neurons that release it
    tau: ArrayLike  # ms, clearance
    sensitivity: ArrayLike = 1.0  # activity of the neurons per unit of what drives them


class Release(NamedTuple):
    """What the releasing neurons do in a step; fields have the shape of `tonic`, or are scalars."""

    activity: ArrayLike = 0.0  # dimensionless, firing over tonic firing less 1; -1: silent
    phasic: ArrayLike = 0.0  # nM, released at once, >= 0


def init(params: KineticsParams, dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Return the tonic concentration, nM."""
    return jnp.asarray(params.tonic, dtype)


def step(
    params: KineticsParams, concentration: jax.Array, release: Release, *, dt: float
) -> jax.Array:
    """Advance a concentration by `dt`: exact, whatever its size.

        tau dc/dt = -c + tonic (1 + activity),  then  c += phasic

    It stays at the tonic level bit for bit where nothing is released beyond it, and is never
    negative. Activities below -1 count as -1: neurons can't fire less than not at all.

    Args:
      params: constants.
      concentration: nM, at t.
      release: held over the step.
      dt: step in ms.

    Returns:
      The concentration at t + dt, nM.

    Source: first-order clearance, as `gain.relax`; Mei, Rodriguez-Garcia & Ramaswamy, arXiv
    2501.06762.

    Example:
      >>> dopamine = KineticsParams(tonic=20.0, tau=300.0)
      >>> float(step(dopamine, init(dopamine), Release(phasic=100.0), dt=1.0))
      120.0
    """
    dtype = concentration.dtype
    tonic, tau = (jnp.asarray(x, dtype) for x in (params.tonic, params.tau))
    activity, phasic = (jnp.asarray(x, dtype) for x in release)
    activity = jnp.maximum(activity, -1)
    after = gain.relax(concentration, activity, tau=tau, baseline=tonic, strength=tonic, dt=dt)
    return jnp.broadcast_to(after + phasic, concentration.shape)


def transmit(weights: ArrayLike, activity: jax.Array) -> jax.Array:
    """Return the activity that reaches each target over wires: weights @ activity.

    Args:
      weights: share of each releasing neuron in each target, shape (targets, neurons), rows of
        sum 1 for a concentration that is tonic where all neurons are.
      activity: of the releasing neurons, shape (neurons,).

    Example:
      >>> weights = jnp.array([[1.0, 0.0], [0.5, 0.5]])
      >>> transmit(weights, jnp.array([2.0, 0.0])).tolist()
      [2.0, 1.0]
    """
    weights = jnp.asarray(weights, activity.dtype)
    return jnp.matmul(weights, activity, precision=jax.lax.Precision.HIGHEST)


def check_shape(what: str, value: Any, tonic: tuple[int, ...]) -> None:
    """Raise ValueError unless a constant is one number, or has the shape of `tonic`."""
    if np.shape(value) not in ((), tonic):
        raise ValueError(
            f"`{what}` must be one number, or have the shape of its system's `tonic`, {tonic}; got "
            f"shape {np.shape(value)}."
        )


def check(name: str, params: Any) -> None:
    """Check that the tonic level is at least 0 and that clearance takes time.

    Raises:
      ValueError, TypeError: names the constant, the rule with its unit, the value and a way out.
    """
    if not isinstance(params, KineticsParams):
        raise TypeError(
            f"`kinetics` of {name} must be KineticsParams; got {type(params).__name__}. See "
            "neuromod.tables.KINETICS."
        )
    _checks.in_range(
        f"tonic of {name}", params.tonic, "a finite concentration of at least 0 nM",
        lambda x: (x >= 0) & (x < np.inf), "See neuromod.tables.KINETICS.",
    )  # fmt: skip
    _checks.in_range(
        f"sensitivity of {name}", params.sensitivity, "finite, activity per unit of drive",
        np.isfinite, "1.0",
    )  # fmt: skip
    _checks.in_range(
        f"tau of {name}", params.tau, "positive, in ms", lambda x: (x > 0) & (x < np.inf),
        "See neuromod.tables.KINETICS.",
    )  # fmt: skip
    tonic = np.shape(params.tonic)
    if len(tonic) > 1:
        raise ValueError(
            f"`tonic of {name}` must be one number, or one for each target, shape (n,); got shape "
            f"{tonic}."
        )
    for field in ("tau", "sensitivity"):
        check_shape(f"{field} of {name}", getattr(params, field), tonic)
