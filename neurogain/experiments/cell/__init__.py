"""One cell under a current pulse: potentials, adaptation, spikes and bursts."""

from pathlib import Path

from neurogain.experiments.cell.config import CellConfig, Kind
from neurogain.experiments.cell.run import CellTraces, dendritic_ramp, parts, seconds
from neurogain.experiments.cell.summary import burst_periods, summarize, table
from neurogain.runner import Experiment

__all__ = [
    "EXPERIMENT",
    "CellConfig",
    "CellTraces",
    "Kind",
    "burst_periods",
    "dendritic_ramp",
    "run",
]

EXPERIMENT = Experiment(
    name="cell",
    summary="Show one cell under a current pulse: potentials, adaptation, spikes and bursts.",
    config=CellConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
    folder=lambda config: Path(f"runs/cell-{config.cell}"),
)
run = EXPERIMENT.run
