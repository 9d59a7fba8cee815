"""What `neurogain stability-gap` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables
from neurogain.continual.protocol import when_evaluated

COLUMNS = (
    {"avg_sg": "avg-SG", "avg_acc": "avg-ACC", "avg_anytime_acc": "AAA"},
    {"min_acc": "min-ACC (old tasks)", "wc_acc": "WC-ACC"},
)
"""Of the tables, one below the other: with intervals a line has room for three."""


def table(metrics: Mapping[str, Any]) -> str:
    """Return the results as tables, one method a line, and what they rest on."""
    measured = metrics["methods"]
    width = min(13, max(len("method"), *map(len, measured)))
    lines: list[str] = []
    for columns in COLUMNS:
        rows = [("method", *columns.values())]
        rows += [(label, *map(m.get, columns)) for label, m in measured.items()]
        form = f"{{:<{width}}}  " + len(columns) * "{:<22.3f}"
        lines += [*([""] if lines else []), *tables.lines(form, rows)]
    seeds = len(next(iter(measured.values()))["diverged"])
    spread = tables.intervals_over(seeds, "seed")
    notes = [
        f"{spread}; lower avg-SG is better, at equal avg-ACC and AAA (average anytime accuracy: "
        "on all tasks so far, mean over training)."
    ]
    diverged = [label for label, m in measured.items() if any(m["diverged"])]
    if diverged:
        notes.append(f"Diverged: {', '.join(diverged)}.")
    notes.append(_evaluation(metrics))
    if "note" in metrics["stream"]:
        notes.append(metrics["stream"]["note"])
    return "\n".join([*lines, "", *tables.wrapped(*notes)])


def _evaluation(metrics: Mapping[str, Any]) -> str:
    """Say how often and on what was evaluated, and what that does to the minima."""
    stream = metrics["stream"]
    fewest, most = min(stream["evaluation_images"]), max(stream["evaluation_images"])
    number = str(most) if fewest == most else f"{fewest} to {most}"
    low = max(m["minimum_bias"]["at_most"] for m in metrics["methods"].values())
    return (
        f"Evaluated {when_evaluated(stream)} on {number} images a task: the lowest of such "
        f"readings, which avg-SG and min-ACC hang on, may be too low by up to {low:.3f} "
        "(minimum_bias in metrics.json, by method)."
    )
