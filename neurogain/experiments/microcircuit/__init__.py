"""Pyramidal, PV and SOM cells on a ring: activity, and what changes the network's gain."""

from neurogain.experiments.microcircuit.config import LEVELS, MicrocircuitConfig
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "MicrocircuitConfig", "run"]

EXPERIMENT = Experiment.of_package(
    __name__,
    MicrocircuitConfig,
    grows=("seeds", *LEVELS.values(), "other_recurrences"),
    threads=True,
)
run = EXPERIMENT.run
