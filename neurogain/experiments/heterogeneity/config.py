"""What `neurogain heterogeneity` can be told."""

import dataclasses
from typing import Annotated, Any

import numpy as np

from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_training import Keys, LearningOptions, Network
from neurogain.options import OneOf, Rule, at_least_0, positive
from neurogain.spiking import heterogeneity, paths
from neurogain.spiking.heterogeneity import Spread
from neurogain.spiking.layers import SynapseParams
from neurogain.tasks.spikes import images
from neurogain.tasks.spikes.task import TASKS, SpikeTask

CONDITIONS = {
    "none": (False, False), "drawn": (True, False), "learned": (False, True),
    "drawn and learned": (True, True),
}  # fmt: skip
"""Whether constants are drawn, and whether they are learned."""
TAU = "synapses.tau"
NOISES = ("none", "jitter", "deletion", "background")
_SHARE = Rule("in [0, 1]", lambda x: (x >= 0) & (x <= 1))


@dataclasses.dataclass(frozen=True)
class HeterogeneityConfig(LearningOptions):
    """Networks whose cells are alike, or have drawn or learned constants, on one task.

    Rates of all networks are held in one band, unless that is left out, so that none is better by
    firing more.
    """

    task: Annotated[str, OneOf(tuple(TASKS))] = "randman"
    """What is learned, in steps of 1 ms."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """Kind of the cells, as in spiking-task."""
    conditions: Annotated[tuple[str, ...], OneOf(tuple(CONDITIONS))] = tuple(CONDITIONS)
    """Networks: none: all cells alike; drawn: constants drawn once; learned: one value per cell,
    learned; drawn and learned."""
    fields: tuple[str, ...] = ()
    """Constants that differ, synapses.tau among them; by default those that set the cell's time
    scales."""
    cv: Annotated[float, positive("dimensionless")] = 0.5
    """Standard deviation over mean of drawn constants, whose distribution is a gamma."""
    band: tuple[float, ...] = (8.0, 12.0)
    """Hz, two numbers: rates of cells outside of them cost."""
    jitter: Annotated[float, at_least_0("steps")] = 4.0
    """Standard deviation of the jitter of spike times, under which networks are tested."""
    deletion: Annotated[float, _SHARE] = 0.2
    """Share of lost spikes, likewise."""
    background: Annotated[float, _SHARE] = 0.005
    """Spikes a step and channel besides, likewise."""

    @property
    def first_task(self) -> SpikeTask:
        """The task by its name."""
        return TASKS[self.task]

    @property
    def varied(self) -> tuple[str, ...]:
        """The constants that differ."""
        return self.fields or CELLS[self.cell].time_scales

    def network(self, condition: str, seed: int = 0) -> Network:
        """Return the network of a condition; the seed draws the constants. Errors as in `Layer`."""
        kind, task = CELLS[self.cell], self.first_task
        are_drawn, are_learned = CONDITIONS[condition]
        learn = self.varied if are_learned else ()
        options: dict[str, Any] = {"recurrent": self.recurrent, "learn": learn}
        if are_drawn:
            key, spread = Keys.of_seed(seed).constants, Spread("gamma", self.cv)
            of_cells = {x: spread for x in self.varied if x != TAU}
            own = heterogeneity.draw(
                kind.constants, of_cells, self.hidden, key, dt=1.0 / kind.substeps
            )
            kind = dataclasses.replace(kind, constants=own)
            if TAU in self.varied:
                synapses = SynapseParams()
                drawn = heterogeneity.draw(synapses, {"tau": spread}, self.hidden, key)
                options["tau"] = drawn.tau
        layer = kind.for_task(task, self.hidden, **options)
        return Network(layer, task.classes, cues=task.cues)

    def _check_fields(self) -> None:
        """Raise ValueError unless the fields are constants that can have a gamma distribution."""
        kind = CELLS[self.cell]
        known = kind.constants.bounds(1.0 / kind.substeps)
        positive = [x for x in known if np.all(np.asarray(paths.get(kind.constants, x)) > 0)]
        fit = len(set(self.fields)) == len(self.fields) and {*self.fields} <= {*positive, TAU}
        rule = f"be different constants, each one of {', '.join([*positive, TAU])}"
        self._require("fields", fit, rule, f"Pass {' '.join(kind.time_scales)}.")

    def _check_together(self) -> None:
        super()._check_together()
        self._distinct("conditions")
        in_spikes = not self.first_task.name.endswith(images.GRADED)  # that move or are lost
        self._require("task", in_spikes, "be one in spikes, for their noise", "Pass randman.")
        self._check_fields()
        self.network("drawn and learned")  # checks the fields, whichever condition has them
        for condition in self.conditions:
            self.network(condition)
