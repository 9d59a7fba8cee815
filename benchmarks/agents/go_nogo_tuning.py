"""Choose the constants of the Go/No-Go experiment on tuning seeds, the same budget for each method.

Twelve configurations each: DA (rates of actor and critic, exploration), DA with constant
forgetting (its rate, rates of learning), DA + NA (strength of the reset and of the other actions),
DA + ACh (its strength and sign on the rates of learning), DA + 5-HT (as opponent, on the horizon).
Chosen is, among those that learn the first rule in at least 95 % of seeds at every validity (fresh
seeds are to learn it in 90 %), the one that learns the second most often, summed over validities;
ties go to the higher accuracy before the shift, then to the first. If none learns the first rule so
often, the lowest of the validities' shares counts first. DA alone, and all else, has the slowest
rates of DA's grid that learn the first rule in all tuning seeds: DA at a moderate rate, whatever
becomes of the second rule. The detector is chosen apart, by `go_nogo_detector`. The experiment's
own constants are these.
"""

import dataclasses
import itertools
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.record import Record, table
from neurogain.experiments import go_nogo
from neurogain.experiments.go_nogo import GoNoGoConfig, Unit
from neurogain.options import by_default
from neurogain.tasks.go_nogo import measures
from neurogain.tasks.go_nogo.conditions import ACTIONS, LEARNING, Condition, parameters

ABOUT = {"title": "Go/No-Go: constants, chosen on tuning seeds", "minutes": 20}
TINY = {"seeds": 2, "validity": (1.0,), "methods": ("da+na",), "most": 2}
Configuration = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Choose the constants of the Go/No-Go experiment on tuning seeds."""

    seeds: int = 20
    """Tuning seeds, from 0 on; results are reported on others."""
    validity: tuple[float, ...] = (1.0, 0.85)
    """Probabilities that feedback is valid."""
    methods: tuple[str, ...] = by_default("all", ())
    """Methods to measure again; the rows of the others stay as the file has them."""
    most: int = 12
    """Configurations of each method, at most."""


def grid(**values: Sequence[float]) -> list[Configuration]:
    """Return all combinations."""
    return [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]


GRIDS: dict[str, list[Configuration]] = {
    "da-tuned": [
        {"actor_rate": c["actor"], "critic_rate": c["actor"] * c["ratio"], "background": c["noise"]}
        for c in grid(actor=(0.1, 0.2, 0.3), ratio=(1.0, 1.5), noise=(20.0, 60.0))
    ],
    "da+forgetting": [
        c | {"critic_rate": c["actor_rate"]}
        for c in grid(forgetting=(0.0005, 0.001, 0.002, 0.004), actor_rate=(0.1, 0.15, 0.2))
    ],
    "da+na": grid(reset=(1.0, 2.0, 4.0, 8.0), others=(0.25, 0.5, 1.0)),
    "da+ach": [
        {"acetylcholine": c["sign"] * c["size"]}
        for c in grid(size=(0.125, 0.25, 0.5, 1.0, 2.0, 4.0), sign=(-1, 1))
    ],
    "da+5ht": grid(opponent=(0.125, 0.25, 0.5, 1.0), horizon=(-1.0, 1.0, 2.0)),
}
UNIT = {"gain": 1.0, "bursts": 2.0, "learning_rate": 5.0}
"""Strengths of NA's other actions at a factor of 1."""


def params_of(method: str, chosen: Configuration, validity: float) -> Any:
    """Return the agent's numbers under a configuration."""
    if method in ("da+ach", "da+5ht"):
        return parameters(Condition(method, **chosen), validity)
    if method != "da+na":
        return parameters(Condition(method, changes=chosen), validity)
    actions = {k: chosen["others"] * UNIT[k] for k in ACTIONS if k != "reset"}
    actions["reset"] = chosen["reset"]
    return parameters(Condition(method, actions, "detector"), validity)


def measure(args: Arguments, method: str, chosen: Configuration) -> dict[str, Any]:
    """Return shares and accuracy of a configuration, a value for each validity."""
    config = GoNoGoConfig(seeds=args.seeds, seed=0)
    task = config.agent().task
    before = slice(task.starts[1] - measures.LAST, task.starts[1])
    end = slice(task.total - measures.LAST, task.total)
    row: dict[str, Any] = {"method": method, "configuration": dict(chosen)}
    row |= {"first": [], "second": [], "accuracy": []}
    for validity in args.validity:
        params = params_of(method, chosen, validity)
        runs = go_nogo.run_numbers(config, Unit(method, validity, 0), params)
        for field, part in (("first", before), ("second", end)):
            learned = measures.learned(runs.correct[:, part], runs.pair[:, part])
            row[field].append(float(learned.mean()))
        row["accuracy"].append(float(runs.correct[:, before].mean()))
    print(row, flush=True)
    return row


def marks(rows: list[dict[str, Any]]) -> list[str]:
    """Return * for the chosen row of each method, o for DA alone.

    DA alone has the slowest rates that learn the first rule in as many seeds as any does.
    """
    found = [" "] * len(rows)
    for method in dict.fromkeys(r["method"] for r in rows):
        own = [i for i, r in enumerate(rows) if r["method"] == method]
        if method == "da-tuned":
            safest = max(min(rows[i]["first"]) for i in own)
            safe = (i for i in own if min(rows[i]["first"]) == safest)
            found[min(safe, key=lambda i: list(rows[i]["configuration"].values())[:2])] = "o"
        found[max(own, key=lambda i: order(rows[i]))] = "*"
    return found


def order(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return by what a row is chosen: the higher, the better."""
    first = min(0.95, min(row["first"]))
    return first, round(sum(row["second"]), 6), float(np.mean(row["accuracy"]))


def words(row: Mapping[str, Any]) -> str:
    """Return a configuration in words."""
    return ", ".join(f"{name} {value:g}" for name, value in row["configuration"].items())


def run(args: Arguments, record: Record) -> None:
    """Measure all configurations; the rows of methods left out stay as the result has them."""
    wanted = args.methods or tuple(GRIDS)
    pairs = [(method, one) for method in wanted for one in GRIDS[method][: args.most]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(lambda pair: measure(args, *pair), pairs))
    rows += [r for r in record.earlier().get("rows", []) if r["method"] not in wanted]
    rows.sort(key=lambda r: list(GRIDS).index(r["method"]))
    shares = [
        (f"{number} @ {validity:g}", (field, i), "11.2f")
        for number, field in enumerate(("first", "second"), 1)
        for i, validity in enumerate(args.validity)
    ]
    columns = [
        ("", "mark", "<2"), ("method", "method", "<15"), ("configuration", words, "<52"), *shares,
        ("accuracy", lambda row: np.mean(row["accuracy"]), "10.3f"),
    ]  # fmt: skip
    marked = [row | {"mark": mark} for row, mark in zip(rows, marks(rows), strict=True)]
    record.table, record.data["rows"] = table(columns, marked), rows
    record.notes.append(
        f"Share of {args.seeds} tuning seeds that learn the first (1) and the second rule (2), "
        "by validity of feedback; accuracy before the shift. *: chosen; o: DA alone. Else as "
        + ", ".join(f"{k} {v:g}" for k, v in LEARNING.items())
        + "."
    )
