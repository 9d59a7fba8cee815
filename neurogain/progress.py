"""How long work tells how far it is: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from neurogain._extras import MissingExtraError, extra

SECONDS = 30.0  # between two lines about the same unit, where there is no terminal


@runtime_checkable
class Progress(Protocol):
    """What is told of the progress of a number of units."""

    def start(self, label: str) -> None:
        """Tell that a unit has begun."""

    def show(self, label: str, done: float, total: float, note: str = "") -> None:
        """Tell how far a unit is."""

    def finish(self, label: str, note: str = "") -> None:
        """Tell that a unit is finished."""

    def close(self) -> None:
        """End the report."""


class Silent:
    """Nothing is told."""

    def start(self, label: str) -> None:
        """Tell nothing."""

    def show(self, label: str, done: float, total: float, note: str = "") -> None:
        """Tell nothing."""

    def finish(self, label: str, note: str = "") -> None:
        """Tell nothing."""

    def close(self) -> None:
        """Tell nothing."""


class Lines:
    """One line for each finished unit, and one each half minute about a unit under way."""

    def __init__(self, total: int, write: Callable[[str], Any] | None = None):
        """Report on `total` units; `write` takes a line, by default to the standard error."""
        self._total, self._done = total, 0
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))
        self._began: dict[str, float] = {}
        self._told = time.monotonic()

    def start(self, label: str) -> None:
        """Remember when the unit began."""
        self._began[label] = time.monotonic()

    def show(self, label: str, done: float, total: float, note: str = "") -> None:
        """Write a line, if the last one is half a minute old."""
        now = time.monotonic()
        if now - self._told >= SECONDS:
            self._told = now
            part = f"{done / total:.0%}" if total else "under way"
            self._write(f"  {label}: {part}{f', {note}' if note else ''}")

    def finish(self, label: str, note: str = "") -> None:
        """Write a line with the number of units that are finished."""
        self._done += 1
        self._told = now = time.monotonic()
        seconds = now - self._began.get(label, now)
        self._write(
            f"[{self._done}/{self._total}] {label}: {seconds:.1f} s{f', {note}' if note else ''}"
        )

    def close(self) -> None:
        """End the report; there is nothing to do."""


class Bar:
    """One bar of the finished units, with the unit under way beside it."""

    def __init__(self, total: int):
        """Report on `total` units on the standard error, by tqdm."""
        with extra("cli"):
            from tqdm import tqdm

        self._bar = tqdm(total=total, unit="part", dynamic_ncols=True)
        self._shares: dict[str, float] = {}
        self._finished = 0

    def start(self, label: str) -> None:
        """Show the name of the unit."""
        self._shares[label] = 0.0
        self._bar.set_description(label)

    def show(self, label: str, done: float, total: float, note: str = "") -> None:
        """Move the bar by the share of the unit that is done."""
        self._shares[label] = done / total if total else 0.0
        self._bar.set_description(label, refresh=False)
        self._bar.set_postfix_str(note, refresh=False)
        self._move()

    def finish(self, label: str, note: str = "") -> None:
        """Move the bar by the whole unit."""
        self._shares.pop(label, None)
        self._finished += 1
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._move()

    def _move(self) -> None:
        self._bar.n = round(self._finished + sum(self._shares.values()), 2)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar on the screen and end the line."""
        self._bar.close()


def of(progress: "bool | Progress", total: int) -> Progress:
    """Return what reports on `total` units.

    Args:
      progress: True for a bar on a terminal and lines elsewhere (a file, a notebook, no tqdm);
        False for nothing; or an object that is used as it is.
      total: number of units.

    Example:
      >>> isinstance(of(False, 3), Silent)
      True
    """
    if not isinstance(progress, bool):
        return progress
    if not progress:
        return Silent()
    if sys.stderr.isatty():
        with contextlib.suppress(MissingExtraError):  # without tqdm there are lines
            return Bar(total)
    return Lines(total)


def say(progress: "bool | Progress", line: str) -> None:
    """Tell one line beforehand: on the standard error, or to an object that has a method `say`."""
    own = getattr(progress, "say", None)
    if own is not None:
        own(line)
    elif progress is True:
        print(line, file=sys.stderr, flush=True)
