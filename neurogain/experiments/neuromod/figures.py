"""Figures of neuromodulators: courses with and without interactions, dose and response."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.neuromod.config import NeuromodConfig
from neurogain.experiments.neuromod.run import DOSES, KINDS, Course
from neurogain.neuromod import effects, systems, tables
from neurogain.neuromod.systems import SYSTEMS
from neurogain.plotting import draw
from neurogain.plotting.style import Figure, assign
from neurogain.runner import Figures, Result

LOOKS: dict[str, dict[str, Any]] = {
    "on": {"linestyle": "-", "lw": 1.4}, "off": {"linestyle": ":", "lw": 1.6},
}  # fmt: skip


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    return {"courses": courses, "dose_response": dose_response}


def plot(axes: Axes, result: Result) -> None:
    """Draw all concentrations over their tonic levels; interactions on as lines, off as dots."""
    tonic = np.array([[result.metrics["tonic_nM"][system]] for system in SYSTEMS])
    relative = {kind: one.concentration / tonic for kind, one in _named(result).items()}
    _both(axes, result.config, relative, SYSTEMS)
    axes.set(xlabel="time (s)", ylabel="concentration over tonic level")
    draw.legend(axes)


def _named(result: Result) -> dict[str, Course]:
    return {kind: result.parts[label] for kind, label in KINDS.items()}


def _both(
    axes: Axes, config: NeuromodConfig, values: Mapping[str, np.ndarray], names: Sequence[str]
) -> None:
    """Draw the rows of (names, times), by "on" and "off"."""
    for kind, rows in values.items():
        time = config.dt * (1 + np.arange(rows.shape[1])) / 1000
        for (name, line, _), row in zip(assign(names), rows, strict=True):
            label = name if kind == "on" else None
            axes.plot(time, row, color=line["color"], label=label, **LOOKS[kind])


def _unit(target: str) -> str:
    """Return the unit of an effect's amount."""
    if target.endswith("current"):
        return "pA"
    return "1/ms" if target.endswith("modulator") else "log factor"


def courses(result: Result) -> Figure:
    """Draw concentrations, activations and effects; interactions on as lines, off as dots."""
    config, named, rows = result.config, _named(result), len(SYSTEMS)
    figure, grid = draw.grid(
        rows, 3, (13.0, 1.0 + 2.0 * rows), sharex=True,
        y=[f"{system}\n(nM)" for system in SYSTEMS],
        titles=("concentration", "receptors", f"effects on {config.cell}"),
    )  # fmt: skip
    owners = np.array(list(systems.owners(tables.standard()).items()))
    for row, (system, (left, right, _)) in enumerate(zip(SYSTEMS, grid, strict=True)):
        own = owners[:, 1] == system
        concentration = {kind: one.concentration[[row]] for kind, one in named.items()}
        _both(left, config, concentration, [system])
        activation = {kind: one.activation[own] for kind, one in named.items()}
        _both(right, config, activation, owners[own, 0].tolist())
        right.set_ylabel("activation")
    filled = _effects(grid[:, 2], config, named)
    for axes in (*grid[-1, :2], grid[filled - 1, 2]):
        axes.set_xlabel("time (s)")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 1:].flat:
        draw.legend(axes, beside=True, ncols=1)
    return draw.finish(figure, "Neuromodulators: with interactions (lines) and without (dots)")


def _effects(column: np.ndarray, config: NeuromodConfig, named: Mapping[str, Course]) -> int:
    """Draw the amounts at all targets, one panel a unit; return the number of panels."""
    targets = effects.names(tables.EFFECTS[config.cell])
    units = list(dict.fromkeys(map(_unit, targets)))
    for axes in column[len(units) :]:
        axes.set_axis_off()
    for axes, unit in zip(column, units, strict=False):
        own = [i for i, target in enumerate(targets) if _unit(target) == unit]
        amount = {kind: one.amount[own] for kind, one in named.items()}
        _both(axes, config, amount, [targets[i] for i in own])
        axes.set_ylabel(f"effect ({unit})")
    return len(units)


def dose_response(result: Result) -> Figure:
    """Draw the occupancy of settled receptors on the Hill curves."""
    doses, receptors = result.parts[DOSES], systems.owners(tables.standard())
    labels = {"x": "concentration (nM)", "y": "share of receptors bound"}
    figure, axes = draw.single((7.2, 3.8), **labels)
    x = doses.concentration[1:]
    for (name, line, marker), hill, bound in zip(
        assign(receptors), doses.hill[:, 1:], doses.occupancy[:, 1:], strict=True
    ):
        axes.plot(x, hill, color=line["color"], lw=1)
        axes.plot(x, bound, marker, color=line["color"], ms=3.5, label=name)
    axes.set_xscale("log")
    draw.legend(axes, beside=True)
    return draw.finish(figure, "Settled receptors (marks) and Hill curves (lines)")
