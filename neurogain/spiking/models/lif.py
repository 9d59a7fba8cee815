"""Adaptive leaky integrate-and-fire cells: fast, where the shape of a spike does not matter.

Source: Treves, Network 4:259 (1993), with the spike-triggered adaptation of Brette & Gerstner,
J Neurophysiol 94:3637 (2005).
"""

import dataclasses
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int

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
from neurogain.spiking.engine.times import whole_steps
from neurogain.spiking.surrogate import SPIKE, Surrogate

Reset = Literal["to", "by"]


class LIFParams(NamedTuple):
    """Constants of `LIFCell`; each is a scalar or one value per cell, shape (n,).

        C dv/dt = -g_leak (v - E_leak) - w + I + sum g (E - v);  tau_w dw/dt = -w
        where v >= v_t:  v <- v_reset,  w <- w + d

    Attributes:
      C: pF, capacitance; C / g_leak is the membrane's time constant in ms.
      g_leak: nS, leak conductance.
      E_leak: mV, rest; with E_leak above v_t the cell fires by itself.
      v_t: mV, threshold.
      v_reset: mV, potential after a spike, below v_t.
      tau_w: ms, decay of the adaptation current w.
      d: pA, jump of w at a spike; 0: no adaptation.
    """

    C: ArrayLike = 200.0  # pF
    g_leak: ArrayLike = 10.0  # nS
    E_leak: ArrayLike = -70.0  # mV
    v_t: ArrayLike = -50.0  # mV
    v_reset: ArrayLike = -70.0  # mV
    tau_w: ArrayLike = 100.0  # ms
    d: ArrayLike = 5.0  # pA

    def bounds(self, dt: float = 0.0) -> Bounds:
        """Return between which values each constant may lie while the others stay.

        `dt`: ms, the step that the cell must allow; 0: any.
        """
        p: Any = self
        return {
            "C": (2 * dt * p.g_leak, np.inf),
            "g_leak": (0.0, over_steps(p.C, dt)),
            "E_leak": (-np.inf, np.inf),
            "v_t": (p.v_reset, np.inf),
            "v_reset": (-np.inf, p.v_t),
            "tau_w": (2 * dt, np.inf),
            "d": (-np.inf, np.inf),
        }


class LIFState(NamedTuple):
    """Membrane potential, adaptation, and how long cells that just spiked are held."""

    v: Float[Array, " n"]  # mV
    w: Float[Array, " n"]  # pA
    left: Int[Array, " n"] | None = None  # steps of the refractory period; None without one


class LIFInfo(NamedTuple):
    """Spikes of a step, one value per cell."""

    spike: Float[Array, " n"]  # 1 where the cell spiked, else 0; gradient by the surrogate


def init(
    params: LIFParams, n: int, dtype: DTypeLike = jnp.float32, *, refractory: float = 0.0
) -> LIFState:
    """Return `n` cells at rest: v = E_leak, w = 0; v = v_reset where E_leak is not below v_t."""
    p: Any = params
    start = jnp.where(jnp.less(p.E_leak, p.v_t), p.E_leak, p.v_reset)
    v = jnp.full((n,), start, dtype)
    left = jnp.zeros(n, jnp.int32) if refractory else None
    return LIFState(v=v, w=jnp.zeros_like(v), left=left)


def step(
    params: LIFParams,
    state: LIFState,
    drive: Drive,
    *,
    dt: float,
    surrogate: Surrogate = SPIKE,
    refractory: float = 0.0,
    reset: Reset = "to",
) -> tuple[LIFState, LIFInfo]:
    """Advance the cells by one Euler step, linearly implicit in g, then apply the spike reset.

        C dv/dt = -g_leak (v - E_leak) - w + I + sum g (E - v);  tau_w dw/dt = -w
        where v >= v_t:  v <- v_reset,  w <- w + d

    No gradient passes through the reset but by the surrogate: it is taken as not there.

    Args:
      params: constants.
      state: at t.
      drive: held over the step; fields scalar or (n,).
      dt: step in ms; order 1 between spikes, the decay of w and its charge exact.
      surrogate: gradient of the spike with respect to v - v_t (mV).
      refractory: ms, whole steps of dt behind that of a spike, in which v is held and none follows.
      reset: "to" v_reset, or "by" v_t - v_reset, which keeps what is above the threshold.

    Returns:
      The state at t + dt, and which cells spiked.
    """
    p, drive = like(params, state.v), like(drive, state.v)
    v, w = state.v, state.w
    inflow = drive.current + drive.reversal_current
    change = jnp.expm1(-dt / p.tau_w)
    mean = -w * change * (p.tau_w / dt)  # of w over the step
    v = v + dt / p.C * (p.g_leak * (p.E_leak - v) - mean + inflow)
    v = v / (1 + dt / p.C * drive.conductance)
    w = w + w * change
    spike, left = surrogate(v - p.v_t), state.left
    if left is not None:
        held = left > 0
        v, spike = jnp.where(held, state.v, v), jnp.where(held, 0, spike)
    fired = jax.lax.stop_gradient(spike) > 0
    if left is not None:
        left = jnp.where(fired, _steps(refractory, dt), jnp.maximum(left - 1, 0))
    behind = p.v_reset if reset == "to" else v - (p.v_t - p.v_reset)
    return LIFState(jnp.where(fired, behind, v), w + spike * p.d, left), LIFInfo(spike)


def _steps(refractory: float, dt: float) -> int:
    """Return the number of steps of the refractory period; ValueError if they are not whole."""
    steps, on_grid = whole_steps(refractory, dt)
    if not on_grid or (refractory > 0 and steps < 1):
        raise ValueError(
            f"`refractory` must be a multiple of the step, dt = {dt:g} ms; got {refractory!r}. "
            f"Pass refractory={max(1, steps) * dt:g}."
        )
    return int(steps)


def check(params: LIFParams, *, dt: float, n: int) -> None:
    """Check the constants of cells, and that the step is short enough for them.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    positive = {"C": "pF", "g_leak": "nS", "tau_w": "ms"}
    finite = {"E_leak": "mV", "v_t": "mV", "v_reset": "mV", "d": "pA"}
    check_constants(params, positive, finite, n)
    if not all(map(_checks.is_concrete, params)):
        return
    p: Any = LIFParams(*(np.asarray(x, float) for x in params))
    if not np.all(p.v_reset < p.v_t):
        raise ValueError(
            f"`v_reset` must be below `v_t` (mV); got {params.v_reset!r} and {params.v_t!r}."
        )
    taus = {"C / g_leak, in pF / nS": np.min(p.C / p.g_leak), "tau_w, in ms": np.min(p.tau_w)}
    check_dt(dt, taus)


@dataclasses.dataclass(frozen=True)
class LIFCell:
    """Adaptive leaky integrate-and-fire cells, as `simulate` takes them.

        C dv/dt = -g_leak (v - E_leak) - w + I + sum g (E - v);  tau_w dw/dt = -w
        where v >= v_t:  v <- v_reset,  w <- w + d

    Units are mV, ms, pA, nS, pF; `LIFParams` has each constant. Without a refractory period a cell
    can spike in every step; a large d is no substitute, since w only subtracts a current, which
    more input overcomes. No gradient passes through the reset.

    Attributes:
      surrogate: gradient of the spike with respect to v - v_t (mV).
      refractory: ms, of all cells; for so long behind a spike the potential is held where the reset
        left it, and the cell can't spike. A multiple of the step; 0: none.
      reset: "to" v_reset; or "by" v_t - v_reset, which keeps what the potential had above the
        threshold, as layers that learn often do.

    Raises:
      ValueError, TypeError: if an attribute is out of range; in a run, if the refractory period is
        no multiple of the step.

    Example:
      >>> from neurogain.spiking import simulate
      >>> run = simulate(LIFCell(), LIFParams(d=0.0), Drive(400.0), n=1, duration=100.0)
      >>> run.recorded["spikes"].item()
      7
    """

    compartments = ("soma",)
    adaptation_jumps = ("d",)
    empty_drive = Drive()

    surrogate: Surrogate = SPIKE
    refractory: float = 0.0
    reset: Reset = "to"

    def __post_init__(self) -> None:
        """Raise an error for what is no surrogate gradient, no time or no reset."""
        check_surrogate("surrogate", self.surrogate)
        finite = "finite and at least 0, in ms"
        _checks.one_number(
            "refractory", self.refractory, finite, lambda x: (x >= 0) & (x < np.inf), "2.0"
        )
        if self.reset not in get_args(Reset):
            raise ValueError(f'`reset` must be "to" or "by"; got {self.reset!r}.')

    def init(self, params: LIFParams, n: int, dtype: DTypeLike = jnp.float32) -> LIFState:
        """Return `n` cells at rest."""
        return init(params, n, dtype, refractory=self.refractory)

    def step(
        self,
        params: LIFParams,
        state: LIFState,
        drive: Drive,
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[LIFState, LIFInfo]:
        """Advance by one step; see `lif.step`."""
        del key
        options: dict[str, Any] = {"refractory": self.refractory, "reset": self.reset}
        return step(params, state, drive, dt=dt, surrogate=self.surrogate, **options)

    def potential(self, state: LIFState, compartment: str) -> jax.Array:
        """Return the membrane potential, mV."""
        del compartment
        return state.v

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raise an error for bad constants, steps and drives; see `lif.check`."""
        del key
        check_kind("params", params, LIFParams)
        check_drive(self, drive)
        check(params, dt=dt, n=n)
        _steps(self.refractory, dt)
