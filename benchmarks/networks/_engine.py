"""One engine on one network in a process of its own, which waits for its turns.

An engine is a module in engines/, found there, with
- available(): its version, None if it isn't installed;
- prepare(network, plastic, seconds): build and compile; return a `Prepared`.
Before each repeat a process waits until the others rest.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import memory_mib
from benchmarks.networks._network import Network

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
    base = memory_mib("VmRSS")
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
        "peak_mib": memory_mib("VmHWM"),
        "base_mib": base,
    } | ready.more()


def measure_in_turns(pipe: Connection, repeats: int, *args: Any) -> dict[str, Any]:
    """Measure when told so, in a `Child`; None says that it waits for a turn."""

    def turns() -> Iterator[int]:
        for i in range(repeats):
            pipe.send((True, None))
            pipe.recv()
            yield i

    return measure(turns(), *args)
