"""STDP between layer-5 cells that spike regularly, that burst, and under a pulse of gain."""

from neurogain.experiments.burst_stdp.config import GRIDS, BurstStdpConfig
from neurogain.experiments.burst_stdp.run import parts, seconds
from neurogain.experiments.burst_stdp.summary import summarize
from neurogain.experiments.burst_stdp.table import table
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "BurstStdpConfig", "run"]

EXPERIMENT = Experiment(
    name="burst-stdp",
    summary="STDP between layer-5 cells that spike regularly, that burst, and under a pulse.",
    config=BurstStdpConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    grows=("seeds", *GRIDS, "map_seeds"),
    threads=True,
)
run = EXPERIMENT.run
