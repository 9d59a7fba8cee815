"""The loss around a switch: curvature, lines, a plane; fast and slow weights; gain read out."""

from neurogain.experiments.landscape.complexity import Complexity, run_complexity
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.experiments.landscape.fast_slow import FastSlow, run_fast_slow
from neurogain.experiments.landscape.run import load_stream, parts, seconds
from neurogain.experiments.landscape.summary import summarize
from neurogain.experiments.landscape.switch import Switch, run_method
from neurogain.experiments.landscape.table import table
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT",
    "Complexity",
    "FastSlow",
    "LandscapeConfig",
    "Switch",
    "load_stream",
    "run",
    "run_complexity",
    "run_fast_slow",
    "run_method",
]

EXPERIMENT = Experiment(
    name="landscape",
    summary="Curvature and loss slices around a switch, fast and slow weights, gain as a read-out.",
    config=LandscapeConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    grows=("optimizers", "seeds", "first_seed"),
)
run = EXPERIMENT.run
