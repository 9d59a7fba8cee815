"""Run time of a network by the spikes that it delivers in one round of its loop.

    python benchmarks/run.py run network-at-once    (about 2 minutes)

The event-driven way takes spikes out of a step's mask a number at a time; `build` chooses 1 on a
CPU and 256 elsewhere. The network is that of `network_scaling.py` with 100 synapses a cell, built
once for all numbers. Each is run once untimed, then in random order in each round, from rest;
medians. Rates are to be the same, but for how sums round.

Expected before measuring: on a GPU a round costs some launches of kernels, whatever it holds, so
time falls with their number until one round holds the spikes of most steps, here about a hundred.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tyro

from benchmarks.command import command
from benchmarks.device import peak
from benchmarks.networks import _network as net
from benchmarks.networks import _scaling
from neurogain import output
from neurogain.spiking import simulate


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Run time of a network by the spikes that it delivers in one round of its loop."""

    cells: int = 16_000
    """Number of cells."""
    at_once: tuple[int, ...] = (32, 128, 256, 1024)
    """Spikes of a round."""
    variants: tuple[Literal["static", "stdp"], ...] = ("static", "stdp")
    """Without plasticity, with it."""
    duration: float = 200.0
    """ms, simulated."""
    rounds: int = 3
    """Timed runs of each."""
    json: Path = Path("benchmarks/results/network_at_once.json")
    """Result file."""


def measure(args: Arguments, variant: str) -> list[dict[str, Any]]:
    """Return a row for each number of spikes."""
    built, params = _scaling.scaled(args.cells, net.IN_DEGREE, variant == "stdp")
    networks = [dataclasses.replace(built, at_once=number) for number in args.at_once]
    walls: list[list[float]] = [[] for _ in networks]
    counts: list[list[np.ndarray]] = [[] for _ in networks]

    def run(i: int, seed: int) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        key = jax.random.key(seed)
        drive = _scaling.drive(1.0)
        done = simulate(networks[i], params, drive, duration=args.duration, dt=net.DT, key=key)
        jax.block_until_ready(done.state)
        return time.perf_counter() - start, done.recorded["spikes"]

    for i in range(len(networks)):
        run(i, 0)
    rng = np.random.default_rng(0)
    for seed in range(args.rounds):
        for i in rng.permutation(len(networks)):
            wall, spikes = run(i, seed)
            walls[i].append(wall)
            counts[i].append(spikes)
    steps = round(args.duration / net.DT)
    return [
        {
            "cells": args.cells,
            "variant": variant,
            "at_once": number,
            "run_s": wall,
            "run_s_per_simulated_s": float(np.median(wall)) * 1000 / args.duration,
            "spikes_per_step": float(np.mean([c.sum(dtype=float) for c in count])) / steps,
            "rates_hz": net.Network(args.cells).rates(np.mean(count, axis=0), args.duration / 1000),
        }
        for number, wall, count in zip(args.at_once, walls, counts, strict=True)
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """Return a line for each."""
    lines = [
        f"{'cells':>9}  {'variant':<8}{'at once':>8}{'run s per s':>13}{'us a step':>11}"
        f"{'spikes a step':>15}{'pyramidal':>11}{'pv':>7}{'som':>7}"
    ]
    for r in rows:
        pyramidal, pv, som = (r["rates_hz"][p] for p in net.POPULATIONS)
        lines.append(
            f"{r['cells']:>9,}  {r['variant']:<8}{r['at_once']:>8,}"
            f"{r['run_s_per_simulated_s']:>13.3g}"
            f"{r['run_s_per_simulated_s'] * net.DT * 1e3:>11.3g}{r['spikes_per_step']:>15.1f}"
            f"{pyramidal:>11.2f}{pv:>7.2f}{som:>7.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print one table, write one JSON file."""
    args = tyro.cli(Arguments)
    start = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for variant in args.variants:
        rows += measure(args, variant)
        print(table(rows[-len(args.at_once) :]), flush=True)
    content = {
        "schema_version": 1,
        "title": "Spikes that a network delivers in one round",
        "command": command(),
        "table": table(rows),
        "notes": [
            f"Medians of {args.rounds} rounds of {args.duration:g} simulated ms from rest, JAX on "
            f"{jax.devices()[0].device_kind}."
        ],
        "versions": output.versions(),
        "wall_time_s": time.perf_counter() - start,
        "rows": rows,
    } | peak()
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    print("\n" + "\n".join([content["table"], *content["notes"], f"Written: {args.json}"]))


if __name__ == "__main__":
    main()
