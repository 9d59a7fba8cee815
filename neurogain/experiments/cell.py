"""One cell under a current pulse: traces, spikes, intervals and bursts of any parameter set."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from neurogain import _checks, output, stats
from neurogain.spiking import (
    Drive,
    Pulse,
    PyramidalDrive,
    TimeSeries,
    cells,
    check,
    combine,
    measures,
    simulate,
    synapse,
)
from neurogain.spiking.models.izhikevich import IzhikevichCell
from neurogain.spiking.models.pyramidal import Coupling, PyramidalCell
from neurogain.spiking.recorders import Intervals, Total, Traces

Kind = Literal["l5", "rs", "ib", "ch", "fs", "lts", "pv", "som"]
SCHEMA_VERSION = 1
CURRENTS = {"l5": 1200.0, "rs": 100.0, "ib": 500.0, "ch": 250.0} | dict.fromkeys(
    ("fs", "lts", "pv", "som"), 150.0
)  # pA
REVERSAL = -75.0  # mV, of the tonic inhibition


@dataclasses.dataclass(frozen=True)
class CellConfig:
    """One cell from rest under a pulse of current into the soma and another into the dendrite."""

    cell: Kind = "l5"
    """l5: two-compartment layer-5 pyramidal cell; rs, ib, ch, fs, lts: Izhikevich's classes;
    pv, som: interneurons (the same as fs and lts)."""
    current: float | None = None
    """pA, into the soma during the pulse; by default one that shows the kind's own firing."""
    dendritic_current: float = 600.0
    """pA, into the dendrite during the pulse; only for l5."""
    coupling: float = 1.0
    """Probability in [0, 1] that soma and dendrite act on each other in a step; only for l5."""
    coupling_mode: Coupling = "stochastic"
    """stochastic: drawn in every step; mean-field: its expectation, without noise."""
    somatic_inhibition: float = 0.0
    """nS, tonic, reversal -75 mV."""
    dendritic_inhibition: float = 0.0
    """nS, tonic, reversal -75 mV; only for l5."""
    pulse_start: float = 50.0
    """ms."""
    pulse_end: float = 450.0
    """ms."""
    duration: float = 500.0
    """ms."""
    dt: float = 0.1
    """ms."""
    every: int = 1
    """Steps between samples of the traces."""
    burst_window: float = 10.0
    """ms; spikes at most this far apart form a burst."""
    seed: int = 0
    """Of the noise."""

    @property
    def somatic_current(self) -> float:
        """The current that applies, in pA."""
        return CURRENTS[self.cell] if self.current is None else self.current

    def check(self) -> None:
        """Refuse bad input before anything is run.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        _checks.seed(self.seed)
        _checks.in_range("dt", self.dt, "positive, in ms", lambda x: (x > 0) & (x < 1e3), "0.1")
        _checks.whole("every", self.every, 1)
        if not self.pulse_start < self.pulse_end:
            raise ValueError(
                f"`pulse_start` must be before `pulse_end`, in ms; got {self.pulse_start} and "
                f"{self.pulse_end}."
            )
        if not self.burst_window >= self.dt:
            raise ValueError(
                f"`burst_window` must be at least dt = {self.dt:g} ms; got {self.burst_window}."
            )
        check(**_run(self))


class CellTraces(NamedTuple):
    """What one cell did; dendritic arrays are empty for cells without a dendrite."""

    time_ms: np.ndarray  # (samples,)
    soma_v: np.ndarray  # (samples,), mV
    soma_u: np.ndarray  # (samples,), pA
    dendrite_v: np.ndarray  # (samples,), mV
    dendrite_w: np.ndarray  # (samples,), pA
    spike_time_ms: np.ndarray  # (spikes,)
    spike_burst: np.ndarray  # (spikes,), share that was reset as a calcium burst


def _select(state: Any, info: Any) -> Any:
    del info
    soma = getattr(state, "soma", state)
    found = {"soma_v": soma.v, "soma_u": soma.u}
    if hasattr(state, "dendrite"):
        found |= {"dendrite_v": state.dendrite.v, "dendrite_w": state.dendrite.w}
    return found


def _events(state: Any, info: Any) -> Any:
    del state
    return {"spike": info.spike, "burst": getattr(info, "burst", 0 * info.spike)}


def _run(config: CellConfig) -> dict[str, Any]:
    pulse = (config.pulse_start, config.pulse_end)
    inhibition = synapse(config.somatic_inhibition, REVERSAL)
    soma = combine(Drive(), inhibition)._replace(current=Pulse(config.somatic_current, *pulse))
    is_pyramidal = config.cell == "l5"
    dendrite = combine(Drive(), synapse(config.dendritic_inhibition, REVERSAL))
    dendrite = dendrite._replace(current=Pulse(config.dendritic_current, *pulse))
    return {
        "model": PyramidalCell(config.coupling_mode) if is_pyramidal else IzhikevichCell(),
        "params": cells.L5_PYRAMIDAL if is_pyramidal else cells.POINT_CELLS[config.cell],
        "drive": PyramidalDrive(soma, dendrite, config.coupling) if is_pyramidal else soma,
        "n": 1,
        "duration": config.duration,
        "dt": config.dt,
        "key": jax.random.key(config.seed),
        "record": {
            "traces": Traces(_select, every=config.every),
            "events": Traces(_events),
            "intervals": Intervals(config.burst_window),
            "spikes": Total(),
        },
    }


def run(
    config: CellConfig, progress: Callable[[int, int], None] | None = None
) -> tuple[CellTraces, dict[str, Any]]:
    """Return the traces and the content of `metrics.json` but for versions and times."""
    recorded = simulate(**_run(config), progress=progress).recorded
    traces, events = recorded["traces"], recorded["events"]
    fired = events.values["spike"][:, 0] > 0
    columns = {name: values[:, 0] for name, values in traces.values.items()}
    empty = {name: np.empty(0) for name in ("dendrite_v", "dendrite_w")}
    result = CellTraces(
        time_ms=traces.time_ms,
        **(empty | columns),
        spike_time_ms=events.time_ms[fired],
        spike_burst=events.values["burst"][fired, 0],
    )
    intervals = measures.interval_statistics(recorded["intervals"])
    length = min(config.pulse_end, config.duration) - max(config.pulse_start, 0.0)
    during = (result.spike_time_ms > config.pulse_start) & (
        result.spike_time_ms <= config.pulse_end
    )
    rate = 1000 * during.sum() / length if length > 0 else np.nan
    metrics = {
        "schema_version": SCHEMA_VERSION,
        "config": output.plain(config) | {"current": config.somatic_current},
        "spike_time_ms": result.spike_time_ms.tolist(),
        "calcium_burst": result.spike_burst.tolist(),
        "rate_hz_during_pulse": stats.or_null(rate),
        "isi_mean_ms": stats.or_null(intervals.mean[0]),
        "isi_cv": stats.or_null(intervals.cv[0]),
        "calcium_burst_fraction": stats.or_null(
            measures.calcium_burst_fraction(result.spike_burst.sum(), fired.sum())
        ),
        "isi_burst_fraction": stats.or_null(measures.isi_burst_fraction(recorded["intervals"])[0]),
        "burst_periods_ms": [list(p) for p in burst_periods(result, config.burst_window)],
    }
    return result, metrics


def burst_periods(traces: CellTraces, window: float) -> list[tuple[float, float]]:
    """Return first and last spike (ms) of each run of spikes at most `window` (ms) apart."""
    times = traces.spike_time_ms
    splits = np.flatnonzero(np.diff(times) > window + 1e-6) + 1
    groups = [g for g in np.split(times, splits) if len(g) > 1]
    return [(float(g[0]), float(g[-1])) for g in groups]


def dendritic_ramp(
    lowest: float = 0.0, highest: float = 1000.0, *, duration: float = 4000.0, dt: float = 0.1
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return current (pA) and potential (mV) of the dendrite while the current rises, then falls.

    The soma stays silent; the ramp takes `duration` (ms) each way.
    """
    steps = round(duration / dt)
    rise = np.linspace(lowest, highest, steps, dtype=np.float32)
    current = np.concatenate([rise, rise[::-1]])
    record = simulate(
        PyramidalCell("mean-field"),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(dendrite=Drive(TimeSeries(current))),
        n=1,
        duration=2 * steps * dt,
        dt=dt,
        record={"traces": Traces(_select, every=10)},
    ).recorded["traces"]
    v, sampled = record.values["dendrite_v"][:, 0], current[9::10]
    half = len(v) // 2
    return (sampled[:half], v[:half]), (sampled[half:], v[half:])
