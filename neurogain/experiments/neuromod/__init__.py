"""Four neuromodulators for a pattern of drives, with their interactions and without."""

from neurogain.experiments.neuromod.config import NeuromodConfig
from neurogain.experiments.neuromod.run import (
    Course,
    DoseResponse,
    course,
    dose_response,
    parts,
    seconds,
)
from neurogain.experiments.neuromod.summary import summarize
from neurogain.experiments.neuromod.table import table
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT", "Course", "DoseResponse", "NeuromodConfig", "course", "dose_response", "run",
]  # fmt: skip

EXPERIMENT = Experiment(
    name="neuromod",
    summary="Four neuromodulators for a pattern of drives, with their interactions and without.",
    config=NeuromodConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
)
run = EXPERIMENT.run
