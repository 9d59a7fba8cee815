"""Calcium events when a somatic spike meets dendritic input: delay, height and coupling."""

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import parts, seconds
from neurogain.experiments.bac_firing.summary import summarize
from neurogain.experiments.bac_firing.table import table
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "BacFiringConfig", "run"]

EXPERIMENT = Experiment(
    name="bac-firing",
    summary="Calcium events when a somatic spike meets dendritic input: delay, height, coupling.",
    config=BacFiringConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
)
run = EXPERIMENT.run
