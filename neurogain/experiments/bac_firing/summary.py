"""Where calcium events are, and what `neurogain bac-firing` prints."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Pairing, Sustained
from neurogain.spiking import cells
from neurogain.stats import probability


def summarize(config: BacFiringConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    pairing: Pairing = found["pairing"]
    couplings, pulses = config.numbers("coupling"), config.numbers("dendritic_pulse")
    return {
        "spike_time_ms": float(pairing.spike_time_ms),
        "spike_alone_peak_mV": pairing.spike_alone.max(axis=1).tolist(),
        "calcium_threshold_mV": cells.L5_V_CALCIUM,
        "pairing": [
            {"coupling": coupling, "dendritic_pulse_pA": pulse} | _row(config, pairing, i, j)
            for i, coupling in enumerate(couplings)
            for j, pulse in enumerate(pulses)
        ],
        "sustained": [
            {"coupling": coupling} | _bursts(found["sustained"], i)
            for i, coupling in enumerate(couplings)
        ],
    }


def _row(config: BacFiringConfig, pairing: Pairing, i: int, j: int) -> dict[str, Any]:
    """Return what one coupling and one pulse lead to, by delay."""
    delays = np.array(config.numbers("delay"))
    events = probability(pairing.paired[i, j] >= cells.L5_V_CALCIUM)
    likely = delays[np.array(events["mean"]) >= 0.5]
    return {
        "pulse_alone_peak_mV": float(pairing.pulse_alone[j]),
        "delay_ms": delays.tolist(),
        "event_probability": events["mean"],
        "event_probability_ci": events["ci"],
        "window_ms": [float(likely.min()), float(likely.max())] if likely.size else None,
    }


def _bursts(sustained: Sustained, i: int) -> dict[str, Any]:
    """Return spikes and bursts of one coupling."""
    count, interval = sustained.spikes[i].sum(), sustained.shortest_interval[i]
    interval = interval[np.isfinite(interval)]
    share = float(sustained.calcium_bursts[i].sum() / count) if count else None
    return {
        "spikes_during_pulse": float(sustained.spikes[i].mean()),
        "calcium_burst_fraction": share,
        "shortest_interval_ms": float(interval.mean()) if interval.size else None,
    }
