"""Targets: what an effect can change in a network. A new one is a value of `Target`."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from neurogain import _checks
from neurogain.spiking.network import Network, NetworkParams

POPULATION, COMPARTMENT, RECEPTOR, PROJECTION = (
    "POPULATION", "COMPARTMENT", "RECEPTOR", "PROJECTION",
)  # fmt: skip


class Owner(NamedTuple):
    """Whose value a target is: one population, compartment, receptor or projection of a network."""

    name: str  # of the population or of the projection
    compartment: str = ""
    receptor: str = ""
    cell: Any = None  # kind of cell of the population; None for a projection


class Changed(NamedTuple):
    """Parameters and drive of a network with the effects so far; each method returns a new one."""

    network: Network
    params: NetworkParams
    drive: dict[str, Any]  # of this step: numbers and arrays

    def drive_of(self, owner: Owner) -> Any:
        """Return the drive of a population's cells, empty where the simulation gives none."""
        return self.drive.get(owner.name, owner.cell.empty_drive)

    def with_drive(self, owner: Owner, drive: Any) -> "Changed":
        """Return it with another drive of a population or a projection."""
        return self._replace(drive=self.drive | {owner.name: drive})

    def with_cells(self, owner: Owner, constants: Any) -> "Changed":
        """Return it with other constants of a population's cells."""
        cells = self.params.cells | {owner.name: constants}
        return self._replace(params=self.params._replace(cells=cells))

    def with_synapses(self, owner: Owner, constants: Any) -> "Changed":
        """Return it with other constants of the receptors of a compartment."""
        own = self.params.synapses[owner.name] | {owner.compartment: constants}
        synapses = self.params.synapses | {owner.name: own}
        return self._replace(params=self.params._replace(synapses=synapses))

    def with_projection(self, owner: Owner, table: Any) -> "Changed":
        """Return it with another table of a plastic or dense projection."""
        projections = self.params.projections | {owner.name: table}
        return self._replace(params=self.params._replace(projections=projections))


def _always(network: Network, owner: Owner) -> bool:
    """Return True: the target is there for every owner."""
    del network, owner
    return True


@dataclasses.dataclass(frozen=True)
class Target:
    """What an effect can change. Hashable: define it once, at the top of a module.

    Attributes:
      name: pattern of names, "POPULATION.x", "POPULATION.COMPARTMENT.x" or "PROJECTION.x", with
        any word for x; "POPULATION.COMPARTMENT.RECEPTOR" has one name for each receptor that the
        network was built with.
      summary: how the sum of strength x activation acts, with its unit; for the documentation.
      apply: returns the parameters and the drive after an amount, an array of shape () or (n,); see
        `effects.scaled`, `effects.shifted` and `effects.odds`. It is traced in every step.
      applies: whether a network has this target for an owner; True for all if left out.

    Example:
      >>> from neurogain.neuromod import effects
      >>> def change(changed, owner, amount):
      ...     own = changed.params.cells[owner.name]
      ...     return changed.with_cells(owner, own._replace(v_t=effects.shifted(own.v_t, amount)))
      >>> Target("POPULATION.threshold", "shift of the threshold v_t, mV", change).name
      'POPULATION.threshold'
    """

    name: str
    summary: str
    apply: Callable[[Changed, Owner, jax.Array], Changed]
    applies: Callable[[Network, Owner], bool] = _always


class Found(NamedTuple):
    """A target of a network."""

    target: Target
    owner: Owner


def find(network: Network, table: Sequence[Target]) -> dict[str, Found]:
    """Return the targets that a network has, by name.

    Raises:
      TypeError, ValueError: if a target is none, its pattern is unknown, or two have one name.
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"`network` must be a Network; got {network!r:.200}. Pass the first of the two that "
            "build returns."
        )
    check(table)
    found: dict[str, Found] = {}
    for owner in _owners(network):
        for target in table:
            name = _name(target, owner)
            if name is None or not target.applies(network, owner):
                continue
            if name in found:
                raise ValueError(
                    f"`targets` must have names of their own; {name} is one of {target.name} and "
                    f"of {found[name].target.name}. Give one another name."
                )
            found[name] = Found(target, owner)
    return found


def describe(table: Sequence[Target], indent: int = 0) -> str:
    """Return one line per target, all but the first indented: its pattern and how amounts act."""
    width = max((len(target.name) for target in table), default=0)
    return f"\n{' ' * indent}".join(f"{one.name:<{width}}  {one.summary}" for one in table)


def check(table: Sequence[Target]) -> None:
    """Check that all are targets with known patterns.

    Raises:
      TypeError: if one is not a `Target`, or a function of it can't be called.
      ValueError: names the pattern, the rule, and a way out.
    """
    for target in table if isinstance(table, list | tuple) else [table]:
        if not isinstance(target, Target):
            raise TypeError(
                f"`targets` must hold Target(...); got {target!r:.200}. Pass "
                "targets=(*neuromod.TARGETS, Target(...))."
            )
        for field in ("apply", "applies"):
            function = getattr(target, field)
            if not _checks.is_function(function):
                raise TypeError(
                    f"`{field}` of the target {target.name} must be a function; got "
                    f"{getattr(target, field)!r}."
                )
        if not isinstance(target.name, str) or _kind(target.name) is None:
            raise ValueError(
                f"`name` of a target must be {POPULATION}.x, {POPULATION}.{COMPARTMENT}.x, "
                f"{POPULATION}.{COMPARTMENT}.{RECEPTOR} or {PROJECTION}.x; got {target.name!r}."
            )


def _kind(pattern: str) -> str | None:
    """Return what owns the targets of a pattern, or None for a pattern that is unknown."""
    match pattern.split("."):
        case ["POPULATION", "COMPARTMENT", "RECEPTOR"]:
            return RECEPTOR
        case ["POPULATION", "COMPARTMENT", what] if what:
            return COMPARTMENT
        case ["POPULATION", what] if what and what != COMPARTMENT:
            return POPULATION
        case ["PROJECTION", what] if what:
            return PROJECTION
    return None


def _name(target: Target, owner: Owner) -> str | None:
    """Return the name of an owner's target, or None where its pattern is for other owners."""
    kind, what = _kind(target.name), target.name.rpartition(".")[2]
    if owner.cell is None:
        return f"{owner.name}.{what}" if kind == PROJECTION else None
    if owner.receptor:
        path = f"{owner.name}.{owner.compartment}.{owner.receptor}"
        return path if kind == RECEPTOR else None
    if owner.compartment:
        return f"{owner.name}.{owner.compartment}.{what}" if kind == COMPARTMENT else None
    return f"{owner.name}.{what}" if kind == POPULATION else None


def _owners(network: Network) -> Iterator[Owner]:
    """Yield each population with its compartments and their receptors, then each projection."""
    receptors = dict(network.receptors)
    for name, cell, _ in network.populations:
        yield Owner(name, cell=cell)
        opened = dict(receptors.get(name, ()))
        for compartment in cell.compartments:
            yield Owner(name, compartment, cell=cell)
            for receptor in opened.get(compartment, ()):
                yield Owner(name, compartment, receptor, cell)
    for layout in network.layouts:
        yield Owner(layout.name)
