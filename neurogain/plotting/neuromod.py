"""Figures of neuromodulators: courses with and without interactions, dose and response."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neurogain.plotting.style import assign, tidy


def courses(
    named: Mapping[str, Any],
    systems: Sequence[str],
    owners: Mapping[str, str],
    targets: Sequence[str],
    units: Mapping[str, str],
    *,
    dt: float,
    cell: str,
) -> Figure:
    """Draw concentrations, activations and effects; interactions on as lines, off as dots.

    Args:
      named: "on" and "off", with fields `concentration`, `activation`, `amount`, (rows, steps).
      systems: rows of the concentration.
      owners: system of each row of the activation.
      targets: rows of the amount.
      units: of the amount, by target.
      dt: ms.
      cell: whose effects.
    """
    rows = len(systems)
    figure = Figure(figsize=(13.0, 1.0 + 2.0 * rows), layout="constrained")
    grid = figure.subplots(rows, 3, sharex=True)
    steps = named["on"].concentration.shape[1]
    time = dt * (1 + np.arange(steps)) / 1000
    looks = {"on": {"linestyle": "-", "lw": 1.4}, "off": {"linestyle": ":", "lw": 1.6}}
    for row, system in enumerate(systems):
        own = [(i, name) for i, (name, owner) in enumerate(owners.items()) if owner == system]
        for kind, course in named.items():
            colour = next(assign([system]))[1]["color"]
            grid[row, 0].plot(time, course.concentration[row], color=colour, **looks[kind])
            for (i, name), (_, line, _) in zip(own, assign(n for _, n in own), strict=True):
                label = name if kind == "on" else None
                grid[row, 1].plot(
                    time, course.activation[i], color=line["color"], **looks[kind], label=label
                )
        grid[row, 0].set(ylabel=f"{system}\n(nM)")
        grid[row, 1].set(ylabel="activation")
        grid[row, 1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    by_unit = {unit: [t for t in targets if units[t] == unit] for unit in units.values()}
    for axes in grid[len(by_unit) :, 2]:
        axes.set_axis_off()
    for axes, (unit, names) in zip(grid[:, 2], by_unit.items(), strict=False):
        for name, line, _ in assign(names):
            i = list(targets).index(name)
            for kind, course in named.items():
                label = name if kind == "on" else None
                axes.plot(time, course.amount[i], color=line["color"], **looks[kind], label=label)
        axes.set_ylabel(f"effect ({unit})")
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in grid.ravel():
        tidy(axes)
    for axes in (*grid[-1, :2], grid[len(by_unit) - 1, 2]):
        axes.set_xlabel("time (s)")
        axes.tick_params(labelbottom=True)
    for axes, title in zip(
        grid[0], ("concentration", "receptors", f"effects on {cell}"), strict=True
    ):
        axes.set_title(title, fontsize=10)
    figure.suptitle("Neuromodulators: with interactions (lines) and without (dots)", fontsize=11)
    return figure


def dose_response(doses: Any, names: Sequence[str]) -> Figure:
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
