"""What `neurogain gain-curve` can be told."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from neurogain import _checks, results
from neurogain.experiments import grids
from neurogain.experiments.grids import Grid
from neurogain.spiking.models.pyramidal import Coupling

UNITS = {
    "somatic_current": "pA",
    "dendritic_current": "pA",
    "coupling": "dimensionless",
    "dendritic_inhibition": "nS",
    "somatic_inhibition": "nS",
}
"""The fields that are grids of numbers."""


@dataclasses.dataclass(frozen=True)
class GainCurveConfig:
    """f-I curves of the layer-5 pyramidal cell of Whyte et al. 2025, from rest."""

    somatic_current: Grid = ("300:1500:100",)
    """pA; numbers, or start:stop:step with both ends. In Python a number, a list or an array."""
    dendritic_current: Grid = ("0", "600")
    """pA."""
    coupling: Grid = ("0", "0.5", "1")
    """Probability in [0, 1] that soma and dendrite act on each other in a step."""
    dendritic_inhibition: Grid = ("0",)
    """nS, tonic, reversal -75 mV."""
    somatic_inhibition: Grid = ("0",)
    """nS, tonic, reversal -75 mV."""
    coupling_mode: Coupling = "stochastic"
    """stochastic: drawn in every step; mean-field: its expectation, without noise."""
    duration: float = 2000.0
    """ms, from rest."""
    dt: float = 0.1
    """ms."""
    repeats: int = 5
    """Cells per point, each with its own noise."""
    seed: int = 0
    """Of the noise."""
    gain_range: tuple[float, float] = (700.0, 1500.0)
    """pA; the gain is the slope of a line through the points in it from the rheobase on."""
    burst_window: float = 10.0
    """ms; a spike with a neighbour this close counts as a burst by its intervals."""

    def __post_init__(self) -> None:
        """Keep grids as tuples."""
        grids.freeze(self, UNITS)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the values of one of the first five fields."""
        return grids.parse(name, getattr(self, name), UNITS[name])

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, ranges written out."""
        return results.plain(self) | {name: list(self.numbers(name)) for name in UNITS}

    def check(self) -> None:
        """Raise ValueError for bad input; the message has the rule, the value and a way out."""
        _checks.whole("repeats", self.repeats, 1)
        _checks.seed(self.seed)
        _checks.time_step(self.dt)
        if not self.gain_range[0] < self.gain_range[1]:
            raise ValueError(f"`gain_range` must be low, then high, in pA; got {self.gain_range}.")
        _checks.burst_window(self.burst_window, self.dt)
        for name in UNITS:
            self.numbers(name)

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
