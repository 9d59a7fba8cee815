"""The kinds of cells that experiments train in layers, each with what its layer needs."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax

from neurogain.spiking import (
    IzhikevichCell,
    LIFCell,
    LIFParams,
    PyramidalCell,
    PyramidalDrive,
    cells,
    paths,
    surrogate,
)
from neurogain.spiking.cell import Cell
from neurogain.spiking.layers import Layer
from neurogain.tasks.spikes.task import SpikeTask


@dataclasses.dataclass(frozen=True)
class Kind:
    """A cell in a layer that is stepped by 1 ms.

    Attributes:
      summary: for figures and tables.
      cell: with its surrogate gradient.
      constants: of all cells.
      substeps: of the cells in a step.
      scale: pA, current of a weight of 1; a layer fires little at first.
      seconds: about, of a cell in a step of its own, forward and back, on a CPU core.
      time_scales: constants that set how long the cells remember.
      drive: what else drives the cells.
    """

    summary: str
    cell: Cell
    constants: Any
    substeps: int
    scale: float
    seconds: float
    time_scales: tuple[str, ...]
    drive: Any = None

    def having(self, assignments: Sequence[str]) -> "Kind":
        """Return the kind with other constants, as ("d=1000", "tau_w=300").

        Raises:
          ValueError: if a text is no assignment of a number to a constant of the cell, or sets one
            twice, or if the cell does not allow it.

        Example:
          >>> CELLS["alif"].having(("d=1000",)).constants.d
          1000.0
        """
        known = tuple(self.constants.bounds(1.0 / self.substeps))
        constants, seen = self.constants, set[str]()
        for text in assignments:
            name, _, value = text.partition("=")
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if name not in known or name in seen or not math.isfinite(number):
                raise ValueError(
                    f"`constants` must be texts NAME=NUMBER, each name one of {', '.join(known)} "
                    f"and given once; got {text!r}. Pass for instance {known[0]}="
                    f"{paths.get(self.constants, known[0]):g}."
                )
            seen.add(name)
            constants = paths.replace(constants, name, number)
        dt = 1.0 / self.substeps
        try:
            self.cell.check(constants, self.cell.empty_drive, dt=dt, n=1, key=jax.random.key(0))
        except ValueError as error:
            if not str(error).startswith("`dt`"):
                raise
            raise ValueError(
                f"`constants` must leave time constants of at least two steps of {dt:g} ms, which "
                f"is the step of these cells; got {' '.join(assignments)}. Pass slower ones, such "
                f"as the default {known[0]}={paths.get(self.constants, known[0]):g}."
            ) from error
        return dataclasses.replace(self, constants=constants)

    def layer(self, inputs: int, n: int, **options: Any) -> Layer:
        """Return a layer of such cells; errors as in `Layer`."""
        fixed = {"substeps": self.substeps, "scale": self.scale, "drive": self.drive}
        return Layer(self.cell, self.constants, inputs, n, **(fixed | options))

    def for_task(self, task: SpikeTask, n: int, **options: Any) -> Layer:
        """Return a layer for the inputs of a task; errors as in `Layer`."""
        return self.layer(task.channels, n, scale=self.scale * task.scale, **options)


_OF_LIF = surrogate.FastSigmoid(10.0)  # mV
_OF_PEAK = surrogate.FastSigmoid(40.0)  # mV; the potential jumps by tens of mV near a peak
CELLS = {
    "lif": Kind("LIF", LIFCell(_OF_LIF), LIFParams(d=0.0), 1, 3000.0, 3e-8, ("C",)),
    "alif": Kind(
        "adaptive LIF", LIFCell(_OF_LIF), LIFParams(d=50.0), 1, 3000.0, 3e-8, ("C", "tau_w"),
    ),
    "izhikevich": Kind(
        "Izhikevich, RS", IzhikevichCell(_OF_PEAK), cells.RS, 2, 5000.0, 2e-8, ("C", "a"),
    ),
    "l5": Kind(
        "L5 pyramidal, mean field", PyramidalCell("mean-field", _OF_PEAK), cells.L5_PYRAMIDAL, 4,
        10_000.0, 2e-8, ("soma.C", "dendrite.tau_w"), PyramidalDrive(coupling=0.5),
    ),
}  # fmt: skip
