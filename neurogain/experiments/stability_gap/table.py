"""What `neurogain stability-gap` prints."""

from collections.abc import Mapping
from typing import Any

from neurogain import tables

COLUMNS = {"avg_sg": "avg-SG", "avg_acc": "avg-ACC", "min_acc": "min-ACC (old tasks)"}


def table(metrics: Mapping[str, Any]) -> str:
    """Return the results as a table, one method a line, and what they rest on."""
    measured = metrics["methods"]
    width = min(13, max(len("method"), *map(len, measured)))
    rows = [("method", *COLUMNS.values())]
    rows += [(label, *map(m.get, COLUMNS)) for label, m in measured.items()]
    lines = tables.lines(f"{{:<{width}}}  " + 3 * "{:<22.3f}", rows)
    seeds = len(next(iter(measured.values()))["diverged"])
    spread = tables.intervals_over(seeds, "seed")
    notes = [f"{spread}; lower avg-SG is better, at equal avg-ACC."]
    diverged = [label for label, m in measured.items() if any(m["diverged"])]
    if diverged:
        notes.append(f"Diverged: {', '.join(diverged)}.")
    notes.append(_evaluation(metrics))
    if "note" in metrics["stream"]:
        notes.append(metrics["stream"]["note"])
    return "\n".join(lines + tables.wrapped(*notes))


def _evaluation(metrics: Mapping[str, Any]) -> str:
    """Say how often and on what was evaluated, and what that does to the minima."""
    stream = metrics["stream"]
    fewest, most = min(stream["evaluation_images"]), max(stream["evaluation_images"])
    number = str(most) if fewest == most else f"{fewest} to {most}"
    every = stream["eval_every"]
    when = "after every update" if every == 1 else f"every {every} updates"
    low = max(m["minimum_bias"]["at_most"] for m in metrics["methods"].values())
    return (
        f"Evaluated {when} on {number} images a task: the lowest of such readings, which avg-SG "
        f"and min-ACC hang on, may be too low by up to {low:.3f} (minimum_bias in metrics.json, by "
        "method)."
    )
