"""One engine on one network in a process of its own, which waits for its turns.

An engine is a module in engines/, found there, with
- available(): its version, None if it isn't installed;
- prepare(network, plastic, seconds): build and compile; return a `Prepared`.
`Runner` starts a process per engine. Before each repeat it waits until the others rest.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import measure as own
from benchmarks.networks._network import Network

READY = "ready\n"  # what a process says when it waits
FOUND = sorted(path.stem for path in (Path(__file__).parent / "engines").glob("*.py"))
ENGINES = ("neurogain", *(name for name in FOUND if name != "neurogain"))


class Prepared(NamedTuple):
    """A network that is ready to run."""

    runs: Mapping[int | str, Callable[[int], tuple[float, np.ndarray]]]
    """By the number of threads; from a seed to seconds and the spikes of every cell."""
    compile_s: Mapping[int | str, float]
    more: Callable[[], dict[str, Any]] = dict
    """What else is known after the runs."""


def engine(name: str) -> Any:
    """Return the module of an engine."""
    return importlib.import_module(f"benchmarks.networks.engines.{name}")


def measure(
    turns: Iterable[int], name: str, n: int, variant: str, seconds: float
) -> dict[str, Any]:
    """Return what the faster of its numbers of threads did; each turn, a seed, runs all."""
    module, network = engine(name), Network(n)
    base = own.memory_mib("VmRSS")
    ready = module.prepare(network, variant == "stdp", seconds)
    done: dict[Any, list[tuple[float, np.ndarray]]] = {threads: [] for threads in ready.runs}
    for seed in turns:
        for threads, run in ready.runs.items():
            done[threads].append(run(seed))
    walls = {threads: [wall for wall, _ in all_] for threads, all_ in done.items()}
    best = min(walls, key=lambda threads: np.median(walls[threads]))
    mean = np.mean([counts for _, counts in done[best]], axis=0)
    return {
        "compile_s": ready.compile_s[best],
        "run_s": walls[best],
        "run_s_per_threads": walls if len(walls) > 1 else None,
        "rates_hz": network.rates(mean, seconds),
        "spikes": float(mean.sum()),
        "threads": best,
        "version": module.available(),
        "peak_mib": own.memory_mib("VmHWM"),
        "base_mib": base,
    } | ready.more()


def measure_in_turns(repeats: int, *args: Any) -> None:
    """Measure when told so; the result is one line of JSON."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what engines print goes where errors go

    def turns() -> Iterator[int]:
        for i in range(repeats):
            channel.write(READY)
            if not sys.stdin.readline():
                raise SystemExit("The process that gives the turns is gone.")
            yield i

    channel.write(json.dumps(measure(turns(), *args)) + "\n")


class Runner:
    """A process that builds a network, then waits for its turns."""

    def __init__(self, repeats: int, *args: Any):
        """Start it, with the arguments of `measure`."""
        self.engine = args[0]
        self.result: dict[str, Any] | None = None
        self.error = ""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open while it runs)
        self._process = subprocess.Popen(
            own.words(measure_in_turns, repeats, *args), env=own.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def waits(self) -> bool:
        """Return whether it waits for a turn; if not, it has ended, with `result` or `error`."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line == READY:
            return True
        self._process.communicate()
        self.result = json.loads(line) if line else None
        self._errors.seek(0)
        self.error = "" if line else self._errors.read()[-3000:]
        self._errors.close()
        return False

    def go(self) -> None:
        """Give it a turn."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
