"""What `neurogain microcircuit` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables
from neurogain.stats import text


def table(metrics: Mapping[str, Any]) -> str:
    """Return the reference rates, two lines per level, and the effect of PV cells by distance."""
    config, distance = metrics["config"], metrics["pv_distance"]
    rates = (f"{name} {text(x)}" for name, x in metrics["reference"]["rates_hz"].items())
    rows: list[tuple[Any, ...]] = [
        ("r", "knob", "level", "slope (Hz/nA)", "threshold (pA)"),
        ("", "", "", "change (%)", "change (pA)"),
    ]
    others = [c for other in metrics["other_recurrences"] for c in other["conditions"]]
    for c in metrics["conditions"] + others:
        setting = (c["recurrence"], c["knob"], c["level"])
        rows.append((*setting, c["slope_hz_per_nA"], c["threshold_pA"]))
        rows.append(("", "", "", c["slope_change_percent"], c["threshold_change_pA"]))
    near, far = (text(distance["threshold_change_pA"][i], ".0f") for i in (0, -1))
    low, high = config["slope_range"]
    lines = [
        f"Reference ({config['reference_current']:g} pA, recurrence 1), Hz:",
        "  " + ", ".join(rates),
        "",
        *tables.lines("{:<5g}{:<16}{:>6g}  {:<22.1f}{:.0f}", rows),
        "",
        f"PV cells driven in {distance['sector_deg']:g} degrees move the threshold of pyramidal",
        f"cells by {near} pA in its middle, by {far} pA opposite.",
        f"r: recurrence. Slope: points from {low:g} to {high:g} Hz. Threshold: "
        f"{config['criterion']:g} Hz.",
        f"Means over {config['seeds']} seeds and 95 % t-intervals; changes against the lowest",
        "level, paired by seed.",
    ]
    return "\n".join(lines)
