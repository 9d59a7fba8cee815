"""The figure of `network_scaling`."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.networks._scaling_text import LIMITS, NAMES
from neurogain.plotting import style


def draw(rows: list[dict[str, Any]], fits: dict[str, dict]) -> Figure:
    """Return run time against in-degree and against events, and bytes against in-degree."""
    figure, axes = plt.subplots(1, 3, figsize=(12.6, 3.8))
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    looks = {name: (line, marker) for name, line, marker in style.assign(variants)}
    for variant in variants:
        own = [row for row in rows if row["variant"] == variant]
        _by_in_degree(axes[0], own, *looks[variant])
        _by_events(axes[1], own, fits[variant], *looks[variant])
    _bytes(axes[2], rows, variants, looks)
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
    axes[2].set_ylim(0, 1.15 * max(LIMITS.values()))
    for one in axes:
        one.set_ylim(bottom=0)
        style.tidy(one)
        one.legend(frameon=False, fontsize=8)
    axes[1].set_ylim(top=1.4 * axes[1].get_ylim()[1])  # room for its legend
    style.panel_letters(axes)
    figure.tight_layout()
    return figure


def _by_in_degree(axes: Axes, own: list[dict[str, Any]], line: dict, marker: str) -> None:
    held = sorted((r for r in own if r["level"] == 1), key=lambda r: r["in_degree"])
    degrees = np.array([r["in_degree"] for r in held])
    times = np.array([r["run_s_per_simulated_s"] for r in held])
    name = NAMES[own[0]["variant"]]
    axes.plot(degrees, times, marker, **line, ms=5, label=name)
    silent = [r for r in own if r["level"] == 0]
    axes.plot(
        [r["in_degree"] for r in silent],
        [r["run_s_per_simulated_s"] for r in silent],
        marker,
        mfc="white",
        mec=line["color"],
        ms=5,
        label=f"{name}, silent",
    )


def _by_events(axes: Axes, own: list[dict[str, Any]], parts: dict, line: dict, marker: str) -> None:
    name = NAMES[own[0]["variant"]]
    hollow = "v" if marker == "o" else "^"
    shapes = {f"{name}, in-degrees": (marker, line["color"]), f"{name}, drives": (hollow, "white")}
    for (label, (shape, face)), chosen in zip(
        shapes.items(),
        ([r for r in own if r["level"] == 1], [r for r in own if r["level"] != 1]),
        strict=True,
    ):
        axes.plot(
            [r["events_per_simulated_s"] / 1e6 for r in chosen],
            [r["run_s_per_simulated_s"] for r in chosen],
            shape,
            mfc=face,
            mec=line["color"],
            ms=5,
            label=label,
        )
    for series in (
        [r for r in own if r["level"] == 1],
        [r for r in own if r["level"] != 1 and r["in_degree"] == 100],
    ):
        # along a series the model is a line between its ends, but for small changes of rates
        ends = sorted(series, key=lambda r: r["events_per_simulated_s"])
        events = np.array([r["events_per_simulated_s"] for r in ends])
        spikes = np.array([r["spikes_per_simulated_s"] for r in ends])
        model = parts["fixed_s"] + parts["us_per_spike"] * spikes / 1e6
        model = model + parts["ns_per_event"] * events / 1e9
        axes.plot(events / 1e6, model, color=line["color"], linestyle=line["linestyle"], lw=1)


def _bytes(axes: Axes, rows: list[dict[str, Any]], variants: list[str], looks: dict) -> None:
    kinds = {"fixed": "static", "plastic": "stdp"}
    for kind, variant in kinds.items():
        if variant not in variants:
            continue
        line, marker = looks[variant]
        own = {
            r["in_degree"]: r["bytes_per_synapse"][kind] for r in rows if r["variant"] == variant
        }
        degrees = sorted(own)
        axes.plot(degrees, [own[d] for d in degrees], marker, **line, ms=5, label=kind)
        axes.axhline(LIMITS[kind], color=line["color"], lw=1)
        axes.text(degrees[0], LIMITS[kind] + 0.6, f"limit, {kind}", color=line["color"], fontsize=8)
