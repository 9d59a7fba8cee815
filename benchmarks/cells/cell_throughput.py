"""Cell-steps per second of the two-compartment cell, beside Brian2 and a plain NumPy loop.

An uncoupled population, each cell with a constant somatic current between 600 and 1200 pA, 600 pA
into the dendrite, coupling 0.5, dt 0.1 ms, from rest; spikes are counted. Compared, with stochastic
coupling (a draw per cell and step) and with the mean field (none):
- neurogain: `simulate`, float32, on JAX's default device, all host work between chunks included;
- Brian2: C++ standalone, its time loop alone, in float64 (its default) and float32, on all cores
  (OpenMP) and on one; left out if it isn't installed. Like neurogain it draws once a step for the
  way back, and, unlike it, at spikes only for the way forth;
- NumPy: one vectorised pass a step in float32, a draw for each way in every step.

Measured: each contender once untimed, then rounds in random order; medians. Brian2's and JAX's
compilation is reported apart. Mean rates must agree within 5 % for a row to count.

Expected before measuring: the step is about 60 operations a cell, one exponential among them, all
of which XLA fuses into one loop, while Brian2 has separate loops for state, threshold and reset;
drawing bits (Threefry) costs more than the step itself. So neurogain should lead with many cells,
by a little with draws and by a lot without, and lose its lead below a few hundred cells, where the
microsecond that XLA takes to start a step counts.
"""

import dataclasses
import functools
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from benchmarks.cells import _brian2
from benchmarks.measure import call, compared, installed, timed
from benchmarks.record import Record, table
from neurogain.spiking import Drive, PyramidalCell, PyramidalDrive, cells, simulate

ABOUT = {
    "title": "Speed of the two-compartment cell",
    "minutes": 7,
    "needs": "Brian2 as a peer, if installed (pip install '.[benchmarks]')",
}
TINY = {"cells": (100,), "cell_steps": 2e4, "rounds": 1}
DENDRITIC, COUPLING, DT = 600.0, 0.5, 0.1
KINDS = ("stochastic", "mean-field")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Cell-steps per second of the two-compartment cell, beside Brian2 and a plain NumPy loop."""

    cells: tuple[int, ...] = (100, 10_000, 1_000_000)
    """Population sizes."""
    cell_steps: float = 2e8
    """Cell-steps of one timed run, about; at least 200 and at most 20,000 steps."""
    rounds: int = 5
    """Timed runs of each contender."""
    peers: tuple[Literal["brian2", "numpy"], ...] = ("brian2", "numpy")
    """Whom to run beside neurogain; both run on CPUs alone."""


Run = Callable[[int], tuple[float, float]]
"""From the number of a round to seconds and the number of spikes."""


class Contender(NamedTuple):
    """A way to run one population."""

    name: str
    kind: str
    run: Run
    steps: int
    compile_s: float | None = None  # None: nothing is compiled, or the first run compiles


def somatic(n: int) -> np.ndarray:
    """Return the currents of all cells in pA."""
    return (600 + 600 * np.arange(n) / n).astype(np.float32)


def neurogain_runner(n: int, steps: int, kind: Any) -> Run:
    """Return a run of `simulate`."""
    drive = PyramidalDrive(Drive(jax.device_put(somatic(n))), Drive(DENDRITIC), COUPLING)
    task = {"n": n, "duration": steps * DT, "dt": DT, "key": jax.random.key(0)}
    whole = functools.partial(simulate, PyramidalCell(kind), cells.L5_PYRAMIDAL, drive, **task)

    def run(_: int) -> tuple[float, float]:
        wall, done = timed(whole)
        return wall, float(done.recorded["spikes"].sum(dtype=float))

    return run


def numpy_runner(n: int, steps: int, kind: str) -> Run:
    """Return a plain NumPy loop over steps."""
    s, d, cell = cells.L5_SOMA, cells.L5_DENDRITE, cells.L5_PYRAMIDAL
    current, dt = somatic(n), np.float32(DT)

    def run() -> float:
        rng = np.random.default_rng(0)
        v, u = np.full(n, s.v_r, np.float32), np.zeros(n, np.float32)
        vd, w = np.full(n, d.E_leak, np.float32), np.zeros(n, np.float32)
        age, count = np.full(n, 10**6), np.zeros(n, np.int64)
        for _ in range(steps):
            back = forth = COUPLING
            if kind == "stochastic":
                back, forth = rng.random((2, n), np.float32) < COUPLING
            arriving = (age >= 5) & (age <= 25)
            calcium = (vd >= cell.v_calcium) * forth
            inflow = w + np.float32(DENDRITIC) + cell.bap_current * (arriving * back)
            inflow -= d.g_leak * (vd - d.E_leak)
            inflow += d.g_ca / (1 + np.exp(-(vd - d.E_ca) / d.D_ca))
            w += dt / d.tau_w * (d.a_w * (vd - d.E_leak) - w)
            v, u, vd = (
                v + dt / s.C * (s.k * (v - s.v_r) * (v - s.v_t) - u + current),
                u + dt * s.a * (s.b * (v - s.v_r) - u),
                (vd + dt / d.C * inflow).astype(np.float32),
            )
            fired = v >= s.v_peak
            v[fired] = (s.c + calcium * (cell.c_burst - s.c))[fired]
            u[fired] += (s.d + calcium * (cell.d_burst - s.d))[fired]
            age += 1
            age[fired] = 1
            count += fired
        return float(count.sum())

    return lambda _: timed(run)


def contenders(n: int, steps: int, peers: Sequence[str], folder: Path) -> Iterator[Contender]:
    """Yield all that can run here; Brian2's programs are compiled."""
    fewer = max(20, steps // 20)  # NumPy, the slow one, runs a part of the steps
    brian2 = "brian2" in peers and installed("brian2") is not None
    programs = itertools.product(("float64", "float32"), sorted({1, os.cpu_count() or 1}))
    variants = list(programs) if brian2 else []
    for kind in KINDS:
        yield Contender("neurogain", kind, neurogain_runner(n, steps, kind), steps)
        if "numpy" in peers:
            yield Contender("NumPy", kind, numpy_runner(n, fewer, kind), fewer)
        for dtype, cores in variants:
            name = f"Brian2, {dtype}, {cores} thread" + "s" * (cores > 1)
            project = folder / f"{kind}-{dtype}-{cores}-{n}"
            args = (str(project), n, steps, dtype, cores, kind)
            seconds, _ = timed(functools.partial(call, _brian2.make, *args))
            run = functools.partial(_brian2.run, project, dtype)
            yield Contender(name, kind, run, steps, seconds)


def measure(args: Arguments, n: int, folder: Path) -> list[dict[str, Any]]:
    """Time all contenders on one population; return a row each."""
    steps = int(np.clip(args.cell_steps / n, 200, 20_000))
    steps -= steps % 20
    running = dict(enumerate(contenders(n, steps, args.peers, folder)))
    rows = []
    for i, found in compared({i: c.run for i, c in running.items()}, args.rounds).items():
        one = running[i]
        rows.append({
            "cells": n,
            "kind": one.kind,
            "contender": one.name,
            "steps": one.steps,
            "wall_s_per_round": found.walls,
            "cell_steps_per_s": n * one.steps / found.median,
            "compile_s": found.compile_s if one.name == "neurogain" else one.compile_s,
            "rate_hz": found.values[-1] / n / (one.steps * DT / 1000),
        })  # fmt: skip
    for row in rows:
        same = {r["contender"]: r for r in rows if r["kind"] == row["kind"]}
        speeds = [r["cell_steps_per_s"] for name, r in same.items() if name.startswith("Brian2")]
        row["ratio_to_best_brian2"] = row["cell_steps_per_s"] / max(speeds) if speeds else None
        ours = same["neurogain"]
        agrees = abs(row["rate_hz"] - ours["rate_hz"]) <= 0.05 * ours["rate_hz"]
        row["rate_agrees"] = agrees if row["steps"] == ours["steps"] else None
    return rows


COLUMNS = (
    ("cells", "cells", "9,"), ("coupling", "kind", "<12"), ("contender", "contender", "<27"),
    ("cell-steps/s", "cell_steps_per_s", "13.3g"), ("to Brian2", "ratio_to_best_brian2", "10.2f"),
    ("compile s", "compile_s", "11.1f"), ("rate Hz", "rate_hz", "9.2f"),
    ("", lambda row: "void: other rate" if row["rate_agrees"] is False else "", "<1"),
)  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the speed of the largest population."""
    most = max(row["cells"] for row in content["rows"])
    for row in content["rows"]:
        if row["cells"] == most and row["contender"] == "neurogain":
            ratio = row["ratio_to_best_brian2"]
            beside = "" if ratio is None else f", {ratio:.2g} times the fastest Brian2"
            number = f"{row['cell_steps_per_s']:.2g} a second{beside}"
            yield f"Steps of a two-compartment cell, {most:,} at once, {row['kind']}", number


def run(args: Arguments, record: Record) -> None:
    """Time all populations."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in args.cells:
            rows += (found := measure(args, n, Path(folder)))
            print(table(COLUMNS, found), flush=True)
    version = installed("brian2")
    known = f"Brian2 {version}" if version else "Brian2 is not installed and was left out"
    record.versions = {"brian2": version} if version else {}
    record.fill(
        COLUMNS,
        rows,
        f"Medians of {args.rounds} rounds; to Brian2: over the fastest Brian2 of the same kind and "
        "size, above 1 is faster. NumPy runs a twentieth of the steps, so its rate holds the onset "
        f"alone. {known if 'brian2' in args.peers else 'Without Brian2'}.",
    )
