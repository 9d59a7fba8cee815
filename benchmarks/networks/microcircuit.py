"""The experiment `neurogain microcircuit` at its defaults; options are passed on to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from neurogain import stats

ABOUT = {"title": "The layer-5 microcircuit and its gain", "minutes": 5}
TINY = (
    *("--seeds", "2", "--duration", "50", "--warm-up", "0", "--reference-duration", "50"),
    *("--somatic-current", "700", "1100", "--dendritic-levels", "0", "800"),
    *("--coupling-levels", "0", "1", "--som-levels", "75", "200", "--pv-levels", "75", "125"),
)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the strongest level of each knob does at the usual recurrence."""
    conditions = content["metrics"]["conditions"]
    for row in {c["knob"]: c for c in conditions}.values():  # the last level of each
        slope = stats.text(row["slope_change_percent"], "+.0f")
        threshold = stats.text(row["threshold_change_pA"], "+.0f")
        claim = f"Change of the network's slope and threshold at {row['knob']} {row['level']:g}"
        yield claim, f"{slope} %, {threshold} pA"
