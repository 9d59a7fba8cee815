"""The stability gap of several optimizers on one stream of tasks."""

from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.experiments.stability_gap.run import (
    load_stream,
    make_model,
    make_trainer,
    parts,
    run_method,
    seconds,
)
from neurogain.experiments.stability_gap.summary import describe, measure, summarize
from neurogain.experiments.stability_gap.table import table
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT",
    "StabilityGapConfig",
    "describe",
    "load_stream",
    "make_model",
    "make_trainer",
    "measure",
    "run",
    "run_method",
]

EXPERIMENT = Experiment(
    name="stability-gap",
    summary="The stability gap of several optimizers on one stream of tasks.",
    config=StabilityGapConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    grows=("optimizers", "seeds", "first_seed"),
)
run = EXPERIMENT.run
