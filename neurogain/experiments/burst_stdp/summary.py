"""What the regimes of `burst_stdp` are measured by: changes, ratios, speeds, with intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain import results
from neurogain.experiments.burst_stdp.config import SEGMENT, BurstStdpConfig
from neurogain.experiments.burst_stdp.run import Course, early_change
from neurogain.spiking import measures
from neurogain.stats import summary

UNITS = {
    "early_change": "mean over synapses of |w - w(0)| after the time `early`, over w_max",
    "early_change_per_spike": "early_change over the spikes of a pre- and a postsynaptic cell",
    "early_change_per_pair": "early_change over the product of these two counts",
    "half_time_ms": "ms, at which half of final_change is reached",
    "final_change": "mean over synapses of |w - w(0)| at the end, over w_max",
    "final_mean_weight": "mean weight at the end over w_max",
    "pre_rate_hz": "Hz",
    "post_rate_hz": "Hz",
    "early_pairs": "spikes of a presynaptic cell times those of a postsynaptic one, until `early`",
    "burst_fraction": "share of spikes that were reset as bursts",
    "pulse_speed_per_s": "mean over synapses of |change|, over w_max, per second",
    "map": "speed_ratio at other currents and noises; bursting is the slower below 1",
}
RATIOS = {
    "speed_ratio": ("early_change", "first change"),
    "speed_ratio_per_spike": ("early_change_per_spike", "first change per spike"),
    "speed_ratio_per_pair": ("early_change_per_pair", "first change per spike pair"),
    "half_time_ratio": ("half_time_ms", "time to half of the change"),
}
"""Of bursting over regular cells: the measure, and how it is shown."""


def per_seed(config: BurstStdpConfig, course: Course) -> dict[str, np.ndarray]:
    """Return the measures of one regime, one value per seed."""
    segments = round(config.early / SEGMENT)
    early = early_change(config, course)
    pre, post = (x[:, :segments].sum(axis=1) for x in (course.pre_spikes, course.post_spikes))
    spikes = np.where(pre + post > 0, pre + post, np.nan)
    pairs = np.where(pre * post > 0, pre * post, np.nan)
    return {
        "early_change": early,
        "early_change_per_spike": early / spikes,
        "early_change_per_pair": early / pairs,
        "half_time_ms": measures.half_time(course.change, config.sample),
        "final_change": course.change[:, -1],
        "final_mean_weight": course.mean[:, -1],
        "pre_rate_hz": course.pre_spikes.mean(axis=1) / SEGMENT * 1000,
        "post_rate_hz": course.post_spikes.mean(axis=1) / SEGMENT * 1000,
        "early_pairs": pre * post,
        "burst_fraction": course.bursts.mean(axis=1),
    }


def pulse_speeds(config: BurstStdpConfig, course: Course) -> dict[str, np.ndarray]:
    """Return the speed of change, share of w_max per second, before, in and after the pulse."""
    first, last = (round(t / SEGMENT) for t in config.pulse)
    speed = course.step * (1000 / SEGMENT)
    parts = {"before": slice(0, first), "during": slice(first, last), "after": slice(last, None)}
    return {name: speed[:, part].mean(axis=1) for name, part in parts.items()}


def summarize(config: BurstStdpConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    measured = {name: per_seed(config, found[name]) for name in ("regular", "bursting")}
    ratios = {
        name: _ratio(measured["bursting"][measure], measured["regular"][measure])
        for name, (measure, _) in RATIOS.items()
    }
    faster = measured["bursting"]["early_change"] > measured["regular"]["early_change"]
    speeds = pulse_speeds(config, found["pulse"])
    pulse = {name: summary(values) for name, values in speeds.items()}
    pulse["during_over_before"] = _ratio(speeds["during"], speeds["before"])
    pulse["after_over_before"] = _ratio(speeds["after"], speeds["before"])
    return {
        "config": results.plain(config),
        "units": UNITS,
        **{
            name: {measure: summary(values) for measure, values in measures.items()}
            for name, measures in measured.items()
        },
        **ratios,
        "seeds_in_which_bursting_is_faster": int(faster.sum()),
        "pulse_speed_per_s": pulse,
        "map": [
            {
                "somatic_current_pA": point.current,
                "noise_pA": point.noise,
                "speed_ratio": _ratio(found[point.label].bursting, found[point.label].regular),
            }
            for point in config.points()
        ],
    }


def _ratio(one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    return summary(one / np.where(other > 0, other, np.nan))
