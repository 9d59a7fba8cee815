"""Numbers from names: what random streams are told apart by.

A stream is numbered by its name, never by its place in a list, so that what is added or put in
another order changes no other stream.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import jax


def of_name(name: str) -> int:
    """Return the 32-bit number of a name, the CRC-32 of its text; the same on every machine.

    Example:
      >>> of_name("pyr"), of_name("som")
      (3947258861, 2022729110)
    """
    return zlib.crc32(name.encode())


def leaf_names(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[str, ...]:
    """Return the names of a tree's leaves: keys, fields and places, with dots between them.

    Example:
      >>> leaf_names({"pyr": {"soma": 1.0}, "som.soma.ampa": 2.0})
      ('pyr.soma', 'som.soma.ampa')
    """
    found, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_leaf)
    return tuple(jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in found)


def check_distinct(what: str, names: Iterable[str]) -> None:
    """Raise ValueError if two of the names would share a random stream; `what`: their argument."""
    known: dict[int, str] = {}
    for name in names:
        number = of_name(name)
        if number in known:
            raise ValueError(
                f"{what} must have names of different CRC-32 numbers, which tell random streams "
                f"apart; got {known[number]!r} and {name!r}, both of {number}. Rename one."
            )
        known[number] = name
