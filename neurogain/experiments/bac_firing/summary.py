"""Where calcium events are, and what they do to the spikes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Pairing, Sustained, spike_time
from neurogain.spiking import cells

SCHEMA_VERSION = 1


def probability(events: np.ndarray) -> dict[str, Any]:
    """Return the share of events over the last axis with its 95 % Clopper-Pearson interval."""
    count, n = events.sum(axis=-1), events.shape[-1]
    low = np.where(count > 0, stats.beta.ppf(0.025, np.maximum(count, 1), n - count + 1), 0.0)
    high = np.where(count < n, stats.beta.ppf(0.975, count + 1, np.maximum(n - count, 1)), 1.0)
    return {"mean": (count / n).tolist(), "ci": np.stack([low, high], -1).tolist()}


def summarize(config: BacFiringConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    pairing: Pairing = found["pairing"]
    return {
        "schema_version": SCHEMA_VERSION,
        "config": config.as_json(),
        "spike_time_ms": spike_time(config),
        "spike_alone_peak_mV": pairing.spike_alone.max(axis=1).tolist(),
        "calcium_threshold_mV": cells.L5_V_CALCIUM,
        "pairing": _maps(config, pairing),
        "sustained": _bursts(config, found["sustained"]),
    }


def _maps(config: BacFiringConfig, pairing: Pairing) -> list[dict[str, Any]]:
    """Return the probability of an event over delays, for each coupling and pulse."""
    threshold = cells.L5_V_CALCIUM
    delays = np.array(config.numbers("delay"))
    maps = []
    for i, coupling in enumerate(config.numbers("coupling")):
        for j, pulse in enumerate(config.numbers("dendritic_pulse")):
            events = probability(pairing.paired[i, j] >= threshold)
            likely = delays[np.array(events["mean"]) >= 0.5]
            maps.append(
                {
                    "coupling": coupling,
                    "dendritic_pulse_pA": pulse,
                    "pulse_alone_peak_mV": float(pairing.pulse_alone[j]),
                    "delay_ms": delays.tolist(),
                    "event_probability": events["mean"],
                    "event_probability_ci": events["ci"],
                    "window_ms": [float(likely.min()), float(likely.max())]
                    if likely.size
                    else None,
                }
            )
    return maps


def _bursts(config: BacFiringConfig, sustained: Sustained) -> list[dict[str, Any]]:
    """Return what a pulse on top of sustained firing does, for each coupling."""
    bursts = []
    for i, coupling in enumerate(config.numbers("coupling")):
        count = sustained.spikes[i].sum()
        found = sustained.shortest_interval[i]
        found = found[np.isfinite(found)]
        bursts.append(
            {
                "coupling": coupling,
                "spikes_during_pulse": float(sustained.spikes[i].mean()),
                "calcium_burst_fraction": float(sustained.calcium_bursts[i].sum() / count)
                if count
                else None,
                "shortest_interval_ms": float(found.mean()) if found.size else None,
            }
        )
    return bursts
