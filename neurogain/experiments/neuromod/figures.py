"""Figures of neuromodulators: courses with and without interactions, dose and response."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.neuromod.config import NeuromodConfig
from neurogain.experiments.neuromod.run import DOSES, KINDS, Course, DoseResponse
from neurogain.neuromod import effects, systems, tables
from neurogain.neuromod.systems import SYSTEMS
from neurogain.plotting.style import Figure, assign, tidy

LOOKS: dict[str, dict[str, Any]] = {
    "on": {"linestyle": "-", "lw": 1.4}, "off": {"linestyle": ":", "lw": 1.6},
}  # fmt: skip


def figures(
    config: NeuromodConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    del metrics
    return {
        "courses": functools.partial(courses, config, _named(found)),
        "dose_response": functools.partial(
            dose_response, found[DOSES], list(systems.owners(tables.standard()))
        ),
    }


def plot(
    axes: Axes, config: NeuromodConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw all concentrations over their tonic levels; interactions on as lines, off as dots."""
    for kind, course in _named(found).items():
        time = _time(config, course)
        for (system, line, _), values in zip(assign(SYSTEMS), course.concentration, strict=True):
            label = system if kind == "on" else None
            relative = values / metrics["tonic_nM"][system]
            axes.plot(time, relative, color=line["color"], **LOOKS[kind], label=label)
    axes.set(xlabel="time (s)", ylabel="concentration over tonic level")
    axes.legend(frameon=False, fontsize=8)
    tidy(axes)


def _named(found: Mapping[str, Any]) -> dict[str, Course]:
    return {kind: found[label] for kind, label in KINDS.items()}


def _time(config: NeuromodConfig, course: Course) -> np.ndarray:
    return config.dt * (1 + np.arange(course.concentration.shape[1])) / 1000


def _unit(target: str) -> str:
    """Return the unit of an effect's amount."""
    if target.endswith("current"):
        return "pA"
    return "1/ms" if target.endswith("modulator") else "log factor"


def courses(config: NeuromodConfig, named: Mapping[str, Course]) -> Figure:
    """Draw concentrations, activations and effects; interactions on as lines, off as dots.

    Args:
      config: of the run.
      named: "on" and "off".
    """
    rows = len(SYSTEMS)
    figure = Figure(figsize=(13.0, 1.0 + 2.0 * rows), layout="constrained")
    grid = figure.subplots(rows, 3, sharex=True)
    _levels(grid[:, :2], config, named)
    filled = _effects(grid[:, 2], config, named)
    for axes in grid.ravel():
        tidy(axes)
    for axes in (*grid[-1, :2], grid[filled - 1, 2]):
        axes.set_xlabel("time (s)")
        axes.tick_params(labelbottom=True)
    titles = ("concentration", "receptors", f"effects on {config.cell}")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=10)
    figure.suptitle("Neuromodulators: with interactions (lines) and without (dots)", fontsize=11)
    return figure


def _levels(grid: np.ndarray, config: NeuromodConfig, named: Mapping[str, Course]) -> None:
    """Draw each system's concentration, and beside it the activation of its receptors."""
    owners = systems.owners(tables.standard())
    for row, (system, (left, right)) in enumerate(zip(SYSTEMS, grid, strict=True)):
        own = [(i, name) for i, (name, owner) in enumerate(owners.items()) if owner == system]
        for kind, course in named.items():
            time = _time(config, course)
            colour = next(assign([system]))[1]["color"]
            left.plot(time, course.concentration[row], color=colour, **LOOKS[kind])
            for (i, name), (_, line, _) in zip(own, assign(n for _, n in own), strict=True):
                label = name if kind == "on" else None
                right.plot(
                    time, course.activation[i], color=line["color"], **LOOKS[kind], label=label
                )
        left.set(ylabel=f"{system}\n(nM)")
        right.set(ylabel="activation")
        right.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))


def _effects(column: np.ndarray, config: NeuromodConfig, named: Mapping[str, Course]) -> int:
    """Draw the amounts at all targets, one panel a unit; return the number of panels."""
    targets = effects.names(tables.EFFECTS[config.cell])
    by_unit: dict[str, list[str]] = {}
    for target in targets:
        by_unit.setdefault(_unit(target), []).append(target)
    for axes in column[len(by_unit) :]:
        axes.set_axis_off()
    for axes, (unit, names) in zip(column, by_unit.items(), strict=False):
        for name, line, _ in assign(names):
            for kind, course in named.items():
                label = name if kind == "on" else None
                values = course.amount[targets.index(name)]
                axes.plot(
                    _time(config, course), values, color=line["color"], **LOOKS[kind], label=label
                )
        axes.set_ylabel(f"effect ({unit})")
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return len(by_unit)


def dose_response(doses: DoseResponse, names: Sequence[str]) -> Figure:
    """Draw the occupancy of settled receptors on the Hill curves."""
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = figure.subplots()
    for i, (name, line, marker) in enumerate(assign(names)):
        axes.plot(doses.concentration[1:], doses.hill[i, 1:], color=line["color"], lw=1)
        axes.plot(
            doses.concentration[1:], doses.occupancy[i, 1:], marker, color=line["color"], ms=3.5,
            label=name,
        )  # fmt: skip
    axes.set(
        xscale="log", xlabel="concentration (nM)", ylabel="share of receptors bound",
        title="Settled receptors (marks) and Hill curves (lines)",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    tidy(axes)
    return figure
