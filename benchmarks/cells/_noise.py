"""The distribution of normal random numbers, and the figure, for `noise_speed`."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import scipy.stats
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.record import table
from neurogain.plotting import style

PER_DRAW = 100_000
TAILS = (3.0, 4.0, 5.0)


def quality(name: str, draw: Callable | None, count: int) -> dict[str, Any]:
    """Return moments, distance from the normal distribution, tails and correlations.

    Each draw of 100,000 numbers has a key of its own, folded from one, as steps have.
    """
    assert draw is not None
    size = min(PER_DRAW, count)
    drawn = jax.jit(lambda step: draw(jax.random.fold_in(jax.random.key(2), step), size))
    table = np.stack([np.asarray(drawn(i)) for i in range(max(2, count // size))]).astype(float)
    values = np.sort(table.ravel())
    n = len(values)
    mean, sd = values.mean(), values.std()
    standard = (values - mean) / sd
    expected = scipy.stats.norm.cdf(values)
    above, below = np.arange(1, n + 1) / n - expected, expected - np.arange(n) / n
    return {
        "contender": name,
        "draws": n,
        "mean": float(mean),
        "variance": float(sd**2),
        "skewness": float(np.mean(standard**3)),
        "kurtosis": float(np.mean(standard**4)),
        "sixth_moment": float(np.mean(standard**6)),
        "largest": float(np.abs(values).max()),
        "ks_distance": float(max(above.max(), below.max())),
        "tails": {
            f"{t:g}": float(np.mean(np.abs(values) > t) / (2 * scipy.stats.norm.sf(t)))
            for t in TAILS
        },
        "correlation_of_neighbours": float(np.mean(table[:, 1:] * table[:, :-1])),
        "correlation_of_steps": float(np.mean(table[1:] * table[:-1])),
    }


def quality_table(judged: list[dict[str, Any]]) -> str:
    """Return one column a contender, and what normal numbers are to have, with standard errors."""
    n = judged[0]["draws"]
    error = n**-0.5
    wanted = {
        "mean": (0, 1), "variance": (1, 2), "skewness": (0, 6), "kurtosis": (3, 24),
        "sixth_moment": (15, 2520), "correlation_of_neighbours": (0, 1),
        "correlation_of_steps": (0, 1),
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"name": key.replace("_", " "), "normal": f"{mean:g}", "+-": spread**0.5 * error}
        | {r["contender"]: r[key] for r in judged}
        for key, (mean, spread) in wanted.items()
    ]
    for tail in judged[0]["tails"]:
        relative = (2 * scipy.stats.norm.sf(float(tail))) ** -0.5 * error
        row = {"name": f"draws beyond {tail} sd, relative", "normal": "1", "+-": relative}
        rows.append(row | {r["contender"]: r["tails"][tail] for r in judged})
    for key, limit in (("ks_distance", f"< {1.36 * error:.5f}"), ("largest", "")):
        row = {"name": key.replace("ks", "Kolmogorov-Smirnov").replace("_", " "), "normal": limit}
        rows.append(row | {"+-": ""} | {r["contender"]: r[key] for r in judged})
    columns = [(f"of {n:,} draws", "name", "<32")]
    columns += [(r["contender"], r["contender"], "22.5f") for r in judged]
    return table([*columns, ("normal", "normal", "12"), ("+-", "+-", "10.5f")], rows)


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
