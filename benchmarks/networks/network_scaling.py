"""What a network costs: time by synaptic events, bytes a synapse, time to build, the largest.

The benchmark network of `_network.py`, but every cell draws its in-degree 80/10/10 % from
pyramidal, PV and SOM cells by `FixedInDegree` (the same mixture for each cell, so rates are 3 to
13 % above those of `network_speed`), with weights times 100 / in-degree, so that rates stay
about the same. Let nothing else run.

Runs: in-degrees at the benchmark's drive; one in-degree at other drives, down to silence; the
largest in-degree in silence. Timed as in `network_speed`: one simulated second from rest, all
configurations once a round in random order, medians. A model

    run time = fixed + per spike x spikes + per event x spikes x out-degree

is fitted to all configurations of a variant, none of its parts below zero. Memory: the bytes of
all arrays that hold synapses, at every size. Building: each rule of connectivity, then the network
in a process of its own, whose peak counts. Last, the largest network that fits, by halves from what
is asked for. What one GPU and a mesh need is computed from the same arrays' shapes, and checked
on a mesh of host devices.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import scipy.optimize

from benchmarks.networks import _network as net
from benchmarks.networks import _scaling
from benchmarks.networks import _scaling_rules as rules
from benchmarks.networks import _scaling_text as told
from benchmarks.networks._scaling_paper import on_paper
from benchmarks.networks.engines.neurogain import measured
from benchmarks.record import Record

ABOUT = {
    "title": "What a network costs as it grows",
    "minutes": 7,
    "needs": "an idle machine, 24 GiB of memory for the largest",
}
TINY = {
    "cells": 200, "in_degrees": (50, 100), "levels": (0.0, 2.0), "rounds": 1, "seconds": 0.02,
    "synapses": 20_000, "largest_cells": 1000, "largest_ms": 100.0, "devices": 2,
}  # fmt: skip
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
    """GiB of memory that the largest network may take."""
    devices: int = 8
    """Size of the mesh on paper."""
    parts: tuple[Literal["largest", "build", "rows", "paper"], ...] = (
        "largest", "build", "rows", "paper",
    )  # fmt: skip
    """The largest network, building, timed runs with their bytes, what one GPU and a mesh need."""


def levels(args: Arguments, in_degree: int) -> list[float]:
    """Return the drives at which an in-degree is run."""
    found = {1.0}
    found |= set(args.levels) if in_degree == net.IN_DEGREE else set()
    found |= {0.0} if in_degree == max(args.in_degrees) else set()
    return sorted(found)


def measure_runs(args: Arguments) -> list[dict[str, Any]]:
    """Time all runs, return a row each."""
    tasks, known = {}, {}
    for variant, in_degree in itertools.product(args.variants, args.in_degrees):
        network, params = _scaling.scaled(args.cells, in_degree, variant == "stdp")
        row = {
            "cells": args.cells,
            "variant": variant,
            "in_degree": in_degree,
            "synapses": _scaling.synapses(network),
            "bytes_per_synapse": _scaling.bytes_per_synapse(network, params),
        }
        for level in levels(args, in_degree):
            key = variant, in_degree, level
            tasks[key] = network, params, _scaling.drive(level)
            known[key] = row | {"level": level}
        print(f"{variant}, in-degree {in_degree}: built", flush=True)
    rows, size = [], net.Network(args.cells)
    found = measured(tasks, size, 1000 * args.seconds, args.rounds, show=True)
    for key, (run, spikes) in found.items():
        events, total = _scaling.delivered(*tasks[key][:2], spikes), float(spikes.sum())
        active = total * args.seconds >= args.cells  # else a share of nothing
        rates, usual = run["rates_hz"], found[key[0], net.IN_DEGREE, 1.0][0]["rates_hz"]
        held = all(abs(rates[p] - usual[p]) <= TOLERANCE * usual[p] for p in rates)
        more = {
            "spikes_per_simulated_s": total,
            "events_per_simulated_s": events,
            "us_per_spike": run["run_s_per_simulated_s"] / total * 1e6 if active else None,
            "ns_per_event": run["run_s_per_simulated_s"] / events * 1e9 if active else None,
            "rates_agree": held if key[2] == 1 else None,
        }
        rows.append(known[key] | run | more)
    return rows


def fit(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the parts of the run time by variant: fixed, each spike's, each event's.

    Relative errors count, so that quiet networks weigh as much as busy ones. Each row is told its
    time in the model.
    """
    result = {}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        table = np.array([[1.0, row[told.SPIKES], row[told.EVENTS]] for row in own])
        times = np.array([row[told.TIME] for row in own])
        size = np.maximum(table.max(axis=0), 1e-30)
        parts = scipy.optimize.nnls(table / size / times[:, None], np.ones(len(own)))[0] / size
        for row, model in zip(own, table @ parts, strict=True):
            row["model_s"] = float(model)
        result[variant] = {
            "fixed_s": float(parts[0]),
            "us_per_spike": float(parts[1] * 1e6),
            "ns_per_event": float(parts[2] * 1e9),
            "largest_error": float(np.max(np.abs(table @ parts / times - 1))),
        }
    return result


def child(args: Arguments, n: int, variant: str) -> dict[str, Any]:
    """Build and run a network in a process of its own."""
    limit = 1024 * args.memory_gib
    found = _scaling.run_child(n, net.IN_DEGREE, variant, args.largest_ms, limit)
    print(f"{n:,} cells, {variant}: {found}", flush=True)
    return found


def measure_build(args: Arguments) -> dict[str, Any]:
    """Time the rules of connectivity, and building the network with and without plasticity."""
    found = list(rules.measure(args.synapses, min(args.rounds, 3)))
    n = args.synapses // net.IN_DEGREE
    return {"rules": found, "networks": [child(args, n, variant) for variant in args.variants]}


def measure_largest(args: Arguments) -> list[dict[str, Any]]:
    """Build and run the largest network, half of it if it doesn't fit; return all tries."""
    tries: list[dict[str, Any]] = []
    n = args.largest_cells
    while n >= 1000 and (not tries or "error" in tries[-1]):
        tries.append(child(args, n, "static"))
        n = n // 20 * 10
    return tries


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the cost of an event and the largest network that ran."""
    for variant, parts in content["fit"].items():
        cost, error = parts["ns_per_event"], parts["largest_error"]
        number = f"{cost:.2g} ns (the model is off by {error:.0%} at most)"
        yield f"What delivering one spike to one synapse costs {net.VARIANTS[variant]}", number
    for one in [r for r in content["largest"] or [] if "error" not in r]:
        number = f"{told.all_synapses(one):,} synapses, {one['build_s']:.0f} s to build"
        yield f"The largest network that was run: {one['cells']:,} cells", number


def run(args: Arguments, record: Record) -> None:
    """Measure; parts that are left out are kept from the earlier result."""
    old = record.earlier()
    measures: dict[str, Callable[[Arguments], Any]] = {
        "largest": measure_largest,  # first, while this process holds little
        "build": measure_build,
        "rows": measure_runs,
        "paper": lambda args: on_paper(args.devices),
    }
    parts, made = {name: old.get(name) for name in measures}, old.get("made", {})
    if isinstance(parts["paper"], dict):  # it was computed in another way
        parts["paper"] = None
    for name in (name for name in measures if name in args.parts):
        parts[name], made[name] = measures[name](args), record.command
    fits = fit(parts["rows"] or [])
    record.table = told.tables(parts)
    record.notes += told.notes(fits, parts)
    record.notes += [
        f"Kept from an earlier run, `{command}`: {name}."
        for name, command in made.items()
        if command != record.command
    ]
    record.data = {"made": made, "fit": fits} | parts
    if fits:
        record.figure(told.drawn(parts["rows"], list(fits)))
