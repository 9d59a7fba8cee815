"""Calcium events by back-propagating spikes (BAC firing) in the layer-5 pyramidal cell.

Two protocols, after Larkum, Zhu & Sakmann, Nature 398:338 (1999):

    pairing     a somatic pulse evokes one spike; a dendritic pulse, too small for a calcium event
                alone, starts `delay` after that spike (before it when negative)
    sustained   a constant somatic current makes the cell fire; a dendritic pulse, with and without
                coupling, lies on top of it

A calcium event is a dendritic potential of at least `v_calcium`, -30 mV.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import stats

from neurogain import _checks, output
from neurogain.experiments import grids
from neurogain.spiking import Drive, Pulse, PyramidalDrive, cells, check, simulate
from neurogain.spiking.models.pyramidal import Coupling, PyramidalCell, check_coupling
from neurogain.spiking.recorders import Peak, Spikes, Total, Traces

SCHEMA_VERSION = 1
LEAD = 20.0  # ms at rest before the earliest pulse
AXES = ("coupling", "dendritic_pulse", "delay")  # of the maps, in this order
TAIL = 60.0  # ms after the latest pulse


@dataclasses.dataclass(frozen=True)
class BacFiringConfig:
    """Calcium events of the layer-5 pyramidal cell when a somatic spike meets dendritic input."""

    delay: tuple[str, ...] = ("-30:20:1",)
    """ms from the somatic spike to the start of the dendritic pulse."""
    dendritic_pulse: tuple[str, ...] = ("100:900:100",)
    """pA, height of the dendritic pulse."""
    coupling: tuple[str, ...] = ("0:1:0.25",)
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

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the values of one of the first three fields."""
        units = {"delay": "ms", "dendritic_pulse": "pA", "coupling": "dimensionless"}
        return grids.parse(name, getattr(self, name), units[name])

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        _checks.whole("repeats", self.repeats, 1)
        _checks.seed(self.seed)
        _checks.in_range("dt", self.dt, "positive, in ms", lambda x: (x > 0) & (x < 1e3), "0.1")
        for name in ("dendritic_duration", "somatic_duration", "sustained_duration"):
            if not self.dt <= getattr(self, name) < 1e5:
                raise ValueError(
                    f"`{name}` must be from dt = {self.dt:g} to 1e5 ms; got {getattr(self, name)}."
                )
        check_coupling(np.array(self.numbers("coupling")))
        for name in ("delay", "dendritic_pulse"):
            self.numbers(name)
        check(**_pairing(self, LEAD, [0.0], [self.example_pulse], [0.0], 1))
        check(**_sustained(self, 1.0))


class Pairing(NamedTuple):
    """Peak dendritic potentials in mV of the first protocol."""

    paired: np.ndarray  # (couplings, pulses, delays, repeats)
    pulse_alone: np.ndarray  # (pulses,); without randomness
    spike_alone: np.ndarray  # (couplings, repeats)


def spike_time(config: BacFiringConfig) -> float:
    """Return when the somatic pulse, which starts at `onset`, evokes its spike, in ms.

    Raises:
      ValueError: it evokes none, or more than one.
    """
    run = _pairing(config, onset(config), [0.0], [0.0], [0.0], 1)
    spikes = simulate(**run | {"record": {"spikes": Spikes()}}).recorded["spikes"]
    if len(spikes.time_ms) != 1:
        raise ValueError(
            f"`somatic_pulse` must evoke one spike; {config.somatic_pulse:g} pA for "
            f"{config.somatic_duration:g} ms evoked {len(spikes.time_ms)}. Change one of the two."
        )
    return float(spikes.time_ms[0])


def onset(config: BacFiringConfig) -> float:
    """Return when the somatic pulse starts: so late that the earliest dendritic pulse fits."""
    earliest = min(*config.numbers("delay"), config.example_delay, 0.0)
    return LEAD + max(0.0, float(np.ceil(-earliest)))


def run_pairing(
    config: BacFiringConfig, spike: float, progress: Callable[[int, int], None] | None = None
) -> Pairing:
    """Run the first protocol; `spike` is the `spike_time`."""
    couplings, pulses, delays = map(config.numbers, AXES)
    run = _pairing(config, spike, couplings, pulses, delays, config.repeats)
    paired = simulate(**run, progress=progress).recorded["peak"]
    quiet = dataclasses.replace(config, somatic_pulse=0.0)
    alone = simulate(**_pairing(quiet, spike, [0.0], pulses, [0.0], 1)).recorded["peak"]
    spikes = simulate(**_pairing(config, spike, couplings, [0.0], [0.0], config.repeats))
    return Pairing(
        paired=paired.reshape(len(couplings), len(pulses), len(delays), config.repeats),
        pulse_alone=alone,
        spike_alone=spikes.recorded["peak"].reshape(len(couplings), config.repeats),
    )


def _pairing(
    config: BacFiringConfig, spike: float, couplings: Any, pulses: Any, delays: Any, repeats: int
) -> dict[str, Any]:
    """Return the arguments of `simulate` for the grid of the last four."""
    grid = np.meshgrid(couplings, pulses, delays, range(repeats), indexing="ij")
    coupling, pulse, delay, _ = (x.ravel() for x in grid)
    start = onset(config)
    latest = spike + max(*config.numbers("delay"), config.example_delay, 0.0)
    end = latest + config.dendritic_duration + config.somatic_duration + TAIL
    return {
        "model": PyramidalCell(config.coupling_mode),
        "params": cells.L5_PYRAMIDAL,
        "drive": PyramidalDrive(
            soma=Drive(Pulse(config.somatic_pulse, start, start + config.somatic_duration)),
            dendrite=Drive(Pulse(pulse, spike + delay, spike + delay + config.dendritic_duration)),
            coupling=coupling,
        ),
        "n": coupling.size,
        "duration": round(end / config.dt) * config.dt,
        "dt": config.dt,
        "key": jax.random.key(config.seed),
        "record": {"peak": Peak(_dendrite), "spikes": Total()},
    }


def _dendrite(state: Any, info: Any) -> Any:
    del info
    return state.dendrite.v


def _both(state: Any, info: Any) -> Any:
    return {
        "soma": state.soma.v,
        "dendrite": state.dendrite.v,
        "spike": info.spike,
        "burst": info.burst,
    }


def run_example(config: BacFiringConfig, spike: float) -> dict[str, np.ndarray]:
    """Return traces of the example pulse: pulse alone, spike alone, both; (conditions, samples)."""
    traces: dict[str, list[np.ndarray]] = {}
    quiet = dataclasses.replace(config, somatic_pulse=0.0)
    pulse = config.example_pulse
    for chosen, height in ((quiet, pulse), (config, 0.0), (config, pulse)):
        run = _pairing(chosen, spike, [1.0], [height], [config.example_delay], 1)
        record = simulate(**run | {"record": {"traces": Traces(_both)}}).recorded["traces"]
        for name, values in record.values.items():
            traces.setdefault(name, []).append(values[:, 0])
    return {"time_ms": record.time_ms} | {k: np.stack(v) for k, v in traces.items()}


class Sustained(NamedTuple):
    """Second protocol; time is counted from the start of the dendritic pulse."""

    time_ms: np.ndarray  # (samples,)
    soma: np.ndarray  # (couplings, samples), mV, of the first repeat
    dendrite: np.ndarray  # (couplings, samples), mV, of the first repeat
    spikes: np.ndarray  # (couplings, repeats), during the pulse
    calcium_bursts: np.ndarray  # (couplings, repeats), of these, reset as a burst
    shortest_interval: np.ndarray  # (couplings, repeats), ms, NaN below two spikes


def _sustained(config: BacFiringConfig, coupling: float) -> dict[str, Any]:
    before = 2 * config.sustained_duration
    end = before + config.sustained_duration
    return {
        "model": PyramidalCell(config.coupling_mode),
        "params": cells.L5_PYRAMIDAL,
        "drive": PyramidalDrive(
            soma=Drive(config.sustained_current),
            dendrite=Drive(Pulse(config.sustained_pulse, before, end)),
            coupling=coupling,
        ),
        "n": config.repeats,
        "duration": round((end + config.sustained_duration) / config.dt) * config.dt,
        "dt": config.dt,
        "key": jax.random.key(config.seed),
        "record": {"traces": Traces(_both)},
    }


def run_sustained(
    config: BacFiringConfig, progress: Callable[[int, int], None] | None = None
) -> Sustained:
    """Run the second protocol for every coupling."""
    rows = []
    for coupling in config.numbers("coupling"):
        record = simulate(**_sustained(config, coupling), progress=progress).recorded["traces"]
        time = record.time_ms - 2 * config.sustained_duration
        during = (time > 0) & (time <= config.sustained_duration)
        spike, burst = record.values["spike"][during], record.values["burst"][during]
        times = [time[during][column > 0] for column in spike.T]
        shortest = [np.diff(t).min() if len(t) > 1 else np.nan for t in times]
        rows.append(
            Sustained(
                time_ms=time,
                soma=record.values["soma"][:, 0],
                dendrite=record.values["dendrite"][:, 0],
                spikes=spike.sum(axis=0),
                calcium_bursts=burst.sum(axis=0),
                shortest_interval=np.array(shortest),
            )
        )
    stacked = Sustained(*map(np.stack, zip(*rows, strict=True)))
    return stacked._replace(time_ms=stacked.time_ms[0])


def probability(events: np.ndarray) -> dict[str, Any]:
    """Return the share of events over the last axis with its 95 % Clopper-Pearson interval."""
    count, n = events.sum(axis=-1), events.shape[-1]
    low = np.where(count > 0, stats.beta.ppf(0.025, np.maximum(count, 1), n - count + 1), 0.0)
    high = np.where(count < n, stats.beta.ppf(0.975, count + 1, np.maximum(n - count, 1)), 1.0)
    return {"mean": (count / n).tolist(), "ci": np.stack([low, high], -1).tolist()}


def summarize(
    config: BacFiringConfig, spike: float, pairing: Pairing, sustained: Sustained
) -> dict[str, Any]:
    """Return the content of `metrics.json` but for versions and times."""
    threshold = cells.L5_V_CALCIUM
    delays = np.array(config.numbers("delay"))
    maps = []
    for i, coupling in enumerate(config.numbers("coupling")):
        for j, pulse in enumerate(config.numbers("dendritic_pulse")):
            events = probability(pairing.paired[i, j] >= threshold)
            likely = delays[np.array(events["mean"]) >= 0.5]
            maps.append(
                {
                    "coupling": coupling,
                    "dendritic_pulse_pA": pulse,
                    "pulse_alone_peak_mV": float(pairing.pulse_alone[j]),
                    "delay_ms": delays.tolist(),
                    "event_probability": events["mean"],
                    "event_probability_ci": events["ci"],
                    "window_ms": [float(likely.min()), float(likely.max())]
                    if likely.size
                    else None,
                }
            )
    bursts = []
    for i, coupling in enumerate(config.numbers("coupling")):
        count = sustained.spikes[i].sum()
        found = sustained.shortest_interval[i]
        found = found[np.isfinite(found)]
        bursts.append(
            {
                "coupling": coupling,
                "spikes_during_pulse": float(sustained.spikes[i].mean()),
                "calcium_burst_fraction": float(sustained.calcium_bursts[i].sum() / count)
                if count
                else None,
                "shortest_interval_ms": float(found.mean()) if found.size else None,
            }
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "config": as_json(config),
        "spike_time_ms": spike,
        "spike_alone_peak_mV": pairing.spike_alone.max(axis=1).tolist(),
        "calcium_threshold_mV": threshold,
        "pairing": maps,
        "sustained": bursts,
    }


def as_json(config: BacFiringConfig) -> dict[str, Any]:
    """Return the configuration as plain JSON values, ranges written out."""
    return output.plain(config) | {name: list(config.numbers(name)) for name in AXES}
