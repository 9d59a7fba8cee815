"""What `neurogain dendrite` can be told."""

import dataclasses
from typing import Annotated, Any

from neurogain.experiments.spiking_cells import CELLS, Kind
from neurogain.experiments.spiking_training import LearningOptions, Network, parameters
from neurogain.options import OneOf
from neurogain.spiking import LIFParams, PyramidalDrive
from neurogain.tasks.spikes.task import TASKS, SpikeTask

_L5 = dataclasses.replace(CELLS["l5"], scale=2500.0)  # so that a soma's adaptation matters
_SOMA = dataclasses.replace(_L5, drive=PyramidalDrive(coupling=0.0))
_ADAPTIVE = dataclasses.replace(CELLS["alif"], constants=LIFParams(d=1000.0))  # so that it does
_OF_SOMA = ("soma.a", "soma.d")
NETWORKS: dict[str, tuple[Kind, dict[str, Any]]] = {
    "soma": (_SOMA, {"learn": _OF_SOMA}),
    "dendrite": (_L5, {"learn": (*_OF_SOMA, "dendrite.C", "dendrite.tau_w")}),
    "LIF": (CELLS["lif"], {"learn": ("C", "synapses.tau")}),
    "adaptive LIF": (_ADAPTIVE, {"learn": ("tau_w", "d")}),
}
"""Kind of the cells and options of the layer; all learn what sets their memory."""
DELAYS = tuple(int(name.rpartition("-")[2]) for name in TASKS if name.startswith("delayed-xor"))


@dataclasses.dataclass(frozen=True)
class DendriteConfig(LearningOptions):
    """Two-compartment cells, their soma alone, and LIF cells learn exclusive or over delays.

    Point cells are as many as have the parameters of the network with dendrites.
    """

    networks: Annotated[tuple[str, ...], OneOf(tuple(NETWORKS))] = tuple(NETWORKS)
    """soma: no coupling to the dendrite; dendrite: coupled, so that spikes go back and calcium
    makes bursts; LIF, adaptive LIF: of as many parameters. All learn what sets
    their memory."""
    delays: tuple[int, ...] = (100, 250)
    """ms between the cues."""
    optimizer: str = "adam:learning_rate=0.01"
    """A method of stability-gap, with constants of its own as ngm:learning_rate=0.02."""

    def task(self, delay: int) -> SpikeTask:
        """Return the task of a delay."""
        return TASKS[f"delayed-xor-{delay}"]

    @property
    def first_task(self) -> SpikeTask:
        """The task of the first delay."""
        return self.task(self.delays[0])

    def cells(self, name: str) -> int:
        """Return the number of cells of a network, those with a dendrite `hidden`."""
        if name in ("soma", "dendrite"):
            return self.hidden
        most = parameters(self._network("dendrite", self.hidden, self.first_task))
        one, two = (parameters(self._network(name, n, self.first_task)) for n in (1, 2))
        each = two - one  # it is linear in the number of cells, unless they are recurrent
        if not self.recurrent:
            return max(1, round((most - one) / each) + 1)
        again = two - one - 3  # n^2 + b n + c: 4 - 1 of it are the square's
        return max(1, round((-again + (again**2 + 4 * (most - one + 1 + again)) ** 0.5) / 2))

    def network(self, name: str, delay: int) -> Network:
        """Return a network for a delay; errors as in `Layer`."""
        return self._network(name, self.cells(name), self.task(delay))

    def _network(self, name: str, n: int, task: SpikeTask) -> Network:
        kind, options = NETWORKS[name]
        layer = kind.for_task(task, n, recurrent=self.recurrent, **options)
        return Network(layer, task.classes, cues=task.cues)

    def _check_together(self) -> None:
        known = set(self.delays) <= {*DELAYS} and len(self.delays) > 0
        rule = f"be among {', '.join(map(str, DELAYS))} ms"
        self._require("delays", known, rule, "Pass 100 250.")
        for name in ("delays", "networks"):
            self._distinct(name)
        super()._check_together()
        for name in self.networks:
            self.network(name, self.delays[0])
