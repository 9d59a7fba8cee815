"""What `neurogain bridge` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables

COLUMNS = {"avg_sg": "avg-SG", "avg_anytime_acc": "AAA", "avg_acc": "avg-ACC"}


def table(metrics: Mapping[str, Any]) -> str:
    """Return a line for each source, the curve, and what each changes."""
    measured = metrics["sources"]
    form = "{:<8}  " + len(COLUMNS) * "{:<22.3f}"
    rows = [("source", *COLUMNS.values())]
    rows += [(name, *map(m.get, COLUMNS)) for name, m in measured.items()]
    seeds = len(next(iter(measured.values()))["diverged"])
    curve = metrics["curve"]
    peaks = ", ".join(
        f"{name} {m['max_gain']['mean']:.2f}" for name, m in measured.items() if name != "none"
    )
    top = max(range(len(curve["gain"])), key=lambda i: curve["gain"][i])
    notes = [
        f"{tables.intervals_over(seeds, 'seed')}; lower avg-SG is better, at equal avg-ACC and "
        "AAA.",
        f"Highest gains: {peaks or 'none'}. The measured curve reaches {curve['gain'][top]:.2f} "
        f"[{curve['ci'][top][0]:.2f}, {curve['ci'][top][1]:.2f}] at "
        f"{curve['concentration_nM'][top]:g} nM of noradrenaline, held.",
    ]
    for pair, change in metrics["differences"].items():
        said = ", ".join(
            f"{COLUMNS[field]} {_number(change[field])} ({change[field]['verdict']})"
            for field in COLUMNS
        )
        notes.append(f"{pair}: {said}.")
    notes.append(f"equal: the interval lies within {metrics['margin']:g}, set beforehand.")
    return "\n".join([*tables.lines(form, rows), "", *tables.wrapped(*notes)])


def _number(change: Mapping[str, Any]) -> str:
    return "undefined" if change["mean"] is None else f"{change['mean']:+.4f}"
