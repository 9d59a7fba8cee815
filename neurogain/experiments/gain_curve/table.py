"""What `neurogain gain-curve` prints."""

from collections.abc import Mapping
from typing import Any

_HEAD = (
    f"{'Id':>6}{'p':>6}{'gd':>6}{'gs':>6}{'rheobase':>10}  {'gain':<22}{'bursts: Ca, ISI':>16}",
    f"{'(pA)':>6}{'':>6}{'(nS)':>6}{'(nS)':>6}{'(pA)':>10}  {'(Hz/nA)':<22}",
)


def table(metrics: Mapping[str, Any]) -> str:
    """Return one line per curve."""
    lines = [line.rstrip() for line in _HEAD]
    for curve in metrics["curves"]:
        names = ("dendritic_current_pA", "coupling", "dendritic_inhibition_nS")
        knobs = "".join(f"{curve[name]:>6g}" for name in (*names, "somatic_inhibition_nS"))
        onset, slope = curve["rheobase_pA"], curve["gain_hz_per_nA"]
        low, high = curve["gain_hz_per_nA_ci"]
        rheobase = "none" if onset is None else f"{onset:g}"
        gain = "undefined" if slope is None else f"{slope:.1f}"
        gain += "" if low is None else f" [{low:.1f}, {high:.1f}]"
        shares = (curve[f"{kind}_burst_fraction"][-1] for kind in ("calcium", "isi"))
        calcium, isi = ("-" if share is None else f"{share:.0%}" for share in shares)
        lines.append(f"{knobs}{rheobase:>10}  {gain:<22}{calcium:>11}{isi:>5}")
    config = metrics["config"]
    low, high = config["gain_range"]
    spread = (
        f"95 % t-intervals over {config['repeats']} repeats"
        if config["repeats"] > 1
        else "one repeat"
    )
    lines += [
        "Rheobase: first current with at least 1 Hz, onset included.",
        f"Gain: slope from {low:g} pA (or the rheobase) to {high:g} pA,",
        f"  {spread}.",
        "Bursts: share of the spikes at the last somatic current.",
    ]
    return "\n".join(lines)
