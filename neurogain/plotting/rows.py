"""Rows of a table of results: mappings with the same fields, as lists in metrics.json hold them.

A field with an interval has a second one beside it, its name with `_ci` behind it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from neurogain.plotting import draw, style

Row = Mapping[str, Any]


def values(rows: Sequence[Row], field: str) -> list[Any]:
    """Return the different values of a field, ascending."""
    return sorted({row[field] for row in rows})


def where(rows: Sequence[Row], **fixed: Any) -> list[Row]:
    """Return the rows that have the fixed values.

    Example:
      >>> where([{"p": 0, "rate": 3}, {"p": 1, "rate": 9}], p=1)
      [{'p': 1, 'rate': 9}]
    """
    return [row for row in rows if all(row[field] == value for field, value in fixed.items())]


def families(rows: Sequence[Row], by: str) -> Iterator[tuple[list[Row], dict[str, Any]]]:
    """Yield the rows of each value of a field, ascending, and their look, labelled by the value."""
    for value, colour in style.ordered(row[by] for row in rows).items():
        yield where(rows, **{by: value}), {"color": colour, "label": f"{value:g}", "marker": "o"}


def points(axes: Axes, rows: Sequence[Row], x: str, y: str, *, by: str, **look: Any) -> None:
    """Draw a field with its interval against another, a line for each value of a third."""
    for family, own in families(rows, by):
        family.sort(key=lambda row: row[x])
        value = {"mean": [row[y] for row in family], "ci": [row[f"{y}_ci"] for row in family]}
        draw.points(axes, [row[x] for row in family], value, **own | look)
