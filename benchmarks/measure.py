"""What many benchmarks do: timing, taking turns, memory, and processes of their own."""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from benchmarks.registry import ROOT

Key = TypeVar("Key")
Value = TypeVar("Value")


def timed(function: Callable[..., Value], *args: Any) -> tuple[float, Value]:
    """Return the seconds that a call takes, until its arrays are there, and what it returns."""
    import jax

    start = time.perf_counter()
    value = jax.block_until_ready(function(*args))
    return time.perf_counter() - start, value


class Timing(NamedTuple):
    """The runs of one contender: the first, which compiles and does not count, and the others."""

    first_s: float
    first: Any  # what it returned
    walls: list[float]
    values: list[Any]

    @property
    def median(self) -> float:
        """Return the median of the seconds."""
        return float(np.median(self.walls))

    @property
    def compile_s(self) -> float:
        """Return what the first run took longer."""
        return max(self.first_s - self.median, 0.0)


def compared(
    runs: Mapping[Key, Callable[[int], tuple[float, Any]]], rounds: int, *, show: bool = False
) -> dict[Key, Timing]:
    """Run each once, then all in a new random order each round.

    A run takes the number of its round, from 1 on, and returns seconds and anything else.
    """
    rng, names = np.random.default_rng(0), list(runs)
    found = {name: Timing(*runs[name](0), [], []) for name in names}
    for i in range(rounds):
        start = time.perf_counter()
        for j in rng.permutation(len(names)):
            seconds, value = runs[names[j]](i + 1)
            found[names[j]].walls.append(seconds)
            found[names[j]].values.append(value)
        if show:
            wall = time.perf_counter() - start
            print(f"round {i + 1} of {rounds} took {wall:.1f} s", flush=True)
    return found


def installed(package: str, *modules: str) -> str | None:
    """Return the version of a package, None unless it and all modules can be imported."""
    if not all(importlib.util.find_spec(name.replace("-", "_")) for name in modules or (package,)):
        return None
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


def memory_mib(field: str, path: str = "/proc/self/status") -> float:
    """Return a figure in MiB: VmRSS now, VmHWM at its peak, of this or another process."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def words(function: Callable[..., Any], *args: Any) -> list[str]:
    """Return the command that calls a module's function in a process of its own.

    Its arguments and what it returns are JSON; the last line that it prints is the result. Run it
    with `environment()`.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    return [sys.executable, "-m", "benchmarks.measure", name, json.dumps(args, default=str)]


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which a process finds this package and neurogain."""
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more


def call(function: Callable[..., Any], *args: Any, what: str = "", **env: str) -> Any:
    """Return what a function returns in a process of its own; a RuntimeError if that fails."""
    done = subprocess.run(
        words(function, *args), env=environment(**env), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{what or function.__qualname__} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Call the function named on the command line, print what it returns."""
    module, name = sys.argv[1].split(":")
    function = getattr(importlib.import_module(module), name)
    print(json.dumps(function(*json.loads(sys.argv[2]))), flush=True)


if __name__ == "__main__":
    main()
