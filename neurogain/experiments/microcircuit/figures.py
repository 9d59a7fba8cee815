"""Figures of the microcircuit: activity, weights, and what changes the network's gain."""

import functools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from neurogain import stats
from neurogain.experiments.microcircuit.config import KNOBS, POPULATIONS
from neurogain.plotting import draw, style
from neurogain.plotting.rows import Row, where
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result

NAMES = {
    "dendritic_drive": "dendritic drive (pA)",
    "coupling": "coupling p",
    "som_drive": "SOM drive (pA)",
    "pv_drive": "PV drive (pA)",
}
THRESHOLD, SLOPE = "change of threshold (pA)", "change of slope (%)"
_LABELS = dict(zip(POPULATIONS, ("pyramidal", "PV", "SOM"), strict=True))
_COLOURS = dict(zip(POPULATIONS, ("#000000", style.COLOURS[0], style.COLOURS[3]), strict=True))
_PEAKS = {"pyramidal": 50.0, "pv": 25.0, "som": 40.0}  # mV, cut-offs
_WINDOW = 500.0  # ms of the traces that are shown


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    drawn = {"raster": raster, "traces": traces, "weights": weights, "inhibition": changes}
    gains = {f"gain_{knob}": functools.partial(gain, knob=knob) for knob in KNOBS}
    return drawn | {"pv_distance": pv_distance} | gains


def plot(axes: Axes, result: Result) -> None:
    """Draw change of slope against change of threshold under SOM and PV drive."""
    _changes(axes, result.metrics["conditions"])
    axes.set(xlabel=THRESHOLD, ylabel=SLOPE)
    axes.set_title(f"inhibition, recurrence {result.config.recurrence:g}")
    draw.legend(axes)


def _first_cells(result: Result) -> dict[str, int]:
    """Return the number of each population's first cell."""
    sizes = [getattr(result.config, name) for name in POPULATIONS]
    return dict(zip(POPULATIONS, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))


def raster(result: Result) -> Figure:
    """Draw every spike of the first seed, cells sorted by population, above the rates."""
    config, metrics, reference = result.config, result.metrics, result.parts["reference"]
    labels = ["cells, in order of their place on the ring"]
    labels += [f"{_LABELS[name]}\nrate (Hz)" for name in POPULATIONS]
    look = {"x": "time (ms)", "height_ratios": (4, 1, 1, 1)}
    figure, panels = draw.column(labels, (9.6, 7.2), **look)
    spikes, ticks = panels[0], {}
    time = (np.arange(reference.binned_rate.shape[1]) + 0.5) * config.bin
    for (name, first), axes, rate in zip(
        _first_cells(result).items(), panels[1:], reference.binned_rate, strict=True
    ):
        size, colour = getattr(config, name), _COLOURS[name]
        own = (reference.spike_cell >= first) & (reference.spike_cell < first + size)
        marks = {"s": 4, "marker": "|", "linewidths": 0.9, "color": colour}
        spikes.scatter(reference.spike_time_ms[own], reference.spike_cell[own], **marks)
        ticks[f"{_LABELS[name]}\n({size})"] = first + size / 2
        draw.guides(spikes, y=[first + size - 0.5], color="0.7")
        axes.plot(time, rate, color=colour, lw=0.9)
        axes.set_ylim(bottom=0)
    spikes.set_yticks(list(ticks.values()), list(ticks))
    spikes.set_ylim(first + size - 0.5, -0.5)
    spikes.grid(False)
    panels[-1].set_xlim(0, config.reference_duration)
    rates = metrics["reference"]["rates_hz"]
    text = ", ".join(f"{_LABELS[name]} {stats.text(rates[name])} Hz" for name in POPULATIONS)
    return draw.finish(
        figure,
        f"Reference run at {config.reference_current:g} pA, full weights: first seed, "
        f"rates in bins of {config.bin:g} ms\n{text} ({draw.mean_over(config.seeds)})",
    )


def traces(result: Result) -> Figure:
    """Draw potentials of the first cell of each population over the last half second."""
    config, reference, cells = result.config, result.parts["reference"], _first_cells(result)
    names = ("pyramidal\nsoma", "pyramidal\ndendrite", "PV", "SOM")
    labels = [f"{name}\nv (mV)" for name in names]
    figure, panels = draw.column(labels, (9.0, 6.4), x="time (ms)")
    end = config.reference_duration
    start = max(0.0, end - _WINDOW)
    shown = reference.trace_time_ms >= start
    time = reference.trace_time_ms[shown]
    owners = ("pyramidal", "pyramidal", "pv", "som")
    for axes, owner, name, trace in zip(panels, owners, names, reference.trace.T, strict=True):
        v, look = trace[shown], {"color": _COLOURS[owner], "lw": 0.9}
        axes.plot(time, v, **look)
        if "dendrite" not in name:
            spikes = reference.spike_time_ms[reference.spike_cell == cells[owner]]
            spikes = spikes[spikes >= start]
            before = v[np.minimum(np.searchsorted(time, spikes - 1e-6), len(v) - 1)]
            axes.vlines(spikes, before, _PEAKS[owner], **look)
    panels[-1].set_xlim(start, end)
    return draw.finish(
        figure,
        f"Reference run at {config.reference_current:g} pA, first seed: first cell of each "
        "population\n(samples hold the potential after the reset; lines from it to the cut-off "
        "mark spikes)",
    )


def weights(result: Result) -> Figure:
    """Draw the matrix of each projection, presynaptic cells down, with a scale of its own."""
    config, matrices = result.config, result.parts["weights"]._asdict()
    rows = -(-len(matrices) // 3)
    figure, grid = draw.grid(rows, 3, (12.5, 0.4 + 3.3 * rows), framed=True)
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr, call-arg]
    panels = grid.ravel()
    for axes in panels[len(matrices) :]:
        axes.set_axis_off()
    notes = {
        "pyramidal_to_pyramidal": f"soma, times {config.ampa:g} (AMPA) and {config.nmda:g} (NMDA)",
        "pyramidal_to_pv": "times 1 (AMPA) and 1 (NMDA)",
        "pyramidal_to_som": "times 1 (AMPA) and 1 (NMDA)",
        "pv_to_pyramidal": "soma, GABA_A",
        "som_to_pyramidal": "dendrite, GABA_A",
    }
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=False):
        source, target = (_LABELS[end] for end in name.split("_to_"))
        image = axes.imshow(matrix, cmap="cividis", vmin=0, aspect="auto", interpolation="nearest")
        axes.set(xlabel=f"{target} cell (postsynaptic)", ylabel=f"{source} cell (presynaptic)")
        axes.set_title(f"{source} → {target}\n{notes.get(name, '')}")
        figure.colorbar(image, ax=axes, label="weight (nS)")
    return draw.finish(figure, "Weights of the five projections, cells along the ring")


def gain(result: Result, *, knob: str) -> Figure:
    """Draw the f-I curves at each level of a knob, and slope and threshold against the level."""
    config, conditions = result.config, result.metrics["conditions"]
    found = where(conditions, knob=knob)
    low, high = config.slope_range
    figure, panels = draw.row(
        ("", f"slope, {low:g} to {high:g} Hz", f"threshold, {config.criterion:g} Hz"), (11.4, 3.9),
        x=("mean somatic current (pA)", NAMES[knob], NAMES[knob]), y="pyramidal rate (Hz)",
        sharey=False, width_ratios=(1.3, 1, 1),
    )  # fmt: skip
    colours = style.ordered(c["level"] for c in found)
    for marker, c in zip(style.MARKERS * len(found), found, strict=False):
        look = {"color": colours[c["level"]], "marker": marker, "markersize": 4}
        draw.line(panels[0], c["current_pA"], c["rate_hz"], label=f"{c['level']:g}", **look)
    draw.guides(panels[0], y=[config.criterion], linestyle=":")
    draw.legend(panels[0], NAMES[knob])
    levels, labels = [c["level"] for c in found], ("slope (Hz/nA)", "threshold (pA)")
    fields = ("slope_hz_per_nA", "threshold_pA")
    for axes, field, label in zip(panels[1:], fields, labels, strict=True):
        draw.points(axes, levels, draw.joined(c[field] for c in found), color="k")
        axes.set_ylabel(label)
        # one scale for all knobs, so that figures can be compared side by side
        ends = [end for c in conditions for end in (c[field]["mean"], *c[field]["ci"])]
        axes.update_datalim([(0, end) for end in ends if end is not None], updatex=False)
    panels[1].sharex(panels[2])  # some levels may have a threshold alone
    against = f"{NAMES[knob].split(' (')[0]}, recurrence {config.recurrence:g}"
    title = f"Gain of the network against {against}"
    return draw.finish(figure, title, draw.mean_over(config.seeds), letters=True)


def _changes(axes: Axes, found: Sequence[Row]) -> None:
    """Draw changes under SOM and PV drive into one panel."""
    draw.guides(axes, x=[0], y=[0])
    for population, marker, dash in (("som", "D", "--"), ("pv", "o", "-")):
        own = where(found, knob=f"{population}_drive")
        fields = ("threshold_change_pA", "slope_change_percent")
        x, y = (draw.joined(c[field] for c in own) for field in fields)
        look = {"color": _COLOURS[population], "marker": marker, "linestyle": dash}
        draw.points(axes, x, y, label=f"{_LABELS[population]} drive", **look)
    if not axes.containers:
        draw.say(axes, "no change is defined")


def changes(result: Result) -> Figure:
    """Draw change of slope against change of threshold under SOM and PV drive."""
    config, metrics = result.config, result.metrics
    first = {"recurrence": config.recurrence, "conditions": metrics["conditions"]}
    groups = sorted((first, *metrics["other_recurrences"]), key=lambda group: group["recurrence"])
    titles = [f"recurrence {group['recurrence']:g}" for group in groups]
    size = (3.4 * len(groups) + 1.6, 4.0)
    figure, panels = draw.row(titles, size, x=THRESHOLD, y=SLOPE, sharex=True)
    for axes, group in zip(panels, groups, strict=True):
        _changes(axes, group["conditions"])
    draw.legend(panels[-1], beside=True)
    title = "Inhibition, against its lowest drive, paired by seed"
    return draw.finish(figure, title, draw.mean_over(config.seeds), letters=True)


def pv_distance(result: Result) -> Figure:
    """Draw the threshold of pyramidal cells against their distance to the driven PV cells."""
    found, config = result.metrics["pv_distance"], result.config
    x = "angle to the middle of the driven PV cells (degrees)"
    y = f"threshold at {config.criterion:g} Hz (pA)"
    figure, panels = draw.row(2, (9.4, 4.2), x=x, y=y, sharey=False)
    driven = f"{found['driven_cells']} PV cells + {found['sector_drive_pA']:g} pA"
    blue, grey = {"color": _COLOURS["pv"]}, {"color": "0.35", "marker": "s", "linestyle": "--"}
    for axes, field, label, look in (
        (panels[0], "threshold_pA", driven, blue),
        (panels[0], "control_threshold_pA", "none driven", grey),
        (panels[1], "threshold_change_pA", driven, blue),
    ):
        draw.points(axes, found["angle_deg"], draw.joined(found[field]), label=label, **look)
    draw.guides(panels[1], y=[0])
    panels[1].set_ylabel(THRESHOLD)
    for axes in panels:
        draw.shade(axes, 0, found["sector_deg"] / 2, "where the driven PV cells are")
        axes.set(xlim=(0, 180), xticks=np.arange(0, 181, 45))
    title = "PV cells raise the threshold of their neighbours"
    return draw.finish(figure, title, draw.mean_over(config.seeds), letters=True, below=True)
