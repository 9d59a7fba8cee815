"""Run time of a plastic layer-5 network, beside Brian2, NEST, brainevent and plain NumPy.

    python benchmarks/run.py run network-speed    (about 10 minutes)

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
import json
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from benchmarks.command import command
from benchmarks.networks._child import ENGINES, Runner, available
from benchmarks.networks._network import POPULATIONS
from benchmarks.networks._speed_figure import draw
from neurogain import output

TOLERANCE = 0.1


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run time of a plastic layer-5 network, beside Brian2, NEST, brainevent and plain NumPy."""

    sizes: tuple[int, ...] = (1000, 4000, 16_000)
    """Numbers of cells."""
    variants: tuple[Literal["static", "stdp"], ...] = ("static", "stdp")
    """Without plasticity, with it."""
    engines: tuple[str, ...] = tuple(ENGINES)
    """Which to run, of those installed."""
    seconds: float = 1.0
    """Simulated time of one repeat."""
    repeats: int = 3
    """Timed repeats of each engine."""
    json: Path = Path("benchmarks/results/network_speed.json")
    """Result file; the figure lies beside it."""

    def __post_init__(self):
        """Refuse unknown engines."""
        unknown = [name for name in self.engines if name not in ENGINES]
        if unknown:
            raise ValueError(f"`engines` must be among {', '.join(ENGINES)}; got {unknown!r}.")


def row(engine: str, n: int, variant: str, seconds: float, result: dict[str, Any]) -> dict:
    """Return one row of the result file."""
    return {
        "engine": engine,
        "n": n,
        "variant": variant,
        "compile_s": result["compile_s"],
        "run_s_per_simulated_s": float(np.median(result["run_s"])) / seconds,
        "rates_hz": result["rates_hz"],
        "spikes": result["spikes"],
        "peak_mib": result["peak_mib"],
        "base_mib": result["base_mib"],
        "run_s": result["run_s"],
        "run_s_per_threads": result.get("run_s_per_threads"),
        "threads": result["threads"],
        "version": result["version"],
    } | {k: result[k] for k in ("device_peak_mib",) if k in result}


def judge(rows: list[dict[str, Any]]) -> None:
    """Mark the rows whose rates differ from the medians over engines."""
    for one in rows:
        same = [r for r in rows if (r["n"], r["variant"]) == (one["n"], one["variant"])]
        medians = {p: np.median([r["rates_hz"][p] for r in same]) for p in POPULATIONS}
        one["void"] = any(
            abs(one["rates_hz"][p] - medians[p]) > TOLERANCE * medians[p] for p in POPULATIONS
        )


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of all rows."""
    lines = [
        f"{'cells':>7}  {'variant':<8}{'engine':<11}{'threads':>8}{'compile s':>11}"
        f"{'run s per s':>13}{'to neurogain':>14}{'pyramidal':>11}{'pv':>7}{'som':>7}"
        f"{'spikes':>10}{'peak MiB':>10}{'before':>8}"
    ]
    ours = {
        (r["n"], r["variant"]): r["run_s_per_simulated_s"]
        for r in rows
        if r["engine"] == "neurogain"
    }
    for r in rows:
        run_s, reference = r["run_s_per_simulated_s"], ours.get((r["n"], r["variant"]))
        ratio = f"{run_s / reference:.2f}" if reference else "-"
        pyramidal, pv, som = (r["rates_hz"][p] for p in POPULATIONS)
        lines.append(
            f"{r['n']:>7,}  {r['variant']:<8}{r['engine']:<11}{r['threads']:>8}"
            f"{r['compile_s']:>11.1f}{run_s:>13.3g}{ratio:>14}{pyramidal:>11.2f}{pv:>7.2f}"
            f"{som:>7.2f}{r['spikes']:>10,.0f}{r['peak_mib']:>10.0f}{r['base_mib']:>8.0f}"
            + ("  void: other rates" if r["void"] else "")
        )
    return "\n".join(lines)


class Report:
    """Rows measured so far, written to disk as they come."""

    def __init__(self, args: Arguments, versions: dict[str, str | None]):
        """Begin with the engines that are installed."""
        self.args, self.start = args, time.perf_counter()
        self.versions = {engine: version for engine, version in versions.items() if version}
        self.rows: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        missing = [engine for engine in versions if engine not in self.versions]
        self.note = (
            f"Medians of {args.repeats} repeats of {args.seconds:g} simulated seconds. Ran: "
            + ", ".join(f"{engine} {version}" for engine, version in self.versions.items())
            + (f". Not installed: {', '.join(missing)}" if missing else "")
            + ". 'to neurogain': over neurogain's time, above 1 is slower. 'before': memory that "
            "the process held before it built the network, mostly imported libraries."
        )

    def place(self, one: dict[str, Any]) -> tuple[int, int, int]:
        """Return where a row belongs."""
        return (
            self.args.sizes.index(one["n"]),
            self.args.variants.index(one["variant"]),
            self.args.engines.index(one["engine"]),
        )

    def keep(self, n: int, variant: str, runner: Runner) -> None:
        """Take what a process that ended has to say."""
        if runner.result is None:
            failure = {"engine": runner.engine, "n": n, "variant": variant, "error": runner.error}
            self.failures.append(failure)
            print(f"{runner.engine} failed:\n{runner.error}", flush=True)
        else:
            self.rows.append(row(runner.engine, n, variant, self.args.seconds, runner.result))
            self.rows.sort(key=self.place)
        self.write()

    def write(self) -> None:
        """Write what there is."""
        judge(self.rows)
        path = self.args.json
        failed = [f"{f['engine']} failed at {f['n']:,}, {f['variant']}." for f in self.failures]
        content = {
            "schema_version": 1,
            "title": "Speed of a layer-5 network",
            "command": command(),
            "table": table(self.rows),
            "notes": [self.note, *failed],
            "figures": [path.with_suffix(".png").name],
            "versions": self.versions | output.versions(),
            "wall_time_s": time.perf_counter() - self.start,
            "rows": self.rows,
            "failures": self.failures,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def measure(report: Report, n: int, variant: str) -> None:
    """Measure all engines on one network."""
    args, name = report.args, f"{n:,} cells, {variant}"
    waiting: list[Runner] = []
    for engine in report.versions:
        start = time.perf_counter()
        runner = Runner(engine, n, variant, args.seconds, args.repeats)
        if runner.waits():
            waiting.append(runner)
        else:
            report.keep(n, variant, runner)
        print(f"{name}: {engine} ready after {time.perf_counter() - start:.0f} s", flush=True)
    rng = np.random.default_rng(0)
    for i in range(args.repeats):
        start = time.perf_counter()
        for runner in [waiting[j] for j in rng.permutation(len(waiting))]:
            runner.go()
            if not runner.waits():
                waiting.remove(runner)
                report.keep(n, variant, runner)
        wall = time.perf_counter() - start
        print(f"{name}: repeat {i + 1} of {args.repeats} took {wall:.1f} s", flush=True)


def main() -> None:
    """Measure all, print one table, write one JSON file and one figure."""
    args = tyro.cli(Arguments)
    report = Report(args, {engine: available(engine) for engine in args.engines})
    print(report.note, flush=True)
    for n in args.sizes:
        for variant in args.variants:
            measure(report, n, variant)
            same = [r for r in report.rows if (r["n"], r["variant"]) == (n, variant)]
            print(table(same), flush=True)
    figure = args.json.with_suffix(".png")
    draw(report.rows, figure)
    print(f"\n{table(report.rows)}\n\n{report.note}\nWritten: {args.json}, {figure}")


if __name__ == "__main__":
    main()
