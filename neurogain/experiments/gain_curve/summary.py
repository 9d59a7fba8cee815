"""The figures of f-I curves from the counts of all units."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain import stats
from neurogain.experiments.gain_curve.config import GainCurveConfig
from neurogain.experiments.gain_curve.run import Curves
from neurogain.spiking import measures


def summarize(config: GainCurveConfig, found: Mapping[str, Curves]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    current = np.array(config.numbers("somatic_current"))
    curves = []
    for unit in config.units():
        result = found[unit.label]
        for i, coupling in enumerate(config.numbers("coupling")):
            counts = Curves(*(array[i] for array in result))
            curves.append(
                {
                    "dendritic_current_pA": unit.dendritic_current,
                    "coupling": coupling,
                    "dendritic_inhibition_nS": unit.dendritic_inhibition,
                    "somatic_inhibition_nS": unit.somatic_inhibition,
                    "somatic_current_pA": current.tolist(),
                    **measure(config, current, counts),
                }
            )
    return {"curves": curves}


def measure(config: GainCurveConfig, current: np.ndarray, counts: Curves) -> dict[str, Any]:
    """Return the figures of one curve, from counts of shape (somatic currents, repeats)."""
    curve = measures.fi_curve(current, counts.spikes, config.duration)
    onset = measures.rheobase(current, curve.rate)
    low, high = config.gain_range
    low = max(low, onset) if np.isfinite(onset) else low
    rates = measures.rate(counts.spikes, config.duration)
    slopes = [measures.gain(current, one, low, high) for one in rates.T]
    result = {
        "rate_hz": curve.rate.tolist(),
        "rate_hz_ci": stats.or_null(np.transpose([curve.low, curve.high])),
    }
    for name in ("calcium", "isi"):
        bursts = getattr(counts, f"{name}_bursts")
        total = counts.spikes.sum(axis=1)
        share = measures.calcium_burst_fraction(bursts.sum(axis=1), total)
        result[f"{name}_burst_fraction"] = stats.or_null(share)
    return result | {
        "gain_hz_per_nA": stats.or_null(np.mean(slopes)),
        "gain_hz_per_nA_ci": stats.or_null(stats.t_interval(slopes)),
        "gain_range_pA": [low, high] if low < high else None,
        "rheobase_pA": stats.or_null(onset),
    }
