"""Figures of the loss around a switch, of fast and slow weights, and of gain and complexity.

Bands and bars are 95 % t-intervals over seeds.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

from neurogain.continual import methods
from neurogain.experiments.landscape import summary, switch
from neurogain.experiments.landscape.complexity import COMPLEXITIES, DRIVES, LEVELS, WAYS
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.experiments.landscape.run import DEMONSTRATION
from neurogain.experiments.landscape.switch import Switch
from neurogain.plotting.style import COLOURS, MARKERS, Figure, assign, panel_letters, tidy
from neurogain.stats import t_interval

_TASKS = ("old task", "new task")
_TASK_LOOK = ({"color": COLOURS[0], "linestyle": "-"}, {"color": COLOURS[3], "linestyle": "--"})


def figures(
    config: LandscapeConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws each figure, by name."""
    del metrics

    def each(field: str) -> dict[str, Any]:
        return {name: getattr(one, field) for name, one in _switches(config, found).items()}

    ways = [
        {name: getattr(found[DEMONSTRATION], f"{way}_{name}") for name in ("slow", "fast", "gain")}
        for way in ("modulated", "explicit")
    ]
    distances = switch.distances(config)
    return {
        "curvature": functools.partial(
            curvature, each("eigenvalues"), each("modulation"), switch.times(config)
        ),
        "loss": functools.partial(
            around, each("path_loss"), each("line_loss"), distances, kind="loss"
        ),
        "accuracy": functools.partial(
            around, each("path_accuracy"), each("line_accuracy"), distances, kind="accuracy"
        ),
        "plane": functools.partial(
            plane,
            each("plane_loss"),
            each("plane_x"),
            each("plane_y"),
            each("trajectory"),
            {name: float(share) for name, share in each("captured").items()},
            seed=config.first_seed,
        ),
        "fast_slow": functools.partial(fast_slow, *ways),
        "complexity": functools.partial(
            complexity,
            {kind: np.moveaxis(summary.settled(found[kind].gain), 0, 2) for kind in COMPLEXITIES},
            LEVELS,
            drives=DRIVES,
            ways=WAYS,
            averaged=min(summary.TAIL, config.iterations),
        ),
    }


def plot(
    axes: Axes, config: LandscapeConfig, found: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    """Draw the largest eigenvalue at E along training."""
    del metrics
    switches = _switches(config, found)
    _largest(axes, {n: s.eigenvalues for n, s in switches.items()}, switch.times(config))
    axes.set(xlabel="updates (line: the new task arrives)")
    axes.legend(frameon=False)


def _switches(config: LandscapeConfig, found: Mapping[str, Any]) -> dict[str, Switch]:
    """Return the switches by the names that they have in metrics.json."""
    labels = zip(config.parse_methods(), methods.texts(config.optimizers), strict=True)
    return {name: found[label] for name, label in labels}


def _largest(axes: Axes, eigenvalues: Mapping[str, np.ndarray], times: np.ndarray) -> None:
    """Draw the largest eigenvalue at E along training, of every method."""
    for label, line, marker in assign(eigenvalues):
        values = eigenvalues[label][..., 0]
        for task in range(2):
            _band(
                axes, times + times[-1] * task, values[:, 0, task], log=True,
                label=label if task == 0 else None, **line, marker=marker, markersize=3,
            )  # fmt: skip
    axes.set(ylabel="largest eigenvalue at E (nats)", yscale="log")
    axes.axvline(times[-1], color="0.4", linewidth=0.8)
    tidy(axes)


def _seeds(n: int, what: str = "mean") -> str:
    return f"{what} and 95 % t-interval, {n} seeds" if n > 1 else "1 seed"


def _band(
    axes: Axes, x: np.ndarray, values: np.ndarray, *, log: bool, label: str | None, **line: Any
) -> None:
    """Draw the mean of (seeds, x) and its interval; of the logarithms where the axis is one."""
    values = np.log(np.maximum(values, 1e-12)) if log else values
    mean, (low, high) = values.mean(axis=0), t_interval(values)
    if log:
        mean, low, high = np.exp(mean), np.exp(low), np.exp(high)
    axes.plot(x, mean, label=label, linewidth=1.6, **line)
    axes.fill_between(x, low, high, color=line["color"], alpha=0.18, linewidth=0)


def curvature(
    eigenvalues: Mapping[str, np.ndarray],
    modulation: Mapping[str, np.ndarray],
    times: np.ndarray,
) -> Figure:
    """Draw the largest eigenvalue at E along training, and what a gain makes of it at W.

    Args:
      eigenvalues: by method, at E and at W, (seeds, 2, tasks, times, top).
      modulation: by method, g with E = g W, (seeds, tasks, times).
      times: updates within a task.
    """
    figure = Figure(figsize=(8.0, 5.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    T, modulated = times[-1], False
    _largest(upper, eigenvalues, times)
    for label, line, marker in assign(eigenvalues):
        values, g = eigenvalues[label][..., 0], modulation[label]
        for task in range(2):
            x, name = times + T * task, label if task == 0 else None
            if np.any(g != 1):
                modulated = True
                _band(lower, x, g[:, task] ** 2, log=True, label=name and f"{label}: g²", **line)
                with np.errstate(divide="ignore", invalid="ignore"):
                    ratio = np.log(values[:, 1, task] / values[:, 0, task]).mean(axis=0)
                lower.plot(
                    x, np.exp(ratio),
                    label=name and f"{label}: measured ratio",
                    color="k", marker=marker, linestyle="none", markersize=4, fillstyle="none",
                )  # fmt: skip
    lower.set(
        ylabel="eigenvalue at W / at E",
        xlabel="updates (vertical line: the new task arrives and joins the training loss)",
    )
    if modulated:
        lower.set_ylim(bottom=0)
        lower.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    else:
        lower.text(0.5, 0.5, "no method here has a gain", transform=lower.transAxes, ha="center")
        lower.set_yticks([])
    upper.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    lower.axvline(T, color="0.4", linewidth=0.8)
    tidy(lower)
    panel_letters((upper, lower))
    n = len(next(iter(eigenvalues.values())))
    figure.suptitle(f"Hessian of the training loss ({_seeds(n, 'geometric mean')})", fontsize=11)
    return figure


def around(
    path: Mapping[str, np.ndarray],
    line: Mapping[str, np.ndarray],
    distances: np.ndarray,
    *,
    kind: Literal["loss", "accuracy"],
) -> Figure:
    """Draw loss or accuracy on the way past the switch, above that on straight lines.

    Args:
      path: by method, (seeds, 2 window + 1, tasks), in nats or a share.
      line: by method, (seeds, points, tasks).
      distances: places on the lines, -1 to 1, (points,).
      kind: which of the two it is.
    """
    log, methods = kind == "loss", list(path)
    figure = Figure(figsize=(2.9 * len(methods) + 1.4, 5.4), layout="constrained")
    rows = figure.subplots(2, len(methods), sharex="row", sharey=True, squeeze=False)
    window = next(iter(path.values())).shape[1] // 2
    places = (np.arange(-window, window + 1), distances)
    for column, label in enumerate(methods):
        for axes, x, values in zip(rows[:, column], places, (path, line), strict=True):
            for task, look in enumerate(_TASK_LOOK):
                runs = values[label][..., task]
                _band(axes, x, runs, log=log, label=_TASKS[task], **look)
            axes.axvline(0, color="0.4", linewidth=0.8)
            axes.set_yscale("log" if log else "linear")
            tidy(axes)
        rows[0, column].set_title(label, fontsize=10)
        rows[0, column].set_xlabel("updates since the switch")
        rows[1, column].set_xlabel(f"between the weights at -{window}, 0 and {window}")
        rows[1, column].set_xticks([-1, 0, 1], [f"{-window}", "switch", f"{window}"])
    if not log:
        rows[0, 0].set_ylim(-0.03, 1.03)
    unit = "loss (nats)" if log else "accuracy"
    rows[0, 0].set_ylabel(f"test {unit}\non the path taken")
    rows[1, 0].set_ylabel(f"test {unit}\non straight lines")
    handles, labels = rows[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    n = len(next(iter(path.values())))
    spread = _seeds(n, "geometric mean" if log else "mean")
    figure.suptitle(f"Around the switch ({spread})", fontsize=11)
    return figure


def plane(
    loss: Mapping[str, np.ndarray],
    x: Mapping[str, np.ndarray],
    y: Mapping[str, np.ndarray],
    trajectory: Mapping[str, np.ndarray],
    captured: Mapping[str, float],
    *,
    seed: int,
) -> Figure:
    """Draw the loss on both tasks in the plane of the trajectory, and the trajectory on it.

    Args:
      loss: by method, nats, (x, y, tasks).
      x: by method, along the first direction, (points,).
      y: by method, along the second.
      trajectory: by method, (times, 2), the switch in its middle, at the origin.
      captured: by method, share of the squared distances from the switch that lies in the plane.
      seed: which run this is.
    """
    methods = list(loss)
    figure = Figure(figsize=(3.0 * len(methods) + 1.6, 6.4), layout="constrained")
    rows = figure.subplots(2, len(methods), squeeze=False, sharex="col", sharey="col")
    known = np.concatenate([values[np.isfinite(values)] for values in loss.values()])
    low, high = (max(known.min(), 1e-3), np.quantile(known, 0.99)) if known.size else (0.1, 10)
    levels = np.geomspace(low, max(high, 2 * low), 25)
    norm = LogNorm(levels[0], levels[-1])
    for column, label in enumerate(methods):
        points, middle = trajectory[label], len(trajectory[label]) // 2
        rows[1, column].set_xlabel("along first direction")
        if not np.isfinite(points).all():
            rows[0, column].set_title(f"{label}: diverged", fontsize=10)
            continue
        for task, axes in enumerate(rows[:, column]):
            axes.contourf(
                x[label], y[label], loss[label][..., task].T, levels=levels,
                norm=norm, cmap="cividis", extend="both",
            )  # fmt: skip
            axes.plot(*points[: middle + 1].T, color="w", linewidth=1.4, label="before")
            axes.plot(
                *points[middle:].T, color="#FF9E4A", linewidth=1.4, marker=".", markersize=4,
                label="after, each update",
            )  # fmt: skip
            axes.plot(*points[middle], "*", color="w", markeredgecolor="k", ms=13, label="switch")
            axes.plot(*points[-1], "s", color="w", markeredgecolor="k", ms=6, label="end of window")
        rows[0, column].set_title(
            f"{label}: {100 * captured[label]:.1f} % in the plane", fontsize=10
        )
        rows[1, column].set_xlabel("along first direction")
    for task, name in enumerate(_TASKS):
        rows[task, 0].set_ylabel(f"{name}\nalong second direction")
    scale = ScalarMappable(norm, "cividis")
    bar = figure.colorbar(
        scale, ax=rows, extend="both", label="test loss (nats)", aspect=40, pad=0.02
    )
    decades = [t for t in (0.001, 0.01, 0.1, 1, 10, 100) if levels[0] <= t <= levels[-1]]
    bar.ax.yaxis.set_major_locator(FixedLocator(decades))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    drawn = next((axes for axes in rows[0] if axes.lines), rows[0, 0])
    handles, labels = drawn.get_legend_handles_labels()
    columns = 4 if len(methods) > 1 else 2
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=True, facecolor="0.6"
    )
    figure.suptitle(f"Around the switch, seed {seed}", fontsize=11)
    return figure


def fast_slow(
    modulated: Mapping[str, np.ndarray], explicit: Mapping[str, np.ndarray], *, weight: int = 0
) -> Figure:
    """Draw one weight in both ways, the gain, and the largest difference over all weights.

    Args:
      modulated: "slow" and "fast", (updates + 1, weights), and "gain", (updates + 1,).
      explicit: the same, from explicit equations.
      weight: which weight is drawn.
    """
    figure = Figure(figsize=(8.0, 6.4), layout="constrained")
    upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    updates = np.arange(len(modulated["gain"]))
    sums = [dict(way) | {"effective": way["slow"] + way["fast"]} for way in (modulated, explicit)]
    some = slice(None, None, max(1, len(updates) // 40))
    for i, (name, text) in enumerate(
        {"effective": "effective E", "slow": "slow g₀W", "fast": "fast (g - g₀)W"}.items()
    ):
        own, other = (way[name][:, weight] for way in sums)
        upper.plot(updates, own, color=COLOURS[i], linewidth=1.6, label=f"{text}, gain-modulated")
        upper.plot(
            updates[some], other[some], MARKERS[i], color=COLOURS[i], fillstyle="none",
            label=f"{text}, explicit",
        )  # fmt: skip
    middle.plot(updates, modulated["gain"], color="k", label="gain-modulated")
    middle.plot(updates[some], explicit["gain"][some], "x", color="0.45", label="explicit")
    gap = np.abs(sums[0]["effective"] - sums[1]["effective"]).max(axis=1)
    lower.semilogy(updates, np.maximum(gap, 1e-17), color=COLOURS[6], linewidth=1.2)
    lower.axhline(1e-6, color=COLOURS[3], linestyle="--", linewidth=1)
    lower.annotate(
        "1e-6", (1, 1e-6), xycoords=("axes fraction", "data"), xytext=(-4, 3), ha="right",
        textcoords="offset points", color=COLOURS[3], fontsize=8,
    )  # fmt: skip
    upper.set_ylabel("one weight (dimensionless)")
    middle.set_ylabel("gain g")
    lower.set(
        ylabel="largest |difference|\nof E", xlabel="updates (the targets change halfway)",
        ylim=(3e-18, 1e-4),
    )  # fmt: skip
    for axes in (upper, middle):
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    for axes in (upper, middle, lower):
        axes.axvline(updates[-1] / 2, color="0.4", linewidth=0.8)
        tidy(axes)
    panel_letters((upper, middle, lower))
    figure.suptitle(
        "A linear problem: gain modulation is learning with fast and slow weights", fontsize=11
    )
    return figure


def complexity(
    gain: Mapping[str, np.ndarray],
    levels: Mapping[str, Sequence[int]],
    *,
    drives: Sequence[str],
    ways: Sequence[str],
    averaged: int,
) -> Figure:
    """Draw the settled gain over the number of classes and of domains.

    Args:
      gain: for "classes" and "domains", (drives, ways, seeds, levels).
      levels: for each, how many there are.
      drives: names of the first axis, one row each.
      ways: names of the second axis, one line each.
      averaged: updates at the end over which the gain was averaged.
    """
    figure = Figure(figsize=(8.0, 6.0), layout="constrained")
    rows = figure.subplots(len(drives), len(gain), sharey=True, sharex="col", squeeze=False)
    for column, (kind, values) in enumerate(gain.items()):
        for d, axes in enumerate(rows[:, column]):
            for w, (label, line, marker) in enumerate(assign(ways)):
                own = values[d, w]
                mean, (low, high) = own.mean(axis=0), t_interval(own)
                reach = None if len(own) < 2 else [mean - low, high - mean]
                axes.errorbar(
                    levels[kind], mean, reach, label=label, marker=marker, capsize=3, **line
                )
            axes.set_xticks(levels[kind])
            axes.set_title(f"driven by {drives[d]}", fontsize=10)
            tidy(axes)
        rows[-1, column].set_xlabel(
            "classes" if kind == "classes" else "domains (rotations of all ten classes)"
        )
    rows[0, 0].set_ylim(bottom=1)
    for axes in rows[:, 0]:
        axes.set_ylabel("settled gain g")
    handles, labels = rows[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, frameon=False, title="joint training"
    )
    n = next(iter(gain.values())).shape[2]
    figure.suptitle(f"Gain in the last {averaged} updates ({_seeds(n)})", fontsize=11)
    return figure
