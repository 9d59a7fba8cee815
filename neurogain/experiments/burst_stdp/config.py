"""What `neurogain burst-stdp` can be told."""

import dataclasses
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from neurogain import _checks, results
from neurogain.experiments import grids
from neurogain.experiments.grids import Grid

GRIDS = ("map_current", "map_noise")
SEGMENT = 500.0  # ms, that are run at once


@dataclasses.dataclass(frozen=True)
class BurstStdpConfig:
    """STDP between layer-5 cells that spike regularly, that burst, and under a pulse of gain."""

    pre: int = 100
    """Presynaptic cells."""
    post: int = 20
    """Postsynaptic cells; every presynaptic cell reaches each of them."""
    somatic_current: float = 700.0
    """pA, onto every soma."""
    noise: float = 1000.0
    """pA, standard deviation of the somatic current, fresh in every step and cell; with 0.1 ms it
    moves the potential at rest by 2 mV."""
    dendritic_current: float = 800.0
    """pA, while bursting; the regular regime has none."""
    coupling: float = 1.0
    """Probability in [0, 1] that soma and dendrite are coupled, while bursting and in the pulse."""
    w_max: float = 1.0
    """nS, bound of the weights, which start at half of it."""
    learning_rate: float = 0.01
    """Potentiation of a pair over w_max (lambda)."""
    alpha: float = 1.05
    """Depression over potentiation."""
    tau: float = 20.0
    """ms, of both traces."""
    warm_up: float = 1000.0
    """ms, without plasticity."""
    duration: float = 10_000.0
    """ms, with plasticity; a multiple of 500."""
    early: float = 2000.0
    """ms, over which the first change of weights is measured; a multiple of 500."""
    pulse: tuple[float, float] = (4000.0, 6000.0)
    """ms, start and end of the pulse of coupling; multiples of 500."""
    sample: float = 50.0
    """ms between samples of the weights; divides 500."""
    seeds: int = 20
    """Networks with noise of their own."""
    seed: int = 0
    """Of the first; the others follow."""
    map_current: Grid = ("700", "900", "1200")
    """pA, somatic currents of the map; numbers, or start:stop:step with both ends."""
    map_noise: Grid = ("100", "300", "1000")
    """pA, standard deviations of the map."""
    map_seeds: int = 5
    """Networks for each point of the map."""
    dt: float = 0.1
    """ms."""

    def __post_init__(self) -> None:
        """Keep grids as tuples."""
        grids.freeze(self, GRIDS)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, ranges written out."""
        grid = {name: list(grids.parse(name, getattr(self, name), "pA")) for name in GRIDS}
        return results.plain(self) | grid

    def points(self) -> list["Point"]:
        """Return the points of the map."""
        grid = (grids.parse(name, getattr(self, name), "pA") for name in GRIDS)
        return [Point(*values) for values in itertools.product(*grid)]

    def check(self) -> None:
        """Raise ValueError for bad input; the message has the rule, the value and a way out."""
        for name in ("pre", "post", "seeds", "map_seeds"):
            _checks.whole(name, getattr(self, name), 1)
        _checks.seed(self.seed)
        for name, example in (("dt", "0.1"), ("sample", "50"), ("w_max", "1"), ("tau", "20")):
            unit = "nS" if name == "w_max" else "ms"
            rule = f"positive and finite, in {unit}"
            value = getattr(self, name)
            _checks.in_range(name, value, rule, lambda x: (x > 0) & (x < np.inf), example)
        for name in ("learning_rate", "alpha"):
            rule, value = "finite and at least 0 (dimensionless)", getattr(self, name)
            _checks.in_range(name, value, rule, lambda x: (x >= 0) & (x < np.inf), "1")
        self._check_times()
        self.points()

    def _check_times(self) -> None:
        for name in ("duration", "early", "warm_up", "pulse"):
            given = getattr(self, name)
            for value in given if isinstance(given, tuple) else (given,):
                if not (value >= 0 and math.isfinite(value) and value % SEGMENT == 0):
                    raise ValueError(
                        f"`{name}` must be a multiple of {SEGMENT:g} ms; got {value!r}. Pass "
                        f"{name}={max(1, round(value / SEGMENT)) * SEGMENT:g}."
                    )
        start, end = self.pulse
        if not 0 < self.early <= self.duration or not 0 < start < end < self.duration:
            raise ValueError(
                "`duration` must hold `early`, and `pulse`, start before end, with time before and "
                f"after it (ms); got duration {self.duration:g}, early {self.early:g}, pulse "
                f"{start:g} {end:g}. For instance duration 2000, early 500, pulse 500 1000."
            )
        ratios = (self.sample / self.dt, SEGMENT / self.sample)
        if not all(x > 0.5 and abs(x - round(x)) < 1e-6 * x for x in ratios):
            raise ValueError(
                f"`sample` must be a multiple of dt = {self.dt:g} ms that divides {SEGMENT:g} ms; "
                f"got {self.sample!r}. Pass sample=50."
            )


class Point(NamedTuple):
    """A point of the map."""

    current: float  # pA, onto every soma
    noise: float  # pA, its standard deviation

    @property
    def label(self) -> str:
        """Name of the point, also of its files."""
        return f"map,I={self.current:.12g},sd={self.noise:.12g}"
