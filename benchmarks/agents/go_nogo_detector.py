"""Choose the constants of the Go/No-Go agent's detector of shifts on tuning seeds.

Until a burst is called for, noradrenaline stays tonic: so what the detector would have said is read
off runs of DA alone, without running an agent for each of its 64 settings. Chosen is, of the
settings with a false alarm before the shift in at most 5 % of seeds at every validity, the one that
misses the fewest shifts (none within 100 trials), summed over validities; ties go to the shorter
latency. The defaults of `neurogain.tasks.go_nogo.prediction.PredictionParams` are these.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.record import Record
from neurogain import stats
from neurogain.experiments import go_nogo
from neurogain.experiments.go_nogo import GoNoGoConfig, Runs, Unit
from neurogain.tasks.go_nogo import measures, prediction
from neurogain.tasks.go_nogo.prediction import PredictionParams

ABOUT = {
    "title": "Go/No-Go: the detector of shifts, chosen on tuning seeds",
    "minutes": 4,
    "needs": "",
}
TINY = {"seeds": 2, "validity": (1.0,)}
RATES, DRIFTS, BOUNDS = (0.02, 0.03, 0.05, 0.1), (0.05, 0.1, 0.2, 0.3), (3.0, 4.0, 6.0, 8.0)
FALSE_ALARMS = 0.05  # of seeds, at most


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Choose the constants of the Go/No-Go agent's detector of shifts on tuning seeds."""

    seeds: int = 60
    """Tuning seeds, from 0 on; results are reported on others."""
    validity: tuple[float, ...] = (1.0, 0.93, 0.85)
    """Probabilities that feedback is valid."""


@jax.jit
def triggers(params: PredictionParams, runs: Runs) -> jax.Array:
    """Return the bursts that a detector calls for in what agents did, (seeds, trials)."""

    def one(pair: jax.Array, action: jax.Array, reward: jax.Array) -> jax.Array:
        def step(state: Any, trial: Any) -> Any:
            state, found = prediction.step(params, state, *trial)
            return state, found.trigger

        trials = (pair, action, reward, jnp.arange(len(pair)))
        return jax.lax.scan(step, prediction.init(), trials)[1]

    return jax.vmap(one)(runs.pair, runs.action, runs.reward)


def measure(params: PredictionParams, levels: list[Runs], shift: int) -> dict[str, Any]:
    """Return false alarms, misses and latency of one setting, a value for each validity."""
    row: dict[str, Any] = {
        name: float(getattr(params, name)) for name in ("rate", "drift", "bound")
    } | {"false_alarms": [], "misses": [], "latency": []}
    for runs in levels:
        found = measures.detection(np.asarray(triggers(params, runs)), shift)
        row["false_alarms"].append(float((found["false_alarms"] > 0).mean()))
        row["misses"].append(float(found["misses"].mean()))
        known = found["latency"][np.isfinite(found["latency"])]
        row["latency"].append(stats.or_null(known.mean() if known.size else np.nan))
    return row


def best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the chosen row."""

    def order(row: dict[str, Any]) -> tuple[float, ...]:
        late = sum(100.0 if x is None else x for x in row["latency"])
        excess = max(0.0, max(row["false_alarms"]) - FALSE_ALARMS)
        return excess, round(sum(row["misses"]), 6), late

    return min(rows, key=order)


def shown(rows: list[dict[str, Any]], validity: tuple[float, ...]) -> str:
    """Return the twelve best settings, the chosen one first."""
    left, found = list(rows), list[dict[str, Any]]()
    while left and len(found) < 12:
        found.append(best(left))
        left.remove(found[-1])
    names = ("false", "missed", "latency")
    head = "".join(f"{f'{name} @ {v:g}':>15}" for name in names for v in validity)
    lines = [f"{'rate':>6}{'drift':>7}{'bound':>7}{head}"]
    for row in found:
        values = row["false_alarms"] + row["misses"] + row["latency"]
        cells = "".join(f"{'-' if x is None else f'{x:.2f}':>15}" for x in values)
        lines.append(f"{row['rate']:>6g}{row['drift']:>7g}{row['bound']:>7g}{cells}")
    return "\n".join(lines)


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the chosen detector misses."""
    row = best(content["rows"])
    number = f"{max(row['misses']):.2f} of shifts, false alarms in {max(row['false_alarms']):.2f}"
    yield "What the detector of shifts misses at most, at any validity (tuning seeds)", number


def run(args: Arguments, record: Record) -> None:
    """Run DA alone, read off all settings."""
    config = GoNoGoConfig(conditions=("da",), seeds=args.seeds, seed=0)
    levels = [go_nogo.run_unit(config, Unit("da", v, 0)) for v in args.validity]
    shift = config.agent().task.starts[1]
    rows = [
        measure(PredictionParams(rate=r, drift=d, bound=b), levels, shift)
        for r, d, b in itertools.product(RATES, DRIFTS, BOUNDS)
    ]
    record.table, record.data["rows"] = shown(rows, args.validity), rows
    record.notes.append(
        f"The twelve best of {len(rows)} settings on {args.seeds} tuning seeds, the chosen one "
        "first. false: share of seeds with a burst before the shift; missed: without one in "
        "100 trials behind it; latency in trials, mean where there is one."
    )
