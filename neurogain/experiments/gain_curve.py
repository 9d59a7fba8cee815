"""f-I curves of the layer-5 pyramidal cell: dendritic drive, coupling and inhibition as knobs.

The unit of work is one dendritic current under one pair of inhibitions: all somatic currents,
couplings and repeats as one population. All units draw the same noise, so curves differ by their
parameters and not by their draws.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from neurogain import _checks, output, stats
from neurogain.experiments import grids
from neurogain.spiking import cells, check, measures, simulate
from neurogain.spiking.engine.drives import Drive, PyramidalDrive, combine, synapse
from neurogain.spiking.models.pyramidal import Coupling, PyramidalCell
from neurogain.spiking.recorders import Intervals, Total
from neurogain.stats import t_interval

SCHEMA_VERSION = 1
REVERSAL = -75.0  # mV, of the tonic inhibition


@dataclasses.dataclass(frozen=True)
class GainCurveConfig:
    """f-I curves of the layer-5 pyramidal cell of Whyte et al. 2025, from rest."""

    somatic_current: tuple[str, ...] = ("300:1500:100",)
    """pA; numbers, or start:stop:step with both ends."""
    dendritic_current: tuple[str, ...] = ("0", "600")
    """pA."""
    coupling: tuple[str, ...] = ("0", "0.5", "1")
    """Probability in [0, 1] that soma and dendrite act on each other in a step."""
    dendritic_inhibition: tuple[str, ...] = ("0",)
    """nS, tonic, reversal -75 mV."""
    somatic_inhibition: tuple[str, ...] = ("0",)
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

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the values of one of the first five fields."""
        units = {"coupling": "dimensionless", "somatic_current": "pA", "dendritic_current": "pA"}
        return grids.parse(name, getattr(self, name), units.get(name, "nS"))

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        _checks.whole("repeats", self.repeats, 1)
        _checks.seed(self.seed)
        _checks.in_range("dt", self.dt, "positive, in ms", lambda x: (x > 0) & (x < 1e3), "0.1")
        if not self.gain_range[0] < self.gain_range[1]:
            raise ValueError(f"`gain_range` must be low, then high, in pA; got {self.gain_range}.")
        if not self.burst_window >= self.dt:
            raise ValueError(
                f"`burst_window` must be at least dt = {self.dt:g} ms; got {self.burst_window}."
            )
        for unit in self.units():
            check(**_run(self, unit))

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


class Curves(NamedTuple):
    """Counts of one unit, each of shape (couplings, somatic currents, repeats)."""

    spikes: np.ndarray
    calcium_bursts: np.ndarray  # spikes that were reset as a burst (a share, in the mean field)
    isi_bursts: np.ndarray  # spikes with a neighbour within the burst window


def _bursts(state: Any, info: Any) -> Any:
    del state
    return info.burst


def _run(config: GainCurveConfig, unit: Unit) -> dict[str, Any]:
    """Return the arguments of `simulate` for one unit."""
    grid = [config.numbers("coupling"), config.numbers("somatic_current"), range(config.repeats)]
    coupling, current, _ = (x.ravel() for x in np.meshgrid(*grid, indexing="ij"))
    inhibition = [synapse(g, REVERSAL) for g in (unit[1], unit[2])]
    return {
        "model": PyramidalCell(config.coupling_mode),
        "params": cells.L5_PYRAMIDAL,
        "drive": PyramidalDrive(
            soma=combine(Drive(current.astype(np.float32)), inhibition[1]),
            dendrite=combine(Drive(unit.dendritic_current), inhibition[0]),
            coupling=coupling.astype(np.float32),
        ),
        "n": current.size,
        "duration": config.duration,
        "dt": config.dt,
        "key": jax.random.key(config.seed),
        "record": {
            "spikes": Total(),
            "calcium_bursts": Total(_bursts),
            "isi_bursts": Intervals(config.burst_window),
        },
    }


def run_unit(
    config: GainCurveConfig, unit: Unit, progress: Callable[[int, int], None] | None = None
) -> Curves:
    """Simulate one unit; errors as in `simulate`."""
    recorded = simulate(**_run(config, unit), progress=progress).recorded
    shape = (len(config.numbers("coupling")), -1, config.repeats)
    counts = (recorded["spikes"], recorded["calcium_bursts"], recorded["isi_bursts"].in_burst)
    return Curves(*(count.reshape(shape) for count in counts))


def summarize(config: GainCurveConfig, results: Mapping[Unit, Curves]) -> dict[str, Any]:
    """Return the content of `metrics.json` but for versions and times."""
    current = np.array(config.numbers("somatic_current"))
    curves = []
    for unit, result in results.items():
        for i, coupling in enumerate(config.numbers("coupling")):
            counts = Curves(*(array[i] for array in result))
            curves.append(
                {
                    "dendritic_current_pA": unit.dendritic_current,
                    "coupling": coupling,
                    "dendritic_inhibition_nS": unit.dendritic_inhibition,
                    "somatic_inhibition_nS": unit.somatic_inhibition,
                    "somatic_current_pA": current.tolist(),
                    **measure(config, current, counts),
                }
            )
    return {"schema_version": SCHEMA_VERSION, "config": as_json(config), "curves": curves}


def measure(config: GainCurveConfig, current: np.ndarray, counts: Curves) -> dict[str, Any]:
    """Return the figures of one curve, from counts of shape (somatic currents, repeats)."""
    curve = measures.fi_curve(current, counts.spikes, config.duration)
    onset = measures.rheobase(current, curve.rate)
    low, high = config.gain_range
    low = max(low, onset) if np.isfinite(onset) else low
    rates = measures.rate(counts.spikes, config.duration)
    slopes = [measures.gain(current, one, low, high) for one in rates.T]
    result = {
        "rate_hz": curve.rate.tolist(),
        "rate_hz_ci": stats.or_null(np.transpose([curve.low, curve.high])),
    }
    for name in ("calcium", "isi"):
        bursts = getattr(counts, f"{name}_bursts")
        total = counts.spikes.sum(axis=1)
        share = measures.calcium_burst_fraction(bursts.sum(axis=1), total)
        result[f"{name}_burst_fraction"] = stats.or_null(share)
    return result | {
        "gain_hz_per_nA": stats.or_null(np.mean(slopes)),
        "gain_hz_per_nA_ci": stats.or_null(t_interval(slopes)),
        "gain_range_pA": [low, high] if low < high else None,
        "rheobase_pA": stats.or_null(onset),
    }


def as_json(config: GainCurveConfig) -> dict[str, Any]:
    """Return the configuration as plain JSON values, ranges written out."""
    names = [f.name for f in dataclasses.fields(config) if f.type == tuple[str, ...]]
    return output.plain(config) | {name: list(config.numbers(name)) for name in names}
