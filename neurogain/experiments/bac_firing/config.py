"""What `neurogain bac-firing` can be told."""

import dataclasses
from typing import Any

from neurogain import _checks, results
from neurogain.experiments import grids
from neurogain.experiments.grids import Grid
from neurogain.spiking.models.pyramidal import Coupling

UNITS = {"coupling": "dimensionless", "dendritic_pulse": "pA", "delay": "ms"}
"""The fields that are grids of numbers: the axes of the maps, in this order."""


@dataclasses.dataclass(frozen=True)
class BacFiringConfig:
    """Calcium events of the layer-5 pyramidal cell when a somatic spike meets dendritic input."""

    delay: Grid = ("-30:20:1",)
    """ms from the somatic spike to the start of the dendritic pulse."""
    dendritic_pulse: Grid = ("100:900:100",)
    """pA, height of the dendritic pulse."""
    coupling: Grid = ("0:1:0.25",)
    """Probability in [0, 1] that soma and dendrite act on each other in a step."""
    dendritic_duration: float = 10.0
    """ms, length of the dendritic pulse."""
    somatic_pulse: float = 3000.0
    """pA, height of the somatic pulse; it must evoke one spike."""
    somatic_duration: float = 3.0
    """ms, length of the somatic pulse."""
    example_pulse: float = 600.0
    """pA, the pulse whose traces are drawn; need not be among the others."""
    example_delay: float = 2.0
    """ms, the delay whose traces are drawn."""
    sustained_current: float = 1500.0
    """pA, somatic, of the second protocol."""
    sustained_pulse: float = 500.0
    """pA, height of the dendritic pulse of the second protocol."""
    sustained_duration: float = 100.0
    """ms, length of that pulse."""
    coupling_mode: Coupling = "stochastic"
    """stochastic: drawn in every step; mean-field: its expectation, without noise."""
    repeats: int = 40
    """Cells per point, each with its own noise."""
    dt: float = 0.1
    """ms."""
    seed: int = 0
    """Of the noise."""

    def __post_init__(self) -> None:
        """Keep grids as tuples."""
        grids.freeze(self, UNITS)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the values of one of the first three fields."""
        return grids.parse(name, getattr(self, name), UNITS[name])

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, ranges written out."""
        return results.plain(self) | {name: list(self.numbers(name)) for name in UNITS}

    def check(self) -> None:
        """Raise ValueError for bad input; the message has the rule, the value and a way out."""
        _checks.whole("repeats", self.repeats, 1)
        _checks.seed(self.seed)
        _checks.time_step(self.dt)
        for name in ("dendritic_duration", "somatic_duration", "sustained_duration"):
            if not self.dt <= getattr(self, name) < 1e5:
                raise ValueError(
                    f"`{name}` must be from dt = {self.dt:g} to 1e5 ms; got {getattr(self, name)}."
                )
        for name in UNITS:
            self.numbers(name)
