"""Figures of back-propagation-activated calcium events."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.bac_firing.config import BacFiringConfig
from neurogain.experiments.bac_firing.run import Example, Sustained
from neurogain.plotting import draw, style
from neurogain.plotting.potentials import pulse_bar, soma_and_dendrite
from neurogain.plotting.rows import Row, families, values, where
from neurogain.plotting.style import Figure
from neurogain.runner import Result
from neurogain.spiking.cells import L5_V_CALCIUM

MAX_PANELS = 5
_FINE = {"capsize": 0, "elinewidth": 0.7, "markersize": 2.5}  # many points
PULSE, PROBABILITY = "dendritic_pulse_pA", "probability of a calcium event"


def figures(result: Result) -> draw.Figures:
    """Return what draws each figure, by name."""
    config, found, pairing = result.config, result.parts, result.metrics["pairing"]
    return {
        "example": lambda: example(config, found["example"]),
        "maps": lambda: maps(pairing, repeats=config.repeats),
        "probabilities": lambda: probabilities(config, pairing),
        "sustained": lambda: sustained(config, found["sustained"]),
    }


def plot(axes: Axes, result: Result) -> None:
    """Draw the probability of an event against delay, a line per coupling."""
    pulse = _against_delay(axes, result.metrics["pairing"], result.config.example_pulse)
    axes.set(xlabel="delay (ms)", ylabel=PROBABILITY, title=f"dendritic pulse of {pulse:g} pA")
    draw.legend(axes, "coupling p")


def example(config: BacFiringConfig, traces: Example) -> Figure:
    """Draw the example: dendritic pulse alone, somatic spike alone, both."""
    figure, panels = draw.row(3, (10.2, 3.8))
    start, end = config.example_delay, config.example_delay + config.dendritic_duration
    titles = (f"dendritic pulse alone ({config.example_pulse:g} pA)", "somatic spike alone", "both")
    for i, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        soma_and_dendrite(axes, traces.time_ms, traces.soma[i], traces.dendrite[i], L5_V_CALCIUM)
        if i != 1:
            pulse_bar(axes, start, end, -86, "dendritic pulse")
        axes.set(title=title, xlim=(-15, 45), xlabel="time since the spike (ms)")
    panels[0].set_ylabel("potential (mV)")
    return draw.finish(figure, "BAC firing at p = 1", below=True)


def maps(pairing: Sequence[Row], *, repeats: int) -> Figure:
    """Draw the probability of a calcium event over delay and height of the pulse, by coupling."""
    couplings = style.spread(values(pairing, "coupling"), MAX_PANELS)
    figure, panels = draw.row(len(couplings), (2.5 * len(couplings) + 1.6, 3.6), framed=True)
    delays, heights = np.array(pairing[0]["delay_ms"]), np.array(values(pairing, PULSE))
    order = np.argsort(delays)
    for axes, coupling in zip(panels, couplings, strict=True):
        rows = sorted(where(pairing, coupling=coupling), key=lambda row: row[PULSE])
        grid = np.array([row["event_probability"] for row in rows])[:, order]
        image = axes.pcolormesh(
            _edges(delays[order]), _edges(heights), grid, vmin=0, vmax=1, cmap="cividis"
        )
        draw.guides(axes, x=[0], color="white", linestyle=":")
        axes.set(title=f"p = {coupling:g}", xlabel="delay (ms)")
    panels[0].set_ylabel("dendritic pulse (pA)")
    figure.colorbar(image, ax=panels[-1], label=PROBABILITY)
    title = "Calcium events by the delay from a somatic spike to a dendritic pulse"
    return draw.finish(figure, title, f"{repeats} repeats")


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
    delays = np.array(pairing[0]["delay_ms"])
    at = int(np.argmin(np.abs(delays - config.example_delay)))
    figure, panels = draw.row(3, (10.6, 3.7))
    pulse = _against_delay(panels[0], pairing, config.example_pulse)
    shown = style.spread(values(pairing, PULSE), MAX_PANELS)
    some = [row for row in pairing if row[PULSE] in shown]
    for axes, rows, along, by in (
        (panels[1], pairing, PULSE, "coupling"), (panels[2], some, "coupling", PULSE)
    ):  # fmt: skip
        for own, look in families(rows, by):
            own.sort(key=lambda row: row[along])
            ends = [row["event_probability_ci"][at] for row in own]
            share = {"mean": [row["event_probability"][at] for row in own], "ci": ends}
            draw.points(axes, [row[along] for row in own], share, **_FINE | look)
    panels[0].set(xlabel=f"delay (ms), pulse of {pulse:g} pA", ylabel=PROBABILITY)
    panels[1].set_xlabel(f"dendritic pulse (pA), delay {delays[at]:g} ms")
    panels[2].set_xlabel(f"coupling p, delay {delays[at]:g} ms")
    for axes, title in zip(panels, ("coupling p", "coupling p", "pulse (pA)"), strict=True):
        draw.legend(axes, title, beside=True)
    title = f"Share and 95 % Clopper-Pearson interval, {config.repeats} repeats"
    return draw.finish(figure, title, letters=True)


def _against_delay(axes: Axes, pairing: Sequence[Row], pulse: float) -> float:
    """Draw a line per coupling at the height nearest to `pulse`, and return that height."""
    height = min(values(pairing, PULSE), key=lambda h: abs(h - pulse))
    for [row], look in families(where(pairing, **{PULSE: height}), "coupling"):
        order = np.argsort(row["delay_ms"])
        share = {"mean": row["event_probability"], "ci": row["event_probability_ci"]}
        share = {name: np.array(value)[order] for name, value in share.items()}
        draw.points(axes, np.array(row["delay_ms"])[order], share, **_FINE | look)
    return height


def sustained(config: BacFiringConfig, traces: Sustained) -> Figure:
    """Draw soma and dendrite under sustained current at the lowest and the highest coupling."""
    couplings, duration = config.numbers("coupling"), config.sustained_duration
    rows = sorted({int(np.argmin(couplings)), int(np.argmax(couplings))}, key=couplings.__getitem__)
    figure, panels = draw.column(len(rows), (9.0, 2.3 * len(rows) + 0.8), sharey=True)
    for axes, row in zip(panels, rows, strict=True):
        draw.shade(axes, 0, duration, "dendritic pulse")
        soma_and_dendrite(
            axes, traces.time_ms, traces.soma[row], traces.dendrite[row], L5_V_CALCIUM
        )
        axes.set(title=f"p = {couplings[row]:g}", ylabel="potential (mV)")
    panels[-1].set_xlabel("time since the start of the dendritic pulse (ms)")
    panels[-1].set_xlim(-duration, 1.8 * duration)
    return draw.finish(
        figure, "A dendritic pulse on top of a sustained somatic current", below=True
    )
