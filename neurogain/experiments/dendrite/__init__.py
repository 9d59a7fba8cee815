"""Does a dendrite carry memory? Exclusive or of two cues at growing delays."""

from neurogain.experiments.dendrite.config import DendriteConfig
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "DendriteConfig", "run"]

EXPERIMENT = Experiment.of_package(
    __name__, DendriteConfig, grows=("seeds", "first_seed"), threads=True
)
run = EXPERIMENT.run
