"""The figures of the stability gap's benchmark."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from benchmarks.continual import _gap_units as units
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.plotting import continual as plots
from neurogain.plotting import fronts


def figures(
    stream: Stream, result: Mapping[str, Any], curves: Mapping[str, TaskCurves]
) -> dict[str, Any]:
    """Return the fronts, and switches and gain at the chosen configurations, by name."""
    title, scale = result["config"]["benchmark"], result["config"]["scale"]
    title += "" if scale == "default" else f" ({scale} protocol)"
    named = {n: m["summary"] for n, m in result["methods"].items()}
    swept = [n for n in units.FRONTS if n in named and len(result["methods"][n]["front"]) > 1]
    on = f", means over {seeds(result['methods'].values())}"
    tuning = [
        result["methods"][n] for n in swept if result["methods"][n]["front_seeds"] == "tuning"
    ]
    if tuning:
        on += f"; fronts: tuning, {seeds([point for m in tuning for point in m['front']])}"
    front = fronts.fronts(
        {named[n]: result["methods"][n]["front"] for n in swept},
        {named[n]: m for n, m in result["methods"].items() if n not in swept},
        published={named[n]: gap for n, gap in result["published_avg_sg"].items() if n in named},
        title=title + on,
        lowest_accuracy=lowest_accuracy(result["methods"]),
        highlighted=named.get(units.PRESET),
    )
    if not curves:
        return {"fronts": front}
    switches = plots.old_task_accuracy(
        {named[name]: c.accuracy for name, c in curves.items()},
        stream.task_names,
        eval_every=result["config"]["eval_every"],
        title=f"{title}, joint training, each method tuned",
    )
    gain = plots.gain(
        {named[name]: c.gain for name, c in curves.items()},
        {named[name]: c.uncertainty for name, c in curves.items()},
        stream.task_names,
        title=f"{title}, each method tuned",
    )
    return {"fronts": front, "switches": switches, "gain": gain}


def seeds(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return on how many seeds the figures are, in words."""
    [number] = {len(e["avg_sg"]["per_seed"]) for e in entries}
    return "1 seed" if number == 1 else f"{number} seeds"


def lowest_accuracy(entries: Mapping[str, Any]) -> float:
    """Return the left end of the fronts' axis: 0.15 below the best avg-ACC."""
    best = max(m["avg_acc"]["mean"] for m in entries.values())
    return float(np.floor(20 * (best - 0.15)) / 20)
