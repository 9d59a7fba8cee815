"""The static structure of a network: hashable, known when it is compiled."""

import dataclasses
from typing import Any, Literal

from jax.sharding import Mesh

from neurogain.spiking.cell import Cell

AXIS = "cells"  # of the mesh, over which cells are spread


@dataclasses.dataclass(frozen=True)
class ProjectionLayout:
    """What is known of a projection when it is compiled."""

    name: str
    source: str
    target: str
    inbox: int  # where its spikes arrive
    path: Literal["dense", "sparse"]
    n_pre: int
    n_post: int  # of one shard
    delays: tuple[int, ...]  # steps, all that occur
    plastic: bool
    synapses: tuple[int, ...]  # number of each shard
    width: int = 0  # synapses of a row that are read at once (sparse and plastic)
    column_width: int = 0  # the same, of a column

    @property
    def past(self) -> int:
        """Number of steps whose spikes are kept; 0 where the ring keeps what arrives."""
        return max(self.delays) if self.plastic or self.path == "dense" else 0


@dataclasses.dataclass(frozen=True)
class Inbox:
    """Where spikes arrive: one compartment's receptors, in fixed shares."""

    target: str
    compartment: str
    shares: tuple[tuple[str, float], ...]


@dataclasses.dataclass(frozen=True)
class NetworkStructure:
    """Populations, projections and where spikes arrive."""

    populations: tuple[tuple[str, Cell, int], ...]  # name, kind of cell, number of cells
    layouts: tuple[ProjectionLayout, ...]
    inboxes: tuple[Inbox, ...]
    ring: int  # rows of arrivals: one more than the longest delay; 0: no fixed sparse ones
    width: int  # synapses of a row of fixed ones that are read at once
    at_once: int  # spikes that are delivered in one round of a loop
    receptors: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
    inputs: tuple[str, ...]
    modulated: tuple[str, ...]
    dt: float  # ms
    mesh: Mesh | None = None

    @property
    def size(self) -> int:
        """Number of cells of all populations."""
        return sum(size for _, _, size in self.populations)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of cells of each population."""
        return {name: size for name, _, size in self.populations}

    @property
    def paths(self) -> dict[str, str]:
        """Path of each projection, "dense" or "sparse"; gradients pass through dense ones alone."""
        return {layout.name: layout.path for layout in self.layouts}

    @property
    def empty_drive(self) -> dict[str, Any]:
        """The drive of a network that gets none."""
        return {}

    def cells_of(self, population: str) -> slice:
        """Return where a population is among all cells, as recorders of spikes number them.

        Raises:
          KeyError: if there is no such population.
        """
        first = 0
        for name, _, size in self.populations:
            if name == population:
                return slice(first, first + size)
            first += size
        raise KeyError(f"`population` must be one of {', '.join(self.sizes)}; got {population!r}.")

    def layout(self, name: str) -> ProjectionLayout:
        """Return the static part of a projection."""
        for layout in self.layouts:
            if layout.name == name:
                return layout
        names = ", ".join(w.name for w in self.layouts)
        raise KeyError(f"`name` must be a projection, one of {names}; got {name!r}.")
