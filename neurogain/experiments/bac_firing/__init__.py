"""Calcium events when a somatic spike meets dendritic input: delay, height and coupling."""

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Pairing, Sustained, parts, seconds, spike_time
from neurogain.experiments.bac_firing.summary import probability, summarize, table
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT",
    "BacFiringConfig",
    "Pairing",
    "Sustained",
    "probability",
    "run",
    "spike_time",
]

EXPERIMENT = Experiment(
    name="bac-firing",
    summary="Calcium events when a spike meets dendritic input: delay, height and coupling.",
    config=BacFiringConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    threads=True,
)
run = EXPERIMENT.run
