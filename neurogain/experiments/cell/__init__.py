"""Show one cell under a current pulse: potentials, adaptation, spikes and bursts."""

from pathlib import Path

from neurogain.experiments.cell.config import CellConfig, Kind
from neurogain.experiments.cell.run import CellTraces, dendritic_ramp
from neurogain.runner import Experiment
from neurogain.spiking.measures import burst_periods

__all__ = [
    "EXPERIMENT", "CellConfig", "CellTraces", "Kind", "burst_periods", "dendritic_ramp", "run",
]  # fmt: skip

EXPERIMENT = Experiment.of_package(
    __name__, CellConfig, folder=lambda config: Path(f"runs/cell-{config.cell}")
)
run = EXPERIMENT.run
