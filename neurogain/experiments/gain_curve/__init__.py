"""f-I curves of the layer-5 pyramidal cell: gain, rheobase and bursts."""

from neurogain.experiments.gain_curve.config import GainCurveConfig, Unit
from neurogain.experiments.gain_curve.run import Curves, parts, run_unit, seconds
from neurogain.experiments.gain_curve.summary import measure, summarize
from neurogain.experiments.gain_curve.table import table
from neurogain.runner import Experiment

__all__ = ["EXPERIMENT", "Curves", "GainCurveConfig", "Unit", "measure", "run", "run_unit"]

EXPERIMENT = Experiment(
    name="gain-curve",
    summary="f-I curves of a layer-5 pyramidal cell: gain, rheobase and bursts.",
    config=GainCurveConfig,
    parts=parts,
    summarize=summarize,
    table=table,
    figures=f"{__name__}.figures",
    seconds=seconds,
)
run = EXPERIMENT.run
