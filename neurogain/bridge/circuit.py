"""Circuits whose gain can be read while they run: pyramidal cells in two arms, and what is around.

Half of the pyramidal cells get a lower, half a higher somatic current, so that the difference of
their rates over that of their currents is the slope of the f-I curve between the two, whatever the
network does. The burst fraction is the share of spikes that are reset as bursts.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from neurogain import _checks
from neurogain.neuromod import (
    Effect,
    Modulated,
    ModulatedInfo,
    ModulatedParams,
    effects,
    tables,
    targets,
)
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    connectivity,
    synapses,
)
from neurogain.spiking.recorders import Total

NAME = "pyramidal"  # of the population that is read


class Reading(NamedTuple):
    """What is read of a circuit over some time."""

    slope: Float[Array, ""]  # Hz/nA, between the arms
    burst_fraction: Float[Array, ""]  # of all spikes; 0 where there is none
    rate: Float[Array, ""]  # Hz, of all pyramidal cells


@dataclasses.dataclass(frozen=True, eq=False)
class Circuit:
    """A modulated network whose pyramidal cells have two arms.

    Attributes:
      model: the network, with a population "pyramidal" of `PyramidalCell`.
      params: of the model, effects included.
      drive: of a run, with numbers, arrays and noise alone.
      upper: which pyramidal cells are in the upper arm, (n,).
      difference: pA, of the somatic currents of the arms.
      dt: ms, of a step.

    Example:
      >>> counts = {"spikes": np.array([1, 3, 1, 3]), "bursts": np.array([0, 2, 0, 0])}
      >>> reading = pyramidal_cells(4).read(counts, duration=100.0)
      >>> print(f"{reading.slope:.0f} Hz/nA, {reading.burst_fraction:.2f}, {reading.rate:.0f} Hz")
      100 Hz/nA, 0.25, 20 Hz
    """

    model: Modulated
    params: ModulatedParams
    drive: Mapping[str, Any]
    upper: Bool[np.ndarray, " n"]
    difference: float
    dt: float

    @property
    def record(self) -> dict[str, Total]:
        """Return the recorders that `read` needs."""
        return {"spikes": Total(_spikes), "bursts": Total(_bursts)}

    def only(self, *targets: str) -> "Circuit":
        """Return the circuit in which effects on other targets have the strength 0.

        Args:
          *targets: what their names end with, for instance "coupling", or begin with, "pv.".

        Raises:
          ValueError: if no effect is on one of them.

        Example:
          >>> kept = pyramidal_cells(20).only("coupling").params.effects
          >>> [one.target for one in kept if one.strength]
          ['pyramidal.coupling']
        """
        own = self.params.effects
        for wanted in targets:
            if not any(_is_on(one, wanted) for one in own):
                raise ValueError(
                    f"`targets` must be of effects of the circuit, on "
                    f"{', '.join(effects.names(own))}; got {wanted!r}."
                )
        kept = tuple(
            one if any(_is_on(one, x) for x in targets) else dataclasses.replace(one, strength=0.0)
            for one in own
        )
        return dataclasses.replace(self, params=self.params._replace(effects=kept))

    def read(self, recorded: Mapping[str, Any], duration: float) -> Reading:
        """Return the reading of what was recorded over some time.

        Args:
          recorded: counts of spikes and bursts of each cell, by the names in `record`.
          duration: ms.
        """
        spikes, bursts = (jnp.asarray(recorded[x], jnp.float32) for x in ("spikes", "bursts"))
        rate = spikes * (1000 / duration)
        share = self.upper / self.upper.sum() - ~self.upper / (~self.upper).sum()
        return Reading(
            slope=jnp.sum(share.astype(np.float32) * rate) * (1000 / self.difference),
            burst_fraction=bursts.sum() / jnp.maximum(spikes.sum(), 1),
            rate=rate.mean(),
        )


def _is_on(effect: Effect, target: str) -> bool:
    return effect.target.endswith(target) or effect.target.startswith(target)


def _spikes(state: Any, info: ModulatedInfo) -> Array:
    del state
    found: Array = info.network.cells[NAME].spike
    return found


def _bursts(state: Any, info: ModulatedInfo) -> Array:
    del state
    found: Array = info.network.cells[NAME].burst
    return found


def pyramidal_cells(
    n: int = 200,
    *,
    strength: float = 1.0,
    currents: tuple[float, float] = (700.0, 900.0),
    noise: float = 300.0,
    dendrite: float = 600.0,
    coupling: float = 0.1,
    dt: float = 0.25,
) -> Circuit:
    """Return pyramidal cells of layer 5 without any network, under the effects of the tables.

    Args:
      n: number of cells, even.
      strength: factor of all effects of `tables.EFFECTS`; 1: as they are.
      currents: pA, mean somatic currents of the two arms, the lower first.
      noise: pA, standard deviation of the somatic current, fresh in every step and cell.
      dendrite: pA, onto each dendrite.
      coupling: probability that soma and dendrite are coupled, at tonic levels.
      dt: ms.

    Raises:
      ValueError, TypeError: if a number is out of range.

    Example:
      >>> circuit = pyramidal_cells(20)
      >>> int(circuit.upper.sum()), circuit.difference
      (10, 200.0)
    """
    _check(n, strength, currents, noise, dendrite, coupling)
    population = {NAME: Population(PyramidalCell(), cells.L5_PYRAMIDAL, n)}
    network, params = build(population, {}, dt=dt, key=jax.random.key(0))
    own = _scaled(NAME, tables.EFFECTS["l5_pyramidal"], strength, network)
    drive = {NAME: _driven(n, currents, noise, dendrite, coupling)}
    modulated = ModulatedParams(params, tables.standard(), own)
    return Circuit(Modulated(network), modulated, drive, _upper(n), currents[1] - currents[0], dt)


def microcircuit(
    n: int = 120,
    pv: int = 40,
    som: int = 40,
    *,
    strength: float = 1.0,
    currents: tuple[float, float] = (700.0, 900.0),
    noise: float = 300.0,
    dendrite: float = 700.0,
    coupling: float = 0.2,
    interneurons: tuple[float, float] = (75.0, 75.0),
    interneuron_noise: float = 150.0,
    recurrence: float = 0.2,
    dt: float = 0.25,
) -> Circuit:
    """Return pyramidal, PV and SOM cells on a ring, under the effects of the tables.

    Weights and widths are those of the experiment `microcircuit`, with its `recurrence`.

    Args:
      n, pv, som: numbers of cells; that of pyramidal cells is even.
      strength, currents, noise, dendrite, coupling, dt: as for `pyramidal_cells`.
      interneurons: pA, mean currents of PV and of SOM cells.
      interneuron_noise: pA, standard deviation of their currents, fresh in every step and cell.
      recurrence: factor of the weights from pyramidal cells.

    Raises:
      ValueError, TypeError: if a number is out of range.

    Example:
      >>> microcircuit(20, 8, 8).model.network.sizes
      {'pyramidal': 20, 'pv': 8, 'som': 8}

    Source: arXiv 2507.03222, for the connectivity.
    """
    _check(n, strength, currents, noise, dendrite, coupling)
    _checks.whole("pv", pv, 1)
    _checks.whole("som", som, 1)
    _at_least_0("interneuron_noise", interneuron_noise, "pA")
    _at_least_0("recurrence", recurrence, "dimensionless")
    _two("interneurons", interneurons, "of PV and of SOM cells", (75.0, 75.0))
    compartments = {"soma": synapses.SOMA, "dendrite": synapses.DENDRITE}
    populations = {
        NAME: Population(PyramidalCell(), cells.L5_PYRAMIDAL, n, compartments),
        "pv": Population(IzhikevichCell(), cells.PV, pv),
        "som": Population(IzhikevichCell(), cells.SOM, som),
    }
    sizes = {NAME: n, "pv": pv, "som": som}
    both, shares = {"ampa": 1.0, "nmda": 1.0}, {"ampa": 1.75, "nmda": 0.35}
    table: Sequence[tuple[str, str, float, float, dict[str, Any]]] = (
        (NAME, NAME, 3.5 * recurrence, 0.5, {"receptor": shares}),
        (NAME, "pv", recurrence, 2.0, {"receptor": both}),
        (NAME, "som", recurrence, 2.0, {"receptor": both}),
        ("pv", NAME, 5.0, 0.5, {"receptor": "gaba_a"}),
        ("som", NAME, 5.0, 2.0, {"receptor": "gaba_a", "compartment": "dendrite"}),
    )
    projections = {
        f"{source}_{target}": Projection(
            source, target, connectivity.GaussianWeights(width),
            weight * SIZES[source] / sizes[source], **more,
        )
        for source, target, weight, width, more in table
    }  # fmt: skip
    network, params = build(populations, projections, dt=dt, key=jax.random.key(0))
    own = (
        *_scaled(NAME, tables.EFFECTS["l5_pyramidal"], strength, network),
        *_scaled("pv", tables.EFFECTS["pv"], strength, network),
        *_scaled("som", tables.EFFECTS["som"], strength, network),
    )
    drive = {
        NAME: _driven(n, currents, noise, dendrite, coupling),
        "pv": Drive(Noise(interneurons[0], interneuron_noise)),
        "som": Drive(Noise(interneurons[1], interneuron_noise)),
    }
    modulated = ModulatedParams(params, tables.standard(), own)
    return Circuit(Modulated(network), modulated, drive, _upper(n), currents[1] - currents[0], dt)


SIZES = {NAME: 90, "pv": 45, "som": 45}  # of the experiment; a cell's weights sum up as there


def _check(
    n: int,
    strength: float,
    currents: tuple[float, float],
    noise: float,
    dendrite: float,
    coupling: float,
) -> None:
    _checks.whole("n", n, 2)
    if n % 2:
        raise ValueError(f"`n` must be even, half of the cells for each arm; got {n}.")
    _checks.one_number("strength", strength, "finite", np.isfinite, "1.0")
    _two("currents", currents, "the lower first", (700.0, 900.0))
    if not currents[0] < currents[1]:
        raise ValueError(
            f"`currents` must be two, pA, the lower first; got {currents!r:.200}. Pass (700, 900)."
        )
    _at_least_0("noise", noise, "pA")
    _checks.one_number("dendrite", dendrite, "finite, in pA", np.isfinite, "600.0")
    _checks.one_number(
        "coupling", coupling, "a probability in [0, 1]", lambda x: (x >= 0) & (x <= 1), "0.1"
    )


def _at_least_0(name: str, value: float, unit: str) -> None:
    rule = f"finite and at least 0, {unit}"
    _checks.one_number(name, value, rule, lambda x: (x >= 0) & (x < np.inf), "0.0")


def _two(name: str, values: Any, rule: str, suggestion: tuple[float, float]) -> None:
    """Raise a ValueError unless these are two finite numbers."""
    found = _checks.as_numbers(name, list(values)) if np.ndim(values) else np.zeros(0)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise ValueError(
            f"`{name}` must be two, pA, {rule}; got {values!r:.200}. Pass {suggestion}."
        )


def _upper(n: int) -> np.ndarray:
    """Return every other cell, so that the arms have the same neighbours."""
    return np.arange(n) % 2 == 1


def _driven(
    n: int, currents: tuple[float, float], noise: float, dendrite: float, coupling: float
) -> PyramidalDrive:
    mean = np.where(_upper(n), currents[1], currents[0]).astype(np.float32)
    return PyramidalDrive(Drive(Noise(mean, noise)), Drive(dendrite), coupling)


def _scaled(
    name: str, table: Sequence[Effect], strength: float, network: Any
) -> tuple[Effect, ...]:
    """Return the effects of a table that a population has, each times a factor."""
    own = effects.on(name, table, among=targets(network))
    return tuple(dataclasses.replace(x, strength=strength * x.strength) for x in own)
