"""The figures of the stability gap's benchmark, and what its files are called."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.continual import _gap_grids as grids
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.plotting import fronts
from neurogain.plotting import stability_gap as figures


def draw(
    out: Path,
    name: str,
    stream: Stream,
    result: dict[str, Any],
    curves: dict[str, TaskCurves],
) -> None:
    """Draw the fronts, and the switches at the chosen configurations."""
    title, scale = result["config"]["benchmark"], result["config"]["scale"]
    title += "" if scale == "default" else f" ({scale} protocol)"
    named = {n: m["summary"] for n, m in result["methods"].items()}
    swept = [n for n in grids.FRONTS if n in named and len(result["methods"][n]["front"]) > 1]
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
        highlighted=named.get(grids.PRESET),
    )
    front.savefig(out / f"{name}_fronts.png", dpi=130)
    if not curves:
        return
    switches = figures.old_task_accuracy(
        {named[name]: c.accuracy for name, c in curves.items()},
        stream.task_names,
        eval_every=result["config"]["eval_every"],
        title=f"{title}, joint training, each method tuned",
    )
    switches.savefig(out / f"{name}_switches.png", dpi=130)
    gains = figures.gain(
        {named[name]: c.gain for name, c in curves.items()},
        {named[name]: c.uncertainty for name, c in curves.items()},
        stream.task_names,
        title=f"{title}, each method tuned",
    )
    gains.savefig(out / f"{name}_gain.png", dpi=130)


def file_name(benchmark: str, scale: str) -> str:
    """Return the name of a stream's files; those of the default protocol are named by it alone."""
    return f"stability_gap_{benchmark}" + ("" if scale == "default" else f"_{scale}")


def seeds(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return on how many seeds the figures are, in words."""
    [number] = {len(e["avg_sg"]["per_seed"]) for e in entries}
    return "1 seed" if number == 1 else f"{number} seeds"


def lowest_accuracy(entries: Mapping[str, Any]) -> float:
    """Return the left end of the fronts' axis: 0.15 below the best avg-ACC."""
    best = max(m["avg_acc"]["mean"] for m in entries.values())
    return float(np.floor(20 * (best - 0.15)) / 20)
