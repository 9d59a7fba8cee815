"""Four neuromodulators for a pattern of drives, with their interactions and without."""

from neurogain.experiments.neuromod.config import NeuromodConfig
from neurogain.experiments.neuromod.run import Course, DoseResponse, course, dose_response
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT", "Course", "DoseResponse", "NeuromodConfig", "course", "dose_response", "run",
]  # fmt: skip

EXPERIMENT = Experiment.of_package(__name__, NeuromodConfig)
run = EXPERIMENT.run
