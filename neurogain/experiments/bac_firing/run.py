"""Calcium events by back-propagating spikes (BAC firing) in the layer-5 pyramidal cell.

Two protocols, after Larkum, Zhu & Sakmann, Nature 398:338 (1999):

    pairing     a somatic pulse evokes one spike; a dendritic pulse, too small for a calcium event
                alone, starts `delay` after that spike (before it when negative)
    sustained   a constant somatic current makes the cell fire; a dendritic pulse, with and without
                coupling, lies on top of it

A calcium event is a dendritic potential of at least `v_calcium`, -30 mV.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Num

from neurogain.experiments.bac_firing.config import AXES, BacFiringConfig
from neurogain.jobs import Part, shown
from neurogain.spiking import Drive, Pulse, PyramidalDrive, cells, check, simulate
from neurogain.spiking.models.pyramidal import PyramidalCell, check_coupling
from neurogain.spiking.recorders import Peak, Spikes, Total, Traces

LEAD = 20.0  # ms at rest before the earliest pulse
TAIL = 60.0  # ms after the latest pulse
CONDITIONS = ("pulse alone", "spike alone", "both")


class Pairing(NamedTuple):
    """Peak dendritic potentials in mV of the first protocol."""

    paired: Float[np.ndarray, "coupling dendritic_pulse delay repeat"]
    pulse_alone: Float[np.ndarray, " dendritic_pulse"]  # without randomness
    spike_alone: Float[np.ndarray, "coupling repeat"]
    spike_time_ms: Float[np.ndarray, ""]  # from the start of the run


class Sustained(NamedTuple):
    """Second protocol; time is counted from the start of the dendritic pulse."""

    time_ms: Float[np.ndarray, " sample"]
    soma: Float[np.ndarray, "coupling sample"]  # mV, of the first repeat
    dendrite: Float[np.ndarray, "coupling sample"]  # mV, of the first repeat
    spikes: Num[np.ndarray, "coupling repeat"]  # during the pulse
    calcium_bursts: Num[np.ndarray, "coupling repeat"]  # of these, reset as a burst
    shortest_interval: Float[np.ndarray, "coupling repeat"]  # ms, NaN below two spikes


class Example(NamedTuple):
    """Traces of the example pulse; time is counted from the somatic spike."""

    time_ms: Float[np.ndarray, " sample"]
    soma: Float[np.ndarray, "condition sample"]  # mV
    dendrite: Float[np.ndarray, "condition sample"]  # mV
    spike: Num[np.ndarray, "condition sample"]


def parts(config: BacFiringConfig) -> Iterator[Part]:
    """Yield both protocols and the example.

    Raises:
      ValueError: if they can't be simulated, or the somatic pulse does not evoke one spike.
    """
    check_coupling(np.array(config.numbers("coupling")))
    check(**_pairing(config, LEAD, [0.0], [config.example_pulse], [0.0], 1))
    check(**_sustained(config, 1.0))
    spike = spike_time(config)
    axes = {name: np.array(config.numbers(name)) for name in AXES}
    yield Part("pairing", Pairing, shown(run_pairing, config, spike), axes)
    couplings, undefined = {"coupling": axes["coupling"]}, ("shortest_interval",)
    sustained = shown(run_sustained, config)
    yield Part("sustained", Sustained, sustained, couplings, undefined=undefined)
    conditions = {"condition": np.array(CONDITIONS)}
    yield Part("example", Example, lambda job: run_example(config, spike), conditions)


def seconds(config: BacFiringConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    delays = config.numbers("delay")
    points = len(config.numbers("coupling")) * len(config.numbers("dendritic_pulse")) * len(delays)
    steps = (LEAD + TAIL + max(delays) - min(delays)) / config.dt
    return 6 + steps * 4e-8 * points * config.repeats


@functools.lru_cache(maxsize=8)
def spike_time(config: BacFiringConfig) -> float:
    """Return when the somatic pulse, which starts at `onset`, evokes its spike, in ms.

    Raises:
      ValueError: if it evokes none, or more than one.
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
        spike_time_ms=np.asarray(spike),
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
    drive = PyramidalDrive(
        soma=Drive(Pulse(config.somatic_pulse, start, start + config.somatic_duration)),
        dendrite=Drive(Pulse(pulse, spike + delay, spike + delay + config.dendritic_duration)),
        coupling=coupling,
    )
    record = {"peak": Peak(_dendrite), "spikes": Total()}
    return _run(config, drive, coupling.size, end, record)


def _run(
    config: BacFiringConfig, drive: PyramidalDrive, n: int, end: float, record: dict[str, Any]
) -> dict[str, Any]:
    return {
        "model": PyramidalCell(config.coupling_mode),
        "params": cells.L5_PYRAMIDAL,
        "drive": drive,
        "n": n,
        "duration": round(end / config.dt) * config.dt,
        "dt": config.dt,
        "key": jax.random.key(config.seed),
        "record": record,
    }


def _dendrite(state: Any, info: Any) -> Any:
    del info
    return state.dendrite.v


def _both(state: Any, info: Any) -> dict[str, Any]:
    return {
        "soma": state.soma.v,
        "dendrite": state.dendrite.v,
        "spike": info.spike,
        "burst": info.burst,
    }


def run_example(config: BacFiringConfig, spike: float) -> Example:
    """Return traces of the example: pulse alone, spike alone, both."""
    found = []
    quiet = dataclasses.replace(config, somatic_pulse=0.0)
    pulse = config.example_pulse
    for chosen, height in ((quiet, pulse), (config, 0.0), (config, pulse)):
        run = _pairing(chosen, spike, [1.0], [height], [config.example_delay], 1)
        record = simulate(**run | {"record": {"traces": Traces(_both)}}).recorded["traces"]
        found.append([record.values[name][:, 0] for name in ("soma", "dendrite", "spike")])
    return Example(record.time_ms - spike, *map(np.stack, zip(*found, strict=True)))


def _sustained(config: BacFiringConfig, coupling: float) -> dict[str, Any]:
    before = 2 * config.sustained_duration
    end = before + config.sustained_duration
    drive = PyramidalDrive(
        soma=Drive(config.sustained_current),
        dendrite=Drive(Pulse(config.sustained_pulse, before, end)),
        coupling=coupling,
    )
    whole = end + config.sustained_duration
    return _run(config, drive, config.repeats, whole, {"traces": Traces(_both)})


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
        soma, dendrite = (record.values[name][:, 0] for name in ("soma", "dendrite"))
        counts = spike.sum(axis=0), burst.sum(axis=0)
        rows.append(Sustained(time, soma, dendrite, *counts, np.array(shortest)))
    stacked = Sustained(*map(np.stack, zip(*rows, strict=True)))
    return stacked._replace(time_ms=stacked.time_ms[0])
