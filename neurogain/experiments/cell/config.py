"""What `neurogain cell` can be told."""

import dataclasses
from typing import Any, Literal

from neurogain import _words
from neurogain.options import Count, Options, Seed, TimeStep, by_default
from neurogain.spiking.models.pyramidal import Coupling

Kind = Literal["l5", "rs", "ib", "ch", "fs", "lts", "pv", "som"]
CURRENTS = {"l5": 1200.0, "rs": 100.0, "ib": 500.0, "ch": 250.0} | dict.fromkeys(
    ("fs", "lts", "pv", "som"), 150.0
)  # pA


@dataclasses.dataclass(frozen=True)
class CellConfig(Options):
    """One cell from rest under a pulse of current into the soma and another into the dendrite."""

    cell: Kind = "l5"
    """l5: two-compartment layer-5 pyramidal cell; rs, ib, ch, fs, lts: Izhikevich's classes;
    pv, som: interneurons (the same as fs and lts)."""
    current: float | None = by_default(_words.each(CURRENTS))
    """pA, into the soma during the pulse; the default shows the kind's own firing."""
    dendritic_current: float = 600.0
    """pA, into the dendrite during the pulse; only for l5."""
    coupling: float = 1.0
    """Probability in [0, 1] that soma and dendrite act on each other in a step; only for l5."""
    coupling_mode: Coupling = "stochastic"
    """stochastic: drawn in every step; mean-field: its expectation, without noise."""
    somatic_inhibition: float = 0.0
    """nS, tonic inhibition, reversal -75 mV."""
    dendritic_inhibition: float = 0.0
    """nS, tonic inhibition, reversal -75 mV; only for l5."""
    pulse_start: float = 50.0
    """ms, start of the pulse."""
    pulse_end: float = 450.0
    """ms, end of the pulse."""
    duration: float = 500.0
    """ms, length of the run."""
    dt: TimeStep = 0.1
    """ms, time step."""
    every: Count = 1
    """Steps between samples of the traces."""
    burst_window: float = 10.0
    """ms; spikes at most this far apart form a burst."""
    seed: Seed = 0
    """Seed of the noise."""

    @property
    def somatic_current(self) -> float:
        """The current that applies, in pA."""
        return CURRENTS[self.cell] if self.current is None else self.current

    @property
    def is_pyramidal(self) -> bool:
        """Whether the cell has a dendrite."""
        return self.cell == "l5"

    @property
    def pulse(self) -> tuple[float, float]:
        """Start and end of the pulse within the run, in ms."""
        return max(self.pulse_start, 0.0), min(self.pulse_end, self.duration)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, with the current that applies."""
        return super().as_json() | {"current": self.somatic_current}

    def _check_together(self) -> None:
        rule = f"be before `pulse_end`, {self.pulse_end:g} ms"
        self._require("pulse_start", self.pulse_start < self.pulse_end, rule, 0.0)
        rule = f"be at least dt = {self.dt:g} ms"
        self._require("burst_window", self.burst_window >= self.dt, rule, 10.0)
