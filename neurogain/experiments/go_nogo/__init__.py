"""Go/No-Go with a set shift: which neuromodulators does a spiking actor-critic need?"""

from neurogain.experiments.go_nogo.conditions import CONDITIONS, Condition, parameters
from neurogain.experiments.go_nogo.config import FIRST_SEED, GoNoGoConfig, Unit
from neurogain.experiments.go_nogo.run import Runs, parts, run_numbers, run_unit, seconds
from neurogain.experiments.go_nogo.summary import summarize
from neurogain.experiments.go_nogo.table import table
from neurogain.runner import Experiment

__all__ = [
    "CONDITIONS", "EXPERIMENT", "FIRST_SEED", "Condition", "GoNoGoConfig", "Runs", "Unit",
    "parameters", "run", "run_numbers", "run_unit", "summarize",
]  # fmt: skip

EXPERIMENT = Experiment(
    name="go-nogo",
    summary="Which neuromodulators a set shift needs: a spiking actor-critic in a Go/No-Go task.",
    config=GoNoGoConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    grows=("conditions", "validity", "overtraining"),
    threads=True,
)
run = EXPERIMENT.run
