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
import scipy.stats

from benchmarks import figures
from benchmarks.measure import compared, timed
from benchmarks.networks import _network as net
from benchmarks.networks.engines.neurogain import construct, driven, measured
from benchmarks.record import Record, table
from neurogain.plotting import draw, style
from neurogain.plotting.style import Figure
from neurogain.spiking import Drive, IzhikevichCell, cells
from neurogain.spiking.engine import random_bits

ABOUT = {"title": "Random numbers in every step", "minutes": 4, "needs": "an idle machine"}
TINY = {
    "sizes": (100, 1000), "numbers": 2e4, "network_sizes": (100,), "rounds": 1, "draws": 200_000,
    "duration": 20.0,
}  # fmt: skip
Draw = Callable[[jax.Array, int], jax.Array]
MEAN_COUNT = 0.1  # of Poisson numbers: 1000 Hz in 0.1 ms
PER_DRAW = 100_000
OURS, THEIRS, NONE = "random_bits.normal", "jax.random.normal", "no noise"


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


def bits(key: jax.Array, n: int) -> jax.Array:
    """Return uniform numbers in [-1, 1)."""
    whole = (random_bits.draw(key, n) >> np.uint32(8)).astype(jnp.int32).astype(jnp.float32)
    return whole * np.float32(2.0**-23) - 1


def erf_inv(key: jax.Array, n: int) -> jax.Array:
    """Return normal numbers by inversion of the bits of `random_bits.draw`."""
    middle = np.float32(2.0**-24)  # of the cell of numbers that the bits stand for
    return np.float32(2**0.5) * jax.lax.erf_inv(bits(key, n) + middle)


def by_jax(key: jax.Array, n: int) -> jax.Array:
    """Return normal numbers by `jax.random`, whose generator is the key's."""
    return jax.random.normal(key, (n,))


CONTENDERS: dict[str, tuple[Draw | None, float]] = {
    NONE: (None, 1.0),
    OURS: (random_bits.normal, 1.0),
    "random_bits.draw": (bits, 1.0),
    "random_bits.draw, erf_inv": (erf_inv, 1.0),
    "random_bits.poisson": (lambda key, n: random_bits.poisson(key, MEAN_COUNT, n), 1.0),
    THEIRS: (by_jax, 1.0),
    "jax.random.normal, rbg": (by_jax, 1.0),
    "jax.random.poisson": (
        lambda key, n: jax.random.poisson(key, MEAN_COUNT, (n,)).astype(jnp.float32),
        0.1,
    ),
}
"""The draw, and the part of the steps that it is run for; keys are Threefry's, or as said."""


def runner(name: str, n: int, steps: int) -> Callable[[int], tuple[float, None]]:
    """Return a function that runs a contender once and returns the seconds it took."""
    draw, cell = CONTENDERS[name][0], IzhikevichCell()

    @jax.jit
    def run(state: Any, key: jax.Array, start: jax.Array) -> Any:
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(steps))

        def step(carry: Any, key: jax.Array) -> Any:
            state, drawn = carry
            drive = Drive(100.0 + 100.0 * drawn)
            state, _ = cell.step(cells.RS, state, drive, dt=net.DT, key=None)
            return (state, drawn if draw is None else draw(key, n)), None

        return jax.lax.scan(step, (state, start), keys)[0]

    state, first = cell.init(cells.RS, n), jax.random.normal(jax.random.key(1), (n,))
    impl = "rbg" if name.endswith("rbg") else "threefry2x32"
    return lambda seed: (timed(run, state, jax.random.key(seed, impl=impl), first)[0], None)


def measure_numbers(args: Arguments, n: int) -> list[dict[str, Any]]:
    """Time all contenders at one size."""
    steps = {
        name: max(10, round(args.numbers * part / n)) for name, (_, part) in CONTENDERS.items()
    }
    found = compared({name: runner(name, n, steps[name]) for name in CONTENDERS}, args.rounds)
    whole = {name: one.median / (n * steps[name]) * 1e9 for name, one in found.items()}
    return [
        {
            "numbers": n,
            "contender": name,
            "steps": steps[name],
            "wall_s_per_round": found[name].walls,
            "ns_per_cell_step": whole[name],
            "ns_per_number": None if name == NONE else whole[name] - whole[NONE],
        }
        for name in CONTENDERS
    ]


def measure_network(args: Arguments, n: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Time a network with and without noise."""
    network = net.Network(n)
    built, params, noisy = construct(network, plastic=False)

    def theirs(population: str) -> Any:
        mean, span = net.CURRENT[population], network.spans[population]
        size = span.stop - span.start
        return lambda step, key: mean + net.NOISE * jax.random.normal(key, (size,))

    drives = {OURS: noisy, THEIRS: driven(theirs), NONE: driven(net.CURRENT.__getitem__)}
    tasks = {name: (built, params, drive) for name, drive in drives.items()}
    found = measured(tasks, network, args.duration, args.rounds)
    per_number = {r["contender"]: r["ns_per_number"] for r in rows if r["numbers"] == n}
    silent, steps = found[NONE][0]["run_s_per_simulated_s"], 1000 / net.DT
    result = []
    for name, (row, _) in found.items():
        time, number = row["run_s_per_simulated_s"], per_number.get(name)
        shares = {
            "share_by_difference": 1 - silent / time,
            "share_by_numbers": None if number is None else number * 1e-9 * n * steps / time,
        }
        result.append({"cells": n, "noise": name} | row | shares)
    return result


MOMENTS: dict[str, tuple[float, float, Callable[[np.ndarray, np.ndarray], Any]]] = {
    "mean": (0, 1, lambda x, z: x.mean()),
    "variance": (1, 2, lambda x, z: x.var()),
    "skewness": (0, 6, lambda x, z: np.mean(z**3)),
    "kurtosis": (3, 24, lambda x, z: np.mean(z**4)),
    "sixth moment": (15, 2520, lambda x, z: np.mean(z**6)),
    "correlation of neighbours": (0, 1, lambda x, z: np.mean(x[:, 1:] * x[:, :-1])),
    "correlation of steps": (0, 1, lambda x, z: np.mean(x[1:] * x[:-1])),
}
"""Value of normal numbers, variance of the estimate times their number, estimate from the numbers
and from them at mean 0 and variance 1."""


def quality(draw: Draw, count: int) -> dict[str, float]:
    """Return moments, correlations, tails and distance from the normal distribution.

    Each draw of 100,000 numbers has a key of its own, folded from one, as steps have.
    """
    size = min(PER_DRAW, count)
    drawn = jax.jit(lambda step: draw(jax.random.fold_in(jax.random.key(2), step), size))
    x = np.stack([np.asarray(drawn(i)) for i in range(max(2, count // size))]).astype(float)
    z = (x - x.mean()) / x.std()
    found = {name: float(estimate(x, z)) for name, (_, _, estimate) in MOMENTS.items()}
    for t, tail in TAILS.items():
        found[t] = float(np.mean(np.abs(x) > float(t.split()[2])) / tail)
    distance = scipy.stats.ks_1samp(x.ravel(), scipy.stats.norm.cdf, method="asymp").statistic
    more = {"Kolmogorov-Smirnov distance": float(distance), "largest": float(np.abs(x).max())}
    return {"draws": float(x.size)} | found | more


TAILS = {f"draws beyond {t} sd, relative": float(2 * scipy.stats.norm.sf(t)) for t in (3, 4, 5)}
"""Their probability."""


def quality_table(judged: Mapping[str, Mapping[str, float]]) -> str:
    """Return one column a contender, and what normal numbers are to have, with standard errors."""
    n = judged[OURS]["draws"]
    error = n**-0.5
    wanted: dict[str, tuple[Any, Any]] = {
        name: (f"{value:g}", spread**0.5 * error) for name, (value, spread, _) in MOMENTS.items()
    }
    wanted |= {name: ("1", p**-0.5 * error) for name, p in TAILS.items()}
    wanted |= {"Kolmogorov-Smirnov distance": (f"< {1.36 * error:.5f}", ""), "largest": ("", "")}
    rows = [
        {"name": name, "normal": value, "+-": spread} | {who: j[name] for who, j in judged.items()}
        for name, (value, spread) in wanted.items()
    ]
    columns = [(f"of {n:,.0f} draws", "name", "<32"), *((who, who, "22.5f") for who in judged)]
    return table([*columns, ("normal", "normal", "12"), ("+-", "+-", "10.5f")], rows)


def drawn(rows: list[dict[str, Any]], networks: list[dict[str, Any]]) -> Figure:
    """Return the time of a number against numbers a step, and the network's time by its noise."""
    figure, (left, right) = draw.row(2, (10.4, 3.9), sharey=False, width_ratios=(1.5, 1))
    lines = {n: [r for r in rows if r["contender"] == n] for n in CONTENDERS}
    silent = lines.pop(NONE)
    figures.against_size(left, lines, "numbers", "ns_per_number")
    label = "step of a cell without noise"
    times = [r["ns_per_cell_step"] for r in silent]
    left.plot([r["numbers"] for r in silent], times, color="0.5", lw=1, label=label)
    left.set(xlabel="numbers drawn in a step", ylabel="time (ns per number)")
    draw.legend(left, beside=True)
    kinds, sizes = (list(dict.fromkeys(r[name] for r in networks)) for name in ("noise", "cells"))
    width = 0.8 / max(1, len(kinds))
    for i, (kind, line, _) in enumerate(style.assign(kinds)):
        times = [r["run_s_per_simulated_s"] for r in networks if r["noise"] == kind]
        colour = "0.7" if kind == NONE else line["color"]
        place = np.arange(len(sizes)) + (i - (len(kinds) - 1) / 2) * width
        bars = right.bar(place, times, 0.92 * width, color=colour, label=kind)
        right.bar_label(bars, fmt="%.2g", fontsize=8)
    right.set_xticks(np.arange(len(sizes)), [f"{n:,}" for n in sizes])
    right.set(xlabel="cells of the network", ylabel="run time (s per simulated s)")
    draw.legend(right)
    return draw.finish(figure, letters=True)


def speed_table(rows: list[dict[str, Any]]) -> str:
    """Return ns per number, a column a size."""
    found: dict[str, dict[Any, Any]] = {}
    for r in rows:
        name = "the whole step without noise" if r["contender"] == NONE else r["contender"]
        own = found.setdefault(name, {"name": name})
        own[r["numbers"]] = r["ns_per_cell_step" if r["contender"] == NONE else "ns_per_number"]
    sizes = dict.fromkeys(r["numbers"] for r in rows)
    columns = [("ns a number, at numbers a step", "name", "<32")]
    return table([*columns, *((f"{n:,}", n, "12.2f") for n in sizes)], found.values())


NETWORK_COLUMNS = (
    ("cells", "cells", "7,"), ("noise", "noise", "<22"),
    ("run s per s", "run_s_per_simulated_s", "12.3g"), ("share", "share_by_difference", "8.0%"),
    ("by numbers", "share_by_numbers", "12.0%"), *net.RATES,
)  # fmt: skip
"""The share of random numbers in the network's time."""


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a normal number costs at the size of the larger network."""
    size = max(row["cells"] for row in content["networks"])
    cost = {r["contender"]: r["ns_per_number"] for r in content["rows"] if r["numbers"] == size}
    number = f"{cost[OURS]:.2g} ns; {cost[THEIRS]:.2g} ns"
    yield f"A normal number, {size:,} in a step; by `jax.random`", number


def run(args: Arguments, record: Record) -> None:
    """Time numbers and networks, judge the numbers, draw the figure."""
    rows = [row for n in args.sizes for row in measure_numbers(args, n)]
    networks = [row for n in args.network_sizes for row in measure_network(args, n, rows)]
    normal: dict[str, Draw] = {OURS: random_bits.normal, THEIRS: by_jax}
    judged = {name: quality(one, args.draws) for name, one in normal.items()}
    tables = [speed_table(rows), *([table(NETWORK_COLUMNS, networks)] if networks else [])]
    record.table = "\n\n".join([*tables, quality_table(judged)])
    record.notes += [
        f"Medians of {args.rounds} rounds. Time of a number: of the step "
        f"with it, less the step without noise. Poisson numbers have a mean of {MEAN_COUNT:g}.",
        "Share: of the random numbers in the time of the benchmark network without plasticity, "
        "from the run without noise at the same mean currents, and from the time of a number; "
        "for `jax.random.normal` each population draws apart, in the loop that reads it.",
    ]
    record.data = {"rows": rows, "networks": networks, "quality": judged}
    record.figure(drawn(rows, networks))
