"""What `neurogain microcircuit` can be told: network, drives, levels of the knobs."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from neurogain import _checks, results
from neurogain.experiments import grids
from neurogain.experiments.grids import Grid

POPULATIONS = ("pyramidal", "pv", "som")
KNOBS = {
    "dendritic_drive": "pA",
    "coupling": "dimensionless",
    "som_drive": "pA",
    "pv_drive": "pA",
}


GRIDS = (
    *("somatic_current", "dendritic_levels", "coupling_levels", "som_levels", "pv_levels"),
    "other_recurrences",
)
_AT_LEAST_0 = (
    *((name, "nS") for name in ("w_ee", "w_ei", "w_pv", "w_som")),
    *((name, "dimensionless") for name in ("ampa", "nmda", "recurrence")),
    *((name, "pA") for name in ("noise", "interneuron_noise")),
    ("warm_up", "ms"),
)


@dataclasses.dataclass(frozen=True)
class MicrocircuitConfig:
    """Pyramidal, PV and SOM cells on a ring: the network, and what changes its gain."""

    pyramidal: int = 90
    """Pyramidal cells."""
    pv: int = 45
    """PV cells, which reach somata."""
    som: int = 45
    """SOM cells, which reach dendrites."""
    w_ee: float = 3.5
    """nS, between pyramidal cells; times the Gaussian of the distance, as all weights."""
    ampa: float = 1.75
    """Share of w_ee that opens AMPA receptors."""
    nmda: float = 0.35
    """Share of w_ee that opens NMDA receptors."""
    sigma_ee: float = 0.5
    """Width, in radii of the ring."""
    w_ei: float = 1.0
    """nS, from pyramidal to PV and SOM cells, onto AMPA and NMDA receptors alike."""
    sigma_ei: float = 2.0
    """Width, in radii of the ring."""
    w_pv: float = 5.0
    """nS, from PV cells onto somata."""
    sigma_pv: float = 0.5
    """Width, in radii of the ring."""
    w_som: float = 5.0
    """nS, from SOM cells onto dendrites."""
    sigma_som: float = 2.0
    """Width, in radii of the ring."""
    noise: float = 1000.0
    """pA, standard deviation of the somatic current, fresh in every step and pyramidal cell; with
    0.1 ms it moves the potential at rest by 2 mV."""
    interneuron_noise: float = 300.0
    """pA, the same of PV and SOM cells."""
    dendritic_drive: float = 800.0
    """pA, onto every dendrite, where it is not the knob."""
    coupling: float = 0.75
    """Probability in [0, 1] that soma and dendrite are coupled, where it is not the knob."""
    som_drive: float = 75.0
    """pA, mean current of SOM cells, where it is not the knob."""
    pv_drive: float = 75.0
    """pA, mean current of PV cells, where it is not the knob; they fire, so that the curves hold no
    onset of the inhibition that pyramidal cells recruit."""
    reference_current: float = 650.0
    """pA, mean somatic current of the reference run; cells fire at about 12 Hz."""
    reference_duration: float = 2000.0
    """ms, after the warm-up; a multiple of `bin`."""
    bin: float = 5.0
    """ms, of the population rates."""
    somatic_current: Grid = ("400:1100:50",)
    """pA, mean somatic currents of the f-I curves; numbers, or start:stop:step with both ends."""
    dendritic_levels: Grid = ("0", "600", "700", "800", "1000")
    """pA; changes are measured against the lowest level."""
    coupling_levels: Grid = ("0", "0.25", "0.5", "0.75", "1")
    """Probabilities in [0, 1]."""
    som_levels: Grid = ("75", "100", "140", "200")
    """pA; the highest costs the pyramidal cells about as many spikes at 1000 pA as that of PV."""
    pv_levels: Grid = ("75", "90", "110", "125")
    """pA."""
    recurrence: float = 0.2
    """Factor of w_ee and w_ei in the f-I curves; the reference run has 1."""
    other_recurrences: Grid = ("0", "1")
    """Further factors, at which the lowest and the highest level of each knob are run."""
    criterion: float = 2.0
    """Hz; the threshold is the current at which a curve crosses it, by interpolation."""
    slope_range: tuple[float, float] = (2.0, 15.0)
    """Hz; the slope is that of the least-squares line through the points with rates in it."""
    sector: float = 72.0
    """Degrees of the ring, around the first cell, whose PV cells are driven."""
    sector_drive: float = 75.0
    """pA, what they get beside `pv_drive`."""
    distance_bins: int = 15
    """Groups of pyramidal cells by their distance to the middle of the sector."""
    warm_up: float = 1000.0
    """ms, that are not measured."""
    duration: float = 2000.0
    """ms, over which spikes are counted."""
    seeds: int = 10
    """Runs with noise of their own for each point."""
    seed: int = 0
    """Of the first; the others follow."""
    dt: float = 0.1
    """ms; also the delay of all synapses."""

    def __post_init__(self) -> None:
        """Keep grids as tuples."""
        grids.freeze(self, GRIDS)

    def currents(self) -> np.ndarray:
        """Return the mean somatic currents, pA, ascending."""
        return np.array(sorted(grids.parse("somatic_current", self.somatic_current, "pA")))

    def levels(self, knob: str) -> tuple[float, ...]:
        """Return the levels of a knob, ascending."""
        name = f"{knob.removesuffix('_drive')}_levels"
        return tuple(sorted(grids.parse(name, getattr(self, name), KNOBS[knob])))

    def recurrences(self) -> tuple[float, ...]:
        """Return all factors of the recurrent weights, the main one first."""
        given: Any = self.other_recurrences
        others = grids.parse("other_recurrences", given, "dimensionless") if given else ()
        return (self.recurrence, *(r for r in others if r != self.recurrence))

    def setting(self, recurrence: float | None = None, **changed: float) -> "Setting":
        """Return the reference setting but for what is given."""
        own = {knob: getattr(self, knob) for knob in KNOBS}
        return Setting(self.recurrence if recurrence is None else recurrence, **(own | changed))

    def units(self) -> Iterator["Setting"]:
        """Yield the units of work, each once."""
        found: dict[Setting, None] = {}
        for recurrence in self.recurrences():
            for knob in KNOBS:
                levels = self.levels(knob)
                if recurrence != self.recurrence:
                    levels = tuple(dict.fromkeys((levels[0], levels[-1])))
                found |= {self.setting(recurrence, **{knob: level}): None for level in levels}
        found |= {self.setting(): None, self.setting(sector_drive=self.sector_drive): None}
        yield from found

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, ranges written out."""
        lists = {f"{k.removesuffix('_drive')}_levels": list(self.levels(k)) for k in KNOBS}
        lists |= {
            "somatic_current": self.currents().tolist(),
            "other_recurrences": list(self.recurrences()[1:]),
        }
        return results.plain(self) | lists

    def check(self) -> None:
        """Raise ValueError for bad input; the message has the rule, the value and a way out."""
        for name, least in (("pyramidal", 2), ("pv", 1), ("som", 1), ("seeds", 1)):
            _checks.whole(name, getattr(self, name), least)
        _checks.seed(self.seed)
        self._check_numbers()
        self._check_times()
        self._check_measures()
        for knob in KNOBS:
            self.levels(knob)

    def _in_range(self, name: str, rule: str, holds: Callable[[np.ndarray], np.ndarray]) -> None:
        default = f"{getattr(type(self), name):g}"
        _checks.in_range(name, getattr(self, name), rule, holds, default)

    def _check_numbers(self) -> None:
        for name in ("dt", "bin"):
            self._in_range(name, "positive, in ms", lambda x: (x > 0) & (x < 1e3))
        self._in_range("reference_current", "finite, in pA", np.isfinite)
        for name, unit in _AT_LEAST_0:
            rule = f"finite and at least 0 ({unit})"
            self._in_range(name, rule, lambda x: (x >= 0) & (x < np.inf))
        rule = "finite factors of at least 0 (dimensionless)"
        others = self.recurrences()
        _checks.in_range(
            "other_recurrences", others, rule, lambda x: (x >= 0) & (x < np.inf), "0 1"
        )
        for name in ("sigma_ee", "sigma_ei", "sigma_pv", "sigma_som"):
            rule = "positive, in radii of the ring"
            self._in_range(name, rule, lambda x: (x > 0) & (x < np.inf))

    def _check_measures(self) -> None:
        if len(self.currents()) < 2:
            given: Any = self.somatic_current
            raise ValueError(
                "`somatic_current` must be at least two currents (pA), which a slope needs; got "
                f"{' '.join(map(str, given))}. Write for instance 400:1100:50."
            )
        low, high = self.slope_range
        if not 0 <= low < high < math.inf:
            raise ValueError(
                f"`slope_range` must be low, then high, in Hz; got {self.slope_range}. Pass 2 15."
            )
        self._in_range("criterion", "positive, in Hz", lambda x: (x > 0) & (x < 1e3))
        self._in_range("sector", "above 0 and below 360 degrees", lambda x: (x > 0) & (x < 360))
        _checks.whole("distance_bins", self.distance_bins, 1)
        if self.distance_bins > self.pyramidal // 2:
            raise ValueError(
                "`distance_bins` must be at most half the pyramidal cells, "
                f"{self.pyramidal // 2}; got {self.distance_bins}. Choose fewer."
            )

    def _check_times(self) -> None:
        for name in ("warm_up", "duration", "reference_duration", "bin"):
            value = getattr(self, name)
            step = self.bin if name == "reference_duration" else self.dt
            steps = round(value / step) if math.isfinite(value) else 0
            is_multiple = math.isfinite(value) and abs(value / step - steps) < 1e-6
            if not is_multiple or (value <= 0 and name != "warm_up"):
                raise ValueError(
                    f"`{name}` must be a positive multiple of {step:g} ms; got {value!r}. Pass "
                    f"{name}={max(1, steps) * step:g}."
                )


class Setting(NamedTuple):
    """One unit of work: what all currents and seeds of an f-I curve share."""

    recurrence: float
    dendritic_drive: float  # pA
    coupling: float
    som_drive: float  # pA
    pv_drive: float  # pA
    sector_drive: float = 0.0  # pA, of PV cells of the sector, beside pv_drive

    @property
    def label(self) -> str:
        """Name of the unit, also of its file."""
        names = ("r", "Id", "p", "som", "pv", "sector")
        return ",".join(f"{name}={value:.12g}" for name, value in zip(names, self, strict=True))


def in_sector(config: MicrocircuitConfig) -> np.ndarray:
    """Return which PV cells lie in the sector, shape (pv,)."""
    return angle(config.pv) <= config.sector / 2 + 1e-9


def angle(n: int) -> np.ndarray:
    """Return the angles, in degrees from 0 to 180, of the cells of a ring to its first cell."""
    turn = np.arange(n) / n
    return 360 * np.minimum(turn, 1 - turn)
