"""The figure of `network_scaling`."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.networks._scaling_text import LIMITS, NAMES
from neurogain.plotting import style

TIME, EVENTS, SPIKES = (
    f"{name}_per_simulated_s" for name in ("run_s", "events", "spikes")
)  # of a row


def draw(rows: list[dict[str, Any]], fits: dict[str, dict]) -> Figure:
    """Return run time against in-degree and against events, and bytes against in-degree."""
    figure, axes = plt.subplots(1, 3, figsize=(12.6, 3.8))
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    for variant, line, marker in style.assign(variants):
        own = sorted(
            (row for row in rows if row["variant"] == variant), key=lambda r: r["in_degree"]
        )
        _times(axes[0], axes[1], own, line, marker)
        _model(axes[1], own, fits[variant], line)
        kind = "plastic" if variant == "stdp" else "fixed"
        sizes = [r["bytes_per_synapse"][kind] for r in own]
        axes[2].plot([r["in_degree"] for r in own], sizes, marker, **line, ms=5, label=kind)
        axes[2].axhline(LIMITS[kind], color=line["color"], lw=1, label=f"limit, {kind}")
    degrees = sorted({row["in_degree"] for row in rows})
    for one in (axes[0], axes[2]):
        one.set(xscale="log", xlabel="in-degree (synapses per cell)")
        one.set_xticks(degrees, [f"{d:,}" for d in degrees])
        one.minorticks_off()
    axes[0].set(ylabel="run time (s per simulated s)", title="rates held")
    axes[1].set(
        xlabel="delivered synaptic events (10$^6$ per simulated s)",
        ylabel="run time (s per simulated s)",
        title="lines: fitted model",
    )
    axes[2].set(ylabel="memory (bytes per synapse)", title="arrays that hold synapses")
    for one in axes:
        one.set_ylim(bottom=0)
        style.tidy(one)
        one.legend(frameon=False, fontsize=8)
    for one in axes[1:]:
        one.set_ylim(top=1.4 * one.get_ylim()[1])  # room for the legend
    style.panel_letters(axes)
    figure.tight_layout()
    return figure


def _times(left: Axes, right: Axes, own: list[dict[str, Any]], line: dict, marker: str) -> None:
    """Draw run time against in-degree, and against events; other drives hollow."""
    name, hollow = NAMES[own[0]["variant"]], {"mfc": "white", "mec": line["color"], "ms": 5}
    held = [r for r in own if r["level"] == 1]
    silent, other = ([r for r in own if r["level"] in levels] for levels in ({0}, _other(own)))
    times = [[r[TIME] for r in part] for part in (held, silent, other)]
    left.plot([r["in_degree"] for r in held], times[0], marker, **line, ms=5, label=name)
    degrees = [r["in_degree"] for r in silent]
    left.plot(degrees, times[1], marker, ls="", **hollow, label=f"{name}, silent")
    events = [[r[EVENTS] / 1e6 for r in part] for part in (held, other)]
    filled = hollow | {"mfc": line["color"]}
    right.plot(events[0], times[0], marker, ls="", **filled, label=f"{name}, in-degrees")
    right.plot(events[1], times[2], "v", ls="", **hollow, label=f"{name}, drives")


def _other(own: list[dict[str, Any]]) -> set[float]:
    return {r["level"] for r in own} - {1}


def _model(axes: Axes, own: list[dict[str, Any]], parts: dict, line: dict) -> None:
    """Draw the model along in-degrees and along drives, a line but for small changes of rates."""
    held = [r for r in own if r["level"] == 1]
    for series in (held, [r for r in own if r["level"] != 1 and r["in_degree"] == 100]):
        ends = sorted(series, key=lambda r: r[EVENTS])
        events, spikes = (np.array([r[name] for r in ends]) for name in (EVENTS, SPIKES))
        model = parts["fixed_s"] + parts["us_per_spike"] * spikes / 1e6
        model = model + parts["ns_per_event"] * events / 1e9
        axes.plot(events / 1e6, model, color=line["color"], linestyle=line["linestyle"], lw=1)
