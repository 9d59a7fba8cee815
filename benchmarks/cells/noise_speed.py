"""Time and quality of random numbers for a step, and their share in a network's run time.

Numbers are drawn a step ahead into the carry of a `lax.scan`, as `simulate` does, and read by an
Izhikevich cell each; without noise the cells read what the carry held from the start. Keys of all
steps are made at once in front of the scan. Time per number is that of the whole step less that of
the step without noise, over the numbers. All contenders take turns in one process, in random order
in each round; medians.

The share is that of the benchmark network of `networks/_network.py`: one simulated second with its
noise, with `jax.random.normal` in its place (a drive that is a function), and without noise at the
same mean currents. Rates differ a little without noise, so a second figure is given, which does not
depend on them: numbers drawn, times the time of one at this size.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import device
from benchmarks.cells import _noise
from benchmarks.measure import in_turns, timed
from benchmarks.networks import _network as net
from benchmarks.networks.engines.neurogain import construct, driven
from benchmarks.networks.engines.neurogain import run as run_network
from benchmarks.record import Record, table
from neurogain.spiking import Drive, IzhikevichCell, cells
from neurogain.spiking.engine import random_bits

ABOUT = {"title": "Random numbers in every step", "minutes": 4, "needs": "an idle machine"}
TINY = {
    "sizes": (100, 1000), "numbers": 2e4, "network_sizes": (100,), "rounds": 1, "draws": 200_000,
    "duration": 20.0,
}  # fmt: skip
Draw = Callable[[jax.Array, int], jax.Array]
MEAN_COUNT = 0.1  # of Poisson numbers: 1000 Hz in 0.1 ms


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Time and quality of random numbers for a step, and their share in a network's run time."""

    sizes: tuple[int, ...] = (1000, 4000, 16_000, 1_000_000)
    """Numbers drawn in a step."""
    numbers: float = 2e7
    """Numbers of one timed run, about."""
    network_sizes: tuple[int, ...] = (4000, 16_000)
    """Cells of the networks."""
    rounds: int = 7
    """Timed runs of each contender."""
    draws: int = 10_000_000
    """Numbers whose distribution is judged."""
    duration: float = 1000.0
    """ms, simulated, of the networks."""


def erf_inv(key: jax.Array, n: int) -> jax.Array:
    """Return normal numbers by inversion of the bits of `random_bits.draw`."""
    bits = (random_bits.draw(key, n) >> np.uint32(8)).astype(jnp.int32).astype(jnp.float32)
    return np.float32(2**0.5) * jax.lax.erf_inv((bits + 0.5) * np.float32(2.0**-23) - 1)


def bits(key: jax.Array, n: int) -> jax.Array:
    """Return uniform numbers in [-1, 1)."""
    whole = (random_bits.draw(key, n) >> np.uint32(8)).astype(jnp.int32).astype(jnp.float32)
    return whole * np.float32(2.0**-23) - 1


def counts(key: jax.Array, n: int) -> jax.Array:
    """Return Poisson numbers."""
    return random_bits.poisson(key, MEAN_COUNT, n)


CONTENDERS: dict[str, tuple[str, Draw | None, float]] = {
    "no noise": ("threefry2x32", None, 1.0),
    "random_bits.normal": ("threefry2x32", random_bits.normal, 1.0),
    "random_bits.draw": ("threefry2x32", bits, 1.0),
    "random_bits.draw, erf_inv": ("threefry2x32", erf_inv, 1.0),
    "random_bits.poisson": ("threefry2x32", counts, 1.0),
    "jax.random.normal": ("threefry2x32", lambda key, n: jax.random.normal(key, (n,)), 1.0),
    "jax.random.normal, rbg": ("rbg", lambda key, n: jax.random.normal(key, (n,)), 1.0),
    "jax.random.poisson": (
        "threefry2x32",
        lambda key, n: jax.random.poisson(key, MEAN_COUNT, (n,)).astype(jnp.float32),
        0.1,
    ),
}
"""Generator of the keys, the draw, and the part of the steps that it is run for."""


def runner(name: str, n: int, steps: int) -> Callable[[int], float]:
    """Return a function that runs a contender once and returns the seconds it took."""
    impl, draw, _ = CONTENDERS[name]
    cell = IzhikevichCell()

    @jax.jit
    def run(state: Any, key: jax.Array, start: jax.Array) -> Any:
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(steps))

        def step(carry: Any, key: jax.Array) -> Any:
            state, drawn = carry
            drive = Drive(100.0 + 100.0 * drawn)
            state, _ = cell.step(cells.RS, state, drive, dt=net.DT, key=None)
            return (state, drawn if draw is None else draw(key, n)), None

        return jax.lax.scan(step, (state, start), keys)[0]

    state = cell.init(cells.RS, n)
    first = jax.random.normal(jax.random.key(1), (n,))

    def once(seed: int) -> float:
        return timed(run, state, jax.random.key(seed + 1, impl=impl), first)[0]

    once(-1)
    return once


def measure_numbers(args: Arguments, n: int) -> list[dict[str, Any]]:
    """Time all contenders at one size."""
    steps = {
        name: max(10, round(args.numbers * part / n)) for name, (_, _, part) in CONTENDERS.items()
    }
    walls = in_turns({name: runner(name, n, steps[name]) for name in CONTENDERS}, args.rounds)
    whole = {name: float(np.median(w)) / (n * steps[name]) * 1e9 for name, w in walls.items()}
    return [
        {
            "numbers": n,
            "contender": name,
            "steps": steps[name],
            "wall_s_per_round": walls[name],
            "ns_per_cell_step": whole[name],
            "ns_per_number": None if name == "no noise" else whole[name] - whole["no noise"],
        }
        for name in CONTENDERS
    ]


def somatic(kind: str, network: net.Network) -> Callable[[str], Any]:
    """Return the somatic current of a population with one kind of noise, pA."""

    def function(population: str) -> Any:
        mean, span = net.CURRENT[population], network.spans[population]
        size = span.stop - span.start
        return lambda step, key: mean + net.NOISE * jax.random.normal(key, (size,))

    if kind == "no noise":
        return net.CURRENT.__getitem__
    return function


def measure_network(args: Arguments, n: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Time a network with and without noise."""
    network = net.Network(n)
    built, params, noisy = construct(network, plastic=False)
    drives = {
        "random_bits.normal": noisy,
        "jax.random.normal": driven(somatic("jax.random.normal", network)),
        "no noise": driven(somatic("no noise", network)),
    }

    runs = {
        name: functools.partial(run_network, built, params, drive, args.duration)
        for name, drive in drives.items()
    }
    for one in runs.values():
        one(0)
    found = in_turns(runs, args.rounds)
    seconds = args.duration / 1000
    times = {n: float(np.median([wall for wall, _ in f])) / seconds for n, f in found.items()}
    per_number = {r["contender"]: r["ns_per_number"] for r in rows if r["numbers"] == n}
    result = []
    for name in drives:
        spikes = np.mean([count for _, count in found[name]], axis=0)
        numbers = per_number.get(name)
        alone = None if numbers is None else numbers * n * 1000 / net.DT * 1e-9
        result.append(
            {
                "cells": n,
                "noise": name,
                "run_s": [wall for wall, _ in found[name]],
                "run_s_per_simulated_s": times[name],
                "share_by_difference": 1 - times["no noise"] / times[name],
                "share_by_numbers": None if alone is None else alone / times[name],
                "rates_hz": network.rates(spikes, seconds),
            }
        )
    return result


def speed_table(rows: list[dict[str, Any]]) -> str:
    """Return ns per number, a column a size."""
    sizes = dict.fromkeys(r["numbers"] for r in rows)
    found: dict[str, dict[int, float]] = {name: {} for name in CONTENDERS}
    for r in rows:
        plain = r["ns_per_number"] is None
        found[r["contender"]][r["numbers"]] = r["ns_per_cell_step" if plain else "ns_per_number"]
    found = {"the whole step without noise": found.pop("no noise")} | found
    columns = [("ns a number, at numbers a step", "name", "<32")]
    columns += [(f"{n:,}", n, "12.2f") for n in sizes]
    return table(columns, [{"name": name} | values for name, values in found.items()])


def network_table(rows: list[dict[str, Any]]) -> str:
    """Return the share of random numbers in the network's time."""
    columns = (
        ("cells", "cells", "7,"), ("noise", "noise", "<22"),
        ("run s per s", "run_s_per_simulated_s", "12.3g"), ("share", "share_by_difference", "8.0%"),
        ("by numbers", "share_by_numbers", "12.0%"), *net.RATES,
    )  # fmt: skip
    return table(columns, rows)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a normal number costs at the size of the larger network."""
    size = max(row["cells"] for row in content["networks"])
    cost = {r["contender"]: r["ns_per_number"] for r in content["rows"] if r["numbers"] == size}
    names = ("random_bits.normal", "jax.random.normal")
    ours, theirs = (cost[name] for name in names)
    yield f"A normal number, {size:,} in a step; by `jax.random`", f"{ours:.2g} ns; {theirs:.2g} ns"


def run(args: Arguments, record: Record) -> None:
    """Time numbers and networks, judge the numbers, draw the figure."""
    rows: list[dict[str, Any]] = []
    for n in args.sizes:
        rows += measure_numbers(args, n)
        print(speed_table([r for r in rows if r["numbers"] == n]), flush=True)
    networks: list[dict[str, Any]] = []
    for n in args.network_sizes:
        networks += measure_network(args, n, rows)
        print(network_table(networks[-3:]), flush=True)
    names = ("random_bits.normal", "jax.random.normal")
    judged = [_noise.quality(name, CONTENDERS[name][1], args.draws) for name in names]
    tables = [speed_table(rows)] + ([network_table(networks)] if networks else [])
    record.table = "\n\n".join([*tables, _noise.quality_table(judged)])
    record.notes += [
        f"Medians of {args.rounds} rounds on {device.measured_on()}. Time of a number: of the step "
        f"with it, less the step without noise. Poisson numbers have a mean of {MEAN_COUNT:g}.",
        "Share: of the random numbers in the time of the benchmark network without plasticity, "
        "from the run without noise at the same mean currents, and from the time of a number; "
        "for `jax.random.normal` each population draws apart, in the loop that reads it.",
    ]
    record.data = {"rows": rows, "networks": networks, "quality": judged}
    record.figure(_noise.draw(rows, networks))
