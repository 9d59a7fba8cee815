"""Run time of a plastic layer-5 network, beside Brian2, NEST, brainevent and plain NumPy.

Peers, all optional: pip install '.[benchmarks]' brainevent numba nest-simulator; for NEST also
apt-get install g++ libboost-dev libltdl-dev, with which the two-compartment cell is compiled. What
isn't installed is left out and named; GeNN is not to be had from PyPI. `_network.py` has the
network: all engines simulate the same synapses, with noise of their own generators, without
plasticity and with STDP. Let nothing else run: two threads that wait for each other at every step
are many times slower on a busy machine.

Every engine has a process of its own for each size and variant, in which it builds the network and
compiles; then the engines take turns, one repeat each a round, in random order. Timed is the loop
over steps alone, from rest, without building, compiling and set-up. Brian2 and NEST run with one
thread and with two in each turn, and the better median counts. Memory is the peak of the process
that simulates, which for Brian2 is its compiled program, with what it held before it built.

A row counts if the rates of all three populations lie within 10 % of the medians over the engines;
otherwise it is void.
"""

import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from benchmarks import figures
from benchmarks.measure import Child, timed
from benchmarks.networks._engine import ENGINES, engine, measure_in_turns
from benchmarks.networks._network import POPULATIONS, RATES, VARIANTS
from benchmarks.record import Record, table
from neurogain.plotting import draw
from neurogain.plotting.style import Figure

ABOUT = {
    "title": "Speed of a layer-5 network",
    "minutes": 10,
    "needs": "an idle machine; Brian2, NEST, brainevent as peers, if installed",
}
TINY = {"sizes": (100,), "seconds": 0.02, "repeats": 1, "variants": ("static", "stdp")}
TOLERANCE = 0.1


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run time of a plastic layer-5 network, beside Brian2, NEST, brainevent and plain NumPy."""

    sizes: tuple[int, ...] = (1000, 4000, 16_000)
    """Numbers of cells."""
    variants: tuple[Literal["static", "stdp"], ...] = ("static", "stdp")
    """Without plasticity, with it."""
    engines: tuple[Literal[ENGINES], ...] = ENGINES
    """Engines to run, of those installed."""
    seconds: float = 1.0
    """Simulated time of one repeat."""
    repeats: int = 3
    """Timed repeats of each engine."""


def judge(rows: list[dict[str, Any]]) -> None:
    """Mark the rows of one network whose rates differ from the medians over engines."""
    medians = {p: np.median([r["rates_hz"][p] for r in rows]) for p in POPULATIONS}
    ours = [r["run_s_per_simulated_s"] for r in rows if r["engine"] == "neurogain"]
    for one in rows:
        one["void"] = any(
            abs(one["rates_hz"][p] - medians[p]) > TOLERANCE * medians[p] for p in POPULATIONS
        )
        one["to_neurogain"] = one["run_s_per_simulated_s"] / ours[0] if ours else None


COLUMNS = (
    ("cells", "n", "7,"), ("variant", "variant", "<8"),
    ("engine", "engine", "<11"), ("threads", "threads", "8"),
    ("compile s", "compile_s", "11.1f"),
    ("run s per s", "run_s_per_simulated_s", "13.3g"), ("to neurogain", "to_neurogain", "14.2f"),
    *RATES, ("spikes", "spikes", "10,.0f"), ("peak MiB", "peak_mib", "10.0f"),
    ("before", "base_mib", "8.0f"),
    ("", lambda row: "  void: other rates" if row["void"] else "", "<1"),
)  # fmt: skip


def drawn(rows: list[dict[str, Any]]) -> Figure:
    """Return run time per simulated second against cells, one panel a variant; void rows hollow."""
    variants, engines = (
        list(dict.fromkeys(r[name] for r in rows)) for name in ("variant", "engine")
    )
    figure, axes = draw.row(len(variants), (4.2 * len(variants), 3.6))
    for one, variant in zip(axes, variants, strict=True):
        own = [r for r in rows if r["variant"] == variant]
        lines = {name: [r for r in own if r["engine"] == name] for name in engines}
        run_s = "run_s_per_simulated_s"
        figures.against_size(one, lines, "n", run_s, hollow=lambda row: row["void"])
        one.set(xlabel="cells", title=VARIANTS[variant])
    axes[0].set_ylabel("run time (s per simulated s)")
    draw.legend(axes[-1])
    return draw.finish(figure, letters=True)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the time of the largest networks, and how many times longer the next engine takes."""
    most = max(row["n"] for row in content["rows"])
    for variant, name in VARIANTS.items():
        own = {
            r["engine"]: r["run_s_per_simulated_s"]
            for r in content["rows"]
            if (r["n"], r["variant"], r["void"]) == (most, variant, False)
        }
        if "neurogain" not in own:
            continue
        ours = own.pop("neurogain")
        claim, number = f"A simulated second of {most:,} cells {name}", f"{ours:.2g} s"
        if own:
            best = min(own, key=lambda engine: own[engine])
            claim += f"; the fastest peer ({best})"
            number += f"; {own[best] / ours:.3g} times as long"
        yield claim, number


def measure(
    args: Arguments, record: Record, engines: list[str], n: int, variant: str
) -> list[dict[str, Any]]:
    """Measure all engines on one network; return their rows."""
    name, rows = f"{n:,} cells, {variant}", list[dict[str, Any]]()
    waiting: dict[str, Child] = {}

    def listen(one: str, child: Child) -> None:
        row = {"engine": one, "n": n, "variant": variant}
        try:
            result = child.receive()
        except RuntimeError as error:
            record.data["failures"].append(row | {"error": str(error)})
            record.notes.append(f"{one} failed at {name}.")
            print(f"{one} failed:\n{error}", flush=True)
            return
        if result is None:
            waiting[one] = child
        else:
            run_s = float(np.median(result["run_s"])) / args.seconds
            rows.append(row | {"run_s_per_simulated_s": run_s} | result)

    for one in engines:
        task = args.repeats, one, n, variant, args.seconds
        wall, _ = timed(listen, one, Child(measure_in_turns, *task))
        print(f"{name}: {one} ready after {wall:.0f} s", flush=True)
    rng = np.random.default_rng(0)
    for i in range(args.repeats):
        start = time.perf_counter()
        for one in rng.permutation(sorted(waiting)):
            child = waiting.pop(one)
            child.pipe.send(None)
            listen(str(one), child)
        wall = time.perf_counter() - start
        print(f"{name}: repeat {i + 1} of {args.repeats} took {wall:.1f} s", flush=True)
    judge(rows)
    return sorted(rows, key=lambda r: engines.index(r["engine"]))


def run(args: Arguments, record: Record) -> None:
    """Measure all networks; what there is is written after each."""
    record.versions = {name: v for name in args.engines if (v := engine(name).available())}
    missing = [name for name in args.engines if name not in record.versions]
    record.notes.append(
        f"Medians of {args.repeats} repeats of {args.seconds:g} simulated seconds. Ran: "
        + ", ".join(f"{name} {version}" for name, version in record.versions.items())
        + (f". Not installed: {', '.join(missing)}" if missing else "")
        + ". 'to neurogain': over neurogain's time, above 1 is slower. 'before': memory that "
        "the process held before it built the network, mostly imported libraries."
    )
    rows: list[dict[str, Any]] = []
    record.data["failures"] = []
    for n, variant in itertools.product(args.sizes, args.variants):
        rows += (found := measure(args, record, list(record.versions), n, variant))
        print(table(COLUMNS, found), flush=True)
        record.fill(COLUMNS, rows)
        record.write()
    if rows:
        record.figure(drawn(rows))
