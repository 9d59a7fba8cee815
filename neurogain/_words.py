"""Texts that help pages and errors are made of."""

import inspect
import shutil
import textwrap
from collections.abc import Mapping
from typing import Any


def grouped(values: Mapping[Any, Any]) -> dict[Any, str]:
    """Return names, which are texts, by their value, those of one value together.

    Example:
      >>> grouped({"a": 1, "b": 2, "c": 1})
      {1: 'a, c', 2: 'b'}
    """
    found: dict[Any, list[Any]] = {}
    for name, value in values.items():
        found.setdefault(value, []).append(name)
    return {value: ", ".join(names) for value, names in found.items()}


def each(values: Mapping[Any, Any]) -> str:
    """Return in words which names have which value.

    Example:
      >>> each({"a": 1, "b": 2, "c": 1})
      '1 with a, c; 2 with b'
    """
    return "; ".join(f"{value} with {names}" for value, names in grouped(values).items())


def a(name: str) -> str:
    """Return a name with its article.

    Example:
      >>> a("Drive"), a("AgentParams")
      ('a Drive', 'an AgentParams')
    """
    return f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}"


def page(text: str) -> str:
    """Return a docstring for a terminal, at most 80 columns wide, one space at the left.

    Indented lines stay lines of their own, as do entries of a list, which begin with "- ".
    """
    pieces: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        before = pieces[-1] if pieces else ""
        goes_on = line.startswith(" ") == before.startswith("- ") and not line.startswith("- ")
        if line and before and goes_on and not before.startswith(" "):
            pieces[-1] += f" {line.strip()}"
        else:
            pieces.append(line)
    return "\n".join(_indented(piece) for piece in pieces)


def _indented(piece: str) -> str:
    words = piece.lstrip(" ")
    head = " " * (1 + len(piece) - len(words))
    return filled(words, head, head + "  " * words.startswith("- "))


def filled(words: str, first: str, others: str) -> str:
    """Return words on lines of at most 80 columns that begin as given."""
    return textwrap.fill(
        words,
        min(80, shutil.get_terminal_size().columns),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
