"""The experiment `neurogain burst-stdp` at its defaults; options are passed on to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neurogain import stats

ABOUT = {"title": "Burst-STDP: do bursts speed up plasticity?", "minutes": 1}
TINY = (
    *("--seeds", "2", "--duration", "1500", "--early", "500", "--warm-up", "0"),
    *("--pulse", "500", "1000", "--map-seeds", "2"),
)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield how much faster bursting cells learn."""
    metrics = content["metrics"]
    names = {"speed_ratio": "", "speed_ratio_per_pair": ", per pair of spikes"}
    for name, per in names.items():
        claim = f"First change of the weights, bursting over regular cells{per}"
        yield claim, stats.text(metrics[name], ".2f")
