"""Which neuromodulators a set shift needs: a spiking actor-critic in a Go/No-Go task."""

from neurogain.experiments.go_nogo.config import FIRST_SEED, GoNoGoConfig, Unit
from neurogain.experiments.go_nogo.run import Runs, run_numbers, run_unit
from neurogain.experiments.go_nogo.summary import summarize
from neurogain.runner import Experiment
from neurogain.tasks.go_nogo.conditions import CONDITIONS, Condition, parameters

__all__ = [
    "CONDITIONS", "EXPERIMENT", "FIRST_SEED", "Condition", "GoNoGoConfig", "Runs", "Unit",
    "parameters", "run", "run_numbers", "run_unit", "summarize",
]  # fmt: skip

EXPERIMENT = Experiment.of_package(
    __name__, GoNoGoConfig, grows=("conditions", "validity", "overtraining"), threads=True
)
run = EXPERIMENT.run
