"""f-I curves of a layer-5 pyramidal cell: gain, rheobase and bursts."""

from neurogain.experiments.gain_curve.config import GainCurveConfig, Unit
from neurogain.experiments.gain_curve.run import Curves, run_unit
from neurogain.experiments.gain_curve.summary import measure
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "Curves", "GainCurveConfig", "Unit", "measure", "run", "run_unit"]

EXPERIMENT = Experiment.of_package(__name__, GainCurveConfig)
run = EXPERIMENT.run
