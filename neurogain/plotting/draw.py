"""What figures share: panels, lines with bands, points with bars, guides, legends, titles.

A value with an interval is a mapping with `mean` and `ci`, as in `stats.summary` and metrics.json:
numbers, or lists along a curve; null where undefined.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from neurogain.plotting import style
from neurogain.plotting.style import Figure
from neurogain.stats import Ends, Values, t_interval

Labels = str | Sequence[str]
Place = float | np.number
Size = tuple[float, float]  # width and height in inches
Value = Mapping[str, Any]

SHADE = style.COLOURS[1]
_BARS: dict[str, Any] = {
    "linewidth": 1.4, "elinewidth": 1.2, "capsize": 2.5, "marker": "o", "markersize": 4.5
}  # fmt: skip
_GUIDE: dict[str, Any] = {"color": "0.5", "linewidth": 0.8}
_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 9, "title_fontsize": 9}


def grid(
    rows: int,
    columns: int,
    size: Size,
    *,
    x: Labels = "",
    y: Labels = "",
    titles: Labels = "",
    framed: bool = False,
    **look: Any,
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels, (rows, columns).

    Args:
      rows: of panels.
      columns: of panels.
      size: width and height in inches.
      x: label of the horizontal axes, below the last row; one for all columns, or one for each.
      y: label of the vertical axes, left of the first column; one for all rows, or one for each.
      titles: stand above the first row; one for all columns, or one for each.
      framed: whether panels keep their frames and have no grid, as images do.
      **look: further arguments of matplotlib's `subplots`.
    """
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **look)
    for axes in () if framed else panels.flat:
        style.tidy(axes)
    for side, part, labels in (
        (panels[-1], "xlabel", x), (panels[:, 0], "ylabel", y), (panels[0], "title", titles)
    ):  # fmt: skip
        each = [labels] * len(side) if isinstance(labels, str) else labels
        for axes, label in zip(side, each, strict=True):
            axes.set(**{part: label})
    return figure, panels


def row(panels: int | Sequence[str], size: Size, **look: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels side by side, with one vertical scale.

    `panels`: their titles, or how many there are; otherwise as for `grid`.
    """
    titles = [""] * panels if isinstance(panels, int) else panels
    figure, found = grid(1, len(titles), size, titles=titles, **{"sharey": True} | look)
    return figure, found[0]


def column(y: Sequence[str], size: Size, **look: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels one above the other, with one horizontal scale.

    `y`: labels of the vertical axes; otherwise as for `grid`.
    """
    figure, panels = grid(len(y), 1, size, y=y, **{"sharex": True} | look)
    return figure, panels[:, 0]


def single(size: Size, **look: Any) -> tuple[Figure, Axes]:
    """Return a figure and its one panel; arguments as for `grid`."""
    figure, panels = grid(1, 1, size, **look)
    return figure, panels[0, 0]


def averaged(
    runs: Values, *, log: bool = False, within: Ends | None = None
) -> dict[str, np.ndarray]:
    """Return mean and 95 % t-interval over the first axis; those of the logarithms if `log`.

    `within`: where values lie, as for `stats.t_interval`; it is not for logarithms.

    Example:
      >>> averaged(np.array([[1.0, 10.0], [1.0, 1000.0]]), log=True)["mean"].round(6).tolist()
      [1.0, 100.0]
    """
    values = np.log(np.maximum(runs, 1e-12)) if log else np.asarray(runs, float)
    back: Callable[[Any], np.ndarray] = np.exp if log else np.asarray
    ends = np.stack(t_interval(values, within=within), axis=-1)
    return {"mean": back(values.mean(axis=0)), "ci": back(ends)}


def joined(values: Iterable[Value], of: str = "mean") -> Value:
    """Return values as one value along a curve; `of`: what stands for the mean, say "median"."""
    values = list(values)
    return {"mean": [v[of] for v in values], "ci": [v["ci"] for v in values]}


def line(axes: Axes, x: Values, value: Value, **look: Any) -> None:
    """Draw a curve, and its interval as a band."""
    [drawn] = axes.plot(x, np.array(value["mean"], float), **{"linewidth": 1.6} | look)
    low, high = np.array(value["ci"], float).reshape(-1, 2).T
    axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)


def each(
    axes: Axes, x: Values, runs: np.ndarray, label: str, *, color: str, faint: str | None = None
) -> None:
    """Draw every curve of (runs, x) thinly, `faint` or in the colour of their mean, and that."""
    axes.plot(x, runs.T, color=faint or color, linewidth=0.6, alpha=0.4)
    axes.plot(x, runs.mean(axis=0), color=color, linewidth=2, label=label)


def points(axes: Axes, x: Values | Value, y: Values | Value, **look: Any) -> None:
    """Draw points with error bars; `x` and `y` are numbers, or a value along a curve.

    A point whose mean is undefined is left out; so is a bar without an interval.
    """
    (x, across), (y, along) = _bars(x), _bars(y)
    known = np.isfinite(x) & np.isfinite(y)
    if known.any():
        bars = {"xerr": across, "yerr": along}
        shown = {name: bar[:, known] for name, bar in bars.items() if bar is not None}
        axes.errorbar(x[known], y[known], **_BARS | shown | look)


def _bars(side: Values | Value) -> tuple[np.ndarray, np.ndarray | None]:
    """Return means, and lengths of the bars below and above, if there are any."""
    if not isinstance(side, Mapping):
        return np.atleast_1d(np.array(side, float)), None
    mean = np.atleast_1d(np.array(side["mean"], float))
    lengths = np.abs(np.array(side["ci"], float).reshape(-1, 2).T - mean)
    return mean, np.nan_to_num(lengths) if np.isfinite(lengths).any() else None


def guides(axes: Axes, *, x: Iterable[Place] = (), y: Iterable[Place] = (), **look: Any) -> None:
    """Draw thin grey lines through the panel: switches, zeros, thresholds."""
    look = _GUIDE | look
    for place in x:
        axes.axvline(float(place), **look)
    for place in y:
        axes.axhline(float(place), **look)


def shade(axes: Axes, start: float, end: float, label: str | None = None) -> None:
    """Shade what lies between two places of the horizontal axis."""
    axes.axvspan(start, end, color=SHADE, alpha=0.2, linewidth=0, label=label)


def narrow(axes: Axes, *, x: Ends = (-np.inf, np.inf), y: Ends = (-np.inf, np.inf)) -> None:
    """Cut the axes to what values can be; wide intervals reach beyond."""
    left, right, bottom, top = *axes.get_xlim(), *axes.get_ylim()
    axes.set(xlim=(max(left, x[0]), min(right, x[1])), ylim=(max(bottom, y[0]), min(top, y[1])))


def say(axes: Axes, text: str) -> None:
    """Write into a panel that has nothing to show why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")


def legend(
    axes: Axes, title: str | None = None, *, beside: bool = False, below: bool = False, **look: Any
) -> None:
    """Put a legend into a panel, or beside it on the right, or below it."""
    handles, _ = axes.get_legend_handles_labels()
    place: dict[str, Any] = {"ncols": 1 + (len(handles) > 6)}
    if beside:
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    elif below:
        columns = 2 if len(handles) > 3 else 3
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "ncols": columns}
    if handles:
        axes.legend(title=title, **_LEGEND | place | look)


def legend_below(figure: Figure, **look: Any) -> None:
    """Put the legend of all panels below them, in as few rows as its width allows."""
    handles: dict[str, Any] = {}
    named = [axes.get_legend_handles_labels() for axes in figure.axes]
    for drawn, labels in sorted(named, key=lambda pair: -len(pair[1])):
        handles |= {n: h for n, h in zip(labels, drawn, strict=True) if n not in handles}
    for rows in range(1, 1 + len(handles)):
        placed = figure.legend(
            handles.values(), handles, loc="outside lower center",
            ncols=-(-len(handles) // rows), **_LEGEND | look,
        )  # fmt: skip
        if placed.get_window_extent().width <= figure.bbox.width:
            break
        placed.remove()


def counted(count: int, of: str) -> str:
    """Return a number of things in words, say "5 seeds" or "one seed"."""
    return f"{count} {of}s" if count > 1 else f"one {of}"


def mean_over(count: int, of: str = "seed", *, mean: str = "mean") -> str:
    """Return in words what lines and bands are.

    Example:
      >>> mean_over(5), mean_over(1, "repeat")
      ('mean and 95 % t-interval, 5 seeds', 'one repeat')
    """
    return f"{mean} and 95 % t-interval, " * (count > 1) + counted(count, of)


def finish(
    figure: Figure, title: str = "", note: str = "", *, letters: bool = False, below: bool = False
) -> Figure:
    """Give a figure its title, say where a panel is empty, and return the figure.

    Args:
      figure: with all its panels drawn.
      title: of the whole.
      note: stands behind the title where there is room, else in a line of its own.
      letters: whether panels are called a, b, c, ...
      below: whether the legend of all panels stands below them.
    """
    for axes in figure.axes:
        axes.title.set_fontsize(10)
        if axes.axison and not axes.texts and not np.isfinite(axes.dataLim.get_points()).all():
            say(axes, "nothing to show")
    style.panel_letters(figure.axes if letters else ())
    if below:
        legend_below(figure)
    parts = [part for part in (title, note) if part]
    text = figure.suptitle(": ".join(parts), fontsize=11)
    share = text.get_window_extent().width / (0.98 * figure.bbox.width)
    if share > 1:
        room = int(max(map(len, text.get_text().splitlines())) / share)
        text.set_text("\n".join(textwrap.fill(part, room) for part in parts))
    return figure
