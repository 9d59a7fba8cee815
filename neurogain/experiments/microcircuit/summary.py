"""What the f-I curves of a population say: slope, threshold, and how knobs change them."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from neurogain import stats
from neurogain.experiments.microcircuit.config import (
    KNOBS,
    POPULATIONS,
    MicrocircuitConfig,
    Setting,
    angle,
    in_sector,
)
from neurogain.spiking import measures
from neurogain.spiking.measures import slope, threshold
from neurogain.stats import summary, t_interval

_known = functools.partial(summary, known_only=True)


class Curve(NamedTuple):
    """The f-I curve of each seed, and its figures."""

    rate: np.ndarray  # (seeds, currents), Hz
    slope: np.ndarray  # (seeds,), Hz/nA; NaN with fewer than two points
    threshold: np.ndarray  # (seeds,), pA; NaN where the rate never crosses


def measure(config: MicrocircuitConfig, rate: np.ndarray) -> Curve:
    """Return the curves with the given rates, shape (seeds, currents)."""
    current = config.currents()
    return Curve(
        rate,
        np.array([slope(current, one, *config.slope_range) for one in rate]),
        np.array([threshold(current, one, config.criterion) for one in rate]),
    )


def population_rate(config: MicrocircuitConfig, counts: np.ndarray) -> np.ndarray:
    """Return the pyramidal cells' mean rate, shape (seeds, currents), in Hz."""
    return measures.rate(counts[..., : config.pyramidal].mean(axis=-1), config.duration)


def summarize(config: MicrocircuitConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    reference = found["reference"]
    counts = {setting: found[setting.label].spikes for setting in config.units()}
    curves = {
        setting: measure(config, population_rate(config, one)) for setting, one in counts.items()
    }
    rates = zip(POPULATIONS, reference.rates.T, strict=True)
    return {
        "reference": {
            "recurrence": 1.0,
            "current_pA": config.reference_current,
            "rates_hz": {name: _known(values) for name, values in rates},
            "synchrony_chi": _known(reference.synchrony),
        },
        "conditions": conditions(config, curves, config.recurrence),
        "other_recurrences": [
            {"recurrence": r, "conditions": conditions(config, curves, r)}
            for r in config.recurrences()[1:]
        ],
        "pv_distance": pv_distance(config, counts),
    }


def conditions(
    config: MicrocircuitConfig, curves: Mapping[Setting, Curve], recurrence: float
) -> list[dict[str, Any]]:
    """Return one entry for each level of each knob; changes are paired by seed."""
    found = []
    for knob, unit in KNOBS.items():
        own = {
            level: curves[setting]
            for level in config.levels(knob)
            if (setting := config.setting(recurrence, **{knob: level})) in curves
        }
        lowest = own[min(own)]
        for level, curve in own.items():
            low, high = t_interval(curve.rate)
            rate = {
                "mean": curve.rate.mean(axis=0).tolist(),
                "ci": stats.or_null(np.transpose([low, high])),
                "per_seed": curve.rate.tolist(),
            }
            found.append(
                {
                    "knob": knob,
                    "level": level,
                    "unit": unit,
                    "recurrence": recurrence,
                    "current_pA": config.currents().tolist(),
                    "rate_hz": rate,
                    "slope_hz_per_nA": _known(curve.slope),
                    "threshold_pA": _known(curve.threshold),
                    "slope_change_hz_per_nA": _known(curve.slope - lowest.slope),
                    "slope_change_percent": _known(100 * (curve.slope / lowest.slope - 1)),
                    "threshold_change_pA": _known(curve.threshold - lowest.threshold),
                    "rate_change_hz": _known((curve.rate - lowest.rate).mean(axis=1)),
                }
            )
    return found


def pv_distance(config: MicrocircuitConfig, results: Mapping[Setting, np.ndarray]) -> dict:
    """Return thresholds of groups of pyramidal cells by their distance to the sector's middle."""
    degrees = angle(config.pyramidal)
    edges = np.linspace(0, 180, config.distance_bins + 1)
    group = np.minimum(np.digitize(degrees, edges) - 1, config.distance_bins - 1)
    found = {}
    for name, drive in (("driven", config.sector_drive), ("control", 0.0)):
        counts = results[config.setting(sector_drive=drive)]
        groups = [
            measure(config, measures.rate(counts[..., cells].mean(axis=-1), config.duration))
            for cells in (np.flatnonzero(group == g) for g in range(config.distance_bins))
        ]
        found[name] = np.stack([one.threshold for one in groups], axis=1)  # (seeds, bins)
    middle = np.array([degrees[group == g].mean() for g in range(config.distance_bins)])
    return {
        "sector_deg": config.sector,
        "driven_cells": int(in_sector(config).sum()),
        "sector_drive_pA": config.sector_drive,
        "angle_deg": middle.tolist(),
        "distance_radii": (2 * np.sin(np.radians(middle) / 2)).tolist(),
        "threshold_pA": [_known(x) for x in found["driven"].T],
        "control_threshold_pA": [_known(x) for x in found["control"].T],
        "threshold_change_pA": [_known(x) for x in (found["driven"] - found["control"]).T],
    }
