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

from benchmarks.record import Record, table
from neurogain.experiments import go_nogo
from neurogain.experiments.go_nogo import GoNoGoConfig, Runs, Unit
from neurogain.tasks.go_nogo import measures, prediction
from neurogain.tasks.go_nogo.prediction import PredictionParams

ABOUT = {"title": "Go/No-Go: the detector of shifts, chosen on tuning seeds", "minutes": 4}
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
    found = [measures.detection(np.asarray(triggers(params, runs)), shift) for runs in levels]
    known = [one["latency"][np.isfinite(one["latency"])] for one in found]
    return {
        **{name: float(getattr(params, name)) for name in ("rate", "drift", "bound")},
        "false_alarms": [float((one["false_alarms"] > 0).mean()) for one in found],
        "misses": [float(one["misses"].mean()) for one in found],
        "latency": [float(one.mean()) if one.size else None for one in known],
    }


def order(row: dict[str, Any]) -> tuple[float, ...]:
    """Return by what a row is chosen: the lower, the better."""
    late = sum(100.0 if x is None else x for x in row["latency"])
    excess = max(0.0, max(row["false_alarms"]) - FALSE_ALARMS)
    return excess, round(sum(row["misses"]), 6), late


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the chosen detector misses."""
    row = min(content["rows"], key=order)
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
    columns = [("rate", "rate", "6g"), ("drift", "drift", "7g"), ("bound", "bound", "7g")]
    columns += [
        (f"{head} @ {validity:g}", (name, i), "15.2f")
        for head, name in (("false", "false_alarms"), ("missed", "misses"), ("latency", "latency"))
        for i, validity in enumerate(args.validity)
    ]
    record.table, record.data["rows"] = table(columns, sorted(rows, key=order)[:12]), rows
    record.notes.append(
        f"The twelve best of {len(rows)} settings on {args.seeds} tuning seeds, the chosen one "
        "first. false: share of seeds with a burst before the shift; missed: without one in "
        "100 trials behind it; latency in trials, mean where there is one."
    )
