"""Cells of the actor and the critic: which kind, and how current and gain reach them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from neurogain.neuromod import effects
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    LIFCell,
    LIFParams,
    PyramidalCell,
    PyramidalDrive,
    cells,
)
from neurogain.tasks.go_nogo._product import product


@dataclasses.dataclass(frozen=True)
class Kind:
    """Excitatory and inhibitory cells of one kind.

    Attributes:
      excitatory: kernel of excitatory cells.
      excitatory_params: their constants.
      inhibitory: kernel of inhibitory cells.
      inhibitory_params: their constants.
      dt: ms, step; 1 ms is a multiple of it.
      scale: of all weights and currents, from those of integrate-and-fire cells.
      dendritic: pA, into the dendrite, where there is one.
      coupling: of soma and dendrite, where there is one.
    """

    excitatory: Any
    excitatory_params: Any
    inhibitory: Any
    inhibitory_params: Any
    dt: float
    scale: float
    dendritic: float = 0.0
    coupling: float = 0.0

    @property
    def substeps(self) -> int:
        """Steps in 1 ms."""
        return round(1 / self.dt)

    @property
    def draws(self) -> bool:
        """Whether its cells need a key."""
        return isinstance(self.excitatory, PyramidalCell)

    def drive(self, current: jax.Array, gain: jax.Array) -> Any:
        """Return the drive of excitatory cells, with the logarithm of a gain.

        Without a dendrite it multiplies the current; with one, the odds of coupling and the
        dendritic current.
        """
        if not isinstance(self.excitatory, PyramidalCell):
            return Drive(effects.scaled(current, gain))
        dendrite = Drive(effects.scaled(self.dendritic, gain))
        return PyramidalDrive(Drive(current), dendrite, effects.odds(self.coupling, gain))


KINDS: Mapping[str, Kind] = {
    "lif": Kind(LIFCell(), LIFParams(), LIFCell(), LIFParams(), 1.0, 1.0),
    "izhikevich": Kind(IzhikevichCell(), cells.RS, IzhikevichCell(), cells.RS, 1.0, 0.5),
    "pyramidal": Kind(
        PyramidalCell(), cells.L5_PYRAMIDAL, IzhikevichCell(), cells.L5_SOMA, 0.25, 4.0, 500.0, 0.5
    ),
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """Numbers of cells, by group, excitatory ones first."""

    excitatory: tuple[int, int, int] = (20, 20, 20)
    inhibitory: tuple[int, int, int] = (10, 10, 20)

    @property
    def size(self) -> int:
        """Number of all cells."""
        return sum(self.excitatory) + sum(self.inhibitory)

    @property
    def group(self) -> np.ndarray:
        """Group of each cell, 0 to 2."""
        return np.repeat([0, 1, 2, 0, 1, 2], self.excitatory + self.inhibitory)

    @property
    def sign(self) -> np.ndarray:
        """1 for excitatory, -1 for inhibitory cells."""
        return np.repeat([1.0, -1.0], [sum(self.excitatory), sum(self.inhibitory)])

    @property
    def net(self) -> np.ndarray:
        """Weights of each cell's rate in the net rate of each group, (3, cells).

        The mean over excitatory cells less that over inhibitory ones.
        """
        weights = np.zeros((3, self.size))
        for g in range(3):
            for sign in (1, -1):
                own = (self.group == g) & (self.sign == sign)
                weights[g, own] = sign / own.sum()
        return weights


class Activity(NamedTuple):
    """Spikes of a trial and the traces that they leave; each field has shape (ms, n)."""

    spikes: Float[Array, "ms cells"]
    pre_trace: Float[Array, "ms inputs"]  # of the inputs, decayed to each ms, without its spikes
    post_trace: Float[Array, "ms cells"]


class Times(NamedTuple):
    """Time constants, ms."""

    synapse: ArrayLike  # of the current of an input spike
    stdp: ArrayLike  # of both traces
    background: ArrayLike  # of the current that a group shares


def run(
    kind: Kind,
    layout: Layout,
    inputs: Float[Array, "ms inputs"],
    weight: Float[Array, "inputs cells"],
    noise: Float[Array, "ms 3"],
    times: Times,
    *,
    strength: jax.Array,
    gain: jax.Array,
    key: jax.Array,
) -> Activity:
    """Return what the cells do from rest, in steps of 1 ms, in which currents are held.

    As in networks, an input's spike comes at the end of its millisecond and acts from the next on,
    and a current is held at its mean, so that a spike delivers the charge weight * times.synapse.

    Args:
      kind: of the cells.
      layout: numbers of cells.
      inputs: spikes.
      weight: pA, jump of the current at a spike.
      noise: standard normal numbers, from which each group's common current is filtered.
      times: time constants.
      strength: pA, sd of the common current, onto excitatory cells.
      gain: its logarithm, of excitatory cells.
      key: for cells that draw.
    """
    n, dtype = sum(layout.excitatory), weight.dtype
    cells = (
        kind.excitatory.init(kind.excitatory_params, n),
        kind.inhibitory.init(kind.inhibitory_params, layout.size - n),
    )
    onto = jnp.asarray((layout.sign > 0) * (layout.group == np.arange(3)[:, None]), dtype)
    scale = strength * jnp.sqrt(-jnp.expm1(-2 / jnp.asarray(times.background, dtype)))
    falls = [jnp.exp(-1 / jnp.asarray(tau, dtype)) for tau in times]
    tau = jnp.asarray(times.synapse, dtype)
    mean = -tau * jnp.expm1(-1 / tau)  # of an exponential over 1 ms, as a share of its start
    zero = jnp.zeros(layout.size, dtype)
    start = (cells, zero, jnp.zeros(3, dtype), jnp.zeros(inputs.shape[1], dtype), zero)

    def millisecond(carry: Any, step: Any) -> Any:
        cells, synaptic, common, pre, post = carry
        arriving, fired_inputs, white, key = step
        common = falls[2] * common + scale * white
        pre, post = falls[1] * pre, falls[1] * post
        current = kind.scale * (mean * synaptic + product(common, onto))
        spikes = zero
        for k in range(kind.substeps):
            own = jax.random.fold_in(key, k) if kind.draws else None
            one, fired = kind.excitatory.step(
                kind.excitatory_params, cells[0], kind.drive(current[:n], gain), dt=kind.dt, key=own
            )
            other, also = kind.inhibitory.step(
                kind.inhibitory_params, cells[1], Drive(current[n:]), dt=kind.dt, key=None
            )
            spikes = spikes + jnp.concatenate([fired.spike, also.spike])
            cells = (one, other)
        synaptic = falls[0] * synaptic + arriving
        after = (cells, synaptic, common, pre + fired_inputs, post + spikes)
        return after, Activity(spikes, pre, post)

    keys = jax.random.split(key, len(inputs)) if kind.draws else None
    return jax.lax.scan(millisecond, start, (product(inputs, weight), inputs, noise, keys))[1]
