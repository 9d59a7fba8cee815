"""Fronts of avg-SG against avg-ACC or AAA: each method over its learning rates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import continual, draw, style
from neurogain.plotting.style import Figure

Point = tuple[float, float]  # accuracy and avg-SG

SHORT = {"avg_acc": "avg-ACC", "avg_anytime_acc": "AAA"}  # the accuracies by name in metrics.json
LABELS = {"avg_acc": continual.ACCURACY, "avg_anytime_acc": continual.ANYTIME}
LINEAR = 0.01  # avg-SG up to which the axis is linear; logarithmic above
APART = 12  # points, between the middles of numbers and marks
TICKS = (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


def fronts(
    swept: Mapping[str, Sequence[Mapping[str, Any]]],
    single: Mapping[str, Mapping[str, Any]],
    *,
    published: Mapping[str, float],
    title: str = "",
    accuracy: str = "avg_acc",
    lowest_accuracy: float = 0.8,
    highlighted: str | None = None,
) -> Figure:
    """Draw every configuration, the front of each method as a line, and single methods as numbers.

    Args:
      swept: method to configurations, each with `avg_sg` and the accuracy as in `metrics.json`.
      single: method to the figures of its one configuration.
      published: method to its published avg-SG, marked on the left edge.
      title: of the figure.
      accuracy: "avg_acc" or "avg_anytime_acc", the horizontal axis.
      lowest_accuracy: left end of the accuracy axis.
      highlighted: one of the single methods, drawn as a star.
    """
    y = f"{continual.GAP} (linear up to {LINEAR:g})"
    figure, axes = draw.single((8.6, 6.2), x=LABELS[accuracy], y=y)
    outside: list[str] = []
    marks: list[Point] = []
    numbers: list[Point] = []
    for label, line, marker in style.assign([*swept, *single]):
        entries = swept.get(label) or [single[label]]
        points = sorted(
            (e[accuracy]["mean"], e["avg_sg"]["mean"])
            for e in entries
            if e["avg_sg"]["mean"] is not None and e[accuracy]["mean"] >= lowest_accuracy
        )
        if not points:
            outside.append(label)
            continue
        if label in swept:
            look = {"color": line["color"], "marker": marker, "markersize": 5}
        elif label == highlighted:
            look = {"color": "black", "marker": "*", "markersize": 14, "zorder": 4}
        else:
            numbers += points
            size = 5 if len(numbers) < 10 else 8  # a marker's size is that of its wider side
            look = {"color": "black", "marker": f"${len(numbers)}$", "markersize": size}
            axes.plot([], [], linestyle="none", label=label, markeredgewidth=0.2, **look)
            axes.update_datalim(points)
            continue
        marks += points
        axes.plot(*zip(*points, strict=True), linestyle="none", label=label, **look)
        if label in swept:
            kept = front(points)
            steps = [(lowest_accuracy, kept[0][1]), *kept]
            axes.plot(*zip(*steps, strict=True), drawstyle="steps-pre", **line)
        if label in published:
            look = {"color": line["color"], "transform": axes.get_yaxis_transform()}
            axes.plot([0.0, 0.02], [published[label]] * 2, linewidth=3, **look)
    axes.set_xlim(left=lowest_accuracy)
    axes.set_yscale("symlog", linthresh=LINEAR)
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    lowest, highest = axes.dataLim.intervaly
    axes.set_ylim(min(-0.0005, lowest), min(1.5 * highest, 1.05))
    figure.legend(loc="outside right upper", frameon=False, fontsize=8.5)
    if outside:
        text = f"below {lowest_accuracy:g} {SHORT[accuracy]}: {', '.join(outside)}"
        axes.text(0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=9, wrap=True)
    bars = "; bars at the left: published avg-SG" if published else ""
    axes.set_title(f"{title}\nlower right is better{bars}", fontsize=10)
    figure.draw_without_rendering()  # the layout says how far apart marks are
    _write_numbers(axes, numbers, marks)
    return figure


def _write_numbers(axes: Axes, numbers: Sequence[Point], marks: Sequence[Point]) -> None:
    """Write 1, 2, ... beside the points, each in the first place where there is room, or most."""
    scale = 72 / axes.figure.dpi  # to points
    taken = [scale * axes.transData.transform(place) for place in (*marks, *numbers)]
    angles = 2 * np.pi * np.arange(24) / 24
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets = np.concatenate([APART * r * around for r in (1.01, 1.5, 2, 2.5, 3, 4, 5, 6)])
    for number, point in enumerate(numbers, start=1):
        places = scale * axes.transData.transform(point) + offsets
        room = np.min([np.linalg.norm(places - other, axis=1) for other in taken], axis=0)
        best = np.argmax(np.minimum(room, APART))
        taken.append(places[best])
        axes.plot(*point, ".", color="black", markersize=2.5, zorder=6)
        axes.annotate(
            str(number), point, tuple(offsets[best]), textcoords="offset points",
            ha="center", va="center", fontsize=7.5, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def front(points: Sequence[Point]) -> list[Point]:
    """Return the points (accuracy, gap) that no other beats in both, by rising accuracy."""
    return [
        (acc, gap)
        for acc, gap in sorted(points)
        if not any((a >= acc and g < gap) or (a > acc and g <= gap) for a, g in points)
    ]
