"""What `neurogain cell` prints."""

from collections.abc import Mapping
from typing import Any


def table(metrics: Mapping[str, Any]) -> str:
    """Return what the cell did in three lines."""

    def text(name: str, unit: str = "") -> str:
        value = metrics[name]
        return "undefined" if value is None else f"{value:.3g}{unit}"

    return (
        f"{metrics['config']['cell']}: {len(metrics['spike_time_ms'])} spikes, "
        f"{text('rate_hz_during_pulse', ' Hz')} during the pulse\n"
        f"intervals: mean {text('isi_mean_ms', ' ms')}, CV {text('isi_cv')}\n"
        f"bursts: {text('calcium_burst_fraction')} of the spikes by calcium, "
        f"{text('isi_burst_fraction')} by intervals"
    )
