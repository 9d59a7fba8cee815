"""The stability gap of several optimizers on one stream of tasks."""

from neurogain.continual.summary import measure
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.experiments.stability_gap.run import make_trainer, run_method
from neurogain.experiments.stability_gap.summary import describe
from neurogain.experiments.training import load_stream
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT", "StabilityGapConfig", "describe", "load_stream", "make_trainer",
    "measure", "run", "run_method",
]  # fmt: skip

EXPERIMENT = Experiment.of_package(
    __name__, StabilityGapConfig, grows=("optimizers", "seeds", "first_seed"), schema_version=2
)
run = EXPERIMENT.run
