"""Does it help that cells differ? Constants drawn, learned, or both, at matched rates."""

from neurogain.experiments.heterogeneity.config import HeterogeneityConfig
from neurogain.experiments.heterogeneity.run import Robust
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "HeterogeneityConfig", "Robust", "run"]

EXPERIMENT = Experiment.of_package(
    __name__, HeterogeneityConfig, grows=("seeds", "first_seed"), threads=True
)
run = EXPERIMENT.run
