"""What `neurogain cell-types` can be told."""

import dataclasses
from typing import Annotated

import numpy as np

from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_training import LearningOptions, Network
from neurogain.neuromod.cell_types import CellTypes
from neurogain.neuromod.effects import Effect
from neurogain.options import OneOf, Whole, positive
from neurogain.tasks.spikes.task import TASKS, SpikeTask

LABELLED = tuple(name for name, task in TASKS.items() if not task.timed)
TARGETS = ("soma.gain", "soma.current")
"""What a modulator does to a cell: a factor of its current, and a shift of it."""


@dataclasses.dataclass(frozen=True)
class CellTypesConfig(LearningOptions):
    """Networks whose cells answer one modulator alike, by types, or each in its own way.

    In context c labels are permuted by a map of their own. Spikes don't tell the context; the
    modulator does, whose activation is c / (contexts - 1). What it does to a type of cells, to the
    factor and the shift of their current, is learned from 0.
    """

    task: Annotated[str, OneOf(LABELLED)] = "randman"
    """What is learned, in steps of 1 ms."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """Kind of the cells, as in spiking-task."""
    contexts: Annotated[int, Whole(2)] = 2
    """Number of maps of labels."""
    types: tuple[int, ...] = (0, 1, 4, 64)
    """Numbers of types, the networks: 0: no cell answers; 1: all alike; as many as cells: each in
    its own way."""
    current: Annotated[float, positive("pA")] = 100.0
    """Shift of the current that a learned number of 1 stands for, at full activation."""

    @property
    def spike_task(self) -> SpikeTask:
        """The task by its name."""
        return TASKS[self.task]

    def network(self, types: int) -> Network:
        """Return the network of so many types; errors as in `Layer` and `CellTypes`."""
        kind, task = CELLS[self.cell], self.spike_task
        layer = kind.layer(task.channels, self.hidden, recurrent=self.recurrent)
        if not types:
            return Network(layer, task.classes)
        own = tuple(Effect("context", target, 0.0) for target in TARGETS)
        index = np.arange(self.hidden) % types
        answers = CellTypes(kind.cell, kind.constants, index, (own,) * types)
        scales = {"soma.current": self.current}
        return Network(layer, task.classes, types=answers, scales=scales)

    def _check_together(self) -> None:
        super()._check_together()
        self.check_task(self.spike_task)
        known = all(0 <= n <= self.hidden for n in self.types) and len(self.types) > 0
        rule = f"be numbers of types from 0 to the {self.hidden} cells"
        self._require("types", known, rule, f"Pass 0 1 {self.hidden}.")
        for types in self.types:
            self.network(types)
