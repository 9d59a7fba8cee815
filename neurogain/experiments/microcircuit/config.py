"""What `neurogain microcircuit` can be told: network, drives, levels of the knobs."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from neurogain import options
from neurogain.grids import Grid

POPULATIONS = ("pyramidal", "pv", "som")
KNOBS = dict(dendritic_drive="pA", coupling="dimensionless", som_drive="pA", pv_drive="pA")
LEVELS = {knob: f"{knob.removesuffix('_drive')}_levels" for knob in KNOBS}
_Weight = Annotated[float, options.at_least_0("nS")]
_Factor = Annotated[float, options.at_least_0("dimensionless")]
_Width = Annotated[float, options.positive("radii of the ring")]
_Noise = Annotated[float, options.at_least_0("pA")]
_Currents = Annotated[Grid, options.In("pA")]
_FACTORS = options.In("dimensionless", options.at_least_0("dimensionless"), optional=True)
_DEGREES = options.Rule("above 0 and below 360 degrees", lambda x: (x > 0) & (x < 360))
_RANGE = options.Rule("low, then high, in Hz", lambda x: 0 <= x[0] < x[1] < np.inf)


@dataclasses.dataclass(frozen=True)
class MicrocircuitConfig(options.Options):
    """Pyramidal, PV and SOM cells on a ring: the network, and what changes its gain."""

    pyramidal: Annotated[int, options.Whole(2)] = 90
    """Pyramidal cells."""
    pv: options.Count = 45
    """PV cells, which reach somata."""
    som: options.Count = 45
    """SOM cells, which reach dendrites."""
    w_ee: _Weight = 3.5
    """nS, between pyramidal cells; times the Gaussian of the distance, as all weights."""
    ampa: _Factor = 1.75
    """Share of w_ee that opens AMPA receptors."""
    nmda: _Factor = 0.35
    """Share of w_ee that opens NMDA receptors."""
    sigma_ee: _Width = 0.5
    """Width, in radii of the ring."""
    w_ei: _Weight = 1.0
    """nS, from pyramidal to PV and SOM cells, onto AMPA and NMDA receptors alike."""
    sigma_ei: _Width = 2.0
    """Width, in radii of the ring."""
    w_pv: _Weight = 5.0
    """nS, from PV cells onto somata."""
    sigma_pv: _Width = 0.5
    """Width, in radii of the ring."""
    w_som: _Weight = 5.0
    """nS, from SOM cells onto dendrites."""
    sigma_som: _Width = 2.0
    """Width, in radii of the ring."""
    noise: _Noise = 1000.0
    """pA, standard deviation of the somatic current, fresh in every step and pyramidal cell; with
    0.1 ms it moves the potential at rest by 2 mV."""
    interneuron_noise: _Noise = 300.0
    """pA, standard deviation of the current of PV and SOM cells, fresh in every step and cell."""
    dendritic_drive: float = 800.0
    """pA, onto every dendrite, where it is not the knob."""
    coupling: float = 0.75
    """Probability in [0, 1] that soma and dendrite are coupled, where it is not the knob."""
    som_drive: float = 75.0
    """pA, mean current of SOM cells, where it is not the knob."""
    pv_drive: float = 75.0
    """pA, mean current of PV cells, where it is not the knob; they fire, so that the curves hold no
    onset of the inhibition that pyramidal cells recruit."""
    reference_current: Annotated[float, options.finite("pA")] = 650.0
    """pA, mean somatic current of the reference run; cells fire at about 12 Hz."""
    reference_duration: float = 2000.0
    """ms, after the warm-up; a multiple of `bin`."""
    bin: options.TimeStep = 5.0
    """ms, width of the bins of the population rates."""
    somatic_current: _Currents = ("400:1100:50",)
    """pA, mean somatic currents of the f-I curves; numbers, or start:stop:step with both ends."""
    dendritic_levels: _Currents = ("0", "600", "700", "800", "1000")
    """pA, levels of `dendritic_drive`; changes are measured against the lowest level."""
    coupling_levels: options.Shares = ("0", "0.25", "0.5", "0.75", "1")
    """Levels of `coupling`, probabilities in [0, 1]."""
    som_levels: _Currents = ("75", "100", "140", "200")
    """pA, levels of `som_drive`; at 1000 pA the highest costs the pyramidal cells about as many
    spikes as the highest of `pv_drive`."""
    pv_levels: _Currents = ("75", "90", "110", "125")
    """pA, levels of `pv_drive`."""
    recurrence: _Factor = 0.2
    """Factor of w_ee and w_ei in the f-I curves; the reference run has 1."""
    other_recurrences: Annotated[Grid, _FACTORS] = ("0", "1")
    """Further factors, at which the lowest and the highest level of each knob are run."""
    criterion: Annotated[float, options.positive("Hz", below=1e3)] = 2.0
    """Hz; the threshold is the current at which a curve crosses it, by interpolation."""
    slope_range: Annotated[tuple[float, float], _RANGE] = (2.0, 15.0)
    """Hz; the slope is that of the least-squares line through the points with rates in it."""
    sector: Annotated[float, _DEGREES] = 72.0
    """Degrees of the ring, around the first cell, whose PV cells are driven."""
    sector_drive: float = 75.0
    """pA, current that they get beside `pv_drive`."""
    distance_bins: options.Count = 15
    """Groups of pyramidal cells by their distance to the middle of the sector."""
    warm_up: Annotated[float, options.at_least_0("ms")] = 1000.0
    """ms, that are not measured."""
    duration: float = 2000.0
    """ms, over which spikes are counted."""
    seeds: options.Count = 10
    """Runs with noise of their own for each point."""
    seed: options.Seed = 0
    """The first seed; the others follow it."""
    dt: options.TimeStep = 0.1
    """ms; also the delay of all synapses."""

    def currents(self) -> np.ndarray:
        """Return the mean somatic currents, pA, ascending."""
        return np.array(sorted(self.numbers("somatic_current")))

    def levels(self, knob: str) -> tuple[float, ...]:
        """Return the levels of a knob, ascending."""
        return tuple(sorted(self.numbers(LEVELS[knob])))

    def recurrences(self) -> tuple[float, ...]:
        """Return all factors of the recurrent weights, the main one first."""
        others = self.numbers("other_recurrences")
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
        found = super().as_json()
        ascending = {name: sorted(found[name]) for name in ("somatic_current", *LEVELS.values())}
        return found | ascending | {"other_recurrences": list(self.recurrences()[1:])}

    def _check_together(self) -> None:
        for name in ("warm_up", "duration", "reference_duration", "bin"):
            step = self.bin if name == "reference_duration" else self.dt
            options.Multiple(step, positive=name != "warm_up").check(name, getattr(self, name))
        several, rule = len(self.currents()) > 1, "be at least two currents (pA) for a slope"
        self._require("somatic_current", several, rule, "Write for instance 400:1100:50.")
        most = self.pyramidal // 2
        rule = f"be at most half the pyramidal cells, {most}"
        self._require("distance_bins", self.distance_bins <= most, rule, most)


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
