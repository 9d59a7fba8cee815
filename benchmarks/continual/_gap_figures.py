"""The figures of the stability gap's benchmark, from its results and curves."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.continual._gap_page import name, recorded
from benchmarks.continual._gap_units import FRONTS, PRESET
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.plotting import continual as plots
from neurogain.plotting import fronts


def figures(
    stream: Stream, result: Mapping[str, Any], curves: Mapping[str, TaskCurves]
) -> Iterator[tuple[str, Any]]:
    """Yield the fronts, and switches and gain at the chosen configurations, by name."""
    entries, title = result["methods"], name(result)
    named = {n: m["summary"] for n, m in entries.items()}
    swept = [n for n in FRONTS if n in named and len(entries[n]["front"]) > 1]
    tuning = [
        p for n in swept if entries[n]["front_seeds"] == "tuning" for p in entries[n]["front"]
    ]
    on = f", means over {seeds(entries.values())}"
    on += f"; fronts: tuning, {seeds(tuning)}" if tuning else ""
    shown = [*entries.values(), *(p for n in swept for p in entries[n]["front"])]
    for field in recorded(fronts.SHORT, *shown) if swept else ():
        best = max(m[field]["mean"] for m in entries.values())
        yield (
            "fronts" if field == "avg_acc" else "fronts_anytime",
            fronts.fronts(
                {named[n]: entries[n]["front"] for n in swept},
                {named[n]: m for n, m in entries.items() if n not in swept},
                published={
                    named[n]: gap for n, gap in result["published_avg_sg"].items() if n in named
                },
                title=title + on,
                accuracy=field,
                lowest_accuracy=max(0.0, float(np.floor(20 * (best - 0.15)) / 20)),
                highlighted=named.get(PRESET),
            ),
        )
    if curves:
        accuracy, gain, drive = (
            {named[name]: getattr(c, field) for name, c in curves.items()}
            for field in ("accuracy", "gain", "uncertainty")
        )
        tasks = stream.task_names
        yield (
            "switches",
            plots.old_task_accuracy(
                accuracy,
                tasks,
                eval_every=next(iter(curves.values())).evaluated_at[0, 0],
                title=f"{title}, each method tuned",
            ),
        )
        yield "gain", plots.gain(gain, drive, tasks, title=f"{title}, each method tuned")


def seeds(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return on how many seeds the figures are, in words."""
    [number] = {len(e["avg_sg"]["per_seed"]) for e in entries}
    return "1 seed" if number == 1 else f"{number} seeds"
