"""What `neurogain spiking-task` can be told."""

import dataclasses
from typing import Annotated

from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_training import LearningOptions, Network
from neurogain.options import OneOf
from neurogain.tasks.spikes.task import TASKS, SpikeTask


@dataclasses.dataclass(frozen=True)
class SpikingTaskConfig(LearningOptions):
    """A hidden layer of spiking cells and leaky read-outs learn a task, over seeds."""

    task: Annotated[str, OneOf(tuple(TASKS))] = "randman"
    """What is learned, in steps of 1 ms."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """lif, alif: leaky integrate-and-fire, without and with adaptation; izhikevich: regular
    spiking, in steps of 0.5 ms; l5: two-compartment pyramidal cells in the mean field, 0.25 ms."""
    constants: tuple[str, ...] = ()
    """Constants that all cells have in place of their kind's, as d=1000 tau_w=300, in the units of
    `neurogain.spiking` (pF, nS, mV, ms, pA)."""
    learn: tuple[str, ...] = ()
    """Constants that each cell learns besides weights, as C tau_w, or dendrite.tau_w with l5."""

    @property
    def first_task(self) -> SpikeTask:
        """The task by its name."""
        return TASKS[self.task]

    def network(self) -> Network:
        """Return the network; errors as in `Layer`."""
        task = self.first_task
        layer = (
            CELLS[self.cell]
            .having(self.constants)
            .for_task(task, self.hidden, recurrent=self.recurrent, learn=self.learn)
        )
        return Network(layer, task.classes, cues=task.cues)

    def _check_together(self) -> None:
        super()._check_together()
        self.network()
