"""What many benchmarks do: timing, taking turns, memory, and processes of their own."""

import atexit
import contextlib
import importlib.metadata
import importlib.util
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import numpy as np

SPAWN = multiprocessing.get_context("spawn")
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


class Child:
    """A process of its own that calls `function(pipe, *args)` of a module, and sends the result.

    On its way the function may send `(True, value)` along the pipe, and receive.
    """

    def __init__(self, function: Callable[..., Any], *args: Any):
        """Start it; it does not outlive this process."""
        self.pipe, there = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_child, args=(there, function, args))
        self.process.start()
        there.close()
        atexit.register(self.process.kill)

    def receive(self) -> Any:
        """Return what it sends next; a RuntimeError if it fails."""
        try:
            good, value = self.pipe.recv()
        except EOFError:
            self.process.join()
            good, value = False, f"a process of its own ended with {self.process.exitcode}"
        if not good:
            raise RuntimeError(value)
        return value


def _child(pipe: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    os.dup2(2, 1)  # what libraries print goes where errors go
    try:
        pipe.send((True, function(pipe, *args)))
    except Exception:
        pipe.send((False, traceback.format_exc()))


def alone(pipe: Connection, function: Callable[..., Value], *args: Any) -> Value:
    """Call a function that needs no pipe, in a `Child`."""
    return function(*args)


def call(function: Callable[..., Any], *args: Any, **env: str) -> Any:
    """Return what a function returns in a process of its own; a RuntimeError if that fails."""
    with mock.patch.dict(os.environ, env):
        child = Child(alone, function, *args)
    try:
        return child.receive()
    finally:
        child.process.join()
