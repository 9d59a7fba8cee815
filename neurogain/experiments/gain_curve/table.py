"""What `neurogain gain-curve` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables

_KNOBS = ("dendritic_current_pA", "coupling", "dendritic_inhibition_nS", "somatic_inhibition_nS")


def table(metrics: Mapping[str, Any]) -> str:
    """Return one line per curve."""
    rows: list[list[Any]] = [
        ["Id", "p", "gd", "gs", "rheobase", "gain", " bursts: Ca, ISI", ""],
        ["(pA)", "", "(nS)", "(nS)", "(pA)", "(Hz/nA)", "", ""],
    ]
    for curve in metrics["curves"]:
        onset = "none" if curve["rheobase_pA"] is None else curve["rheobase_pA"]
        slope = {"mean": curve["gain_hz_per_nA"], "ci": curve["gain_hz_per_nA_ci"]}
        shares = (curve[f"{kind}_burst_fraction"][-1] for kind in ("calcium", "isi"))
        rows.append([*map(curve.get, _KNOBS), onset, slope, *shares])
    config = metrics["config"]
    low, high = config["gain_range"]
    spread = tables.intervals_over(config["repeats"], "repeat")
    lines = [
        *tables.lines(4 * "{:>6g}" + "{:>10g}  {:<22.1f}{:>11.0%}{:>5.0%}", rows),
        "Rheobase: first current with at least 1 Hz, onset included.",
        f"Gain: slope from {low:g} pA (or the rheobase) to {high:g} pA,",
        f"  {spread.replace('One', 'one')}.",
        "Bursts: share of the spikes at the last somatic current.",
    ]
    return "\n".join(lines)
