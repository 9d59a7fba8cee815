"""Firing of the locus coeruleus: a tonic rate, bursts, and the silence behind each burst.

Every burst is followed by an after-hyperpolarisation, during which tonic firing pauses and another
trigger finds little left to fire: the refractory period. In the tonic mode the rate is high
throughout and bursts are small.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from neurogain import _checks, gain


class LocusParams(NamedTuple):
    """Constants; modelling choices within the ranges of Aston-Jones & Cohen 2005."""

    tonic_hz: ArrayLike = 2.0  # Hz, in the phasic mode
    tonic_mode_hz: ArrayLike = 5.0  # Hz, in the tonic mode
    burst_hz: ArrayLike = 20.0  # Hz, peak of a burst above the tonic rate
    tau_burst: ArrayLike = 100.0  # ms
    tau_ahp: ArrayLike = 500.0  # ms, after-hyperpolarisation


class LocusState(NamedTuple):
    """What a burst leaves behind."""

    burst: jax.Array  # Hz, above the tonic rate
    ahp: jax.Array  # dimensionless, after-hyperpolarisation, in [0, 1]


def init(dtype: DTypeLike = jnp.float32) -> LocusState:
    """Return a locus that has not fired a burst."""
    return LocusState(jnp.zeros((), dtype), jnp.zeros((), dtype))


def step(
    params: LocusParams,
    state: LocusState,
    trigger: ArrayLike,
    *,
    mode: ArrayLike = 0.0,
    dt: float,
) -> tuple[LocusState, jax.Array]:
    """Advance by `dt`, return the state and the activity relative to the phasic mode's tonic rate.

        at a trigger x:  burst += y (1 - mode) (1 - ahp) burst_hz,   ahp += y (1 - ahp)
                         with y = 1 - (1 - x)^dt
        between:         tau_burst d burst/dt = -burst,   tau_ahp d ahp/dt = -ahp
        rate = (tonic_hz + mode (tonic_mode_hz - tonic_hz)) (1 - ahp) + burst
        activity = rate / tonic_hz - 1

    A trigger is a share for each ms: held over some ms it calls for the same burst in steps of any
    size. A trigger of 1 takes all that is there in one step. Without one and in the phasic mode the
    activity is 0 bit for bit.

    Args:
      params: constants.
      state: at t.
      trigger: x in [0, 1], the share of what is left to fire that 1 ms of it calls for.
      mode: in [0, 1], from phasic to tonic.
      dt: step in ms; the state is exact for any. The activity is that at the end of the step, so
        who holds it over a step longer than `tau_burst` makes more of a burst.

    Source: bursts and modes: Aston-Jones & Cohen, Annu Rev Neurosci 28:403 (2005); the form of the
    after-hyperpolarisation is a modelling choice.
    """
    dtype = state.burst.dtype
    p: Any = LocusParams(*(jnp.asarray(x, dtype) for x in params))
    x, mode = _called(jnp.asarray(trigger, dtype), dt), jnp.asarray(mode, dtype)

    def decay(value: jax.Array, tau: jax.Array) -> jax.Array:
        return gain.relax(value, jnp.zeros_like(value), tau=tau, baseline=0, strength=0, dt=dt)

    burst, ahp = decay(state.burst, p.tau_burst), decay(state.ahp, p.tau_ahp)
    burst = burst + x * (1 - mode) * (1 - ahp) * p.burst_hz
    ahp = ahp + x * (1 - ahp)
    raised = mode * (p.tonic_mode_hz - p.tonic_hz) / p.tonic_hz
    activity = raised * (1 - ahp) - ahp + burst / p.tonic_hz
    return LocusState(burst.astype(dtype), ahp.astype(dtype)), activity


def _called(x: jax.Array, dt: float) -> jax.Array:
    """Return the share that a trigger, a share for each ms, calls for in a step."""
    some = x < 1
    left = jnp.log1p(-jnp.where(some, x, 0))
    return jnp.where(some, -jnp.expm1(dt * left), 1)


def check(params: Any) -> None:
    """Check that rates are at least 0 and times positive.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    for field, value in params._asdict().items():
        unit = "ms" if field.startswith("tau") else "Hz"
        if field == "burst_hz":
            rule, holds = "at least 0 Hz", lambda x: (x >= 0) & (x < np.inf)
        else:
            rule, holds = f"positive, in {unit}", lambda x: (x > 0) & (x < np.inf)
        _checks.in_range(f"{field} of the locus coeruleus", value, rule, holds, "LocusParams().")
        if np.ndim(value):
            raise ValueError(
                f"`{field} of the locus coeruleus` must be one number, in {unit}; got shape "
                f"{np.shape(value)}. There is one locus."
            )
