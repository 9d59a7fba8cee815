"""Fronts of avg-SG against avg-ACC: each method over its learning rates."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from neurogain.plotting import style


def fronts(
    swept: Mapping[str, Sequence[Mapping[str, Any]]],
    single: Mapping[str, Mapping[str, Any]],
    *,
    published: Mapping[str, float],
    title: str = "",
    lowest_accuracy: float = 0.8,
) -> Figure:
    """Draw every configuration, the front of each method as a line, and single methods as points.

    Args:
      swept: method to configurations, each with `avg_sg` and `avg_acc` as in `metrics.json`.
      single: method to the figures of its one configuration.
      published: method to its published avg-SG, marked on the left edge.
      title: of the figure.
      lowest_accuracy: left end of the accuracy axis.
    """
    figure = Figure(figsize=(7.6, 5.0), layout="constrained")
    axes = figure.subplots()
    labels = [*swept, *single]
    outside = []
    for label, line, marker in style.assign(labels):
        entries = swept.get(label) or [single[label]]
        points = sorted(
            (e["avg_acc"]["mean"], e["avg_sg"]["mean"])
            for e in entries
            if e["avg_sg"]["mean"] is not None and e["avg_acc"]["mean"] >= lowest_accuracy
        )
        if not points:
            outside.append(label)
            continue
        filled = label in swept
        axes.plot(
            *zip(*points, strict=True),
            color=line["color"],
            marker=marker,
            markersize=5 if filled else 7,
            linestyle="none",
            markerfacecolor=line["color"] if filled else "none",
            label=label,
            alpha=0.9,
        )
        if filled:
            kept = front(points)
            steps = [(lowest_accuracy, kept[0][1]), *kept]
            axes.plot(*zip(*steps, strict=True), drawstyle="steps-pre", **line)
        if label in published:
            axes.plot(
                [0.0, 0.02],
                [published[label]] * 2,
                transform=axes.get_yaxis_transform(),
                color=line["color"],
                linewidth=3,
            )
    axes.set_xlabel("avg-ACC: final accuracy, mean over tasks")
    axes.set_ylabel("avg-SG: relative drop, mean over switches")
    axes.set_xlim(left=lowest_accuracy)
    axes.set_ylim(bottom=0)
    style.tidy(axes)
    figure.legend(loc="outside right upper", frameon=False)
    if outside:
        axes.text(
            0.03,
            0.97,
            f"below {lowest_accuracy:g} avg-ACC: {', '.join(outside)}",
            transform=axes.transAxes,
            va="top",
            fontsize=9,
        )
    axes.set_title(
        f"{title}: lower right is better\n(bars at the left: published avg-SG)", fontsize=10
    )
    return figure


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points (accuracy, gap) that no other beats in both, by rising accuracy."""
    return [
        (acc, gap)
        for acc, gap in sorted(points)
        if not any((a >= acc and g < gap) or (a > acc and g <= gap) for a, g in points)
    ]
