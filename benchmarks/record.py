"""What a benchmark leaves: one JSON file with title, command, versions, table, notes, figures."""

import dataclasses
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import device
from benchmarks.registry import ROOT
from neurogain import tables

RESULTS = ROOT / "benchmarks" / "results"
SCHEMA = 4  # results of schema 1 to 3 were written before there were records
FIELDS = (
    "schema_version", "title", "command", "table", "notes", "figures", "versions", "device",
    "wall_time_s",
)  # fmt: skip
"""Of every result file; what else a benchmark measured stands beside them."""

Column = tuple[str, Any, str]
"""Heading, value, width and format; < stands before the width of what is aligned left. A value is a
name, names or places one inside the other, or a function of the row."""


@dataclasses.dataclass
class Record:
    """The result of one benchmark while it is measured; a benchmark fills it in."""

    name: str  # of the file
    title: str
    command: str  # that makes it again
    out: Path = RESULTS  # folder of the result
    work: Path = Path("runs/benchmarks")  # folder of what is not finished
    table: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    figures: list[str] = dataclasses.field(default_factory=list)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)  # of others than neurogain's
    data: dict[str, Any] = dataclasses.field(default_factory=dict)
    began: float = dataclasses.field(default_factory=time.perf_counter)
    resumed: bool = False  # whether some of it was there already: its time is not kept then

    def part(self, suffix: str, title: str = "") -> "Record":
        """Return a record beside this one, for a benchmark that makes several."""
        name = f"{self.name}_{suffix}" if suffix else self.name
        return Record(name, title or self.title, self.command, self.out, self.work)

    @property
    def path(self) -> Path:
        """Return where its file lies."""
        return self.out / f"{self.name}.json"

    def earlier(self) -> dict[str, Any]:
        """Return what an earlier run left there, nothing if there is none."""
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def fill(self, columns: Iterable[Column], rows: list[Any], *notes: str, **data: Any) -> None:
        """Take rows with their table, notes, and what else was measured."""
        self.table, self.data = table(columns, rows), self.data | {"rows": rows} | data
        self.notes += notes

    def figure(self, figure: Any, suffix: str = "") -> None:
        """Save a matplotlib figure beside the file."""
        name = f"{self.name}_{suffix}.png" if suffix else f"{self.name}.png"
        self.out.mkdir(parents=True, exist_ok=True)
        figure.savefig(self.out / name, dpi=130)
        if name not in self.figures:
            self.figures.append(name)

    def content(self) -> dict[str, Any]:
        """Return what the file holds; a ValueError where data takes the name of a field."""
        taken = self.data.keys() & set(FIELDS)
        if taken:
            raise ValueError(f"`data` must not have the names of fields; got {sorted(taken)}.")
        stamp = device.stamp()
        fixed = {
            "schema_version": SCHEMA,
            "title": self.title,
            "command": self.command,
            "table": self.table,
            "notes": [note for note in self.notes if note],
            "figures": self.figures,
            "versions": stamp["versions"] | self.versions,
            "device": stamp["device"],
            "wall_time_s": None if self.resumed else time.perf_counter() - self.began,
        }
        return fixed | self.data

    def write(self) -> Path:
        """Write the file whole, a line for each field."""
        lines = (f"{json.dumps(k)}: {dumped(v)}" for k, v in self.content().items())
        whole(self.path, "{\n" + ",\n".join(lines) + "\n}\n")
        return self.path

    def finish(self) -> None:
        """Write the file, and print the table and the notes."""
        path = self.write()
        print("\n".join(["", self.title, "", self.table, "", *self.notes]))
        print(f"Written: {path}", flush=True)


def anonymous(words: Sequence[str]) -> list[str]:
    """Return options with the data folder, which differs elsewhere, as DIR.

    Example:
      >>> anonymous(["--seeds", "3", "--data-dir", "/home/me/sets"])
      ['--seeds', '3', '--data-dir', 'DIR']
    """
    return ["DIR" if i and words[i - 1] == "--data-dir" else w for i, w in enumerate(words)]


def whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)


def dumped(value: Any) -> str:
    """Return JSON; NaN and infinity are refused, paths and tuples are words and lists."""
    return json.dumps(value, allow_nan=False, default=str)


def table(columns: Iterable[Column], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows under headings; - where a value is None or missing.

    >>> print(table([("cells", "n", "7,"), ("to Brian2", ("ratio", "best"), "11.2f")],
    ...             [{"n": 1000, "ratio": {"best": 2.5}}, {"n": 20, "ratio": {}}]))
      cells  to Brian2
      1,000       2.50
         20          -
    """
    columns = list(columns)
    template, before = "", True  # whether the column before is aligned left
    for _, _, form in columns:
        left = form.startswith("<")
        template += "  " * (left and not before) + f"{{:{'' if left else '>'}{form}}}"
        before = left
    cells = [[head for head, _, _ in columns]]
    cells += [[at(row, path) for _, path, _ in columns] for row in rows]
    return "\n".join(tables.line(template, own) for own in cells)


def markdown(columns: Iterable[Column], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table; empty where a value is None or missing.

    >>> markdown([("cells", "n", ",")], [{"n": 1000}, {}])
    ['| cells |', '|---|', '| 1,000 |', '|  |']
    """
    columns = list(columns)
    lines = [[head for head, _, _ in columns]]
    for row in rows:
        values = ((at(row, path), form) for _, path, form in columns)
        lines.append(["" if value is None else f"{value:{form}}" for value, form in values])
    head, *others = (f"| {' | '.join(line)} |" for line in lines)
    return [head, "|---" * len(columns) + "|", *others]


def at(row: Mapping[str, Any], path: Any) -> Any:
    """Return the value of a column in a row; None where there is none."""
    if callable(path):
        return path(row)
    value: Any = row
    for name in path if isinstance(path, tuple) else (path,):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif value is not None:
            value = value[name]
    return value
