"""Curvature and loss slices around a switch, fast and slow weights, gain as a read-out."""

from neurogain.experiments.landscape.complexity import Complexity, run_complexity
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.experiments.landscape.fast_slow import FastSlow, run_fast_slow
from neurogain.experiments.landscape.switch import Switch, run_method
from neurogain.experiments.training import load_stream
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT", "Complexity", "FastSlow", "LandscapeConfig", "Switch", "load_stream", "run",
    "run_complexity", "run_fast_slow", "run_method",
]  # fmt: skip

EXPERIMENT = Experiment.of_package(
    __name__, LandscapeConfig, grows=("optimizers", "seeds", "first_seed")
)
run = EXPERIMENT.run
