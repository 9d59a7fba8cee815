"""Figures of neuromodulators: courses with and without interactions, dose and response."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.experiments.neuromod.run import DOSES, KINDS
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
    tonic = [result.metrics["tonic_nM"][system] for system in SYSTEMS]
    _both(axes, result, "concentration", dict(enumerate(SYSTEMS)), over=tonic)
    axes.set(xlabel="time (s)", ylabel="concentration over tonic level")
    draw.legend(axes)


def _both(
    axes: Axes, result: Result, field: str, names: Mapping[int, str], over: Sequence[float] = ()
) -> None:
    """Draw rows of a field, named, with and without interactions; `over`: what they are over."""
    for kind, label in KINDS.items():
        values = getattr(result.parts[label], field)
        time = result.config.dt * (1 + np.arange(values.shape[1])) / 1000
        for i, (name, line, _) in zip(names, assign(names.values()), strict=True):
            look = LOOKS[kind] | {"color": line["color"], "label": name if kind == "on" else None}
            axes.plot(time, values[i] / (over[i] if over else 1), **look)


def _unit(target: str) -> str:
    """Return the unit of an effect's amount."""
    if target.endswith("current"):
        return "pA"
    return "1/ms" if target.endswith("modulator") else "log factor"


def courses(result: Result) -> Figure:
    """Draw concentrations, activations and effects; interactions on as lines, off as dots."""
    rows = len(SYSTEMS)
    figure, grid = draw.grid(
        rows, 3, (13.0, 1.0 + 2.0 * rows), sharex=True,
        y=[f"{system}\n(nM)" for system in SYSTEMS],
        titles=("concentration", "receptors", f"effects on {result.config.cell}"),
    )  # fmt: skip
    owners = systems.owners(tables.standard()).items()
    for i, (system, (left, right, _)) in enumerate(zip(SYSTEMS, grid, strict=True)):
        own = {j: name for j, (name, owner) in enumerate(owners) if owner == system}
        _both(left, result, "concentration", {i: system})
        _both(right, result, "activation", own)
        right.set_ylabel("activation")
    filled = _effects(grid[:, 2], result)
    for axes in (*grid[-1, :2], grid[filled - 1, 2]):
        axes.set_xlabel("time (s)")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 1:].flat:
        draw.legend(axes, beside=True)
    return draw.finish(figure, "Neuromodulators: with interactions (lines) and without (dots)")


def _effects(column: np.ndarray, result: Result) -> int:
    """Draw the amounts at all targets, one panel a unit; return the number of panels."""
    targets = effects.names(tables.EFFECTS[result.config.cell])
    units = list(dict.fromkeys(map(_unit, targets)))
    for axes in column[len(units) :]:
        axes.set_axis_off()
    for axes, unit in zip(column, units, strict=False):
        own = {i: target for i, target in enumerate(targets) if _unit(target) == unit}
        _both(axes, result, "amount", own)
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
