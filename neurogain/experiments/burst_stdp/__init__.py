"""STDP between layer-5 cells that spike regularly, that burst, and under a pulse."""

from neurogain.experiments.burst_stdp.config import GRIDS, BurstStdpConfig
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "BurstStdpConfig", "run"]

EXPERIMENT = Experiment.of_package(
    __name__, BurstStdpConfig, grows=("seeds", *GRIDS, "map_seeds"), threads=True
)
run = EXPERIMENT.run
