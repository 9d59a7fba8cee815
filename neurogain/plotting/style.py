"""Colours and lines that stay apart for colour-blind readers and in grey (Okabe & Ito 2008)."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib import figure as matplotlib_figure
from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#8C6D31")
DASHES = ("--", "-.", ":", "-")
FURTHER = (0, (5, 1, 1, 1, 1, 1))  # of labels 33 to 40; then styles repeat
MARKERS = "osD^vPX*<>"


class Figure(matplotlib_figure.Figure):
    """A figure that a notebook shows without pyplot."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Lay the figure out once more: ticks depend on the panels' sizes, so labels grow."""
        self.draw_without_rendering()
        super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=100)
        return file.getvalue()


def assign(labels: Iterable[str]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield each label with its line style and marker; the same order gives the same styles."""
    for i, label in enumerate(labels):
        dash = DASHES[(i + i // len(COLOURS)) % len(DASHES)]
        line = {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": dash if i < len(COLOURS) * len(DASHES) else FURTHER,
        }
        yield label, line, MARKERS[i % len(MARKERS)]


def tidy(axes: Axes) -> None:
    """Leave the frame's lower left corner, a light grid and a title of moderate size."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.title.set_fontsize(10)


def ordered(values: Iterable[float]) -> dict[float, tuple[float, ...]]:
    """Return a colour per value along cividis, dark for the lowest."""
    distinct = sorted(set(values))
    places = [i / max(1, len(distinct) - 1) for i in range(len(distinct))]
    return {v: colormaps["cividis"](0.88 * p) for v, p in zip(distinct, places, strict=True)}


def spread(values: Sequence[float], count: int) -> list[float]:
    """Return at most `count` of the values, both ends included.

    Example:
      >>> spread([0.0, 0.25, 0.5, 0.75, 1.0], 3)
      [0.0, 0.5, 1.0]
    """
    places = np.linspace(0, len(values) - 1, min(count, len(values)))
    return [values[i] for i in sorted({round(p) for p in places})]


def panel_letters(axes: Iterable[Axes]) -> None:
    """Mark panels with a, b, c ... at the upper left."""
    for letter, one in zip("abcdefgh", axes, strict=False):
        one.text(-0.14, 1.04, letter, transform=one.transAxes, fontweight="bold", fontsize=12)
