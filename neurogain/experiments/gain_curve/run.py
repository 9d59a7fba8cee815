"""f-I curves of the layer-5 pyramidal cell: dendritic drive, coupling and inhibition as knobs.

The unit of work is one dendritic current under one pair of inhibitions: all somatic currents,
couplings and repeats as one population. All units draw the same noise, so curves differ by their
parameters and not by their draws.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Num

from neurogain.experiments.gain_curve.config import GainCurveConfig, Unit
from neurogain.jobs import Part, shown
from neurogain.spiking import Drive, PyramidalDrive, cells, check, combine, simulate, synapse
from neurogain.spiking.models.pyramidal import PyramidalCell, PyramidalInfo
from neurogain.spiking.recorders import Intervals, Total

REVERSAL = -75.0  # mV, of the tonic inhibition
Counts: TypeAlias = Num[np.ndarray, "coupling somatic_current_pA repeat"]


class Curves(NamedTuple):
    """Counts of one unit."""

    spikes: Counts
    calcium_bursts: Counts  # spikes that were reset as a burst (a share, in the mean field)
    isi_bursts: Counts  # spikes with a neighbour within the burst window


def _bursts(state: Any, info: PyramidalInfo) -> Array:
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


def parts(config: GainCurveConfig) -> Iterator[Part]:
    """Yield a part for each unit.

    Raises:
      ValueError: if a unit can't be simulated.
    """
    units = list(config.units())
    for unit in units:
        check(**_run(config, unit))
    axes = {
        "coupling": np.array(config.numbers("coupling")),
        "somatic_current_pA": np.array(config.numbers("somatic_current")),
        "repeat": np.arange(config.repeats),
    }
    for unit in units:
        yield Part(unit.label, Curves, shown(run_unit, config, unit), axes)


def seconds(config: GainCurveConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    units = list(config.units())
    cells = len(config.numbers("coupling")) * len(config.numbers("somatic_current"))
    steps = len(units) * config.duration / config.dt
    return 4 + steps * (2e-5 + 4e-8 * cells * config.repeats)


def run_unit(
    config: GainCurveConfig, unit: Unit, progress: Callable[[int, int], None] | None = None
) -> Curves:
    """Simulate one unit; errors as in `simulate`."""
    recorded = simulate(**_run(config, unit), progress=progress).recorded
    shape = (len(config.numbers("coupling")), -1, config.repeats)
    counts = (recorded["spikes"], recorded["calcium_bursts"], recorded["isi_bursts"].in_burst)
    return Curves(*(count.reshape(shape) for count in counts))
