"""What `neurogain burst-stdp` can be told."""

import dataclasses
import itertools
from typing import Annotated, NamedTuple

from neurogain.grids import Grid
from neurogain.options import Count, In, Multiple, Options, Seed, at_least_0, positive

GRIDS = ("map_current", "map_noise")
SEGMENT = 500.0  # ms, that are run at once


@dataclasses.dataclass(frozen=True)
class BurstStdpConfig(Options):
    """STDP between layer-5 cells that spike regularly, that burst, and under a pulse of gain."""

    pre: Count = 100
    """Presynaptic cells."""
    post: Count = 20
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
    w_max: Annotated[float, positive("nS")] = 1.0
    """nS, bound of the weights, which start at half of it."""
    learning_rate: Annotated[float, at_least_0("dimensionless")] = 0.01
    """Potentiation of a pair over w_max (lambda)."""
    alpha: Annotated[float, at_least_0("dimensionless")] = 1.05
    """Depression over potentiation."""
    tau: Annotated[float, positive("ms")] = 20.0
    """ms, time constant of both traces."""
    warm_up: Annotated[float, Multiple(SEGMENT)] = 1000.0
    """ms, without plasticity."""
    duration: Annotated[float, Multiple(SEGMENT)] = 10_000.0
    """ms, with plasticity; a multiple of 500."""
    early: Annotated[float, Multiple(SEGMENT)] = 2000.0
    """ms, over which the first change of weights is measured; a multiple of 500."""
    pulse: Annotated[tuple[float, float], Multiple(SEGMENT)] = (4000.0, 6000.0)
    """ms, start and end of the pulse of coupling; multiples of 500."""
    sample: Annotated[float, positive("ms")] = 50.0
    """ms between samples of the weights; divides 500."""
    seeds: Count = 20
    """Networks with noise of their own."""
    seed: Seed = 0
    """The first seed; the others follow it."""
    map_current: Annotated[Grid, In("pA")] = ("700", "900", "1200")
    """pA, somatic currents of the map; numbers, or start:stop:step with both ends."""
    map_noise: Annotated[Grid, In("pA")] = ("100", "300", "1000")
    """pA, standard deviations of the map."""
    map_seeds: Count = 5
    """Networks for each point of the map."""
    dt: Annotated[float, positive("ms")] = 0.1
    """ms, time step."""

    def points(self) -> list["Point"]:
        """Return the points of the map."""
        return [Point(*values) for values in itertools.product(*map(self.numbers, GRIDS))]

    def _check_together(self) -> None:
        start, end = self.pulse
        if not 0 < self.early <= self.duration or not 0 < start < end < self.duration:
            raise ValueError(
                "`duration` must hold `early`, and `pulse`, start before end, with time before and "
                f"after it (ms); got duration {self.duration:g}, early {self.early:g}, pulse "
                f"{start:g} {end:g}. For instance duration 2000, early 500, pulse 500 1000."
            )
        ratios = (self.sample / self.dt, SEGMENT / self.sample)
        fits = all(x > 0.5 and abs(x - round(x)) < 1e-6 * x for x in ratios)
        rule = f"be a multiple of dt = {self.dt:g} ms that divides {SEGMENT:g} ms"
        self._require("sample", fits, rule, 50.0)


class Point(NamedTuple):
    """A point of the map."""

    current: float  # pA, onto every soma
    noise: float  # pA, its standard deviation

    @property
    def label(self) -> str:
        """Name of the point, also of its files."""
        return f"map,I={self.current:.12g},sd={self.noise:.12g}"
