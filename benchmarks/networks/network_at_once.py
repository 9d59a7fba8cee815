"""Run time of a network by the spikes that it delivers in one round of its loop.

The event-driven way takes spikes out of a step's mask a number at a time; `build` chooses 1 on a
CPU and 256 elsewhere. The network is that of `network_scaling` with 100 synapses a cell, built
once for all numbers. Each is run once untimed, then in random order in each round, from rest;
medians. Rates are to be the same, but for how sums round.

Expected before measuring: on a GPU a round costs some launches of kernels, whatever it holds, so
time falls with their number until one round holds the spikes of most steps, here about a hundred.
"""

import dataclasses
import functools
from typing import Any, Literal

import jax
import numpy as np

from benchmarks.measure import in_turns
from benchmarks.networks import _network as net
from benchmarks.networks import _scaling
from benchmarks.networks.engines.neurogain import run as run_network
from benchmarks.record import Record, table

ABOUT = {"title": "Spikes that a network delivers in one round", "minutes": 2, "needs": ""}
TINY = {"cells": 200, "duration": 10.0, "at_once": (1, 8), "rounds": 1}


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


def measure(args: Arguments, variant: str) -> list[dict[str, Any]]:
    """Return a row for each number of spikes."""
    built, params = _scaling.scaled(args.cells, net.IN_DEGREE, variant == "stdp")
    runs = {}
    for number in args.at_once:
        network = dataclasses.replace(built, at_once=number)
        task = (network, params, _scaling.drive(1.0), args.duration)
        runs[number] = functools.partial(run_network, *task)
        runs[number](0)
    rows = []
    for number, found in in_turns(runs, args.rounds).items():
        wall, counts = [seconds for seconds, _ in found], [spikes for _, spikes in found]
        seconds, steps = float(np.median(wall)), round(args.duration / net.DT)
        rows.append({
            "cells": args.cells,
            "variant": variant,
            "at_once": number,
            "run_s": wall,
            "run_s_per_simulated_s": seconds * 1000 / args.duration,
            "us_per_step": seconds * 1e6 / steps,
            "spikes_per_step": float(np.mean([c.sum(dtype=float) for c in counts])) / steps,
            "rates_hz": net.Network(args.cells).rates(
                np.mean(counts, axis=0), args.duration / 1000
            ),
        })  # fmt: skip
    return rows


def run(args: Arguments, record: Record) -> None:
    """Measure all."""
    rows = [row for variant in args.variants for row in measure(args, variant)]
    columns = (
        ("cells", "cells", "9,"), ("variant", "variant", "<8"), ("at once", "at_once", "8,"),
        ("run s per s", "run_s_per_simulated_s", "13.3g"), ("us a step", "us_per_step", "11.3g"),
        ("spikes a step", "spikes_per_step", "15.1f"), *net.RATES,
    )  # fmt: skip
    record.table, record.data["rows"] = table(columns, rows), rows
    record.notes.append(
        f"Medians of {args.rounds} rounds of {args.duration:g} simulated ms from rest, JAX on "
        f"{jax.devices()[0].device_kind}."
    )
