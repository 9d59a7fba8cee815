"""One cell under a current pulse, of any parameter set; and a slow ramp into the dendrite."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Num

from neurogain.experiments.cell.config import CellConfig
from neurogain.jobs import Part
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
from neurogain.spiking.models.pyramidal import PyramidalCell
from neurogain.spiking.recorders import Intervals, Total, Traces

REVERSAL = -75.0  # mV, of the tonic inhibition


class CellTraces(NamedTuple):
    """What one cell did; dendritic arrays are empty for cells without a dendrite."""

    time_ms: Float[np.ndarray, " sample"]
    soma_v: Float[np.ndarray, " sample"]  # mV
    soma_u: Float[np.ndarray, " sample"]  # pA
    dendrite_v: Float[np.ndarray, " dendritic_sample"]  # mV
    dendrite_w: Float[np.ndarray, " dendritic_sample"]  # pA
    spike_time_ms: Float[np.ndarray, " spike"]
    spike_burst: Num[np.ndarray, " spike"]  # share that was reset as a calcium burst
    isi_mean_ms: Float[np.ndarray, ""]
    isi_cv: Float[np.ndarray, ""]
    isi_burst_fraction: Float[np.ndarray, ""]


class Ramp(NamedTuple):
    """The dendrite while a current rises slowly, then falls."""

    current: Float[np.ndarray, "way sample"]  # pA
    v: Float[np.ndarray, "way sample"]  # mV


def parts(config: CellConfig) -> Iterator[Part]:
    """Yield the cell's traces, and the ramp for a cell with a dendrite.

    Raises:
      ValueError: if the cell can't be simulated.
    """
    check(**_run(config))
    undefined = ("isi_mean_ms", "isi_cv", "isi_burst_fraction")
    yield Part("traces", CellTraces, lambda job: run_cell(config, job.show), undefined=undefined)
    if config.is_pyramidal:
        yield Part("ramp", Ramp, lambda job: dendritic_ramp(), {"way": np.array(["up", "down"])})


def seconds(config: CellConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    return 2 + 2 * config.is_pyramidal + 4e-6 * config.duration / config.dt


def _select(state: Any, info: Any) -> dict[str, Any]:
    del info
    soma = getattr(state, "soma", state)
    found = {"soma_v": soma.v, "soma_u": soma.u}
    if hasattr(state, "dendrite"):
        found |= {"dendrite_v": state.dendrite.v, "dendrite_w": state.dendrite.w}
    return found


def _events(state: Any, info: Any) -> dict[str, Any]:
    del state
    return {"spike": info.spike, "burst": getattr(info, "burst", 0 * info.spike)}


def _run(config: CellConfig) -> dict[str, Any]:
    """Return the arguments of `simulate`."""

    def drive(current: float, inhibition: float) -> Drive:
        tonic = combine(Drive(), synapse(inhibition, REVERSAL))
        return tonic._replace(current=Pulse(current, config.pulse_start, config.pulse_end))

    soma = drive(config.somatic_current, config.somatic_inhibition)
    dendrite = drive(config.dendritic_current, config.dendritic_inhibition)
    pyramidal = config.is_pyramidal
    return {
        "model": PyramidalCell(config.coupling_mode) if pyramidal else IzhikevichCell(),
        "params": cells.L5_PYRAMIDAL if pyramidal else cells.POINT_CELLS[config.cell],
        "drive": PyramidalDrive(soma, dendrite, config.coupling) if pyramidal else soma,
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


def run_cell(config: CellConfig, progress: Callable[[int, int], None] | None = None) -> CellTraces:
    """Simulate the cell; errors as in `simulate`."""
    recorded = simulate(**_run(config), progress=progress).recorded
    traces, events = recorded["traces"], recorded["events"]
    fired = events.values["spike"][:, 0] > 0
    columns = {name: values[:, 0] for name, values in traces.values.items()}
    empty = {name: np.empty(0) for name in ("dendrite_v", "dendrite_w")}
    intervals = measures.interval_statistics(recorded["intervals"])
    return CellTraces(
        time_ms=traces.time_ms,
        **(empty | columns),
        spike_time_ms=events.time_ms[fired],
        spike_burst=events.values["burst"][fired, 0],
        isi_mean_ms=intervals.mean[0],
        isi_cv=intervals.cv[0],
        isi_burst_fraction=measures.isi_burst_fraction(recorded["intervals"])[0],
    )


def dendritic_ramp() -> Ramp:
    """Let the dendritic current rise from 0 to 1000 pA in 4 s, then fall; the soma stays silent."""
    rise = np.linspace(0.0, 1000.0, 40_000, dtype=np.float32)
    current = np.concatenate([rise, rise[::-1]])
    record = simulate(
        PyramidalCell("mean-field"),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(dendrite=Drive(TimeSeries(current))),
        n=1,
        duration=8000.0,
        dt=0.1,
        record={"traces": Traces(_select, every=10)},
    ).recorded["traces"]
    return Ramp(current[9::10].reshape(2, -1), record.values["dendrite_v"].reshape(2, -1))
