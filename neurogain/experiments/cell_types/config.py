"""What `neurogain cell-types` can be told."""

import dataclasses
from typing import Annotated, Any

import numpy as np

from neurogain import _checks
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_training import LearningOptions, Network
from neurogain.neuromod.cell_types import CellTypes
from neurogain.neuromod.effects import Effect
from neurogain.options import OneOf, Whole, by_default, positive
from neurogain.tasks.spikes.task import TASKS, SpikeTask

LABELLED = tuple(name for name, task in TASKS.items() if not task.timed)
TARGETS = ("soma.gain", "soma.current")
"""What a modulator does to a cell: a factor of its current, and a shift of it."""


@dataclasses.dataclass(frozen=True)
class CellTypesConfig(LearningOptions):
    """Networks whose cells answer one modulator alike, by types, or each in its own way.

    In context c a label becomes c more, modulo the classes, behind a random permutation: maps that
    differ for every class, so that without the context at most 1 / contexts is right. Spikes don't
    tell the context; the modulator does, whose activation is c / (contexts - 1). What it does to a
    type of cells, to the factor and the shift of their current, is learned from 0.
    """

    task: Annotated[str, OneOf(LABELLED)] = "randman"
    """What is learned, in steps of 1 ms."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """Kind of the cells, as in spiking-task."""
    contexts: Annotated[int, Whole(2)] = 2
    """Number of maps of labels."""
    types: tuple[int, ...] = by_default("0 1 4 and the number of cells", ())
    """Numbers of types, the networks: 0: no cell answers; 1: all alike; as many as cells: each in
    its own way."""
    current: Annotated[float, positive("pA")] = 100.0
    """Shift of the current that a learned number of 1 stands for, at full activation."""

    @property
    def first_task(self) -> SpikeTask:
        """The task by its name."""
        return TASKS[self.task]

    def network(self, types: int) -> Network:
        """Return the network of so many types; errors as in `Layer` and `CellTypes`."""
        kind, task = CELLS[self.cell], self.first_task
        layer = kind.for_task(task, self.hidden, recurrent=self.recurrent)
        if not types:
            return Network(layer, task.classes)
        own = tuple(Effect("context", target, 0.0) for target in TARGETS)
        index = np.arange(self.hidden) % types
        answers = CellTypes(kind.cell, kind.constants, index, (own,) * types)
        scales = {"soma.current": self.current}
        return Network(layer, task.classes, types=answers, scales=scales)

    @property
    def numbers_of_types(self) -> tuple[int, ...]:
        """The numbers of types."""
        return self.types or tuple(dict.fromkeys((0, 1, min(4, self.hidden), self.hidden)))

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the numbers of types."""
        return super().as_json() | {"types": list(self.numbers_of_types)}

    def _check_together(self) -> None:
        super()._check_together()
        for types in self.types:
            _checks.whole("types", types, 0)
        few = max(self.numbers_of_types) <= self.hidden
        rule = f"be numbers of types from 0 to the {self.hidden} cells"
        self._require("types", few, rule, f"Pass 0 1 {self.hidden}.")
        if self.types:
            self._distinct("types")
        classes = self.first_task.classes
        rule = f"be at most the {classes} classes, so that maps differ everywhere"
        self._require("contexts", self.contexts <= classes, rule, classes)
        for types in self.numbers_of_types:
            self.network(types)
