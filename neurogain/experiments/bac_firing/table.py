"""What `neurogain bac-firing` prints."""

from collections.abc import Mapping
from typing import Any


def table(metrics: Mapping[str, Any]) -> str:
    """Return one line per pulse at the strongest coupling, then one per coupling."""
    strongest = max(m["coupling"] for m in metrics["pairing"])
    lines = [f"Pairing, p = {strongest:g}: pulse, peak of the pulse alone, delays with an event"]
    for m in metrics["pairing"]:
        if m["coupling"] == strongest:
            window = m["window_ms"]
            text = "none" if window is None else f"{window[0]:g} to {window[1]:g} ms"
            alone = m["pulse_alone_peak_mV"]
            note = "" if alone < metrics["calcium_threshold_mV"] else " (an event by itself)"
            lines.append(f"  {m['dendritic_pulse_pA']:>6g} pA  {alone:>6.1f} mV{note}  {text}")
    lines.append("Sustained: coupling, spikes during the pulse, reset as bursts, shortest interval")
    for m in metrics["sustained"]:
        share, interval = m["calcium_burst_fraction"], m["shortest_interval_ms"]
        lines.append(
            f"  p = {m['coupling']:<5g} {m['spikes_during_pulse']:>5.1f}  "
            + ("    -" if share is None else f"{share:>5.0%}")
            + ("      -" if interval is None else f"  {interval:.1f} ms")
        )
    return "\n".join(lines)
