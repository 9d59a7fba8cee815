"""Figures of the loss around a switch, of fast and slow weights, and of gain and complexity.

Bands and bars are 95 % t-intervals over seeds.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

from neurogain.continual import methods
from neurogain.experiments.landscape import summary, switch
from neurogain.experiments.landscape.complexity import COMPLEXITIES, DRIVES, LEVELS, WAYS
from neurogain.experiments.landscape.fast_slow import FastSlow
from neurogain.experiments.landscape.run import DEMONSTRATION
from neurogain.experiments.landscape.switch import Switch
from neurogain.plotting import draw
from neurogain.plotting.style import COLOURS, MARKERS, Figure, assign
from neurogain.runner import Result

Switches = Mapping[str, Switch]  # by method

_TASKS: dict[str, dict[str, Any]] = {
    "old task": {"color": COLOURS[0], "linestyle": "-"},
    "new task": {"color": COLOURS[3], "linestyle": "--"},
}
_GEOMETRIC = "geometric mean"


def figures(result: Result) -> draw.Figures:
    """Return what draws each figure, by name."""
    config, found, switches = result.config, result.parts, _switches(result)
    distances, averaged = switch.distances(config), min(summary.TAIL, config.iterations)
    gain = {kind: np.moveaxis(summary.settled(found[kind].gain), 0, 2) for kind in COMPLEXITIES}
    return {
        "curvature": lambda: curvature(switches, switch.times(config)),
        "loss": lambda: around(switches, distances, kind="loss"),
        "accuracy": lambda: around(switches, distances, kind="accuracy"),
        "plane": lambda: plane(switches, seed=config.first_seed),
        "fast_slow": lambda: fast_slow(found[DEMONSTRATION]),
        "complexity": lambda: complexity(gain, averaged=averaged),
    }


def plot(axes: Axes, result: Result) -> None:
    """Draw the largest eigenvalue at E along training."""
    _largest(axes, _switches(result), switch.times(result.config))
    axes.set_xlabel("updates (line: the new task arrives)")
    draw.legend(axes)


def _switches(result: Result) -> Switches:
    """Return the switches by the names that the methods have in metrics.json."""
    labels = zip(
        result.config.parse_methods(), methods.texts(result.config.optimizers), strict=True
    )
    return {name: result.parts[label] for name, label in labels}


def _seeds(switches: Switches) -> int:
    return len(next(iter(switches.values())).eigenvalues)


def _largest(axes: Axes, switches: Switches, times: np.ndarray) -> None:
    """Draw the largest eigenvalue at E along training, of every method."""
    for label, line, marker in assign(switches):
        for task, name in enumerate((label, None)):
            values = draw.averaged(switches[label].eigenvalues[:, 0, task, :, 0], log=True)
            look = {"marker": marker, "markersize": 3} | line
            draw.line(axes, times + times[-1] * task, values, label=name, **look)
    axes.set(ylabel="largest eigenvalue at E (nats)", yscale="log")
    draw.guides(axes, x=[times[-1]])


def curvature(switches: Switches, times: np.ndarray) -> Figure:
    """Draw the largest eigenvalue at E along training, and what a gain makes of it at W.

    Args:
      switches: what was measured of each method.
      times: updates within a task.
    """
    figure, (upper, lower) = draw.column(2, (8.0, 5.8))
    _largest(upper, switches, times)
    draw.guides(lower, x=[times[-1]])
    lower.set(
        ylabel="eigenvalue at W / at E",
        xlabel="updates (vertical line: the new task arrives and joins the training loss)",
    )
    _ratios(lower, switches, times)
    for axes in (upper, lower):
        draw.legend(axes, beside=True)
    note = draw.mean_over(_seeds(switches), mean=_GEOMETRIC)
    return draw.finish(figure, "Hessian of the training loss", note, letters=True)


def _ratios(axes: Axes, switches: Switches, times: np.ndarray) -> None:
    """Draw the ratio of eigenvalues at W and at E as it should be and as it is."""
    for label, line, marker in assign(switches):
        g, values = switches[label].modulation, switches[label].eigenvalues[..., 0]
        hollow: Any = {"marker": marker, "markersize": 4, "color": "k", "fillstyle": "none"}
        for task in (0, 1) if np.any(g != 1) else ():
            x, known = times + times[-1] * task, task == 0
            name = f"{label}: g²" if known else None
            draw.line(axes, x, draw.averaged(g[:, task] ** 2, log=True), label=name, **line)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.log(values[:, 1, task] / values[:, 0, task]).mean(axis=0)
            name = f"{label}: measured ratio" if known else None
            axes.plot(x, np.exp(ratio), linestyle="none", label=name, **hollow)
    if axes.get_legend_handles_labels()[1]:
        axes.set_ylim(bottom=0)
    else:
        draw.say(axes, "no method here has a gain")


def around(
    switches: Switches, distances: np.ndarray, *, kind: Literal["loss", "accuracy"]
) -> Figure:
    """Draw loss or accuracy on the way past the switch, above that on straight lines.

    Args:
      switches: what was measured of each method.
      distances: places on the lines, -1 to 1, (points,).
      kind: which of the two it is.
    """
    log, columns = kind == "loss", len(switches)
    size = (2.9 * columns + 1.4, 5.4)
    figure, rows = draw.grid(2, columns, size, sharex="row", sharey=True)
    window = next(iter(switches.values())).path_loss.shape[1] // 2
    places = {"path": np.arange(-window, window + 1), "line": distances}
    for panels, (label, found) in zip(rows.T, switches.items(), strict=True):
        for axes, (way, x) in zip(panels, places.items(), strict=True):
            runs = getattr(found, f"{way}_{kind}")
            for task, (name, look) in enumerate(_TASKS.items()):
                draw.line(axes, x, draw.averaged(runs[..., task], log=log), label=name, **look)
            draw.guides(axes, x=[0])
            axes.set_yscale("log" if log else "linear")
        panels[0].set(title=label, xlabel="updates since the switch")
        panels[1].set_xlabel(f"between the weights at -{window}, 0 and {window}")
        panels[1].set_xticks([-1, 0, 1], [f"{-window}", "switch", f"{window}"])
    if not log:
        rows[0, 0].set_ylim(-0.03, 1.03)
    unit = "loss (nats)" if log else "accuracy"
    for axes, way in zip(rows[:, 0], ("the path taken", "straight lines"), strict=True):
        axes.set_ylabel(f"test {unit}\non {way}")
    note = draw.mean_over(_seeds(switches), mean=_GEOMETRIC if log else "mean")
    return draw.finish(figure, "Around the switch", note, below=True)


def plane(switches: Switches, *, seed: int) -> Figure:
    """Draw the loss on both tasks in the plane of the trajectory, and the trajectory on it.

    Args:
      switches: what was measured of each method.
      seed: which run this is.
    """
    columns = len(switches)
    size = (3.0 * columns + 1.6, 6.4)
    figure, rows = draw.grid(2, columns, size, framed=True, sharex="col", sharey="col")
    losses = np.concatenate([found.plane_loss.ravel() for found in switches.values()])
    levels = _levels(losses[np.isfinite(losses)])
    norm = LogNorm(levels[0], levels[-1])
    for panels, (label, found) in zip(rows.T, switches.items(), strict=True):
        panels[1].set_xlabel("along first direction")
        if not np.isfinite(found.trajectory).all():
            panels[0].set_title(f"{label}: diverged")
            continue
        panels[0].set_title(f"{label}: {100 * found.captured:.1f} % in the plane")
        for task, axes in enumerate(panels):
            axes.contourf(
                found.plane_x, found.plane_y, found.plane_loss[..., task].T, levels=levels,
                norm=norm, cmap="cividis", extend="both",
            )  # fmt: skip
            _trajectory(axes, found.trajectory)
    for axes, name in zip(rows[:, 0], _TASKS, strict=True):
        axes.set_ylabel(f"{name}\nalong second direction")
    bar = figure.colorbar(
        ScalarMappable(norm, "cividis"), ax=rows, extend="both", label="test loss (nats)",
        aspect=40, pad=0.02,
    )  # fmt: skip
    decades = [t for t in (0.001, 0.01, 0.1, 1, 10, 100) if levels[0] <= t <= levels[-1]]
    bar.ax.yaxis.set_major_locator(FixedLocator(decades))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    draw.legend_below(figure, frameon=True, facecolor="0.6")
    return draw.finish(figure, f"Around the switch, seed {seed}")


def _levels(known: np.ndarray) -> np.ndarray:
    """Return the levels of contours over losses."""
    low, high = (max(known.min(), 1e-3), np.quantile(known, 0.99)) if known.size else (0.1, 10)
    return np.geomspace(low, max(high, 2 * low), 25)


def _trajectory(axes: Axes, points: np.ndarray) -> None:
    """Draw the way of the weights, (times, 2), with the switch in its middle."""
    middle = len(points) // 2
    mark: Any = {"color": "w", "markeredgecolor": "k", "linestyle": "none"}
    axes.plot(*points[: middle + 1].T, color="w", linewidth=1.4, label="before")
    axes.plot(
        *points[middle:].T,
        linewidth=1.4,
        label="after, each update",
        color="#FF9E4A",
        marker=".",
        markersize=4,
    )
    axes.plot(*points[middle], marker="*", markersize=13, label="switch", **mark)
    axes.plot(*points[-1], marker="s", markersize=6, label="end of window", **mark)


def fast_slow(found: FastSlow, *, weight: int = 0) -> Figure:
    """Draw one weight in both ways, the gain, and the largest difference over all weights.

    Args:
      found: both ways.
      weight: which weight is drawn.
    """
    figure, panels = draw.column(3, (8.0, 6.4), height_ratios=(2, 1, 1))
    upper, middle, lower = panels
    updates = np.arange(len(found.modulated_gain))
    some = slice(None, None, max(1, len(updates) // 40))
    effective = [
        found.modulated_slow + found.modulated_fast,
        found.explicit_slow + found.explicit_fast,
    ]
    for i, (text, ways) in enumerate(
        {
            "effective E": effective,
            "slow g₀W": (found.modulated_slow, found.explicit_slow),
            "fast (g - g₀)W": (found.modulated_fast, found.explicit_fast),
        }.items()
    ):
        own, other = (way[:, weight] for way in ways)
        upper.plot(updates, own, color=COLOURS[i], label=f"{text}, gain-modulated")
        hollow: Any = {"linestyle": "none", "marker": MARKERS[i], "fillstyle": "none"}
        upper.plot(
            updates[some], other[some], color=COLOURS[i], label=f"{text}, explicit", **hollow
        )
    middle.plot(updates, found.modulated_gain, color="k", label="gain-modulated")
    middle.plot(updates[some], found.explicit_gain[some], "x", color="0.45", label="explicit")
    gap = np.abs(effective[0] - effective[1]).max(axis=1)
    lower.semilogy(updates, np.maximum(gap, 1e-17), color=COLOURS[6], linewidth=1.2)
    draw.guides(lower, y=[1e-6], color=COLOURS[3], linestyle="--", label="1e-6")
    upper.set_ylabel("one weight (dimensionless)")
    middle.set_ylabel("gain g")
    lower.set_xlabel("updates (the targets change halfway)")
    lower.set(ylabel="largest |difference|\nof E", ylim=(3e-18, 1e-4))
    for axes in panels:
        draw.guides(axes, x=[updates[-1] / 2])
        draw.legend(axes, beside=True)
    title = "A linear problem: gain modulation is learning with fast and slow weights"
    return draw.finish(figure, title, letters=True)


def complexity(gain: Mapping[str, np.ndarray], *, averaged: int) -> Figure:
    """Draw the settled gain over the number of classes and of domains.

    Args:
      gain: for "classes" and "domains", (drives, ways, seeds, levels).
      averaged: updates at the end over which the gain was averaged.
    """
    figure, rows = draw.grid(len(DRIVES), len(gain), (8.0, 6.0), sharey=True, sharex="col")
    for panels, (kind, values) in zip(rows.T, gain.items(), strict=True):
        for axes, drive, by_way in zip(panels, DRIVES, values, strict=True):
            for (label, line, marker), runs in zip(assign(WAYS), by_way, strict=True):
                look = {"label": label, "marker": marker} | line
                draw.points(axes, LEVELS[kind], draw.averaged(runs), **look)
            axes.set(xticks=LEVELS[kind], title=f"driven by {drive}")
    for axes in rows[:, 0]:
        axes.set_ylabel("settled gain g")
    rows[0, 0].set_ylim(bottom=1)
    rows[-1, 0].set_xlabel("classes")
    rows[-1, -1].set_xlabel("domains (rotations of all ten classes)")
    draw.legend_below(figure, title="joint training")
    note = draw.mean_over(next(iter(gain.values())).shape[2])
    return draw.finish(figure, f"Gain in the last {averaged} updates", note)
