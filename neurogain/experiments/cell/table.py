"""What `neurogain cell` prints."""

from collections.abc import Mapping
from typing import Any


def table(metrics: Mapping[str, Any]) -> str:
    """Return two lines on what the cell did."""

    def text(value: float | None, unit: str) -> str:
        return "undefined" if value is None else f"{value:.3g}{unit}"

    return (
        f"{metrics['config']['cell']}: {len(metrics['spike_time_ms'])} spikes, "
        f"{text(metrics['rate_hz_during_pulse'], ' Hz')} during the pulse; intervals: mean "
        f"{text(metrics['isi_mean_ms'], ' ms')}, CV {text(metrics['isi_cv'], '')};\n"
        f"bursts: {text(metrics['calcium_burst_fraction'], '')} of the spikes by calcium, "
        f"{text(metrics['isi_burst_fraction'], '')} by intervals"
    )
