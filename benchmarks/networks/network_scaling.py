"""What a network costs: time by synaptic events, bytes a synapse, time to build, the largest.

    python benchmarks/run.py run network-scaling    (about 6 minutes, half of it building)

The benchmark network of `_network.py`, but every cell draws its in-degree 80/10/10 % from
pyramidal, PV and SOM cells by `FixedInDegree` (the same mixture for each cell, so rates are 3 to
13 % above those of `network_speed.py`), with weights times 100 / in-degree, so that rates stay
about the same. Let nothing else run.

Runs: in-degrees at the benchmark's drive; one in-degree at other drives, down to silence; the
largest in-degree in silence. Timed as in `network_speed.py`: one simulated second from rest, all
configurations once a round in random order, medians. A model

    run time = fixed + per spike x spikes + per event x spikes x out-degree

is fitted to all configurations of a variant, none of its parts below zero. Memory: the bytes of
all arrays that hold synapses, at every size. Building: each rule of connectivity, then the network
in a process of its own, whose peak counts. Last, the largest network that fits, by halves from what
is asked for. What one GPU and a mesh need is computed from the same arrays' shapes, and checked
on a mesh of host devices.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import scipy.optimize
import tyro

from benchmarks.command import command
from benchmarks.networks import _network as net
from benchmarks.networks import _scaling, _scaling_paper, _scaling_rules
from benchmarks.networks._scaling_child import run_child
from benchmarks.networks._scaling_figure import draw
from benchmarks.networks._scaling_text import notes, tables
from neurogain import output
from neurogain.spiking import simulate

TOLERANCE = 0.1  # of rates, to those at the reference in-degree


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What a network costs: time by synaptic events, bytes a synapse, time to build, the largest.

    Parts that are left out are kept from the result file, if there is one.
    """

    cells: int = 4000
    """Number of cells of the runs."""
    in_degrees: tuple[int, ...] = (50, 100, 200, 500, 1000)
    """Synapses of each cell, multiples of 10."""
    levels: tuple[float, ...] = (0.0, 0.75, 1.25, 1.5, 2.0)
    """Factors of the drive's mean currents, at an in-degree of 100."""
    variants: tuple[Literal["static", "stdp"], ...] = ("static", "stdp")
    """Without plasticity, with it."""
    seconds: float = 1.0
    """Simulated time of one run."""
    rounds: int = 5
    """Timed runs of each configuration."""
    synapses: int = 10_000_000
    """Number of synapses that are built."""
    largest_cells: int = 1_000_000
    """Number of cells of the largest network, each with 100 synapses."""
    largest_ms: float = 1000.0
    """Simulated time of the networks that are built, a multiple of 100 ms."""
    memory_gib: float = 24.0
    """What the largest network may take."""
    devices: int = 8
    """Size of the mesh on paper."""
    runs: bool = True
    """Time runs, count bytes."""
    build: bool = True
    """Time building."""
    largest: bool = True
    """Build and run the largest network."""
    paper: bool = True
    """Compute what one GPU and a mesh need."""
    json: Path = Path("benchmarks/results/network_scaling.json")
    """Result file; the figure lies beside it."""


@dataclasses.dataclass
class Setting:
    """One network at one drive."""

    network: Any
    params: Any
    row: dict[str, Any]
    walls: list[float]
    counts: list[np.ndarray]

    def run(self, seed: int, seconds: float) -> None:
        """Run it once."""
        start = time.perf_counter()
        done = simulate(
            self.network,
            self.params,
            _scaling.drive(self.row["level"]),
            duration=1000 * seconds,
            dt=net.DT,
            key=jax.random.key(seed),
        )
        jax.block_until_ready(done.state)
        self.walls.append(time.perf_counter() - start)
        self.counts.append(done.recorded["spikes"].astype(float))


def settings(args: Arguments, variant: str) -> list[Setting]:
    """Build the networks of a variant and run each once, which compiles it."""
    result = []
    for in_degree in args.in_degrees:
        start = time.perf_counter()
        network, params = _scaling.scaled(args.cells, in_degree, variant == "stdp")
        levels = {1.0}
        if in_degree == net.IN_DEGREE:
            levels |= set(args.levels)
        if in_degree == max(args.in_degrees):
            levels |= {0.0}
        size = _scaling.bytes_per_synapse(network, params)
        for level in sorted(levels):
            row = {
                "cells": args.cells,
                "variant": variant,
                "in_degree": in_degree,
                "level": level,
                "synapses": _scaling.synapses(network),
                "bytes_per_synapse": size,
            }
            result.append(Setting(network, params, row, [], []))
        result[-1].run(0, args.seconds)
        result[-1].walls.clear()
        result[-1].counts.clear()
        wall = time.perf_counter() - start
        print(f"{variant}, in-degree {in_degree}: ready after {wall:.1f} s", flush=True)
    return result


def measure_runs(args: Arguments) -> list[dict[str, Any]]:
    """Time all runs, return a row each."""
    all_settings = [one for variant in args.variants for one in settings(args, variant)]
    rng = np.random.default_rng(0)
    for i in range(args.rounds):
        start = time.perf_counter()
        for j in rng.permutation(len(all_settings)):
            all_settings[j].run(i, args.seconds)
        wall = time.perf_counter() - start
        print(f"round {i + 1} of {args.rounds} took {wall:.1f} s", flush=True)
    rows = []
    for one in all_settings:
        spikes = np.mean(one.counts, axis=0) / args.seconds
        events = _scaling.delivered(one.network, one.params, spikes)
        run_s = float(np.median(one.walls)) / args.seconds
        active = spikes.sum() >= args.cells  # else a share of nothing
        rows.append(
            one.row
            | {
                "run_s_per_simulated_s": run_s,
                "run_s": one.walls,
                "rates_hz": net.Network(args.cells).rates(spikes, 1.0),
                "spikes_per_simulated_s": float(spikes.sum()),
                "events_per_simulated_s": events,
                "us_per_spike": run_s / spikes.sum() * 1e6 if active else None,
                "ns_per_event": run_s / events * 1e9 if active else None,
            }
        )
    judge(rows)
    return rows


def judge(rows: list[dict[str, Any]]) -> None:
    """Say whether rates at the benchmark's drive are those at the in-degree of 100."""
    for row in rows:
        (reference,) = (
            r
            for r in rows
            if (r["variant"], r["in_degree"], r["level"]) == (row["variant"], net.IN_DEGREE, 1.0)
        )
        pairs = [(row["rates_hz"][p], reference["rates_hz"][p]) for p in net.POPULATIONS]
        held = all(abs(a - b) <= TOLERANCE * b for a, b in pairs)
        row["rates_agree"] = held if row["level"] == 1 else None


def fit(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the parts of the run time by variant: fixed, each spike's, each event's.

    Relative errors count, so that quiet networks weigh as much as busy ones.
    """
    result = {}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        names = ("spikes_per_simulated_s", "events_per_simulated_s")
        table = np.array([[1.0, *(row[name] for name in names)] for row in own])
        times = np.array([row["run_s_per_simulated_s"] for row in own])
        size = np.maximum(table.max(axis=0), 1e-30)
        parts, _ = scipy.optimize.nnls(table / size / times[:, None], np.ones(len(own)))
        parts = parts / size
        result[variant] = {
            "fixed_s": float(parts[0]),
            "us_per_spike": float(parts[1] * 1e6),
            "ns_per_event": float(parts[2] * 1e9),
            "largest_error": float(np.max(np.abs(table @ parts / times - 1))),
        }
    return result


def measure_build(args: Arguments) -> dict[str, Any]:
    """Time the rules of connectivity, and building the network with and without plasticity."""
    rules = []
    for row in _scaling_rules.measure(args.synapses, min(args.rounds, 3)):
        print(f"{row['rule']}: {row['wall_s']:.2f} s", flush=True)
        rules.append(row)
    n = args.synapses // net.IN_DEGREE
    networks = []
    for variant in args.variants:
        limit = 1024 * args.memory_gib
        networks.append(run_child(n, net.IN_DEGREE, variant, args.largest_ms, limit))
        print(f"{n:,} cells, {variant}: {networks[-1]}", flush=True)
    return {"rules": rules, "networks": networks}


def measure_largest(args: Arguments) -> list[dict[str, Any]]:
    """Build and run the largest network, half of it if it doesn't fit; return all tries."""
    tries: list[dict[str, Any]] = []
    n = args.largest_cells
    while n >= 1000 and (not tries or "error" in tries[-1]):
        limit = 1024 * args.memory_gib
        tries.append(run_child(n, net.IN_DEGREE, "static", args.largest_ms, limit))
        print(f"{n:,} cells: {tries[-1]}", flush=True)
        n = n // 20 * 10
    return tries


def on_paper(args: Arguments) -> dict[str, Any]:
    """Return what one device and a mesh need, and how well that describes the arrays of a mesh."""
    checked = _scaling_paper.checked(args.devices)
    n = 1_000_000
    rows = []
    for variant in ("static", "stdp"):
        for devices in (1, args.devices):
            needed = _scaling_paper.needs(
                n, net.IN_DEGREE, variant == "stdp", devices, checked["units"]
            )
            gathered = checked[variant]["gathered_bytes_per_cell"] * n if devices > 1 else 0.0
            sent = gathered * (devices - 1) / devices
            row = {"cells": n, "in_degree": net.IN_DEGREE, "variant": variant, "devices": devices}
            row |= {f"{name}_bytes": size for name, size in needed.items()}
            rows.append(row | {"received_bytes_per_step": sent})
    return {"rows": rows, "check": checked}


def main() -> None:
    """Measure, print the tables, write one JSON file and one figure."""
    args = tyro.cli(Arguments)
    start = time.perf_counter()
    old = json.loads(args.json.read_text()) if args.json.exists() else {}
    parts = {name: old.get(name) for name in ("rows", "build", "largest", "paper")}
    made = old.get("made", {})
    for name, wanted, measured in (
        ("largest", args.largest, measure_largest),  # first, while this process holds nothing
        ("build", args.build, measure_build),
        ("rows", args.runs, measure_runs),
    ):
        if wanted:
            parts[name] = measured(args)
            made[name] = command()
    kept = [f"Kept from an earlier run, `{made[x]}`: {x}." for x in made if made[x] != command()]
    if args.paper:
        parts["paper"] = on_paper(args)
    paper = parts["paper"]
    fits = fit(parts["rows"]) if parts["rows"] else {}
    content = {
        "schema_version": 1,
        "title": "What a network costs as it grows",
        "command": command(),
        "table": tables(parts["rows"], parts["build"], parts["largest"], paper),
        "notes": notes(parts["rows"], fits, parts["build"], parts["largest"], paper) + kept,
        "figures": [args.json.with_suffix(".png").name] if parts["rows"] else [],
        "versions": output.versions(),
        "wall_time_s": time.perf_counter() - start,
        "made": made,
        "rows": parts["rows"],
        "fit": fits,
        "build": parts["build"],
        "largest": parts["largest"],
        "paper": paper,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    if parts["rows"]:
        draw(parts["rows"], fits, args.json.with_suffix(".png"))
    print("\n" + content["table"] + "\n\n" + "\n".join(content["notes"]))
    print(f"Written: {args.json}")


if __name__ == "__main__":
    main()
