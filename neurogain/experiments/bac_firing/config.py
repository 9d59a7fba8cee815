"""What `neurogain bac-firing` can be told."""

import dataclasses
from typing import Annotated

from neurogain.grids import Grid
from neurogain.options import Count, In, Options, Seed, Shares, TimeStep
from neurogain.spiking.models.pyramidal import Coupling

AXES = ("coupling", "dendritic_pulse", "delay")
"""The fields that are axes of the maps, in this order."""


@dataclasses.dataclass(frozen=True)
class BacFiringConfig(Options):
    """Calcium events of the layer-5 pyramidal cell when a somatic spike meets dendritic input."""

    delay: Annotated[Grid, In("ms")] = ("-30:20:1",)
    """ms from the somatic spike to the start of the dendritic pulse."""
    dendritic_pulse: Annotated[Grid, In("pA")] = ("100:900:100",)
    """pA, height of the dendritic pulse."""
    coupling: Shares = ("0:1:0.25",)
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
    """pA, somatic current of the second protocol."""
    sustained_pulse: float = 500.0
    """pA, height of the dendritic pulse of the second protocol."""
    sustained_duration: float = 100.0
    """ms, length of the dendritic pulse of the second protocol."""
    coupling_mode: Coupling = "stochastic"
    """stochastic: drawn in every step; mean-field: its expectation, without noise."""
    repeats: Count = 40
    """Cells per point, each with its own noise."""
    dt: TimeStep = 0.1
    """ms, time step."""
    seed: Seed = 0
    """Seed of the noise."""

    def _check_together(self) -> None:
        rule = f"be from dt = {self.dt:g} to 1e5 ms"
        for name in ("dendritic_duration", "somatic_duration", "sustained_duration"):
            self._require(name, self.dt <= getattr(self, name) < 1e5, rule, 10.0)
