"""What `neurogain gain-curve` can be told."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from neurogain.grids import Grid
from neurogain.options import Conductances, Count, In, Options, Rule, Seed, Shares, TimeStep
from neurogain.spiking.models.pyramidal import Coupling


@dataclasses.dataclass(frozen=True)
class GainCurveConfig(Options):
    """f-I curves of the layer-5 pyramidal cell of Whyte et al. 2025, from rest."""

    somatic_current: Annotated[Grid, In("pA")] = ("300:1500:100",)
    """pA, currents into the soma; numbers, or start:stop:step with both ends. In Python a number, a
    list or an array."""
    dendritic_current: Annotated[Grid, In("pA")] = ("0", "600")
    """pA, currents into the dendrite."""
    coupling: Shares = ("0", "0.5", "1")
    """Probability in [0, 1] that soma and dendrite act on each other in a step."""
    dendritic_inhibition: Conductances = ("0",)
    """nS, tonic inhibition, reversal -75 mV."""
    somatic_inhibition: Conductances = ("0",)
    """nS, tonic inhibition, reversal -75 mV."""
    coupling_mode: Coupling = "stochastic"
    """stochastic: drawn in every step; mean-field: its expectation, without noise."""
    duration: float = 2000.0
    """ms, from rest."""
    dt: TimeStep = 0.1
    """ms, time step."""
    repeats: Count = 5
    """Cells per point, each with its own noise."""
    seed: Seed = 0
    """Seed of the noise."""
    gain_range: Annotated[
        tuple[float, float], Rule("low, then high, in pA", lambda x: x[0] < x[1])
    ] = (700.0, 1500.0)
    """pA; the gain is the slope of a line through the points in it from the rheobase on."""
    burst_window: float = 10.0
    """ms; a spike with a neighbour this close counts as a burst by its intervals."""

    def _check_together(self) -> None:
        rule = f"be at least dt = {self.dt:g} ms"
        self._require("burst_window", self.burst_window >= self.dt, rule, 10.0)

    def units(self) -> Iterator["Unit"]:
        """Yield the units of work."""
        names = ("dendritic_current", "dendritic_inhibition", "somatic_inhibition")
        for values in itertools.product(*map(self.numbers, names)):
            yield Unit(*values)


class Unit(NamedTuple):
    """What all cells that are run together share."""

    dendritic_current: float  # pA
    dendritic_inhibition: float  # nS
    somatic_inhibition: float  # nS

    @property
    def label(self) -> str:
        """Name of the unit, also of its file."""
        return f"Id={self[0]:g},gd={self[1]:g},gs={self[2]:g}"
