"""Izhikevich neurons: the soma of pyramidal cells, and interneurons as they are."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from neurogain import _checks
from neurogain.spiking.cell import (
    Bounds,
    check_constants,
    check_drive,
    check_dt,
    check_kind,
    check_surrogate,
    like,
    over_steps,
)
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.surrogate import SPIKE, Surrogate


class IzhikevichParams(NamedTuple):
    """Constants of `IzhikevichCell`; each is a scalar or one value per cell, shape (n,).

        C dv/dt = k (v - v_r) (v - v_t) - u + I + sum g (E - v);  du/dt = a (b (v - v_r) - u)
        where v >= v_peak:  v <- c,  u <- u + d

    `neurogain.spiking.cells` has published sets, for instance cells.RS.

    Attributes:
      C: pF, capacitance.
      k: nS/mV, scale of the current that makes the spike.
      v_r: mV, rest.
      v_t: mV, threshold.
      v_peak: mV, cut-off of the spike.
      a: 1/ms, rate of the recovery u, not 0; below 0 it runs away from b (v - v_r).
      b: nS, slope of the recovery.
      c: mV, potential after a spike.
      d: pA, jump of u at a spike.
    """

    C: ArrayLike  # pF
    k: ArrayLike  # nS/mV
    v_r: ArrayLike  # mV
    v_t: ArrayLike  # mV
    v_peak: ArrayLike  # mV
    a: ArrayLike  # 1/ms
    b: ArrayLike  # nS
    c: ArrayLike  # mV
    d: ArrayLike  # pA

    def bounds(self, dt: float = 0.0) -> Bounds:
        """Return between which values each constant may lie while the others stay.

        `dt`: ms, the step that the cell must allow; 0: any.
        """
        p: Any = self
        fastest = over_steps(1.0, dt)  # 1/ms
        return {
            "C": (2 * dt * p.k * (p.v_t - p.v_r), np.inf),
            "k": (0.0, over_steps(p.C / (p.v_t - p.v_r), dt)),
            "v_r": (p.v_t - over_steps(p.C / p.k, dt), p.v_t),
            "v_t": (p.v_r, jnp.minimum(p.v_peak, p.v_r + over_steps(p.C / p.k, dt))),
            "v_peak": (jnp.maximum(p.v_t, p.c), np.inf),
            "a": (
                jnp.where(jnp.greater(p.a, 0), 0.0, -fastest),
                jnp.where(jnp.greater(p.a, 0), fastest, 0.0),
            ),
            "b": (-np.inf, np.inf),
            "c": (-np.inf, p.v_peak),
            "d": (-np.inf, np.inf),
        }


class IzhikevichState(NamedTuple):
    """Membrane potential and recovery."""

    v: Float[Array, " n"]  # mV
    u: Float[Array, " n"]  # pA, recovery current


class IzhikevichInfo(NamedTuple):
    """Spikes of a step, one value per cell."""

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
def _reset(
    p: IzhikevichParams, v: jax.Array, u: jax.Array, inflow: jax.Array, conductance: jax.Array
) -> tuple[jax.Array, jax.Array]:
    fired = (v >= p.v_peak) & (v < jnp.inf)  # infinity stays, to be found
    return jnp.where(fired, p.c, v), jnp.where(fired, u + p.d, u)


@_reset.defjvp
def _reset_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    p, v, u, inflow, conductance = primals
    dp, dv, du, _, _ = tangents

    def rates(v: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
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


def time_constants(params: IzhikevichParams) -> dict[str, float]:
    """Return the shortest 1/|a| and the shortest C / (k (v_t - v_r)) of the membrane at rest, ms.

    They stand under what they are made of, with units.
    """
    p: Any = IzhikevichParams(*(np.asarray(x, float) for x in params))
    return {
        "C / (k (v_t - v_r)), in pF / nS": float(np.min(p.C / (p.k * (p.v_t - p.v_r)))),
        "1 / |a|, with a in 1/ms": float(np.min(1 / np.abs(p.a))),
    }


_POSITIVE = {"C": "pF", "k": "nS/mV"}
_UNITS = dict.fromkeys(("v_r", "v_t", "v_peak", "c"), "mV") | {"a": "1/ms", "b": "nS", "d": "pA"}


def check(params: IzhikevichParams, *, dt: float, n: int) -> None:
    """Check the constants of neurons, and that the step is short enough for them.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    check_constants(params, _POSITIVE, _UNITS, n)
    _checks.in_range("a", params.a, "other than 0, in 1/ms", lambda x: x != 0, "0.03")
    if not all(map(_checks.is_concrete, params)):
        return
    p = IzhikevichParams(*(np.asarray(x, float) for x in params))
    for low, high in (("v_r", "v_t"), ("v_t", "v_peak"), ("c", "v_peak")):
        if not np.all(getattr(p, low) < getattr(p, high)):
            raise ValueError(
                f"`{low}` must be below `{high}` (mV); got {getattr(params, low)!r} and "
                f"{getattr(params, high)!r}."
            )
    check_dt(dt, time_constants(params))


@dataclasses.dataclass(frozen=True)
class IzhikevichCell:
    """Izhikevich neurons, as `simulate` takes them.

        C dv/dt = k (v - v_r) (v - v_t) - u + I + sum g (E - v);  du/dt = a (b (v - v_r) - u)
        where v >= v_peak:  v <- c,  u <- u + d

    Units are mV, ms, pA, nS, pF; `IzhikevichParams` has each constant.

    Attributes:
      surrogate: gradient of the spike with respect to v - v_peak (mV).

    Example:
      >>> from neurogain.spiking import cells, simulate
      >>> run = simulate(IzhikevichCell(), cells.PV, Drive(200.0), n=1, duration=100.0)
      >>> run.recorded["spikes"].item()
      8
    """

    compartments = ("soma",)
    adaptation_jumps = ("d",)
    empty_drive = Drive()

    surrogate: Surrogate = SPIKE

    def __post_init__(self) -> None:
        """Raise TypeError for what is no surrogate gradient."""
        check_surrogate("surrogate", self.surrogate)

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

    def potential(self, state: IzhikevichState, compartment: str) -> jax.Array:
        """Return the membrane potential, mV."""
        del compartment
        return state.v

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raise an error for bad constants, steps and drives; see `izhikevich.check`."""
        del key
        check_kind("params", params, IzhikevichParams)
        check_drive(self, drive)
        check(params, dt=dt, n=n)
