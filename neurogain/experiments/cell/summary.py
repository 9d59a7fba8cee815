"""The numbers of one cell, and what `neurogain cell` prints."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurogain import stats
from neurogain.experiments.cell.config import CellConfig
from neurogain.spiking import measures


def summarize(config: CellConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of metrics.json without versions and times."""
    traces = found["traces"]
    times, bursts = traces.spike_time_ms, traces.spike_burst
    start, end = config.pulse
    during = (times > config.pulse_start) & (times <= config.pulse_end)
    rate = 1000 * during.sum() / (end - start) if end > start else np.nan
    calcium = measures.calcium_burst_fraction(bursts.sum(), len(times))
    return {
        "spike_time_ms": times.tolist(),
        "calcium_burst": bursts.tolist(),
        "rate_hz_during_pulse": stats.or_null(rate),
        "isi_mean_ms": stats.or_null(traces.isi_mean_ms),
        "isi_cv": stats.or_null(traces.isi_cv),
        "calcium_burst_fraction": stats.or_null(calcium),
        "isi_burst_fraction": stats.or_null(traces.isi_burst_fraction),
        "burst_periods_ms": [list(p) for p in measures.burst_periods(times, config.burst_window)],
    }
