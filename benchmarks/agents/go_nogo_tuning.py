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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.record import Record
from neurogain.experiments import go_nogo
from neurogain.experiments.go_nogo import GoNoGoConfig, Unit
from neurogain.experiments.go_nogo.conditions import ACTIONS, LEARNING, Condition, parameters
from neurogain.tasks.go_nogo import measures

ABOUT = {
    "title": "Go/No-Go: constants, chosen on tuning seeds",
    "minutes": 20,
    "needs": "",
}
TINY = {"seeds": 2, "validity": (1.0,), "methods": ("da+na",), "most": 2}
Configuration = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Choose the constants of the Go/No-Go experiment on tuning seeds."""

    seeds: int = 20
    """Tuning seeds, from 0 on; results are reported on others."""
    validity: tuple[float, ...] = (1.0, 0.85)
    """Probabilities that feedback is valid."""
    methods: tuple[str, ...] = ()
    """Those to measure again, if not all; the rows of the others stay as the file has them."""
    most: int = 12
    """Configurations of each method, at most."""


def grids() -> dict[str, list[Configuration]]:
    """Return the configurations of each method."""
    da = [
        {"actor_rate": a, "critic_rate": a * c, "background": b}
        for a, c, b in itertools.product((0.1, 0.2, 0.3), (1.0, 1.5), (20.0, 60.0))
    ]
    forgetting = [
        {"forgetting": f, "actor_rate": a, "critic_rate": a}
        for f, a in itertools.product((0.0005, 0.001, 0.002, 0.004), (0.1, 0.15, 0.2))
    ]
    na = [
        {"reset": r, "others": o}
        for r, o in itertools.product((1.0, 2.0, 4.0, 8.0), (0.25, 0.5, 1.0))
    ]
    sizes = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
    ach = [{"acetylcholine": sign * size} for size in sizes for sign in (-1, 1)]
    serotonin = [
        {"opponent": o, "horizon": h}
        for o, h in itertools.product((0.125, 0.25, 0.5, 1.0), (-1.0, 1.0, 2.0))
    ]
    return {
        "da-tuned": da, "da+forgetting": forgetting, "da+na": na, "da+ach": ach,
        "da+5ht": serotonin,
    }  # fmt: skip


def params_of(method: str, chosen: Configuration, validity: float) -> Any:
    """Return the agent's numbers under a configuration."""
    if method in ("da+ach", "da+5ht"):
        return parameters(Condition(method, **chosen), validity)
    if method != "da+na":
        return parameters(Condition(method, changes=chosen), validity)
    actions = {k: chosen["others"] * UNIT[k] for k in ACTIONS if k != "reset"}
    actions["reset"] = chosen["reset"]
    return parameters(Condition(method, actions, "detector"), validity)


UNIT = {"gain": 1.0, "bursts": 2.0, "learning_rate": 5.0}
"""Strengths of NA's other actions at a factor of 1."""


def measure(args: Arguments, method: str, chosen: Configuration) -> dict[str, Any]:
    """Return shares and accuracy of a configuration, a value for each validity."""
    config = GoNoGoConfig(seeds=args.seeds, seed=0)
    task = config.agent().task
    row: dict[str, Any] = {"method": method, "configuration": dict(chosen)}
    for field in ("first", "second", "accuracy"):
        row[field] = []
    for validity in args.validity:
        runs = go_nogo.run_numbers(
            config, Unit(method, validity, 0), params_of(method, chosen, validity)
        )
        before = slice(task.starts[1] - measures.LAST, task.starts[1])
        end = slice(task.total - measures.LAST, task.total)
        for field, part in (("first", before), ("second", end)):
            learned = measures.learned(runs.correct[:, part], runs.pair[:, part])
            row[field].append(float(learned.mean()))
        row["accuracy"].append(float(runs.correct[:, before].mean()))
    return row


def best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the chosen row of one method."""
    return max(
        rows,
        key=lambda r: (
            min(0.95, min(r["first"])),
            round(sum(r["second"]), 6),
            np.mean(r["accuracy"]),
        ),
    )


def plain(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row of DA with the slowest rates that learn the first rule in all seeds."""
    own = [r for r in rows if r["method"] == "da-tuned"]
    if not own:
        return None
    safest = max(min(r["first"]) for r in own)
    rates = ("actor_rate", "critic_rate")
    return min(
        (r for r in own if min(r["first"]) == safest),
        key=lambda r: [r["configuration"][name] for name in rates],
    )


def shown(rows: list[dict[str, Any]], args: Arguments) -> str:
    """Return one line per configuration, the chosen ones marked."""
    head = "".join(f"{f'{what} {v:g}':>11}" for what in ("1 @", "2 @") for v in args.validity)
    lines = [f"{'':2}{'method':<15}{'configuration':<52}{head}{'accuracy':>10}"]
    moderate = plain(rows)
    for method in dict.fromkeys(r["method"] for r in rows):
        own = [r for r in rows if r["method"] == method]
        for row in own:
            text = ", ".join(f"{k} {v:g}" for k, v in row["configuration"].items())
            shares = "".join(f"{x:>11.2f}" for x in row["first"] + row["second"])
            mark = "* " if row is best(own) else "o " if row is moderate else "  "
            lines.append(f"{mark}{method:<15}{text:<52}{shares}{np.mean(row['accuracy']):>10.3f}")
    return "\n".join(lines)


def run(args: Arguments, record: Record) -> None:
    """Measure all configurations; the rows of methods left out stay as the result has them."""
    wanted = args.methods or tuple(grids())
    pairs = [
        (method, chosen)
        for method, own in grids().items()
        if method in wanted
        for chosen in own[: args.most]
    ]
    rows = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(lambda pair: measure(args, *pair), pairs):
            rows.append(row)
            print(row, flush=True)
    kept = [r for r in record.earlier().get("rows", []) if r["method"] not in wanted]
    rows = sorted(kept + rows, key=lambda r: list(grids()).index(r["method"]))
    record.table, record.data["rows"] = shown(rows, args), rows
    record.notes.append(
        f"Share of {args.seeds} tuning seeds that learn the first (1) and the second rule (2), "
        "by validity of feedback; accuracy before the shift. *: chosen; o: DA alone. Else as "
        + ", ".join(f"{k} {v:g}" for k, v in LEARNING.items())
        + "."
    )
