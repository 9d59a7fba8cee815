"""Izhikevich neurons: the soma of pyramidal cells, and interneurons as they are."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from neurogain import _checks
from neurogain.spiking.engine import drives
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.surrogate import SPIKE, Surrogate


class IzhikevichParams(NamedTuple):
    """Izhikevich constants; each is a scalar or one value per cell, shape (n,)."""

    C: ArrayLike  # pF
    k: ArrayLike  # nS/mV
    v_r: ArrayLike  # mV, rest
    v_t: ArrayLike  # mV, threshold
    v_peak: ArrayLike  # mV, spike cut-off
    a: ArrayLike  # 1/ms
    b: ArrayLike  # nS
    c: ArrayLike  # mV, reset
    d: ArrayLike  # pA, jump of u


class IzhikevichState(NamedTuple):
    """Membrane potential and recovery."""

    v: Float[Array, " n"]  # mV
    u: Float[Array, " n"]  # pA, recovery current


class IzhikevichInfo(NamedTuple):
    """What happened in a step."""

    spike: Float[Array, " n"]  # 1 where the cell spiked, else 0; gradient by the surrogate


def init(params: IzhikevichParams, n: int, dtype: DTypeLike = jnp.float32) -> IzhikevichState:
    """Return `n` cells at rest: v = v_r, u = 0."""
    v = jnp.full((n,), params.v_r, dtype)
    return IzhikevichState(v=v, u=jnp.zeros_like(v))


def step(
    params: IzhikevichParams,
    state: IzhikevichState,
    drive: Drive,
    *,
    dt: float,
    key: jax.Array | None = None,
    surrogate: Surrogate = SPIKE,
) -> tuple[IzhikevichState, IzhikevichInfo]:
    """Advance the cells by one Euler step, linearly implicit in g, then apply the spike reset.

        C dv/dt = k (v - v_r) (v - v_t) - u + I + sum g (E - v);  du/dt = a (b (v - v_r) - u)
        where v >= v_peak:  v <- c,  u <- u + d

    The gradient goes through the reset as in continuous time: an input that lets the cell reach
    v_peak earlier by s moves the state behind the reset by s times the rates there (the saltation
    matrix: Leine & Nijmeijer 2004, section 7.1). The rates ahead of the reset are those at the
    overshot v, which makes the discrete map slightly contracting, so gradients stay bounded where
    the firing is regular. Where it is chaotic (chattering cells at some currents) they grow, as
    those of the flow do.

    Args:
      params: constants.
      state: at t.
      drive: held over the step; fields scalar or (n,).
      dt: step in ms; the method is of order 1 between spikes.
      key: not used; every cell's step takes one.
      surrogate: gradient of the spike with respect to v - v_peak (mV).

    Returns:
      The state at t + dt, and which cells spiked.

    Source: Izhikevich, Dynamical Systems in Neuroscience (2007), eqs. 8.5-8.6.
    """
    del key
    p, drive = like(params, state.v), like(drive, state.v)
    v, u = state.v, state.u
    inflow = drive.current + drive.reversal_current
    v_new = v + dt / p.C * (p.k * (v - p.v_r) * (v - p.v_t) - u + inflow)
    v_new = v_new / (1 + dt / p.C * drive.conductance)
    u_new = u + dt * p.a * (p.b * (v - p.v_r) - u)
    spike = surrogate(v_new - p.v_peak)
    v_new, u_new = _reset(p, v_new, u_new, inflow, drive.conductance)
    return IzhikevichState(v=v_new, u=u_new), IzhikevichInfo(spike=spike)


@jax.custom_jvp
def _reset(p, v, u, inflow, conductance):
    fired = (v >= p.v_peak) & (v < jnp.inf)  # infinity stays, to be found
    return jnp.where(fired, p.c, v), jnp.where(fired, u + p.d, u)


@_reset.defjvp
def _reset_jvp(primals, tangents):
    p, v, u, inflow, conductance = primals
    dp, dv, du, _, _ = tangents

    def rates(v, u):
        dv_dt = (p.k * (v - p.v_r) * (v - p.v_t) - u + inflow - conductance * v) / p.C
        return dv_dt, p.a * (p.b * (v - p.v_r) - u)

    fired = v >= p.v_peak
    v_out, u_out = _reset(*primals)
    (v_before, u_before), (v_after, u_after) = rates(v, u), rates(v_out, u_out)
    rising = fired & (v_before > 0)
    earlier = jnp.where(rising, dv - dp.v_peak, 0) / jnp.where(rising, v_before, 1)  # ms
    dv_out = jnp.where(fired, dp.c + v_after * earlier, dv)
    du_out = du + jnp.where(fired, dp.d + (u_after - u_before) * earlier, 0)
    return (v_out, u_out), (dv_out, du_out)


def like(tree: Any, reference: jax.Array) -> Any:
    """Return the tree with its leaves as arrays of the dtype of `reference`."""
    return jax.tree.map(lambda x: jnp.asarray(x, reference.dtype), tree)


def shortest_time_constant(params: IzhikevichParams) -> float:
    """Return the smaller of 1/a and the membrane's C / (k (v_t - v_r)) at rest, in ms."""
    p: Any = IzhikevichParams(*(np.asarray(x, float) for x in params))
    return float(min(np.min(p.C / (p.k * (p.v_t - p.v_r))), np.min(1 / p.a)))


_POSITIVE = {"C": "pF", "k": "nS/mV", "a": "1/ms"}
_UNITS = dict.fromkeys(("v_r", "v_t", "v_peak", "c"), "mV") | {"b": "nS", "d": "pA"}


def check(params: IzhikevichParams, *, dt: float, n: int) -> None:
    """Refuse constants that make no neuron, and a step that is too long for them.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    check_constants(params, _POSITIVE, _UNITS, n)
    if not all(map(_checks.is_concrete, params)):
        return
    p = IzhikevichParams(*(np.asarray(x, float) for x in params))
    for low, high in (("v_r", "v_t"), ("v_t", "v_peak"), ("c", "v_peak")):
        if not np.all(getattr(p, low) < getattr(p, high)):
            raise ValueError(
                f"`{low}` must be below `{high}` (mV); got {getattr(params, low)!r} and "
                f"{getattr(params, high)!r}."
            )
    check_dt(dt, shortest_time_constant(params))


def check_constants(
    params: Any, positive: dict[str, str], finite: dict[str, str], n: int, prefix: str = ""
) -> None:
    """Refuse constants of a wrong shape, sign or not finite; dictionaries give their units."""
    advice = "See neurogain.spiking.cells for sets that work."
    for name, unit in (positive | finite).items():
        value = getattr(params, name)
        drives.check_array(prefix + name, value, n)
        if name in positive:
            rule, holds = f"positive, in {unit}", lambda x: (x > 0) & (x < np.inf)
        else:
            rule, holds = f"finite, in {unit}", np.isfinite
        _checks.in_range(prefix + name, value, rule, holds, advice)


def check_dt(dt: float, tau_min: float) -> None:
    """Refuse a step above half of the shortest time constant, both in ms."""
    if not 0.0 < dt <= 0.5 * tau_min:  # also rejects NaN
        raise ValueError(
            f"`dt` must be in (0, {0.5 * tau_min:g}] ms, half the shortest time constant of these "
            f"cells; got {dt!r}. Pass dt={min(0.1, 0.1 * tau_min):g}."
        )


@dataclasses.dataclass(frozen=True)
class IzhikevichCell:
    """The kernel with its options bound, as `simulate` takes it."""

    compartments = ("soma",)

    surrogate: Surrogate = SPIKE

    def init(
        self, params: IzhikevichParams, n: int, dtype: DTypeLike = jnp.float32
    ) -> IzhikevichState:
        """Return `n` cells at rest."""
        return init(params, n, dtype)

    def step(
        self,
        params: IzhikevichParams,
        state: IzhikevichState,
        drive: Drive,
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[IzhikevichState, IzhikevichInfo]:
        """Advance by one step; see `izhikevich.step`."""
        return step(params, state, drive, dt=dt, key=key, surrogate=self.surrogate)

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: object) -> None:
        """Refuse bad constants, steps and drives of another kind of cell."""
        del key
        drives.check_kind("params", params, IzhikevichParams)
        drives.check_kind("drive", drive, Drive)
        check(params, dt=dt, n=n)
