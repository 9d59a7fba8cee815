"""Grids of numbers: typed on a command line, `0 600` or `300:1500:100` with both ends, or given.

In Python a grid may also be a number, a list or an array.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    Grid: TypeAlias = float | str | Sequence[float | str] | np.ndarray
else:
    Grid = tuple[str, ...]  # as a command line has it


def freeze(config: Any, names: Iterable[str]) -> None:
    """Make grids of a frozen configuration tuples, whose items are texts or numbers.

    Raises:
      TypeError: if an item is neither; the message names the field.
    """
    for name in names:
        given = getattr(config, name)
        items = [given] if isinstance(given, str) or np.ndim(given) == 0 else list(given)
        for item in items:
            if isinstance(item, bool) or not isinstance(item, str | int | float | np.number):
                raise TypeError(
                    f"`{name}` must be a number, a text start:stop:step, or a list or array of "
                    f"them; got {given!r}."
                )
        kept = (item if isinstance(item, str) else float(item) for item in items)
        object.__setattr__(config, name, tuple(kept))


def parse(name: str, grid: tuple[float | str, ...], unit: str) -> tuple[float, ...]:
    """Return the numbers that a grid names, in order; `freeze` has made it a tuple.

    Raises:
      ValueError: if an item is no number and no range, or there is none, or a number comes twice.

    Example:
      >>> parse("coupling", ("0:1:0.5", "0.75"), "dimensionless")
      (0.0, 0.5, 1.0, 0.75)
    """
    values: list[float] = []
    for item in grid:
        values += _one(name, str(item), unit)
    if not values or len(set(values)) < len(values):
        raise ValueError(
            f"`{name}` must name at least one number ({unit}), and none twice; got "
            f"{' '.join(map(str, grid)) or 'none'}."
        )
    return tuple(values)


def _one(name: str, text: str, unit: str) -> list[float]:
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not all(map(math.isfinite, parts)) or len(parts) not in (1, 3):
        raise ValueError(
            f"`{name}` must be numbers or ranges start:stop:step in {unit}; got {text!r}. "
            "Write for instance 0 600, or 300:1500:100."
        )
    if len(parts) == 1:
        return parts
    start, stop, step = parts
    count = (stop - start) / step if step else -1.0
    if count < -1e-9:
        raise ValueError(
            f"`{name}` must have a step that leads from start to stop ({unit}); got {text!r}."
        )
    if count > 1e6:
        raise ValueError(f"`{name}` must be at most a million numbers; got {text!r}.")
    # rounded to 12 digits, so that 0:1:0.1 holds 0.3 and not 0.30000000000000004
    return [float(f"{start + i * step:.12g}") for i in range(math.floor(count + 1e-9) + 1)]


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return one value as a tuple of it, and a list or an array as a tuple of plain numbers.

    Example:
      >>> as_tuple("sgd"), as_tuple(64), as_tuple(np.array([0, 80]))
      (('sgd',), (64,), (0, 80))
    """
    if isinstance(value, np.ndarray):
        return as_tuple(value.tolist())
    return tuple(value) if isinstance(value, list | tuple | range) else (value,)
