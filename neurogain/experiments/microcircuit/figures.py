"""Figures of the microcircuit; `metrics` as in the metrics.json of `neurogain microcircuit`."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain import stats
from neurogain.experiments.microcircuit.config import KNOBS, POPULATIONS, MicrocircuitConfig
from neurogain.experiments.microcircuit.run import Reference
from neurogain.plotting import style
from neurogain.plotting.style import Figure

Metrics = Mapping[str, Any]
NAMES = {
    "dendritic_drive": "dendritic drive (pA)",
    "coupling": "coupling p",
    "som_drive": "SOM drive (pA)",
    "pv_drive": "PV drive (pA)",
}
_LABELS = dict(zip(POPULATIONS, ("pyramidal", "PV", "SOM"), strict=True))
_COLOURS = dict(zip(POPULATIONS, ("#000000", style.COLOURS[0], style.COLOURS[3]), strict=True))
_WINDOW = 500.0  # ms of the traces that are shown
_LOOK: dict[str, Any] = {
    "capsize": 2.5, "markersize": 4.5, "linewidth": 1.4, "markeredgewidth": 0.8, "elinewidth": 1.2
}  # fmt: skip


def figures(
    config: MicrocircuitConfig, found: Mapping[str, Any], metrics: Metrics
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    del config
    matrices = found["weights"]._asdict()
    drawn: dict[str, Callable[[], Figure]] = {
        "raster": lambda: raster(found["reference"], metrics),
        "traces": lambda: traces(found["reference"], metrics),
        "weights": lambda: weights(matrices, metrics["config"]),
        "inhibition": lambda: changes(metrics),
        "pv_distance": lambda: pv_distance(metrics),
    }
    return drawn | {f"gain_{knob}": functools.partial(gain, metrics, knob) for knob in KNOBS}


def plot(
    axes: Axes, config: MicrocircuitConfig, found: Mapping[str, Any], metrics: Metrics
) -> None:
    """Draw change of slope against change of threshold under SOM and PV drive."""
    del found
    _changes(axes, metrics["conditions"])
    axes.set(xlabel="change of threshold (pA)", ylabel="change of slope (%)")
    axes.set_title(f"inhibition, recurrence {config.recurrence:g}", fontsize=10)
    axes.legend(frameon=False, fontsize=9)


def _sizes(metrics: Metrics) -> dict[str, int]:
    return {name: metrics["config"][name] for name in POPULATIONS}


def _seeds(metrics: Metrics) -> str:
    count = metrics["config"]["seeds"]
    return f"mean and 95 % t-interval, {count} seeds" if count > 1 else "one seed"


def raster(reference: Reference, metrics: Metrics) -> Figure:
    """Draw every spike of the first seed, cells sorted by population, above the rates."""
    config, sizes = metrics["config"], _sizes(metrics)
    figure = Figure(figsize=(9.6, 7.2), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True, height_ratios=(4, 1, 1, 1))
    first, middle = 0, {}
    time = (np.arange(reference.binned_rate.shape[1]) + 0.5) * config["bin"]
    for number, (name, size) in enumerate(sizes.items()):
        own = (reference.spike_cell >= first) & (reference.spike_cell < first + size)
        panels[0].scatter(
            reference.spike_time_ms[own], reference.spike_cell[own], s=4, marker="|",
            linewidths=0.9, color=_COLOURS[name],
        )  # fmt: skip
        middle[f"{_LABELS[name]}\n({size})"] = first + size / 2
        first += size
        panels[0].axhline(first - 0.5, color="0.7", lw=0.6)
        axes = panels[1 + number]
        axes.plot(time, reference.binned_rate[number], color=_COLOURS[name], lw=0.9)
        axes.set_ylim(0, None)
        axes.set_ylabel(f"{_LABELS[name]}\nrate (Hz)")
        style.tidy(axes)
    panels[0].set_yticks(list(middle.values()), list(middle))
    panels[0].set_ylim(first - 0.5, -0.5)
    panels[0].set_ylabel("cells, in order of their place on the ring")
    panels[0].spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("time (ms)")
    panels[-1].set_xlim(0, config["reference_duration"])
    rates = metrics["reference"]["rates_hz"]
    text = ", ".join(f"{_LABELS[name]} {stats.text(rates[name])} Hz" for name in POPULATIONS)
    figure.suptitle(
        f"Reference run at {config['reference_current']:g} pA, full weights: first seed, "
        f"rates in bins of {config['bin']:g} ms\n{text} ({_seeds(metrics)})",
        fontsize=10,
    )
    return figure


def traces(reference: Reference, metrics: Metrics) -> Figure:
    """Draw potentials of the first cell of each population over the last half second."""
    sizes, peak = _sizes(metrics), {"pyramidal": 50.0, "pv": 25.0, "som": 40.0}
    places = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    end = metrics["config"]["reference_duration"]
    start = max(0.0, end - _WINDOW)
    shown = reference.trace_time_ms >= start
    owners = ("pyramidal", "pyramidal", "pv", "som")
    names = ("pyramidal\nsoma", "pyramidal\ndendrite", "PV", "SOM")
    for i, (axes, owner, name) in enumerate(zip(panels, owners, names, strict=True)):
        time, v = reference.trace_time_ms[shown], reference.trace[shown, i]
        axes.plot(time, v, color=_COLOURS[owner], lw=0.9)
        if i != 1:
            spikes = reference.spike_time_ms[reference.spike_cell == places[owner]]
            spikes = spikes[spikes >= start]
            before = v[np.minimum(np.searchsorted(time, spikes - 1e-6), len(v) - 1)]
            axes.vlines(spikes, before, peak[owner], color=_COLOURS[owner], lw=0.9)
        axes.set_ylabel(f"{name}\nv (mV)")
        style.tidy(axes)
    panels[-1].set_xlim(start, end)
    panels[-1].set_xlabel("time (ms)")
    config = metrics["config"]
    figure.suptitle(
        f"Reference run at {config['reference_current']:g} pA, first seed: first cell of each "
        "population\n(samples hold the potential after the reset; lines from it to the cut-off "
        "mark spikes)",
        fontsize=11,
    )
    return figure


def weights(matrices: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> Figure:
    """Draw the matrix of each projection, presynaptic cells down, with a scale of its own."""
    rows = -(-len(matrices) // 3)
    figure = Figure(figsize=(12.5, 0.4 + 3.3 * rows), layout="constrained")
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes in panels[len(matrices) :]:
        axes.set_axis_off()
    shares = f"times {config['ampa']:g} (AMPA) and {config['nmda']:g} (NMDA)"
    notes = {
        "pyramidal_to_pyramidal": f"soma, {shares}",
        "pyramidal_to_pv": "times 1 (AMPA) and 1 (NMDA)",
        "pyramidal_to_som": "times 1 (AMPA) and 1 (NMDA)",
        "pv_to_pyramidal": "soma, GABA_A",
        "som_to_pyramidal": "dendrite, GABA_A",
    }
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=False):
        source, target = name.split("_to_")
        image = axes.imshow(matrix, cmap="cividis", vmin=0, aspect="auto", interpolation="nearest")
        axes.set_xlabel(f"{_LABELS[target]} cell (postsynaptic)")
        axes.set_ylabel(f"{_LABELS[source]} cell (presynaptic)")
        axes.set_title(f"{_LABELS[source]} → {_LABELS[target]}\n{notes.get(name, '')}", fontsize=9)
        figure.colorbar(image, ax=axes, label="weight (nS)")
    figure.suptitle("Weights of the five projections, cells along the ring", fontsize=11)
    return figure


def _of(metrics: Metrics, knob: str) -> list[Mapping[str, Any]]:
    return [c for c in metrics["conditions"] if c["knob"] == knob]


def _points(
    axes: Axes, x: Sequence[float], values: Sequence[Mapping[str, Any]], **look: Any
) -> None:
    """Draw means with their intervals; what is undefined is left out."""
    own = [(a, v) for a, v in zip(x, values, strict=True) if v["mean"] is not None]
    mean = np.array([v["mean"] for _, v in own])
    error = np.array([_reach(v) for _, v in own]).reshape(-1, 2).T
    axes.errorbar([a for a, _ in own], mean, error, **(_LOOK | look))


def _reach(value: Mapping[str, Any]) -> tuple[float, float]:
    low, high = value["ci"]
    mean = value["mean"]
    return (0.0, 0.0) if low is None else (mean - low, high - mean)


def gain(metrics: Metrics, knob: str) -> Figure:
    """Draw the f-I curves at each level of a knob, and slope and threshold against the level."""
    config = metrics["config"]
    found = _of(metrics, knob)
    figure = Figure(figsize=(11.4, 3.9), layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    colours = style.ordered(c["level"] for c in found)
    for number, c in enumerate(found):
        x, colour = np.array(c["current_pA"]), colours[c["level"]]
        panels[0].plot(
            x, c["rate_hz"]["mean"], color=colour, marker=style.MARKERS[number % 10], ms=4,
            lw=1.4, label=f"{c['level']:g}",
        )  # fmt: skip
        low, high = np.array(c["rate_hz"]["ci"], float).T
        panels[0].fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
    panels[0].axhline(config["criterion"], color="0.5", ls=":", lw=1)
    panels[0].set(xlabel="mean somatic current (pA)", ylabel="pyramidal rate (Hz)")
    panels[0].legend(title=NAMES[knob], frameon=False, fontsize=8, title_fontsize=8)
    levels = [c["level"] for c in found]
    _points(panels[1], levels, [c["slope_hz_per_nA"] for c in found], color="k", marker="o", ls="-")
    low, high = config["slope_range"]
    panels[1].set(
        xlabel=NAMES[knob], ylabel="slope (Hz/nA)", title=f"slope, {low:g} to {high:g} Hz"
    )
    _points(panels[2], levels, [c["threshold_pA"] for c in found], color="k", marker="o", ls="-")
    panels[2].set(
        xlabel=NAMES[knob],
        ylabel="threshold (pA)",
        title=f"threshold, {config['criterion']:g} Hz",
    )
    # one scale for all knobs, so that figures can be compared side by side
    for axes, field in ((panels[1], "slope_hz_per_nA"), (panels[2], "threshold_pA")):
        axes.set_ylim(*_limits([c[field] for c in metrics["conditions"]]))
        axes.title.set_fontsize(10)
    for axes in panels:
        style.tidy(axes)
    style.panel_letters(panels)
    figure.suptitle(
        f"Gain of the network against {NAMES[knob].split(' (')[0]}, recurrence "
        f"{config['recurrence']:g}: {_seeds(metrics)}",
        fontsize=11,
    )
    return figure


def _limits(values: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    ends = [x for v in values for x in (v["mean"], *v["ci"]) if x is not None]
    if not ends:
        return 0.0, 1.0
    margin = 0.06 * (max(ends) - min(ends)) or 1.0
    return min(ends) - margin, max(ends) + margin


def _changes(axes: Axes, found: Sequence[Mapping[str, Any]]) -> None:
    """Draw changes under SOM and PV drive into one panel."""
    knobs = {"som_drive": ("SOM drive", "D", "--"), "pv_drive": ("PV drive", "o", "-")}
    axes.axhline(0, color="0.6", lw=0.8)
    axes.axvline(0, color="0.6", lw=0.8)
    for knob, (label, marker, dash) in knobs.items():
        own = [
            c
            for c in found
            if c["knob"] == knob
            and c["slope_change_percent"]["mean"] is not None
            and c["threshold_change_pA"]["mean"] is not None
        ]
        x, y = (
            [c[field] for c in own] for field in ("threshold_change_pA", "slope_change_percent")
        )
        axes.errorbar(
            [v["mean"] for v in x], [v["mean"] for v in y],
            xerr=np.array([_reach(v) for v in x]).reshape(-1, 2).T,
            yerr=np.array([_reach(v) for v in y]).reshape(-1, 2).T,
            color=_COLOURS[knob.removesuffix("_drive")], marker=marker, ls=dash, label=label,
            **_LOOK,
        )  # fmt: skip
    style.tidy(axes)


def changes(metrics: Metrics) -> Figure:
    """Draw change of slope against change of threshold under SOM and PV drive."""
    others = metrics["other_recurrences"]
    groups = [(metrics["config"]["recurrence"], metrics["conditions"])]
    groups += [(other["recurrence"], other["conditions"]) for other in others]
    groups.sort(key=lambda group: group[0])
    figure = Figure(figsize=(3.4 * len(groups) + 1.6, 4.0), layout="constrained")
    panels = figure.subplots(1, len(groups), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (recurrence, found) in zip(panels, groups, strict=True):
        _changes(axes, found)
        axes.set_xlabel("change of threshold (pA)")
        axes.set_title(f"recurrence {recurrence:g}", fontsize=10)
    panels[0].set_ylabel("change of slope (%)")
    panels[-1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    style.panel_letters(panels)
    figure.suptitle(
        f"Inhibition, against its lowest drive, paired by seed: {_seeds(metrics)}", fontsize=11
    )
    return figure


def pv_distance(metrics: Metrics) -> Figure:
    """Draw the threshold of pyramidal cells against their distance to the driven PV cells."""
    found, config = metrics["pv_distance"], metrics["config"]
    figure = Figure(figsize=(9.4, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    angle = found["angle_deg"]
    half = found["sector_deg"] / 2
    driven = f"{found['driven_cells']} PV cells + {found['sector_drive_pA']:g} pA"
    _points(
        left, angle, found["threshold_pA"], color=_COLOURS["pv"], marker="o", ls="-", label=driven
    )
    _points(
        left, angle, found["control_threshold_pA"], color="0.35", marker="s", ls="--",
        label="none driven",
    )  # fmt: skip
    left.set_ylabel(f"threshold at {config['criterion']:g} Hz (pA)")
    left.legend(frameon=False, fontsize=9)
    right.axhline(0, color="0.6", lw=0.8)
    _points(right, angle, found["threshold_change_pA"], color=_COLOURS["pv"], marker="o", ls="-")
    right.set_ylabel("change of threshold (pA)")
    right.annotate(
        "PV cells\ndriven here", (half / 2, 0.12), xycoords=("data", "axes fraction"), ha="center",
        fontsize=8, color="0.3",
    )  # fmt: skip
    for axes in (left, right):
        axes.axvspan(0, half, color=style.COLOURS[1], alpha=0.2, lw=0)
        axes.set(xlim=(0, 180), xticks=np.arange(0, 181, 45))
        axes.set_xlabel("angle to the middle of the driven PV cells (degrees)")
        style.tidy(axes)
    style.panel_letters((left, right))
    figure.suptitle(
        f"PV cells raise the threshold of their neighbours: {_seeds(metrics)}", fontsize=11
    )
    return figure
