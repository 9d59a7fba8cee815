"""What lies behind a gain in spikes: the spikes around a switch, and what each link adds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from neurogain import bridge
from neurogain.bridge import GainCurve
from neurogain.experiments.bridge.config import BridgeConfig
from neurogain.jobs import Job
from neurogain.optim import GainSource

LINKS: Mapping[str, tuple[str, ...]] = {
    "coupling of soma and dendrite": ("coupling",),
    "gain of the dendrite": ("dendrite.gain",),
    "adaptation": ("adaptation",),
    "SOM cells": ("som.",),
}
"""Effects of noradrenaline on the circuit, by the targets that they have."""
LEVEL = 250.0  # nM, held, at which links are compared
AROUND = (10, 30)  # updates before and behind the first switch whose spikes are shown


class Links(NamedTuple):
    """The slope with the effects of one link alone, with all of them, and at the tonic level."""

    alone: Float[np.ndarray, "link measurement"]  # Hz/nA
    all: Float[np.ndarray, " measurement"]  # Hz/nA
    tonic: Float[np.ndarray, " measurement"]  # Hz/nA


class Watched(NamedTuple):
    """Spikes of all cells around the first switch, in the run of the first seed."""

    spikes: Int[np.ndarray, "cell ms"]


def links(config: BridgeConfig, job: Job) -> Links:
    """Measure the slope with each link alone."""
    circuit, slopes = config.circuit(), []
    several = [circuit, *(circuit.only(*targets) for targets in LINKS.values())]
    for number, one in enumerate(several):
        curve = bridge.measure(
            one, [LEVEL], seeds=range(config.curve_seeds), duration=config.curve_duration
        )
        slopes.append(curve.slope)
        job.show(number + 1, len(several))
    at = np.array(slopes)[:, :, 1 - curve.tonic]
    return Links(at[1:], at[0], slopes[0][:, curve.tonic])


def window(config: BridgeConfig) -> range:
    """Return the updates whose spikes are shown."""
    before, behind = AROUND
    return range(
        max(0, config.iterations - before), config.iterations + min(behind, config.iterations)
    )


def watch(config: BridgeConfig, source: GainSource, uncertainty: np.ndarray) -> Watched:
    """Return the spikes that a source's circuit had in a run, from the run's uncertainties."""
    task: dict[str, Any] = {"full": config.full, "ms_per_update": config.ms_per_update}
    given = np.nan_to_num(uncertainty.ravel())
    return Watched(bridge.spikes_of(config.circuit(), source, given, window(config), **task))


def gain_of(measured: np.ndarray, tonic: np.ndarray) -> GainCurve:
    """Return slopes at `LEVEL` and at the tonic level as a curve, for its gain and interval."""
    slope = np.stack([tonic, measured], axis=1)
    nothing = np.zeros_like(slope)
    return GainCurve("noradrenaline", 0, np.array([0.0, LEVEL]), slope, nothing, nothing)
