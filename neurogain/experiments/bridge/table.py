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
    links = metrics["links"]
    alone = ", ".join(
        "{} {:.2f} [{:.2f}, {:.2f}]".format(name, one["gain"], *one["ci"])
        for name, one in links["alone"].items()
    )
    notes = [
        f"{tables.intervals_over(seeds, 'seed')}; lower avg-SG is better, at equal avg-ACC and "
        "AAA.",
        f"Highest gains: {peaks or 'none'}. The measured curve reaches {curve['gain'][top]:.2f} "
        f"[{curve['ci'][top][0]:.2f}, {curve['ci'][top][1]:.2f}] at "
        f"{curve['concentration_nM'][top]:g} nM of noradrenaline, held.",
        f"At {links['concentration_nM']:g} nM with one kind of effect alone: {alone}.",
    ]
    changes: list[Any] = [("pairs of seeds", *COLUMNS.values())]
    for pair, change in metrics["differences"].items():
        changes.append((pair, *(_said(change[field]) for field in COLUMNS)))
    closing = (
        "equal: the interval of a difference lies within "
        f"{metrics['margin']:g}, set beforehand; higher, lower: it holds no 0; else not decided."
    )
    blocks = (
        tables.lines(form, rows), tables.wrapped(*notes),
        tables.lines("{:<18}" + len(COLUMNS) * "{:<21}", changes), tables.wrapped(closing),
    )  # fmt: skip
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _said(change: Mapping[str, Any]) -> str:
    number = "undefined" if change["mean"] is None else f"{change['mean']:+.4f}"
    return f"{number} {change['verdict']}"
