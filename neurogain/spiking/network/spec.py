"""What a network is made of: populations of cells, and projections between them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from neurogain.spiking.cell import Cell
from neurogain.spiking.connectivity import Connectivity
from neurogain.spiking.plasticity import Plasticity
from neurogain.spiking.synapses import SynapseParams

Path = Literal["auto", "dense", "sparse"]
PerSynapse = float | np.ndarray | Callable[[np.random.Generator, int], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """`size` cells of one kind.

    Attributes:
      cell: kernel with its options, for instance `PyramidalCell()` or a source of `sources`.
      params: its constants, scalars or one value per cell.
      size: number of cells.
      synapses: receptors by compartment; `SynapseParams()` where left out.
      inputs: "compartment.receptor" for each receptor that takes a drive of its own, given to the
        simulation as "population.compartment.receptor" in nS per step (a `PoissonInput`, ...).

    Example:
      >>> from neurogain.spiking import PyramidalCell, cells
      >>> l5 = Population(PyramidalCell(), cells.L5_PYRAMIDAL, 80, inputs=("dendrite.ampa",))
      >>> l5.cell.compartments
      ('soma', 'dendrite')

      Its dendrites take {"l5.dendrite.ampa": PoissonInput(50.0, 0.5)} in a network that calls it
      "l5".
    """

    cell: Cell
    params: Any
    size: int
    synapses: Mapping[str, SynapseParams] = dataclasses.field(default_factory=dict)
    inputs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to a compartment of another, or of itself.

    Attributes:
      source: name of the presynaptic population.
      target: name of the postsynaptic population.
      connectivity: rule of `connectivity`.
      weight: nS, >= 0; one number; one per synapse, for `Listed` in the order of its pairs, else by
        presynaptic, then by postsynaptic cell, as `Network.synapses` has them; or a function
        (rng, synapses) that draws them, whatever the pairs. It is multiplied by the scale of the
        connectivity, where that has one.
      compartment: of the target.
      receptor: name, or the share of the weight that goes to each of several.
      delay: ms, axonal, a positive multiple of dt; as `weight`; one step where left out. A spike at
        t arrives at t + delay and moves the potential in the step that begins there.
      plasticity: rule that changes the weights; it needs one delay for all synapses.
      path: dense, sparse or, as the size has it, auto.

    Example:
      >>> from neurogain.spiking import connectivity
      >>> some = connectivity.FixedProbability(0.1)
      >>> to_l5 = Projection("l5", "l5", some, 0.5, receptor={"ampa": 1.0, "nmda": 0.5}, delay=1.5)
      >>> to_l5.shares
      (('ampa', 1.0), ('nmda', 0.5))
    """

    source: str
    target: str
    connectivity: Connectivity
    weight: PerSynapse
    compartment: str = "soma"
    receptor: str | Mapping[str, float] = "ampa"
    delay: PerSynapse | None = None
    plasticity: Plasticity | None = None
    path: Path = "auto"

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """The receptors, and the share of the weight that goes to each."""
        if isinstance(self.receptor, str):
            return ((self.receptor, 1.0),)
        return tuple((name, float(share)) for name, share in self.receptor.items())


def receptors_of(population: Population, compartment: str) -> SynapseParams:
    """Return the receptors of a compartment."""
    return population.synapses.get(compartment, SynapseParams())


def label(population: str, compartment: str, receptor: str) -> str:
    """Return the name of a receptor's drive."""
    return f"{population}.{compartment}.{receptor}"
