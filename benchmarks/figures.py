"""What the figures of several benchmarks share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from neurogain.plotting import style


def against_size(
    axes: Axes,
    lines: Mapping[str, Sequence[Mapping[str, Any]]],
    x: str,
    y: str,
    *,
    hollow: Callable[[Mapping[str, Any]], bool] = lambda row: False,
) -> None:
    """Draw a line for each name through its rows, on logarithmic axes; values of 0 are left out."""
    for name, line, marker in style.assign(lines):
        rows = sorted((r for r in lines[name] if r[y] > 0), key=lambda r: r[x])
        axes.plot([r[x] for r in rows], [r[y] for r in rows], marker, **line, ms=5, label=name)
        for r in filter(hollow, rows):
            axes.plot(r[x], r[y], marker, mfc="white", mec=line["color"], ms=5)
    axes.set(xscale="log", yscale="log")
    size_ticks(axes, (r[x] for rows in lines.values() for r in rows))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")


def size_ticks(axes: Axes, sizes: Iterable[int]) -> None:
    """Mark the sizes that were measured, and nothing between them."""
    distinct = sorted(set(sizes))
    axes.set_xticks(distinct, [f"{n:,}" for n in distinct])
    axes.minorticks_off()
