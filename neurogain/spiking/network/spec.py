"""What a network is made of: populations of cells, and projections between them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import jax
import numpy as np
from jax.typing import ArrayLike

from neurogain.spiking import synapses
from neurogain.spiking.cell import Cell, check_cell
from neurogain.spiking.connectivity import Connectivity
from neurogain.spiking.engine import drives
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
      synapses: receptors' constants by compartment; `SynapseParams()` where left out.
      inputs: "compartment.receptor" for each receptor that takes a drive of its own, given to the
        simulation as "population.compartment.receptor" in nS per step (a `PoissonInput`, ...).
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
      delay: ms, axonal, a positive multiple of dt; as `weight`. A spike of step n with a delay of
        one step acts in step n + 1.
      plasticity: rule that changes the weights; it needs one delay for all synapses.
      path: dense, sparse or, as the size has it, auto.
    """

    source: str
    target: str
    connectivity: Connectivity
    weight: PerSynapse
    compartment: str = "soma"
    receptor: str | Mapping[str, float] = "ampa"
    delay: PerSynapse = 0.1
    plasticity: Plasticity | None = None
    path: Path = "auto"

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """The receptors, and the share of the weight that goes to each."""
        if isinstance(self.receptor, str):
            return ((self.receptor, 1.0),)
        return tuple((name, float(share)) for name, share in self.receptor.items())


def label(population: str, compartment: str, receptor: str) -> str:
    """Return the name of a receptor's drive."""
    return f"{population}.{compartment}.{receptor}"


def check_projection(name: str, one: Projection, populations: Mapping[str, Population]) -> None:
    """Refuse populations, compartments and receptors that are not there.

    Raises:
      ValueError: names the field, the rule, the value and a way out.
    """
    for field in ("source", "target"):
        if getattr(one, field) not in populations:
            raise ValueError(
                f"`{field}` of {name} must be one of {', '.join(populations)}; got "
                f"{getattr(one, field)!r}."
            )
    if isinstance(one.connectivity, type) or not hasattr(one.connectivity, "connect"):
        raise TypeError(
            f"`connectivity` of {name} must be a rule of neurogain.spiking.connectivity; got "
            f"{one.connectivity!r}. Pass for instance FixedInDegree(10)."
        )
    known = populations[one.target].cell.compartments
    if one.compartment not in known:
        kind = f"a compartment of {one.target}"
        raise ValueError(
            f"`compartment` of {name} must be {kind}, {' or '.join(known) or 'which has none'}; "
            f"got {one.compartment!r}."
        )
    if not one.shares:
        raise ValueError(f"`receptor` of {name} must name at least one; got {one.receptor!r}.")
    for receptor, share in one.shares:
        check_receptor(f"`receptor` of {name}", receptor)
        if not 0 <= share < np.inf:
            raise ValueError(
                f"`receptor` of {name} must give {receptor} a share of at least 0; got {share}."
            )
    check_path(f"`path` of {name}", one.path)


def check_path(what: str, path: str) -> None:
    """Refuse an unknown path."""
    if path not in get_args(Path):
        raise ValueError(f"{what} must be {', '.join(get_args(Path))}; got {path!r}.")


def check_population(name: str, one: Population) -> None:
    """Refuse sizes and inputs that can't be; errors as in `check_projection`."""
    if not isinstance(one.size, int | np.integer) or one.size < 1:
        raise ValueError(f"`size` of {name} must be a whole number of cells; got {one.size!r}.")
    check_cell(f"`cell` of {name}", one.cell)
    if "." in name:
        raise ValueError(f"A population's name must not have a dot in it; got {name!r}.")
    known = one.cell.compartments
    if not isinstance(one.synapses, Mapping):
        raise TypeError(
            f"`synapses` of {name} must be a dictionary by compartment; got {one.synapses!r}. Pass "
            'for instance {"soma": SynapseParams()}.'
        )
    for compartment, params in one.synapses.items():
        if not isinstance(params, SynapseParams):
            raise TypeError(
                f"`synapses` of {name}, {compartment}, must be SynapseParams(...); got {params!r}."
            )
        for path, value in jax.tree_util.tree_flatten_with_path(params)[0]:
            field = jax.tree_util.keystr(path).lstrip(".")
            drives.check_array(f"synapses of {name}, {compartment}.{field}", value, one.size)
        if compartment not in known:
            raise ValueError(
                f"`synapses` of {name} must be for {' or '.join(known) or 'nothing'}; got "
                f"{compartment!r}."
            )
        synapses.check(params)
    for text in one.inputs:
        compartment, _, receptor = text.partition(".")
        if compartment not in known:
            raise ValueError(
                f"`inputs` of {name} must be for {' or '.join(known) or 'nothing'}; got {text!r}. "
                'Pass for instance "soma.ampa".'
            )
        check_receptor(f"`inputs` of {name}", receptor)


def check_receptor(what: str, receptor: str) -> None:
    """Refuse an unknown receptor."""
    known = [name for name in synapses.RECEPTORS if name != "adaptation"]
    if receptor not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}; got {receptor!r}.")


def check_values(what: str, values: ArrayLike, unit: str, synapse_count: int) -> np.ndarray:
    """Return values, one per synapse, refusing other shapes, negative and non-finite ones."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} must be numbers, in {unit}; got {values!r}.")
    if array.shape not in ((), (synapse_count,)):
        raise ValueError(
            f"{what} must be one number, or one per synapse, shape ({synapse_count},); got shape "
            f"{array.shape}."
        )
    wrong = ~((array >= 0) & (array < np.inf))
    if wrong.any():
        raise ValueError(
            f"{what} must be at least 0 and finite, in {unit}; got {array[wrong].flat[0]}."
            + (" Inhibition is a receptor (gaba_a), not a sign." if unit == "nS" else "")
        )
    return np.broadcast_to(array, (synapse_count,))
