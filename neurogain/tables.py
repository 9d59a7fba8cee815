"""Tables of text, as commands print them."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from neurogain import stats


class _Cell(NamedTuple):
    """A value that takes the place of a text or a number; a `stats.summary` has its interval."""

    value: Any

    def __format__(self, form: str) -> str:
        place, of_number = re.fullmatch(r"([<>]\d+)?(.*)", form).groups("")  # type: ignore[union-attr]
        if isinstance(self.value, Mapping):
            shown = stats.text(self.value, of_number)
        elif self.value is None:
            shown = "-"
        else:
            shown = self.value if isinstance(self.value, str) else f"{self.value:{of_number}}"
        return f"{shown:{place}}"


def line(template: str, cells: Iterable[Any]) -> str:
    """Return cells in the places of a template: texts, numbers, None or a `stats.summary`."""
    return template.format(*map(_Cell, cells)).rstrip()


def lines(template: str, rows: Iterable[Iterable[Any]]) -> list[str]:
    """Return a `line` for each row; a first cell longer than its column gets one of its own.

    Example:
      >>> lines("{:<6} {:>5.2f}", [("", "gap"), ("sgd", 0.125), ("adam:b1=0", None)])
      ['         gap', 'sgd     0.12', 'adam:b1=0', '           -']
    """
    column = re.match(r"{:<(\d+)}", template)
    found = []
    for first, *others in rows:
        if column and len(first) > int(column[1]):
            found.append(first)
            first = ""
        found.append(line(template, (first, *others)))
    return found


def wrapped(*notes: str) -> list[str]:
    """Return notes in lines of at most 80 characters, each note from a new line on."""
    return [line for note in notes for line in textwrap.wrap(note, 80)]


def intervals_over(count: int, what: str) -> str:
    """Say over how many intervals are."""
    return f"95 % t-intervals over {count} {what}s" if count > 1 else f"One {what}"
