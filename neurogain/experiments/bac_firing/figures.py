"""Figures of back-propagation-activated calcium events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Example, Sustained
from neurogain.plotting import style
from neurogain.plotting.potentials import SHADE, legend_below, soma_and_dendrite
from neurogain.plotting.style import Figure
from neurogain.spiking.cells import L5_V_CALCIUM

MAX_PANELS = 5
Row = Mapping[str, Any]  # of the metrics: one coupling and one pulse


def figures(
    config: BacFiringConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    return {
        "example": lambda: example(config, found["example"]),
        "maps": lambda: maps(metrics["pairing"], repeats=config.repeats),
        "probabilities": lambda: probabilities(config, metrics["pairing"]),
        "sustained": lambda: sustained(config, found["sustained"]),
    }


def plot(
    axes: Axes, config: BacFiringConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the probability of an event against delay, a line per coupling."""
    del found
    pulse = _against_delay(axes, metrics["pairing"], config.example_pulse)
    axes.set(xlabel="delay (ms)", ylabel="probability of a calcium event")
    axes.set_title(f"dendritic pulse of {pulse:g} pA", fontsize=10)
    axes.legend(title="coupling p", frameon=False, fontsize=8, title_fontsize=8)


def example(config: BacFiringConfig, traces: Example) -> Figure:
    """Draw the example: dendritic pulse alone, somatic spike alone, both."""
    figure = Figure(figsize=(10.2, 3.8), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    pulse = [config.example_delay, config.example_delay + config.dendritic_duration]
    titles = (f"dendritic pulse alone ({config.example_pulse:g} pA)", "somatic spike alone", "both")
    for i, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        soma_and_dendrite(axes, traces.time_ms, traces.soma[i], traces.dendrite[i], L5_V_CALCIUM)
        if i != 1:
            look: Any = {"color": "0.3", "lw": 4, "solid_capstyle": "butt"}
            axes.plot(pulse, [-86, -86], label="dendritic pulse", **look)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(-15, 45)
        axes.set_xlabel("time since the spike (ms)")
    panels[0].set_ylabel("potential (mV)")
    legend_below(figure, panels[0])
    figure.suptitle("BAC firing at p = 1", fontsize=11)
    return figure


def _where(pairing: Sequence[Row], order: str, **fixed: float) -> list[Row]:
    """Return the rows that have the fixed values, in the order of a field."""
    rows = (m for m in pairing if all(m[key] == value for key, value in fixed.items()))
    return sorted(rows, key=lambda m: m[order])


def _values(pairing: Sequence[Row], key: str) -> list[float]:
    return sorted({m[key] for m in pairing})


def maps(pairing: Sequence[Row], *, repeats: int) -> Figure:
    """Draw the probability of a calcium event over delay and height of the pulse, by coupling."""
    couplings = style.spread(_values(pairing, "coupling"), MAX_PANELS)
    figure = Figure(figsize=(2.5 * len(couplings) + 1.6, 3.6), layout="constrained")
    panels = figure.subplots(1, len(couplings), sharey=True, squeeze=False)[0]
    delays = np.array(pairing[0]["delay_ms"])
    order = np.argsort(delays)
    heights = np.array(_values(pairing, "dendritic_pulse_pA"))
    for axes, coupling in zip(panels, couplings, strict=True):
        rows = _where(pairing, "dendritic_pulse_pA", coupling=coupling)
        grid = np.array([m["event_probability"] for m in rows])[:, order]
        image = axes.pcolormesh(
            _edges(delays[order]), _edges(heights), grid, vmin=0, vmax=1, cmap="cividis"
        )
        axes.axvline(0, color="white", lw=0.8, ls=":")
        axes.set_title(f"p = {coupling:g}", fontsize=10)
        axes.set_xlabel("delay (ms)")
    panels[0].set_ylabel("dendritic pulse (pA)")
    figure.colorbar(image, ax=panels[-1], label="probability of a calcium event")
    figure.suptitle(
        f"Calcium events by the delay from a somatic spike to a dendritic pulse: {repeats} repeats",
        fontsize=11,
    )
    return figure


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return the borders of cells around ascending centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def probabilities(config: BacFiringConfig, pairing: Sequence[Row]) -> Figure:
    """Draw the probability of an event against delay, height of the pulse, and coupling.

    One of the three varies in each panel; the others are near those of the example, or colours.
    """
    heights = _values(pairing, "dendritic_pulse_pA")
    delays = np.array(pairing[0]["delay_ms"])
    at = int(np.argmin(np.abs(delays - config.example_delay)))
    figure = Figure(figsize=(10.6, 3.7), layout="constrained")
    first, second, third = panels = figure.subplots(1, 3, sharey=True)
    pulse = _against_delay(first, pairing, config.example_pulse)
    for coupling, colour in style.ordered(_values(pairing, "coupling")).items():
        rows = _where(pairing, "dendritic_pulse_pA", coupling=coupling)
        _line(second, heights, _points(rows, at), colour, f"{coupling:g}")
    for height, colour in style.ordered(style.spread(heights, MAX_PANELS)).items():
        rows = _where(pairing, "coupling", dendritic_pulse_pA=height)
        _line(third, [m["coupling"] for m in rows], _points(rows, at), colour, f"{height:g}")
    first.set_xlabel(f"delay (ms), pulse of {pulse:g} pA")
    second.set_xlabel(f"dendritic pulse (pA), delay {delays[at]:g} ms")
    third.set_xlabel(f"coupling p, delay {delays[at]:g} ms")
    first.set_ylabel("probability of a calcium event")
    for axes, title in ((first, "coupling p"), (second, "coupling p"), (third, "pulse (pA)")):
        axes.legend(title=title, frameon=False, fontsize=8, title_fontsize=8, loc="center left",
                    bbox_to_anchor=(1.0, 0.5))  # fmt: skip
    style.panel_letters(panels)
    figure.suptitle(
        f"Share and 95 % Clopper-Pearson interval, {config.repeats} repeats", fontsize=11
    )
    return figure


def _against_delay(axes: Axes, pairing: Sequence[Row], pulse: float) -> float:
    """Draw a line per coupling at the height nearest to `pulse`, and return that height."""
    height = min(_values(pairing, "dendritic_pulse_pA"), key=lambda h: abs(h - pulse))
    colours = style.ordered(_values(pairing, "coupling"))
    for row in _where(pairing, "coupling", dendritic_pulse_pA=height):
        order, coupling = np.argsort(row["delay_ms"]), row["coupling"]
        delays = np.array(row["delay_ms"])[order]
        points = [point for at in order for point in _points([row], at)]
        _line(axes, delays, points, colours[coupling], f"{coupling:g}")
    return height


def _points(rows: Sequence[Row], at: int) -> list[tuple[Any, Any]]:
    """Return probability and interval of each row at one delay."""
    return [(m["event_probability"][at], m["event_probability_ci"][at]) for m in rows]


def _line(axes: Axes, x: Any, points: Sequence[tuple[Any, Any]], colour: Any, label: str) -> None:
    y, interval = map(np.array, zip(*points, strict=True))
    axes.errorbar(
        x, y, np.abs(interval.T - y), color=colour, lw=1.6, elinewidth=0.7, marker="o", ms=2.5,
        label=label,
    )  # fmt: skip
    style.tidy(axes)


def sustained(config: BacFiringConfig, traces: Sustained) -> Figure:
    """Draw soma and dendrite under sustained current at the lowest and the highest coupling."""
    couplings, duration = config.numbers("coupling"), config.sustained_duration
    rows = sorted({int(np.argmin(couplings)), int(np.argmax(couplings))}, key=couplings.__getitem__)
    figure = Figure(figsize=(9.0, 2.3 * len(rows) + 0.8), layout="constrained")
    panels = figure.subplots(len(rows), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        axes.axvspan(0, duration, color=SHADE, alpha=0.18, lw=0, label="dendritic pulse")
        soma_and_dendrite(
            axes, traces.time_ms, traces.soma[row], traces.dendrite[row], L5_V_CALCIUM
        )
        axes.set_title(f"p = {couplings[row]:g}", fontsize=10)
        axes.set_ylabel("potential (mV)")
    panels[-1].set_xlabel("time since the start of the dendritic pulse (ms)")
    panels[-1].set_xlim(-duration, 1.8 * duration)
    legend_below(figure, panels[0])
    figure.suptitle("A dendritic pulse on top of a sustained somatic current", fontsize=11)
    return figure
