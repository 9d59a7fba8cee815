"""The layer-5 pyramidal cell: soma and apical dendrite that act on each other through spikes.

No ohmic current flows between the two. A somatic spike drives the dendrite (back-propagation);
a calcium event of the dendrite changes the soma's reset to that of a bursting cell. Both ways are
open with probability `coupling`, drawn anew in every step and for each way.

Source: Whyte et al., PLoS Comput Biol 2025, 10.1371/journal.pcbi.1012951.
"""

import dataclasses
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int

from neurogain import _checks, gain
from neurogain.spiking.cell import (
    Bounds,
    check_constants,
    check_drive,
    check_dt,
    check_kind,
    check_surrogate,
    like,
)
from neurogain.spiking.engine import random_bits
from neurogain.spiking.engine.drives import SLACK, Drive, Rule
from neurogain.spiking.models import dendrite, izhikevich
from neurogain.spiking.models.dendrite import DendriteParams, DendriteState
from neurogain.spiking.models.izhikevich import IzhikevichParams, IzhikevichState
from neurogain.spiking.surrogate import CALCIUM, SPIKE, Surrogate, straight_through

Coupling = Literal["stochastic", "mean-field"]
_LEVELS = 1 << 16  # a probability is a threshold on 16 random bits
_LONG_AGO = 1 << 30  # steps


COUPLING = Rule(
    "in [0, 1], the probability (dimensionless) that soma and dendrite are coupled",
    lambda x: (x >= 0) & (x <= 1),
    "0.5",
    name="coupling",
)


class PyramidalDrive(NamedTuple):
    """Input of a two-compartment cell.

    Attributes:
      soma: its `Drive`, with fields in pA and nS.
      dendrite: its `Drive`.
      coupling: probability (dimensionless) with which spikes reach the dendrite, and calcium events
        the soma. It is 0 where it is left out: then the dendrite does nothing to the soma, whatever
        its input.

    Example:
      >>> PyramidalDrive(Drive(500.0), dendrite=Drive(800.0), coupling=0.5).dendrite.current
      800.0
    """

    soma: Drive = Drive()  # pA, nS
    dendrite: Drive = Drive()
    coupling: Any = 0.0  # dimensionless, in [0, 1]

    @staticmethod
    def rules() -> dict[str, Rule]:
        """Return the rule of the coupling."""
        return {"coupling": COUPLING}


def check_coupling(coupling: object) -> None:
    """Raise ValueError for a coupling outside [0, 1]."""
    _checks.in_range("coupling", coupling, COUPLING.text, COUPLING.holds, COUPLING.suggestion)


class PyramidalParams(NamedTuple):
    """Constants of the cell; each is a scalar or one value per cell, shape (n,)."""

    soma: IzhikevichParams
    dendrite: DendriteParams
    c_burst: ArrayLike  # mV, reset while a calcium event reaches the soma
    d_burst: ArrayLike  # pA, jump of u while a calcium event reaches the soma
    v_calcium: ArrayLike  # mV, dendritic potential from which on there is a calcium event
    bap_current: ArrayLike  # pA, into the dendrite, of a back-propagating spike
    bap_start: ArrayLike  # ms after the spike
    bap_end: ArrayLike  # ms after the spike, included

    def bounds(self, dt: float = 0.0) -> Bounds:
        """Return between which values each constant may lie while the others stay.

        Not those of `bap_start` and `bap_end`, which are rounded to steps. `dt`: ms, the step that
        the cell must allow; 0: any.
        """
        soma, free = self.soma.bounds(dt), (-np.inf, np.inf)
        lowest, highest = soma["v_peak"]
        soma["v_peak"] = (jnp.maximum(lowest, self.c_burst), highest)
        return {
            **{f"soma.{name}": found for name, found in soma.items()},
            **{f"dendrite.{name}": found for name, found in self.dendrite.bounds(dt).items()},
            "c_burst": (-np.inf, self.soma.v_peak),
            **dict.fromkeys(("d_burst", "v_calcium", "bap_current"), free),
        }


class PyramidalState(NamedTuple):
    """Both compartments and the age of the last spike."""

    soma: IzhikevichState
    dendrite: DendriteState
    since_spike: Int[Array, " n"]  # steps


class PyramidalInfo(NamedTuple):
    """Spikes of a step, and which of them were bursts; each field has shape (n,)."""

    spike: Float[Array, " n"]  # 1 where the cell spiked, else 0; gradient by the surrogate
    burst: Float[Array, " n"]  # share of the spike that was reset as a burst, in [0, spike]


def init(params: PyramidalParams, n: int, dtype: DTypeLike = jnp.float32) -> PyramidalState:
    """Return `n` cells at rest that never spiked."""
    return PyramidalState(
        soma=izhikevich.init(params.soma, n, dtype),
        dendrite=dendrite.init(params.dendrite, n, dtype),
        since_spike=jnp.full((n,), _LONG_AGO, jnp.int32),
    )


def step(
    params: PyramidalParams,
    state: PyramidalState,
    drive: PyramidalDrive,
    *,
    dt: float,
    key: jax.Array | None = None,
    coupling: Coupling = "stochastic",
    surrogate: Surrogate = SPIKE,
    calcium_surrogate: Surrogate = CALCIUM,
) -> tuple[PyramidalState, PyramidalInfo]:
    """Advance the cells by one Euler step; each compartment sees the other at t.

        dendrite gets x bap_current from bap_start to bap_end after the last spike, both included
        soma resets to c + y (c_burst - c), d + y (d_burst - d) while v_d >= v_calcium

    Stochastic: x and y are 0 or 1, independent in every step and cell, 1 with probability
    p = `drive.coupling`, rounded to multiples of 2^-16; their gradient is that of p (straight
    through). Mean field: x = y = p, no randomness; at p = 0 and 1 both are the same but for how
    the compiler rounds. A coupling outside [0, 1] that is not known before the run makes the
    dendrite's potential NaN. `bap_start` and `bap_end` are rounded to whole steps.

    Args:
      params: constants.
      state: at t.
      drive: held over the step; fields scalar or (n,).
      dt: step in ms; order 1 between spikes.
      key: for this step alone; required for stochastic coupling, not used by the mean field.
      coupling: which of the two, known when traced.
      surrogate: gradient of the somatic spike, in mV.
      calcium_surrogate: gradient of the calcium event with respect to v_d - v_calcium, in mV.

    Returns:
      The state at t + dt, and the info of the step.

    Raises:
      ValueError: if coupling is stochastic and `key` is None.

    Source: Whyte et al. 2025, 10.1371/journal.pcbi.1012951.
    """
    if coupling == "stochastic" and key is None:
        raise ValueError("`key` must be a jax.random.key for stochastic coupling; got None.")
    p = like(params, state.soma.v)
    back, forth = _gates(drive.coupling, state, key if coupling == "stochastic" else None)
    age = state.since_spike
    first, last = (jnp.round(t / dt).astype(age.dtype) for t in (p.bap_start, p.bap_end))
    arriving = ((age >= first) & (age <= last)).astype(state.soma.v.dtype)

    inflow = like(drive.dendrite, state.soma.v)
    inflow = inflow._replace(current=inflow.current + p.bap_current * arriving * back)
    reset_as_burst = calcium_surrogate(state.dendrite.v - p.v_calcium) * forth
    soma_params = p.soma._replace(
        c=p.soma.c + reset_as_burst * (p.c_burst - p.soma.c),
        d=p.soma.d + reset_as_burst * (p.d_burst - p.soma.d),
    )
    soma, info = izhikevich.step(soma_params, state.soma, drive.soma, dt=dt, surrogate=surrogate)
    age = jnp.where(info.spike > 0, 0, jnp.minimum(age, _LONG_AGO)) + 1
    distal = dendrite.step(p.dendrite, state.dendrite, inflow, dt=dt)
    distal = distal._replace(v=_nan_unless_probability(drive.coupling, distal.v))
    after = PyramidalState(soma, distal, age)
    return after, PyramidalInfo(spike=info.spike, burst=info.spike * reset_as_burst)


def _nan_unless_probability(coupling: ArrayLike, v: jax.Array) -> jax.Array:
    """Return the potential, and NaN where the coupling is none: nothing is clipped silently."""
    p = jnp.asarray(coupling, v.dtype)
    return jnp.where((p >= 0) & (p <= 1 + SLACK), v, jnp.asarray(jnp.nan, v.dtype))


def _gates(
    coupling: ArrayLike, state: PyramidalState, key: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Return how far each way is open: drawn with a key, the probability itself without."""
    p = jnp.asarray(coupling, state.soma.v.dtype)
    if key is None:
        return p, p
    bits = random_bits.draw(key, state.since_spike.shape[0])
    threshold = jnp.round(p * _LEVELS).astype(jnp.uint32)
    halves = (bits & np.uint32(_LEVELS - 1), bits >> np.uint32(16))
    back, forth = ((half < threshold).astype(p.dtype) for half in halves)
    return straight_through(back, p), straight_through(forth, p)


def recruit_coupling(
    coupling: ArrayLike, arrivals: ArrayLike, *, dt: float, tau: ArrayLike = 800.0
) -> Array:
    """Advance a dynamic coupling: it decays with `tau` (ms) and rises by (1 - p) per arrival.

    The thalamic spikes of Whyte et al. 2025: decay over the step first, then `arrivals`, a number
    of spikes or their weight, closes that share of the distance to 1; from one on p is 1.

    Example:
      >>> round(float(recruit_coupling(0.5, 0.2, dt=80.0)), 3)
      0.562
    """
    p = jnp.asarray(coupling)
    arrivals, tau = like((arrivals, tau), p)
    decayed = gain.relax(p, jnp.zeros_like(p), tau=tau, baseline=0, strength=0, dt=dt)
    return decayed + (1 - decayed) * jnp.minimum(arrivals, 1)


_UNITS = {"c_burst": "mV", "d_burst": "pA", "v_calcium": "mV", "bap_current": "pA"}
_POSITIVE = {"bap_start": "ms", "bap_end": "ms"}


def check(params: PyramidalParams, *, dt: float, n: int) -> None:
    """Check the constants of cells, and that the step is short enough for them.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    check_kind("params.soma", params.soma, IzhikevichParams)
    check_kind("params.dendrite", params.dendrite, DendriteParams)
    check_constants(params, _POSITIVE, _UNITS, n)
    dendrite.check(params.dendrite, n=n)
    izhikevich.check(params.soma, dt=dt, n=n)
    if all(map(_checks.is_concrete, jax.tree.leaves(params))):
        if not np.all(np.asarray(params.bap_start) <= np.asarray(params.bap_end)):
            raise ValueError(
                f"`bap_start` must not be after `bap_end` (ms); got {params.bap_start!r} and "
                f"{params.bap_end!r}."
            )
        if not np.all(np.asarray(params.c_burst) < np.asarray(params.soma.v_peak)):
            raise ValueError(
                f"`c_burst` must be below `v_peak` (mV); got {params.c_burst!r} and "
                f"{params.soma.v_peak!r}."
            )
        check_dt(dt, time_constants(params))


def time_constants(params: PyramidalParams) -> dict[str, float]:
    """Return those of both compartments and the delay of back-propagation, ms, by name."""
    soma, distal = izhikevich.time_constants(params.soma), dendrite.time_constants(params.dendrite)
    return {
        **{f"of the soma, {name}": tau for name, tau in soma.items()},
        **{f"of the dendrite, {name}": tau for name, tau in distal.items()},
        "bap_start, in ms": float(np.min(params.bap_start)),
    }


@dataclasses.dataclass(frozen=True)
class PyramidalCell:
    """The kernel with its options bound, as `simulate` takes it.

    Example:
      >>> from neurogain.spiking import cells, simulate
      >>> drive = PyramidalDrive(soma=Drive(800.0), dendrite=Drive(600.0), coupling=0.5)
      >>> cell = PyramidalCell("mean-field")
      >>> run = simulate(cell, cells.L5_PYRAMIDAL, drive, n=1, duration=200.0)
      >>> run.recorded["spikes"].item()
      3
    """

    compartments = ("soma", "dendrite")
    adaptation_jumps = ("soma.d", "d_burst")
    empty_drive = PyramidalDrive()

    coupling: Coupling = "stochastic"
    surrogate: Surrogate = SPIKE
    calcium_surrogate: Surrogate = CALCIUM

    def __post_init__(self) -> None:
        """Raise an error for an unknown kind of coupling, and for what is no surrogate."""
        check_surrogate("surrogate", self.surrogate)
        check_surrogate("calcium_surrogate", self.calcium_surrogate)
        if self.coupling not in get_args(Coupling):
            raise ValueError(
                f"`coupling` must be one of {', '.join(get_args(Coupling))}; got "
                f"{self.coupling!r}. Its strength goes into PyramidalDrive(coupling=...)."
            )

    def init(
        self, params: PyramidalParams, n: int, dtype: DTypeLike = jnp.float32
    ) -> PyramidalState:
        """Return `n` cells at rest."""
        return init(params, n, dtype)

    def step(
        self,
        params: PyramidalParams,
        state: PyramidalState,
        drive: PyramidalDrive,
        *,
        dt: float,
        key: jax.Array | None,
    ) -> tuple[PyramidalState, PyramidalInfo]:
        """Advance by one step; see `pyramidal.step`."""
        return step(
            params,
            state,
            drive,
            dt=dt,
            key=key,
            coupling=self.coupling,
            surrogate=self.surrogate,
            calcium_surrogate=self.calcium_surrogate,
        )

    def potential(self, state: PyramidalState, compartment: str) -> jax.Array:
        """Return the membrane potential of the soma or of the dendrite, mV."""
        return getattr(state, compartment).v

    def check(self, params: Any, drive: Any, *, dt: float, n: int, key: jax.Array | None) -> None:
        """Raise an error for bad constants, steps, drives, or stochastic coupling without a key."""
        check_kind("params", params, PyramidalParams)
        check_drive(self, drive)
        check(params, dt=dt, n=n)
        if key is None and self.coupling == "stochastic":
            raise ValueError(
                "`key` must be a jax.random.key for stochastic coupling; got None. Pass "
                'key=jax.random.key(0), or PyramidalCell(coupling="mean-field").'
            )
