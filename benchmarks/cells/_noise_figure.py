"""The figure of `noise_speed`."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from neurogain.plotting import style


def draw(rows: list[dict[str, Any]], networks: list[dict[str, Any]]) -> Figure:
    """Return the time of a number against numbers a step, and the network's time by its noise."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10.4, 3.9), gridspec_kw={"width_ratios": (1.5, 1)}
    )
    sizes = list(dict.fromkeys(r["numbers"] for r in rows))
    names = [n for n in dict.fromkeys(r["contender"] for r in rows) if n != "no noise"]
    for name, line, marker in style.assign(names):
        values = [
            # where a draw is lost in the noise of timing, nothing is drawn
            r["ns_per_number"] if r["ns_per_number"] > 0 else np.nan
            for r in rows
            if r["contender"] == name
        ]
        left.plot(sizes, values, marker, **line, ms=5, label=name)
    step = [r["ns_per_cell_step"] for r in rows if r["contender"] == "no noise"]
    left.plot(sizes, step, color="0.5", lw=1, label="step of a cell without noise")
    left.set(xscale="log", yscale="log", xlabel="numbers drawn in a step")
    left.set(ylabel="time (ns per number)")
    left.set_xticks(sizes, [f"{n:,}" for n in sizes])
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.minorticks_off()
    left.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    kinds = list(dict.fromkeys(r["noise"] for r in networks))
    cells = list(dict.fromkeys(r["cells"] for r in networks))
    width = 0.8 / max(1, len(kinds))
    for i, (kind, line, _) in enumerate(style.assign(kinds)):
        times = [r["run_s_per_simulated_s"] for r in networks if r["noise"] == kind]
        colour = "0.7" if kind == "no noise" else line["color"]
        place = np.arange(len(cells)) + (i - (len(kinds) - 1) / 2) * width
        bars = right.bar(place, times, 0.92 * width, color=colour, label=kind)
        right.bar_label(bars, fmt="%.2g", fontsize=8)
    right.set_xticks(np.arange(len(cells)), [f"{n:,}" for n in cells])
    right.set(xlabel="cells of the network", ylabel="run time (s per simulated s)")
    right.legend(frameon=False, fontsize=8)
    for one in (left, right):
        style.tidy(one)
    style.panel_letters((left, right))
    figure.tight_layout()
    return figure
