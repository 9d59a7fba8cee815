"""What `neurogain microcircuit` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import stats


def table(metrics: Mapping[str, Any]) -> str:
    """Return the reference rates, two lines per level, and the effect of PV cells by distance."""
    rates = metrics["reference"]["rates_hz"].items()
    config = metrics["config"]
    lines = [
        f"Reference ({config['reference_current']:g} pA, recurrence 1), Hz:",
        "  " + ", ".join(f"{name} {stats.text(value)}" for name, value in rates),
        "",
        f"{'r':<5}{'knob':<16}{'level':>6}  {'slope (Hz/nA)':<22}threshold (pA)",
        f"{'':<29}{'change (%)':<22}change (pA)",
    ]
    others = [c for other in metrics["other_recurrences"] for c in other["conditions"]]
    for c in metrics["conditions"] + others:
        head = f"{c['recurrence']:<5g}{c['knob']:<16}{c['level']:>6g}"
        values = stats.text(c["slope_hz_per_nA"]), stats.text(c["threshold_pA"], ".0f")
        changes = (
            stats.text(c["slope_change_percent"]),
            stats.text(c["threshold_change_pA"], ".0f"),
        )
        lines.append(f"{head}  {values[0]:<22}{values[1]}".rstrip())
        lines.append(f"{'':<29}{changes[0]:<22}{changes[1]}".rstrip())
    distance = metrics["pv_distance"]
    near, far = (stats.text(distance["threshold_change_pA"][i], ".0f") for i in (0, -1))
    low, high = config["slope_range"]
    lines += [
        "",
        f"PV cells driven in {distance['sector_deg']:g} degrees move the threshold of pyramidal",
        f"cells by {near} pA in its middle, by {far} pA opposite.",
        f"r: recurrence. Slope: points from {low:g} to {high:g} Hz. Threshold: "
        f"{config['criterion']:g} Hz.",
        f"Means over {config['seeds']} seeds and 95 % t-intervals; changes against the lowest",
        "level, paired by seed.",
    ]
    return "\n".join(lines)
