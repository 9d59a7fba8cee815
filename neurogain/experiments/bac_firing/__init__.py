"""Calcium events when a spike meets dendritic input: delay, height and coupling."""

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Pairing, Sustained, spike_time
from neurogain.runner import Experiment
from neurogain.stats import probability

__all__ = [
    "EXPERIMENT", "BacFiringConfig", "Pairing", "Sustained", "probability", "run", "spike_time",
]  # fmt: skip

EXPERIMENT = Experiment.of_package(__name__, BacFiringConfig, threads=True)
run = EXPERIMENT.run
