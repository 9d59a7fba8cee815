"""One engine on one network in a process of its own, which waits for its turns.

An engine is a module in engines/, found there, with
- available(): its version, None if it isn't installed;
- prepare(network, plastic, seconds): build and compile; return a `Prepared`.
`Runner` starts a process per engine and gives it a pair of pipes. Before each repeat the process
waits until the others rest.
"""

import importlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import measure as own
from benchmarks.networks._network import Network

PIPES = "NETWORK_SPEED_PIPES"
"""Environment variable: the file descriptors to read from and to write to, with a comma."""
READY, GO = b"ready\n", b"go\n"
"""What a process says when it waits, and what it is told."""

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


def turns(repeats: int) -> Iterator[int]:
    """Yield the number of each repeat when its turn has come; at once where there are no pipes."""
    pipes = os.environ.get(PIPES)
    for i in range(repeats):
        if pipes:
            reading, writing = map(int, pipes.split(","))
            os.write(writing, READY)
            if os.read(reading, len(GO)) != GO:
                raise SystemExit("The process that gives the turns is gone.")
        yield i


def measure(name: str, n: int, variant: str, seconds: float, repeats: int) -> dict[str, Any]:
    """Return what the faster of its numbers of threads did; each repeat runs all."""
    module, network = engine(name), Network(n)
    base = own.memory_mib("VmRSS")
    ready = module.prepare(network, variant == "stdp", seconds)
    done: dict[Any, list[tuple[float, np.ndarray]]] = {threads: [] for threads in ready.runs}
    for i in turns(repeats):
        for threads, run in ready.runs.items():
            done[threads].append(run(i))
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


def measure_in_turns(*args: Any) -> None:
    """Measure, and write the result as one line of JSON to the pipe."""
    writing = int(os.environ[PIPES].split(",")[1])
    os.write(writing, (json.dumps(measure(*args)) + "\n").encode())


class Runner:
    """A process that builds a network, then waits for its turns."""

    def __init__(self, *args: Any):
        """Start it, with the arguments of `measure`."""
        self.engine = args[0]
        self.result: dict[str, Any] | None = None
        self.error = ""
        there, self._to = os.pipe()
        from_, back = os.pipe()
        self._from = os.fdopen(from_)
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open while it runs)
        self._process = subprocess.Popen(
            own.words(measure_in_turns, *args), pass_fds=(there, back), stdout=self._output,
            env=own.environment(**{PIPES: f"{there},{back}"}), stderr=subprocess.STDOUT,
        )  # fmt: skip
        os.close(there)
        os.close(back)

    def waits(self) -> bool:
        """Return whether it waits for a turn; if not, it has ended, with `result` or `error`."""
        line = self._from.readline()
        if line == READY.decode():
            return True
        self._process.wait()
        if line:
            self.result = json.loads(line)
        else:
            self._output.seek(0)
            self.error = self._output.read()[-3000:]
        self._from.close()
        self._output.close()
        os.close(self._to)
        return False

    def go(self) -> None:
        """Give it a turn."""
        os.write(self._to, GO)
