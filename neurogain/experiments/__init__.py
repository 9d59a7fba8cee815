"""The experiments: one folder each, and one line here.

    result = experiments.gain_curve.run(GainCurveConfig(repeats=3), progress=True)

A folder has `config.py` (options with their rules), `run.py` (what is simulated or trained, as
parts), `summary.py` (from results to metrics), `table.py`, `figures.py`, and in its `__init__`
`EXPERIMENT`, which `Experiment.of_package` makes of them. The runner, `neurogain.runner`, does all
else.
"""

import importlib
from types import ModuleType

from neurogain.runner import Experiment

NAMES = (
    "stability-gap",
    "gain-curve",
    "bac-firing",
    "cell",
    "burst-stdp",
    "microcircuit",
    "go-nogo",
    "neuromod",
    "landscape",
    "spiking-task",
    "heterogeneity",
    "dendrite",
    "cell-types",
    "bridge",
)


def get(name: str) -> Experiment:
    """Return an experiment by the name of its command.

    Raises:
      ValueError: if there is none of this name.
    """
    if name not in NAMES:
        raise ValueError(f"`name` must be one of {', '.join(NAMES)}; got {name!r}.")
    found: Experiment = _module(name).EXPERIMENT
    return found


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def __dir__() -> list[str]:
    return ["NAMES", "get", *(name.replace("-", "_") for name in NAMES)]


def __getattr__(name: str) -> ModuleType:
    """Import an experiment's folder when it is first asked for."""
    if name.replace("_", "-") in NAMES:
        return _module(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
