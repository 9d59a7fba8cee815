"""Figures of the loss around a switch, of fast and slow weights, and of gain and complexity.

Bands and bars are 95 % t-intervals over seeds.
"""

import functools
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullFormatter

from neurogain.experiments.landscape import summary, switch
from neurogain.experiments.landscape.complexity import DRIVES, LEVELS, WAYS
from neurogain.experiments.landscape.run import DEMONSTRATION
from neurogain.experiments.landscape.switch import Switch
from neurogain.plotting import draw
from neurogain.plotting.style import COLOURS, MARKERS, Figure, assign
from neurogain.runner import Figures, Result
from neurogain.stats import SHARE

Switches = Mapping[str, Switch]  # by method

_TASKS: dict[str, dict[str, Any]] = {
    "old task": {"color": COLOURS[0], "linestyle": "-"},
    "new task": {"color": COLOURS[3], "linestyle": "--"},
}
LARGEST = "largest eigenvalue at E (nats)"


def figures(result: Result) -> Figures:
    """Return the functions that draw a figure of the result, by name."""
    return {
        "curvature": curvature,
        "loss": functools.partial(around, kind="loss"),
        "accuracy": functools.partial(around, kind="accuracy"),
        "plane": plane,
        "fast_slow": fast_slow,
        "complexity": complexity,
    }


def plot(axes: Axes, result: Result) -> None:
    """Draw the largest eigenvalue at E along training."""
    _largest(axes, result)
    axes.set(xlabel="updates (line: the new task arrives)", ylabel=LARGEST)
    draw.legend(axes)


def _switches(result: Result) -> Switches:
    """Return the switches by the names that the methods have in metrics.json."""
    return {name: result.parts[label] for label, name, _ in result.config.labelled()}


def _largest(axes: Axes, result: Result) -> None:
    """Draw the largest eigenvalue at E along training, of every method."""
    switches, times = _switches(result), switch.times(result.config)
    for label, line, marker in assign(switches):
        for task, name in enumerate((label, None)):
            values = draw.averaged(switches[label].eigenvalues[:, 0, task, :, 0], log=True)
            look = {"marker": marker, "markersize": 3, "label": name} | line
            draw.line(axes, times + times[-1] * task, values, **look)
    axes.set_yscale("log")
    draw.guides(axes, x=[times[-1]])


def curvature(result: Result) -> Figure:
    """Draw the largest eigenvalue at E along training, and what a gain makes of it at W."""
    x = "updates (vertical line: the new task arrives and joins the training loss)"
    figure, panels = draw.column((LARGEST, "eigenvalue at W / at E"), (8.0, 5.8), x=x)
    _largest(panels[0], result)
    _ratios(panels[1], result)
    for axes in panels:
        draw.legend(axes, beside=True)
    note = draw.mean_over(result.config.seeds, mean="geometric mean")
    return draw.finish(figure, "Hessian of the training loss", note, letters=True)


def _ratios(axes: Axes, result: Result) -> None:
    """Draw the ratio of eigenvalues at W and at E as it should be and as it is."""
    switches, times = _switches(result), switch.times(result.config)
    hollow: dict[str, Any] = {"color": "k", "linestyle": "none", "fillstyle": "none"}
    for label, line, marker in assign(switches):
        g, values = switches[label].modulation, switches[label].eigenvalues[..., 0]
        for task in (0, 1) if np.any(g != 1) else ():
            x, names = times + times[-1] * task, (f"{label}: g²", f"{label}: measured ratio")
            expected, measured = names if task == 0 else (None, None)
            draw.line(axes, x, draw.averaged(g[:, task] ** 2, log=True), label=expected, **line)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.log(values[:, 1, task] / values[:, 0, task]).mean(axis=0)
            axes.plot(x, np.exp(ratio), marker=marker, ms=4, label=measured, **hollow)
    if axes.lines:
        axes.set_ylim(bottom=0)
    else:
        draw.say(axes, "no method here has a gain")
    draw.guides(axes, x=[times[-1]])


def around(result: Result, *, kind: Literal["loss", "accuracy"]) -> Figure:
    """Draw loss or accuracy on the way past the switch, above that on straight lines."""
    switches, window = _switches(result), result.config.window
    log, unit = (True, "loss (nats)") if kind == "loss" else (False, "accuracy")
    figure, rows = draw.grid(
        2, len(switches), (2.9 * len(switches) + 1.4, 5.4), sharex="row", sharey=True,
        titles=list(switches), x=f"between the weights at -{window}, 0 and {window}",
        y=(f"test {unit}\non the path taken", f"test {unit}\non straight lines"),
    )  # fmt: skip
    places = {"path": np.arange(-window, window + 1), "line": switch.distances(result.config)}
    for panels, found in zip(rows.T, switches.values(), strict=True):
        for axes, (way, x) in zip(panels, places.items(), strict=True):
            runs = getattr(found, f"{way}_{kind}")
            for task, (name, look) in enumerate(_TASKS.items()):
                values = draw.averaged(runs[..., task], log=log, within=None if log else SHARE)
                draw.line(axes, x, values, label=name, **look)
            draw.guides(axes, x=[0])
        panels[0].set_xlabel("updates since the switch")
        panels[1].set_xticks([-1, 0, 1], [f"{-window}", "switch", f"{window}"])
    rows[0, 0].set(**{"yscale": "log"} if log else {"ylim": (-0.03, 1.03)})
    note = draw.mean_over(result.config.seeds, mean="geometric mean" if log else "mean")
    return draw.finish(figure, "Around the switch", note, below=True)


def plane(result: Result) -> Figure:
    """Draw the loss on both tasks in the plane of the first trajectory, and that on it."""
    switches = _switches(result)
    columns = len(switches)
    figure, rows = draw.grid(
        2, columns, (3.0 * columns + 1.6, 6.4), framed=True, sharex="col", sharey="col",
        x="along first direction", y=[f"{name}\nalong second direction" for name in _TASKS],
    )  # fmt: skip
    losses = np.concatenate([found.plane_loss.ravel() for found in switches.values()])
    losses = losses[np.isfinite(losses)]
    low, high = (max(losses.min(), 1e-3), np.quantile(losses, 0.99)) if losses.size else (0.1, 10)
    levels = np.geomspace(low, max(high, 2 * low), 25)
    look: Any = {"norm": LogNorm(levels[0], levels[-1]), "cmap": "cividis"}
    for panels, (label, found) in zip(rows.T, switches.items(), strict=True):
        diverged = not np.isfinite(found.trajectory).all()
        share = "diverged" if diverged else f"{100 * found.captured:.1f} % in the plane"
        panels[0].set_title(f"{label}: {share}")
        for task, axes in enumerate(() if diverged else panels):
            loss = found.plane_loss[..., task].T
            axes.contourf(found.plane_x, found.plane_y, loss, levels=levels, extend="both", **look)
            _trajectory(axes, found.trajectory)
    bar = figure.colorbar(
        ScalarMappable(**look), ax=rows, extend="both", label="test loss (nats)", format="%g",
        ticks=[t for t in (0.001, 0.01, 0.1, 1, 10, 100) if levels[0] <= t <= levels[-1]],
        aspect=40, pad=0.02,
    )  # fmt: skip
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    draw.legend_below(figure, frameon=True, facecolor="0.6")
    return draw.finish(figure, f"Around the switch, seed {result.config.first_seed}")


def _trajectory(axes: Axes, points: np.ndarray) -> None:
    """Draw the way of the weights, (times, 2), with the switch in its middle."""
    middle = len(points) // 2
    after: Any = {"color": "#FF9E4A", "marker": ".", "markersize": 4}
    mark: Any = {"color": "w", "markeredgecolor": "k", "linestyle": "none"}
    axes.plot(*points[: middle + 1].T, color="w", linewidth=1.4, label="before")
    axes.plot(*points[middle:].T, linewidth=1.4, label="after, each update", **after)
    axes.plot(*points[middle], marker="*", markersize=13, label="switch", **mark)
    axes.plot(*points[-1], marker="s", markersize=6, label="end of window", **mark)


def fast_slow(result: Result, *, weight: int = 0) -> Figure:
    """Draw one weight in both ways, the gain, and the largest difference over all weights."""
    found = result.parts[DEMONSTRATION]
    labels = ("one weight (dimensionless)", "gain g", "largest |difference|\nof E")
    look = {"x": "updates (the targets change halfway)", "height_ratios": (2, 1, 1)}
    figure, panels = draw.column(labels, (8.0, 6.4), **look)
    slow = np.stack([found.modulated_slow, found.explicit_slow])
    fast = np.stack([found.modulated_fast, found.explicit_fast])
    drawn = {"effective E": slow + fast, "slow g₀W": slow, "fast (g - g₀)W": fast}
    for (text, ways), colour, marker in zip(drawn.items(), COLOURS, MARKERS, strict=False):
        _both_ways(panels[0], ways[..., weight], f"{text}, ", color=colour, marker=marker)
    gain = np.stack([found.modulated_gain, found.explicit_gain])
    _both_ways(panels[1], gain, color="k", marker="x")
    gap = np.abs(np.diff(slow + fast, axis=0)[0]).max(axis=1)
    panels[2].semilogy(np.maximum(gap, 1e-17), color=COLOURS[6], linewidth=1.2)
    panels[2].set_ylim(3e-18, 1e-4)
    draw.guides(panels[2], y=[1e-6], color=COLOURS[3], linestyle="--", label="1e-6")
    for axes in panels:
        draw.guides(axes, x=[(len(gap) - 1) / 2])
        draw.legend(axes, beside=True)
    title = "A linear problem: gain modulation is learning with fast and slow weights"
    return draw.finish(figure, title, letters=True)


def _both_ways(axes: Axes, ways: np.ndarray, name: str = "", *, color: str, marker: str) -> None:
    """Draw (ways, updates): the first as a line, the second as marks at some updates."""
    axes.plot(ways[0], color=color, label=f"{name}gain-modulated")
    some = np.arange(0, ways.shape[1], max(1, ways.shape[1] // 40))
    hollow: Any = {"color": color, "marker": marker, "linestyle": "none", "fillstyle": "none"}
    axes.plot(some, ways[1, some], label=f"{name}explicit", **hollow)


def complexity(result: Result) -> Figure:
    """Draw the settled gain over the number of classes and of domains."""
    names = {"classes": "classes", "domains": "domains (rotations of all ten classes)"}
    figure, rows = draw.grid(
        len(DRIVES), len(names), (8.0, 6.0), sharey=True, sharex="col", y="settled gain g",
        x=list(names.values()),
    )  # fmt: skip
    for panels, kind in zip(rows.T, names, strict=True):
        gain = summary.settled(result.parts[kind].gain)  # (seeds, drives, ways, levels)
        for axes, drive, by_way in zip(panels, DRIVES, np.moveaxis(gain, 0, 2), strict=True):
            for (label, line, marker), runs in zip(assign(WAYS), by_way, strict=True):
                look = {"label": label, "marker": marker} | line
                draw.points(axes, LEVELS[kind], draw.averaged(runs), **look)
            axes.set(xticks=LEVELS[kind], title=f"driven by {drive}")
    rows[0, 0].set_ylim(bottom=1)
    draw.legend_below(figure, title="joint training")
    title = f"Gain in the last {min(summary.TAIL, result.config.iterations)} updates"
    return draw.finish(figure, title, draw.mean_over(result.config.seeds))
