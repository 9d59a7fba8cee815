"""One network, several maps of labels: which one holds is told by a neuromodulator alone."""

from neurogain.experiments.cell_types.config import CellTypesConfig
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "CellTypesConfig", "run"]

EXPERIMENT = Experiment.of_package(
    __name__, CellTypesConfig, grows=("seeds", "first_seed"), threads=True
)
run = EXPERIMENT.run
