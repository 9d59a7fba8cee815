"""Figures of back-propagation-activated calcium events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Example
from neurogain.plotting import style
from neurogain.plotting.style import Figure
from neurogain.spiking import cells

SOMA, DENDRITE = style.COLOURS[0], style.COLOURS[3]
MAX_PANELS = 5


def figures(
    config: BacFiringConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    pairing, held, threshold = metrics["pairing"], found["sustained"], cells.L5_V_CALCIUM
    return {
        "example": lambda: example(
            found["example"], spike=metrics["spike_time_ms"], delay=config.example_delay,
            duration=config.dendritic_duration, pulse=config.example_pulse, threshold=threshold,
        ),
        "maps": lambda: maps(pairing, repeats=config.repeats),
        "probabilities": lambda: probabilities(
            pairing, pulse=config.example_pulse, delay=config.example_delay, repeats=config.repeats
        ),
        "sustained": lambda: sustained(
            held.time_ms, held.soma, held.dendrite, config.numbers("coupling"),
            duration=config.sustained_duration, threshold=threshold,
        ),
    }  # fmt: skip


def plot(
    axes: Axes, config: BacFiringConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the probability of an event against the delay of the example pulse, by coupling."""
    del found
    pulse = _nearest(metrics["pairing"], config.example_pulse)
    _over_delays(axes, metrics["pairing"], pulse)
    axes.set(xlabel=f"delay (ms), pulse of {pulse:g} pA", ylabel="probability of a calcium event")
    axes.legend(title="coupling p", frameon=False, fontsize=8, title_fontsize=8)
    style.tidy(axes)


def example(
    traces: Example,
    *,
    spike: float,
    delay: float,
    duration: float,
    pulse: float,
    threshold: float,
) -> Figure:
    """Draw the example: dendritic pulse alone, somatic spike alone, both."""
    figure = Figure(figsize=(10.2, 3.8), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    time = traces.time_ms - spike
    titles = (f"dendritic pulse alone ({pulse:g} pA)", "somatic spike alone", "both")
    for i, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        axes.plot(time, traces.soma[i], color=SOMA, lw=1.2, label="soma")
        axes.plot(time, traces.dendrite[i], color=DENDRITE, lw=1.8, label="dendrite")
        axes.axhline(threshold, color="0.4", lw=0.8, ls="--", label="calcium event from here up")
        if i != 1:
            axes.plot(
                [delay, delay + duration], [-86, -86], color="0.3", lw=4, solid_capstyle="butt",
                label="dendritic pulse",
            )  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.set_xlim(-15, 45)
        axes.set_xlabel("time since the spike (ms)")
        style.tidy(axes)
    panels[0].set_ylabel("potential (mV)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("BAC firing at p = 1", fontsize=11)
    return figure


def maps(pairing: Sequence[Mapping[str, Any]], *, repeats: int) -> Figure:
    """Draw the probability of a calcium event over delay and height of the pulse, by coupling."""
    couplings = sorted({m["coupling"] for m in pairing})
    picked = np.linspace(0, len(couplings) - 1, min(MAX_PANELS, len(couplings))).round()
    couplings = [couplings[int(i)] for i in picked]
    figure = Figure(figsize=(2.5 * len(couplings) + 1.6, 3.6), layout="constrained")
    panels = figure.subplots(1, len(couplings), sharey=True, squeeze=False)[0]
    for axes, coupling in zip(panels, couplings, strict=True):
        rows = sorted(
            (m for m in pairing if m["coupling"] == coupling),
            key=lambda m: m["dendritic_pulse_pA"],
        )
        heights = np.array([m["dendritic_pulse_pA"] for m in rows])
        delays = np.array(rows[0]["delay_ms"])
        order = np.argsort(delays)
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


def probabilities(
    pairing: Sequence[Mapping[str, Any]], *, pulse: float, delay: float, repeats: int
) -> Figure:
    """Draw the probability of an event against delay, height of the pulse, and coupling.

    One of the three varies in each panel; the others are `pulse`, `delay` and the colours.
    """
    heights = sorted({m["dendritic_pulse_pA"] for m in pairing})
    pulse = _nearest(pairing, pulse)
    delays = np.array(pairing[0]["delay_ms"])
    at = int(np.argmin(np.abs(delays - delay)))
    figure = Figure(figsize=(10.6, 3.7), layout="constrained")
    first, second, third = panels = figure.subplots(1, 3, sharey=True)
    _over_delays(first, pairing, pulse)
    couplings = style.ordered(m["coupling"] for m in pairing)
    for coupling, colour in couplings.items():
        rows = [m for m in pairing if m["coupling"] == coupling]
        rows.sort(key=lambda m: m["dendritic_pulse_pA"])
        _line(
            second, heights, [m["event_probability"][at] for m in rows],
            np.array([m["event_probability_ci"][at] for m in rows]), colour, f"{coupling:g}",
        )  # fmt: skip
    picked = np.linspace(0, len(heights) - 1, min(MAX_PANELS, len(heights))).round()
    shades = style.ordered(heights[int(i)] for i in picked)
    for height in shades:
        rows = sorted(
            (m for m in pairing if m["dendritic_pulse_pA"] == height), key=lambda m: m["coupling"]
        )
        _line(
            third, [m["coupling"] for m in rows], [m["event_probability"][at] for m in rows],
            np.array([m["event_probability_ci"][at] for m in rows]), shades[height], f"{height:g}",
        )  # fmt: skip
    first.set_xlabel(f"delay (ms), pulse of {pulse:g} pA")
    second.set_xlabel(f"dendritic pulse (pA), delay {delays[at]:g} ms")
    third.set_xlabel(f"coupling p, delay {delays[at]:g} ms")
    first.set_ylabel("probability of a calcium event")
    for axes, title in ((first, "coupling p"), (second, "coupling p"), (third, "pulse (pA)")):
        axes.legend(title=title, frameon=False, fontsize=8, title_fontsize=8, loc="center left",
                    bbox_to_anchor=(1.0, 0.5))  # fmt: skip
        style.tidy(axes)
    style.panel_letters(panels)
    figure.suptitle(f"Share and 95 % Clopper-Pearson interval, {repeats} repeats", fontsize=11)
    return figure


def _nearest(pairing: Sequence[Mapping[str, Any]], pulse: float) -> float:
    """Return the height among the pulses that is nearest to `pulse`."""
    heights = {float(m["dendritic_pulse_pA"]) for m in pairing}
    return min(sorted(heights), key=lambda height: abs(height - pulse))


def _over_delays(axes: Axes, pairing: Sequence[Mapping[str, Any]], pulse: float) -> None:
    """Draw the probability of an event at one pulse against its delay, a line per coupling."""
    for coupling, colour in style.ordered(m["coupling"] for m in pairing).items():
        (one,) = (
            m for m in pairing if (m["coupling"], m["dendritic_pulse_pA"]) == (coupling, pulse)
        )
        delays = np.array(one["delay_ms"])
        order = np.argsort(delays)
        _line(
            axes, delays[order], np.array(one["event_probability"])[order],
            np.array(one["event_probability_ci"])[order], colour, f"{coupling:g}",
        )  # fmt: skip


def _line(axes: Axes, x: Any, y: Any, ci: np.ndarray, colour: Any, label: str) -> None:
    below_above = np.abs(ci.T - np.asarray(y))
    axes.errorbar(
        x,
        y,
        yerr=below_above,
        color=colour,
        lw=1.6,
        elinewidth=0.7,
        marker="o",
        ms=2.5,
        label=label,
    )


def sustained(
    time_ms: np.ndarray,
    soma: np.ndarray,
    dendrite: np.ndarray,
    couplings: Sequence[float],
    *,
    duration: float,
    threshold: float,
) -> Figure:
    """Draw soma and dendrite under sustained current at the lowest and the highest coupling."""
    rows = sorted({int(np.argmin(couplings)), int(np.argmax(couplings))}, key=couplings.__getitem__)
    figure = Figure(figsize=(9.0, 2.3 * len(rows) + 0.8), layout="constrained")
    panels = figure.subplots(len(rows), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        axes.axvspan(0, duration, color="#E69F00", alpha=0.18, lw=0, label="dendritic pulse")
        axes.plot(time_ms, soma[row], color=SOMA, lw=1.0, label="soma")
        axes.plot(time_ms, dendrite[row], color=DENDRITE, lw=1.6, label="dendrite")
        axes.axhline(threshold, color="0.4", lw=0.8, ls="--", label="calcium event from here up")
        axes.set_title(f"p = {couplings[row]:g}", fontsize=10)
        axes.set_ylabel("potential (mV)")
        style.tidy(axes)
    panels[-1].set_xlabel("time since the start of the dendritic pulse (ms)")
    panels[-1].set_xlim(-duration, 1.8 * duration)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("A dendritic pulse on top of a sustained somatic current", fontsize=11)
    return figure
