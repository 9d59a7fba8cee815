"""From the courses of four neuromodulators to `metrics.json`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain.experiments.neuromod.config import NeuromodConfig
from neurogain.experiments.neuromod.run import DOSES, KINDS, Course, DoseResponse
from neurogain.neuromod import effects, systems, tables
from neurogain.neuromod.systems import SYSTEMS


def summarize(config: NeuromodConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of `metrics.json` without versions and times."""
    params = tables.standard()
    names, own = tuple(systems.owners(params)), tables.EFFECTS[config.cell]
    extremes = {}
    for kind, label in KINDS.items():
        course: Course = found[label]
        extremes[kind] = {
            "concentration_nM": _extremes(SYSTEMS, course.concentration),
            "activation": _extremes(names, course.activation),
            "amount": _extremes(effects.names(own), course.amount),
        }
    doses: DoseResponse = found[DOSES]
    return {
        "tonic_nM": {name: float(np.asarray(params.kinetics[name].tonic)) for name in SYSTEMS},
        "sources": {f"{e.receptor} on {e.target}": e.source for e in own},
        "extremes": extremes,
        "dose_response_largest_error": float(np.abs(doses.occupancy - doses.hill).max()),
    }


def _extremes(names: tuple[str, ...], values: np.ndarray) -> dict[str, dict[str, float]]:
    return {
        name: {"lowest": float(row.min()), "highest": float(row.max())}
        for name, row in zip(names, values, strict=True)
    }
