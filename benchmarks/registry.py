"""The benchmarks there are, found by folder and described without importing them.

A benchmark is a module in a folder by subject, `benchmarks/SUBJECT/NAME.py`, that has
- ABOUT, a literal with `title`, `minutes` (on 2 CPU cores or one GPU) and, if any, `needs`;
- Arguments, a dataclass whose fields are its options, all with defaults, and `run(args, record)`;
  without the dataclass `run` takes the words of the command line as they are; without `run` it is
  the command `neurogain NAME`, or WORDS, with FIGURES of which to keep and a NOTE;
- where options change it much, `minutes(args)`, about how long a run takes with them;
- TINY, what `--tiny` changes for a trial in seconds: fields of Arguments, or words added;
- where it has more to say than its table, `section(content)`, the lines of the results' page, and
  `claims(content)`, pairs of a claim and its number, from a result file.
Nothing else names it. Its result files begin with its name, with _ for -.
"""

import ast
import importlib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent


class Benchmark(NamedTuple):
    """What is known of a benchmark without importing it."""

    name: str
    subject: str
    title: str
    minutes: float  # in all, about
    needs: str = ""

    @property
    def stem(self) -> str:
        """Return the name of its module, and what its result files begin with."""
        return self.name.replace("-", "_")

    def module(self) -> ModuleType:
        """Import it."""
        return importlib.import_module(f"benchmarks.{self.subject}.{self.stem}")


def described(path: Path) -> Benchmark | None:
    """Return the benchmark that a module is; None if it has no ABOUT."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ABOUT":
            about = ast.literal_eval(node.value)
            return Benchmark(path.stem.replace("_", "-"), path.parent.name, **about)
    return None


def benchmarks() -> dict[str, Benchmark]:
    """Return all benchmarks by name, sorted by subject and name."""
    found = (described(path) for path in sorted(FOLDER.glob("*/*.py")))
    return {one.name: one for one in found if one is not None}


def owner(stem: str, known: dict[str, Benchmark]) -> Benchmark | None:
    """Return the benchmark that wrote a result file, the one with the longest name that fits."""
    fits = [b for b in known.values() if f"{stem}_".startswith(f"{b.stem}_")]
    return max(fits, key=lambda b: len(b.stem), default=None)


def duration(minutes: float) -> str:
    """Return a duration in words.

    >>> duration(0.2), duration(10), duration(90)
    ('1 min', '10 min', '1.5 h')
    """
    return f"{max(1, round(minutes))} min" if minutes < 60 else f"{minutes / 60:.2g} h"
