"""Pyramidal, PV and SOM cells on a ring: activity, and what changes the network's gain."""

from neurogain.experiments.microcircuit.config import MicrocircuitConfig
from neurogain.experiments.microcircuit.run import parts, seconds
from neurogain.experiments.microcircuit.summary import summarize
from neurogain.experiments.microcircuit.table import table
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "MicrocircuitConfig", "run"]

_LEVELS = ("dendritic_levels", "coupling_levels", "som_levels", "pv_levels")

EXPERIMENT = Experiment(
    name="microcircuit",
    summary="Pyramidal, PV and SOM cells on a ring: activity, and what changes the network's gain.",
    config=MicrocircuitConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    grows=("seeds", *_LEVELS, "other_recurrences"),
    threads=True,
)
run = EXPERIMENT.run
