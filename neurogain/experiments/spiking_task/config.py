"""What `neurogain spiking-task` can be told."""

import dataclasses
from typing import Annotated, Any

from neurogain import results
from neurogain.continual import methods
from neurogain.continual.method import Method
from neurogain.experiments.spiking_cells import CELLS
from neurogain.options import Count, OneOf, Options, Whole, positive
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout
from neurogain.tasks.spikes.task import TASKS, SpikeTask


@dataclasses.dataclass(frozen=True)
class SpikingTaskConfig(Options):
    """A hidden layer of spiking cells and leaky read-outs learn a task, over seeds."""

    task: Annotated[str, OneOf(tuple(TASKS))] = "randman"
    """What is learned, in steps of 1 ms."""
    cell: Annotated[str, OneOf(tuple(CELLS))] = "lif"
    """lif, alif: leaky integrate-and-fire, without and with adaptation; izhikevich: regular
    spiking, in steps of 0.5 ms; l5: two-compartment pyramidal cells in the mean field, 0.25 ms."""
    optimizer: str | Method = "adam:learning_rate=0.005"
    """A method of stability-gap, with constants of its own as ngm:learning_rate=0.02."""
    hidden: Count = 64
    """Number of cells."""
    recurrent: bool = False
    """Whether the cells' spikes reach the layer again, a step later."""
    learn: tuple[str, ...] = ()
    """Constants that each cell learns besides weights, as C tau_w, or dendrite.tau_w with l5."""
    updates: Count = 1000
    """Updates of the weights."""
    batch_size: Count = 64
    """Examples per update."""
    train: Annotated[int, Whole(10)] = 8000
    """Training examples, drawn anew for each seed."""
    test: Annotated[int, Whole(10)] = 1000
    """Test examples, of the same draw."""
    max_norm: Annotated[float, positive("dimensionless")] = 1.0
    """Norm to which larger gradients are clipped, since those of spiking cells can explode."""
    seeds: Count = 5
    """Each draws the examples, the initial weights and the batches."""
    first_seed: Annotated[int, Whole(0)] = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    evaluate_every: Count = 100
    """Updates between evaluations on the test examples."""

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def spike_task(self) -> SpikeTask:
        """The task by its name."""
        return TASKS[self.task]

    @property
    def method(self) -> Method:
        """The optimizer."""
        [method] = methods.parse_all((self.optimizer,)).values()
        return method

    def layer(self) -> Layer:
        """Return the hidden layer; errors as in `Layer`."""
        return CELLS[self.cell].layer(
            self.spike_task.channels, self.hidden, recurrent=self.recurrent, learn=self.learn
        )

    def readout(self) -> Readout:
        """Return the read-outs; the largest potential over time decides where steps don't."""
        return Readout(self.hidden, self.spike_task.classes, "max", scale=10.0)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return results.plain(dataclasses.replace(self, optimizer=self.method.text))

    def _check_together(self) -> None:
        self._require("first_seed", self.seed_range.stop <= 2**32, "be below 2^32 - seeds", 0)
        fits, rule = self.updates % self.evaluate_every == 0, f"divide the {self.updates} updates"
        self._require("evaluate_every", fits, rule, self.updates)
        self._require("batch_size", self.batch_size <= self.train, "be at most `train`", self.train)
        method = self.method
        if method.strategy is not None or "rho" in method.constants:
            raise ValueError(
                "`optimizer` must need one gradient an update, of one batch; got "
                f"{method.name!r}. Pass for instance adam, ngm or two-timescale."
            )
        self.layer()
