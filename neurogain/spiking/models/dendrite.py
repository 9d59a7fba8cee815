"""The apical dendrite of a layer-5 pyramidal cell: calcium plateau and adaptation."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from neurogain.spiking.cell import Bounds, check_constants, like, over_steps
from neurogain.spiking.engine.drives import Drive


class DendriteParams(NamedTuple):
    """Dendritic constants; each is a scalar or one value per cell, shape (n,)."""

    C: ArrayLike  # pF
    g_leak: ArrayLike  # nS
    E_leak: ArrayLike  # mV
    g_ca: ArrayLike  # pA, maximal calcium current
    E_ca: ArrayLike  # mV, half activation of the calcium current
    D_ca: ArrayLike  # mV, slope of its activation
    tau_w: ArrayLike  # ms, adaptation
    a_w: ArrayLike  # nS, adaptation per mV; negative: opposes depolarisation

    def bounds(self, dt: float = 0.0) -> Bounds:
        """Return between which values each constant may lie while the others stay.

        `dt`: ms, the step that the cell must allow; 0: any.
        """
        p: Any = self
        positive, free = (0.0, np.inf), (-np.inf, np.inf)
        return {
            "C": (2 * dt * p.g_leak, np.inf),
            "g_leak": (0.0, over_steps(p.C, dt)),
            "D_ca": positive,
            "tau_w": (2 * dt, np.inf),
            **dict.fromkeys(("E_leak", "g_ca", "E_ca", "a_w"), free),
        }


class DendriteState(NamedTuple):
    """Membrane potential and adaptation."""

    v: Float[Array, " n"]  # mV
    w: Float[Array, " n"]  # pA, depolarising when positive


def init(params: DendriteParams, n: int, dtype: DTypeLike = jnp.float32) -> DendriteState:
    """Return `n` dendrites at v = E_leak without adaptation; the calcium current is 6 pA there."""
    v = jnp.full((n,), params.E_leak, dtype)
    return DendriteState(v=v, w=jnp.zeros_like(v))


def step(params: DendriteParams, state: DendriteState, drive: Drive, *, dt: float) -> DendriteState:
    """Advance the dendrites by one Euler step, linearly implicit in the synaptic conductances.

        C dv/dt = -g_leak (v - E_leak) + g_ca s((v - E_ca) / D_ca) + w + I + sum g (E - v)
        tau_w dw/dt = a_w (v - E_leak) - w,   s(x) = 1 / (1 + exp(-x))

    Args:
      params: constants.
      state: at t.
      drive: held over the step, back-propagating currents included; fields scalar or (n,).
      dt: step in ms; the method is of order 1.

    Returns:
      The state at t + dt.

    Source: Whyte et al., PLoS Comput Biol 2025, 10.1371/journal.pcbi.1012951, after Naud,
    Bathellier & Gerstner 2014 and Naud & Sprekeler 2018.
    """
    p, drive = like(params, state.v), like(drive, state.v)
    v, w = state.v, state.w
    calcium = p.g_ca * jax.nn.sigmoid((v - p.E_ca) / p.D_ca)
    inflow = drive.current + drive.reversal_current
    v_new = v + dt / p.C * (calcium - p.g_leak * (v - p.E_leak) + w + inflow)
    v_new = v_new / (1 + dt / p.C * drive.conductance)
    return DendriteState(v=v_new, w=w + dt / p.tau_w * (p.a_w * (v - p.E_leak) - w))


def steady_current(params: DendriteParams, v: ArrayLike) -> Array:
    """Return the constant current in pA under which the dendrite can rest at `v` (mV).

        I = (g_leak - a_w) (v - E_leak) - g_ca s((v - E_ca) / D_ca)

    Where it falls with v the rest point is a saddle; `is_stable` tells about the others.
    """
    p: Any = params
    v = jnp.asarray(v)
    return (p.g_leak - p.a_w) * (v - p.E_leak) - p.g_ca * jax.nn.sigmoid((v - p.E_ca) / p.D_ca)


def is_stable(params: DendriteParams, v: ArrayLike) -> Array:
    """Return whether resting at `v` (mV), under the current that allows it, is stable.

    That is where the Jacobian of (v, w) has a negative trace and a positive determinant.
    """
    p: Any = params
    s = jax.nn.sigmoid((jnp.asarray(v) - p.E_ca) / p.D_ca)
    slope = (p.g_ca / p.D_ca * s * (1 - s) - p.g_leak) / p.C  # 1/ms, of dv/dt
    trace = slope - 1 / p.tau_w
    determinant = -slope / p.tau_w - p.a_w / (p.C * p.tau_w)
    return (trace < 0) & (determinant > 0)


_POSITIVE = {"C": "pF", "g_leak": "nS", "D_ca": "mV", "tau_w": "ms"}
_UNITS = {"E_leak": "mV", "g_ca": "pA", "E_ca": "mV", "a_w": "nS"}


def time_constants(params: DendriteParams) -> dict[str, float]:
    """Return the shortest C / g_leak and the shortest tau_w, ms, under names with units."""
    p: Any = DendriteParams(*(np.asarray(x, float) for x in params))
    return {
        "C / g_leak, in pF / nS": float(np.min(p.C / p.g_leak)),
        "tau_w, in ms": float(np.min(p.tau_w)),
    }


def check(params: DendriteParams, *, n: int) -> None:
    """Check shape and sign of the constants; errors as in `izhikevich.check`."""
    check_constants(params, _POSITIVE, _UNITS, n, prefix="dendrite.")
