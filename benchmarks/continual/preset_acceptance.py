"""Hold the frozen two-timescale preset to its goals, on fresh seeds, against tuned Adam.

Adam is taken as `preset-search` tuned it on each stream, over as many configurations as the preset:
once for average anytime accuracy (AAA), once for its gap. The goals, set beforehand, are of means
over the seeds:

  avg-SG         at most 0.1 of Adam's, 0.3 on rotated streams
  AAA            at least Adam's
  new task       accuracy after 50 iterations at least Adam's - 0.01
  avg-ACC        at least Adam's

What the gain contributes is measured in pairs of seeds, at an equal gap: the preset's AAA less that
of the same without a gain, and of the same under a constant gain, the mean of the preset's. Each of
these controls is run at several consolidations; the two whose avg-SG enclose the preset's are
interpolated linearly to its avg-SG. Figures of a seed that diverged don't count: they are refused.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import optax

from benchmarks.continual._gap_units import PRESET, measure_all
from benchmarks.continual._search_space import limit
from benchmarks.continual._search_space import method as searched
from benchmarks.record import RESULTS, Column, Record, table
from neurogain import optim, results, stats
from neurogain.continual import methods
from neurogain.continual.method import Method
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.options import by_default

ABOUT = {
    "title": "The two-timescale preset against tuned Adam on fresh seeds",
    "minutes": 30,
    "needs": "MNIST (--data-dir)",
}
TINY = {
    "benchmarks": ("split-digits",), "seeds": 2, "iterations": 60, "consolidations": (0.8, 0.95),
}  # fmt: skip
AFTER, SLOWER = 50, 0.01  # iterations of the new task, and how far it may be behind Adam's
OPPONENTS = ("for AAA", "for its gap")
OTHERS = ("without gain", "fixed gain")


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Hold the frozen preset to its goals on fresh seeds."""

    benchmarks: tuple[str, ...] = (
        "split-digits", "rotated-digits", "split-mnist", "rotated-mnist",
    )  # fmt: skip
    """Streams."""
    data_dir: Path | None = by_default("TFDS's own")
    """Folder of sets prepared by TensorFlow Datasets (TFDS)."""
    seeds: int = 10
    """Number of seeds."""
    first_seed: int = 3000
    """The first of them; none was used before."""
    iterations: int = 200
    """Updates per task."""
    consolidations: tuple[float, ...] = (0.8, 0.88, 0.93, 0.96)
    """Of the controls, between which is interpolated to an equal gap."""
    search: Path = RESULTS / "preset_search.json"
    """Result of preset-search with the tuned constants of Adam."""
    jobs: int = 1
    """Batches of runs at once."""


def fixed_gain(
    learning_rate: Any, b1: Any, max_norm: Any, consolidation: Any, gain: Any
) -> optax.GradientTransformation:
    """The preset under a constant gain."""
    return optim.two_timescale(
        learning_rate, b1=b1, max_norm=max_norm, consolidation=consolidation, baseline=gain,
        sensitivity=0.0, on_missing="hold",
    )  # fmt: skip


def run_stream(
    args: Arguments, name: str, work: Path, adam: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Return what is measured on one stream; units on disk are read."""
    config = StabilityGapConfig(
        benchmark=name, seeds=args.seeds, first_seed=args.first_seed, iterations=args.iterations,
        dense=AFTER, sparse=10, data_dir=args.data_dir,
    )  # fmt: skip
    config.check()
    stream = stability_gap.load_stream(config)
    preset = methods.METHODS[PRESET]
    identity = {"config": {**config.as_json(), "data_dir": None}}
    folder = results.ResultFolder(work / name, identity, resume=True)

    def trained(unit: str, method: Method, grid: Sequence[Mapping[str, float]]) -> list[TaskCurves]:
        found, _ = measure_all(folder, unit, config, stream, method, grid, config.seed_range)
        print(f"{name}: {unit}", flush=True)
        return found

    with folder, ThreadPoolExecutor(args.jobs) as pool:
        own = pool.submit(trained, PRESET, preset, [preset.constants])
        opponents = pool.submit(trained, "adam", searched("adam"), [adam[o] for o in OPPONENTS])
        [curves] = own.result()
        gain = float(np.mean(curves.gain))
        base = {k: preset.constants[k] for k in ("learning_rate", "b1", "max_norm")}
        grid = [base | {"consolidation": c} for c in args.consolidations]
        held = [one | {"gain": gain} for one in grid]
        controls = {
            "without gain": pool.submit(trained, "without-gain", searched("plain"), grid),
            "fixed gain": pool.submit(
                trained,
                "fixed-gain",
                Method("fixed", "fixed gain", fixed_gain, {}, held_weights_act=False),
                held,
            ),
        }
        measured = figures(curves)
        return {
            "stream": name,
            "preset": measured,
            "mean_gain": gain,
            "adam": {
                how: {"constants": dict(adam[how]), **figures(one)}
                for how, one in zip(OPPONENTS, opponents.result(), strict=True)
            },
            "contribution": {
                other: matched(measured, list(map(figures, job.result())), args.consolidations)
                for other, job in controls.items()
            },
        }


def figures(curves: TaskCurves) -> dict[str, Any]:
    """Return the figures that the goals are of, with what each seed gave."""
    entry = stability_gap.measure(curves)
    if any(entry["diverged"]):
        raise ValueError(
            f"no seed may diverge here; got {sum(entry['diverged'])} of {len(entry['diverged'])}. "
            "Lower the learning rate of what was run last."
        )
    found = {name: entry[name] for name in ("avg_sg", "avg_anytime_acc", "avg_acc")}
    return found | {"new_task": entry["new_task_accuracy"][str(AFTER)]}


def per_seed(entry: Mapping[str, Any], name: str) -> np.ndarray:
    """Return a figure of each seed."""
    return np.array(entry[name]["per_seed"], float)


def matched(
    own: Mapping[str, Any], others: Sequence[Mapping[str, Any]], consolidations: Sequence[float]
) -> dict[str, Any]:
    """Return the differences in pairs to the mixture of two controls whose mean avg-SG is `own`'s.

    Where no two lie around it, the control whose avg-SG is nearest is taken.
    """
    gap = own["avg_sg"]["mean"]
    order = sorted(range(len(others)), key=lambda i: others[i]["avg_sg"]["mean"])
    gaps = [others[i]["avg_sg"]["mean"] for i in order]
    above = int(np.searchsorted(gaps, gap))
    if 0 < above < len(order):
        pair = order[above - 1], order[above]
        share = (gap - gaps[above - 1]) / (gaps[above] - gaps[above - 1])
    else:
        nearest = order[min(above, len(order) - 1)]
        pair, share = (nearest, nearest), 0.0
    found: dict[str, Any] = {
        "consolidations": [consolidations[i] for i in pair],
        "share_of_second": share,
        "bracketed": pair[0] != pair[1],
    }
    for name in ("avg_sg", "avg_anytime_acc", "new_task", "avg_acc"):
        low, high = (per_seed(others[i], name) for i in pair)
        mixed = (1 - share) * low + share * high
        found[name] = stats.summary(per_seed(own, name) - mixed)
    return found


def goals(row: Mapping[str, Any], opponent: str) -> dict[str, Any]:
    """Return, of each goal against one Adam, the number, and by how much it is missed; 0: met."""
    own, adam = row["preset"], row["adam"][opponent]
    ratio = own["avg_sg"]["mean"] / adam["avg_sg"]["mean"]
    found = {"avg_sg": {"ratio": ratio, "missed": max(ratio - limit(row["stream"]), 0.0)}}
    for name, below in (("avg_anytime_acc", 0.0), ("new_task", SLOWER), ("avg_acc", 0.0)):
        difference = stats.summary(per_seed(own, name) - per_seed(adam, name))
        found[name] = {"difference": difference, "missed": max(-below - difference["mean"], 0.0)}
    return found


def run(args: Arguments, record: Record) -> None:
    """Measure all streams."""
    searches = json.loads(args.search.read_text())
    tuned: dict[str, dict[str, Any]] = {}
    for one in searches["adam"]:
        tuned.setdefault(one["stream"], {})[one["tuned"]] = one["constants"]
    missing = [name for name in args.benchmarks if name not in tuned]
    if missing:
        raise ValueError(
            f"`search` must hold Adam tuned on {', '.join(missing)}; got {', '.join(tuned)}. Run "
            "preset-search on them first."
        )
    rows = [run_stream(args, name, record.work, tuned[name]) for name in args.benchmarks]
    for row in rows:
        row["goals"] = {opponent: goals(row, opponent) for opponent in OPPONENTS}
    lines = [_line(row, opponent) for row in rows for opponent in OPPONENTS]
    record.data = {"preset": dict(methods.METHODS[PRESET].constants), "rows": rows}
    record.table = table(COLUMNS, lines) + "\n\n" + table(CONTROLS, _controls(rows))
    record.notes.append(
        f"Seeds {args.first_seed} to {args.first_seed + args.seeds - 1}, never used before; "
        f"{args.iterations} iterations a task, evaluated after each of the first {AFTER} and every "
        "10 behind them. Differences are the preset's less the other's, in pairs of seeds, with "
        "95 % t-intervals. ratio: of mean avg-SG; missed: which goals, and by how much. matched: "
        "the consolidations of the control, mixed to the preset's mean avg-SG."
    )


def _line(row: Mapping[str, Any], opponent: str) -> dict[str, Any]:
    own = row["goals"][opponent]
    missed = [f"{WORDS[k]} by {x['missed']:.3f}" for k, x in own.items() if x["missed"] > 0]
    words = {k: stats.text(x["difference"], "+.3f") for k, x in own.items() if "difference" in x}
    return {
        "stream": row["stream"], "opponent": opponent, "sg": row["preset"]["avg_sg"]["mean"],
        "ratio": own["avg_sg"]["ratio"], **words, "missed": ", ".join(missed) or "none",
    }  # fmt: skip


def _controls(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for other in OTHERS:
            own = row["contribution"][other]
            words = {k: stats.text(own[k], "+.4f") for k in WORDS}
            mixed = " and ".join(f"{c:g}" for c in dict.fromkeys(own["consolidations"]))
            yield {
                "stream": row["stream"], "other": other, "gain": row["mean_gain"],
                **words, "matched": mixed + ("" if own["bracketed"] else " (nearest)"),
            }  # fmt: skip


WORDS = {
    "avg_sg": "avg-SG", "avg_anytime_acc": "AAA", "new_task": "new task", "avg_acc": "avg-ACC"
}  # fmt: skip
COLUMNS: tuple[Column, ...] = (
    ("stream", "stream", "<16"), ("Adam tuned", "opponent", "<12"), ("avg-SG", "sg", "7.4f"),
    ("ratio", "ratio", "7.3f"), ("AAA", "avg_anytime_acc", "25"), ("new task", "new_task", "25"),
    ("avg-ACC", "avg_acc", "25"), ("missed", "missed", "<1"),
)  # fmt: skip
CONTROLS: tuple[Column, ...] = (
    ("stream", "stream", "<16"), ("less", "other", "<14"), ("mean gain", "gain", "9.2f"),
    ("AAA", "avg_anytime_acc", "28"), ("new task", "new_task", "28"), ("avg-SG", "avg_sg", "28"),
    ("matched", "matched", "<1"),
)  # fmt: skip


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is missed of the goals, and what the gain contributes."""
    for row in content["rows"]:
        for opponent in OPPONENTS:
            line = _line(row, opponent)
            claim = f"The preset on {row['stream']} against Adam tuned {opponent}, fresh seeds"
            yield claim, f"avg-SG ratio {line['ratio']:.3f}; goals missed: {line['missed']}"
        change = row["contribution"]["without gain"]["avg_anytime_acc"]
        claim = f"What the gain adds to AAA at a matched gap, {row['stream']}, pairs of seeds"
        yield claim, stats.text(change, "+.4f")
