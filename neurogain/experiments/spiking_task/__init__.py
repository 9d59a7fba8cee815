"""A layer of spiking cells learns a task in spikes: any cell, task and optimizer."""

from neurogain.experiments.spiking_task.config import SpikingTaskConfig
from neurogain.experiments.spiking_task.run import run_seeds
from neurogain.experiments.spiking_training import Course
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "Course", "SpikingTaskConfig", "run", "run_seeds"]

EXPERIMENT = Experiment.of_package(
    __name__, SpikingTaskConfig, grows=("seeds", "first_seed"), threads=True
)
run = EXPERIMENT.run
