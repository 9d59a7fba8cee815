"""Figures of back-propagation-activated calcium events."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import draw, rows, style
from neurogain.plotting.potentials import pulse_bar, soma_and_dendrite
from neurogain.plotting.rows import Row, values, where
from neurogain.plotting.style import Figure
from neurogain.runner import Figures, Result
from neurogain.spiking.cells import L5_V_CALCIUM

MAX_PANELS = 5
DELAY, PULSE, COUPLING = "delay_ms", "dendritic_pulse_pA", "coupling"
SHARE, PROBABILITY = "event_probability", "probability of a calcium event"
_FINE = {"capsize": 0, "elinewidth": 0.7, "markersize": 2.5}  # there are many points


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    return {
        "example": example, "maps": maps, "probabilities": probabilities, "sustained": sustained
    }  # fmt: skip


def plot(axes: Axes, result: Result) -> None:
    """Draw the probability of an event against delay, a line per coupling."""
    points = _points(result)
    pulse = _nearest(points, PULSE, result.config.example_pulse)
    rows.points(axes, where(points, **{PULSE: pulse}), DELAY, SHARE, by=COUPLING, **_FINE)
    axes.set(xlabel="delay (ms)", ylabel=PROBABILITY, title=f"dendritic pulse of {pulse:g} pA")
    draw.legend(axes, "coupling p")


def example(result: Result) -> Figure:
    """Draw the example: dendritic pulse alone, somatic spike alone, both."""
    config, traces = result.config, result.parts["example"]
    titles = (f"dendritic pulse alone ({config.example_pulse:g} pA)", "somatic spike alone", "both")
    labels = {"x": "time since the spike (ms)", "y": "potential (mV)"}
    figure, panels = draw.row(titles, (10.2, 3.8), **labels)
    pulse = [config.example_delay, config.example_delay + config.dendritic_duration]
    for i, axes in enumerate(panels):
        soma_and_dendrite(axes, traces.time_ms, traces.soma[i], traces.dendrite[i], L5_V_CALCIUM)
        if i != 1:
            pulse_bar(axes, pulse, -86, "dendritic pulse")
        axes.set_xlim(-15, 45)
    return draw.finish(figure, "BAC firing at p = 1", below=True)


def _points(result: Result) -> list[Row]:
    """Return a row for each coupling, pulse and delay."""
    fields = (DELAY, SHARE, f"{SHARE}_ci")
    return [
        {COUPLING: row[COUPLING], PULSE: row[PULSE]} | dict(zip(fields, point, strict=True))
        for row in result.metrics["pairing"]
        for point in zip(*(row[field] for field in fields), strict=True)
    ]


def _nearest(points: Sequence[Row], field: str, value: float) -> Any:
    return min(values(points, field), key=lambda one: abs(one - value))


def maps(result: Result) -> Figure:
    """Draw the probability of a calcium event over delay and height of the pulse, by coupling."""
    points = _points(result)
    couplings = style.spread(values(points, COUPLING), MAX_PANELS)
    figure, panels = draw.row(
        [f"p = {coupling:g}" for coupling in couplings], (2.5 * len(couplings) + 1.6, 3.6),
        x="delay (ms)", y="dendritic pulse (pA)", framed=True,
    )  # fmt: skip
    delays, heights = values(points, DELAY), values(points, PULSE)
    for axes, coupling in zip(panels, couplings, strict=True):
        own = sorted(
            where(points, **{COUPLING: coupling}), key=lambda point: (point[PULSE], point[DELAY])
        )
        grid = np.reshape([point[SHARE] for point in own], (len(heights), len(delays)))
        image = axes.pcolormesh(
            _edges(delays), _edges(heights), grid, vmin=0, vmax=1, cmap="cividis"
        )
        draw.guides(axes, x=[0], color="white", linestyle=":")
    figure.colorbar(image, ax=panels[-1], label=PROBABILITY)
    title = "Calcium events by the delay from a somatic spike to a dendritic pulse"
    return draw.finish(figure, title, draw.counted(result.config.repeats, "repeat"))


def _edges(centres: Sequence[float]) -> np.ndarray:
    """Return the borders of cells around ascending centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = np.convolve(centres, [0.5, 0.5], "valid")
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def probabilities(result: Result) -> Figure:
    """Draw the probability of an event against delay, height of the pulse, and coupling.

    One of the three varies in each panel; the others are near those of the example, or colours.
    """
    points, config = _points(result), result.config
    pulse = _nearest(points, PULSE, config.example_pulse)
    delay = _nearest(points, DELAY, config.example_delay)
    shown = style.spread(values(points, PULSE), MAX_PANELS)
    at_delay = where(points, **{DELAY: delay})
    some = [point for point in at_delay if point[PULSE] in shown]
    labels = (
        f"delay (ms), pulse of {pulse:g} pA",
        f"dendritic pulse (pA), delay {delay:g} ms",
        f"coupling p, delay {delay:g} ms",
    )
    figure, panels = draw.row(3, (10.6, 3.7), x=labels, y=PROBABILITY)
    for axes, own, along, by, title in (
        (panels[0], where(points, **{PULSE: pulse}), DELAY, COUPLING, "coupling p"),
        (panels[1], at_delay, PULSE, COUPLING, "coupling p"),
        (panels[2], some, COUPLING, PULSE, "pulse (pA)"),
    ):
        rows.points(axes, own, along, SHARE, by=by, **_FINE)
        draw.legend(axes, title, beside=True)
    title, note = "Share and 95 % Clopper-Pearson interval", draw.counted(config.repeats, "repeat")
    return draw.finish(figure, title, note, letters=True)


def sustained(result: Result) -> Figure:
    """Draw soma and dendrite under sustained current at the lowest and the highest coupling."""
    config, traces = result.config, result.parts["sustained"]
    couplings, duration = config.numbers("coupling"), config.sustained_duration
    shown = list(dict.fromkeys((int(np.argmin(couplings)), int(np.argmax(couplings)))))
    figure, panels = draw.column(
        ["potential (mV)"] * len(shown), (9.0, 2.3 * len(shown) + 0.8), sharey=True,
        x="time since the start of the dendritic pulse (ms)",
    )  # fmt: skip
    for axes, i in zip(panels, shown, strict=True):
        draw.shade(axes, 0, duration, "dendritic pulse")
        soma_and_dendrite(axes, traces.time_ms, traces.soma[i], traces.dendrite[i], L5_V_CALCIUM)
        axes.set(title=f"p = {couplings[i]:g}", xlim=(-duration, 1.8 * duration))
    title = "A dendritic pulse on top of a sustained somatic current"
    return draw.finish(figure, title, below=True)
