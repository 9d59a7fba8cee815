"""Tune every optimizer under one budget, report on fresh seeds, and draw the fronts.

    python benchmarks/stability_gap.py --data-dir DIR        (about two hours on 2 cores; resumes)

Budget: each method gets the same number of configurations (8) on the same tuning seeds. Rule: of
the configurations whose tuning avg-ACC is within 0.01 of the method's best, none of them diverged,
the one of lowest avg-SG is chosen. It is then run on fresh seeds, as is every configuration of the
methods whose front is drawn. Writes stability_gap.json and figures to benchmarks/results.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from _command import command
from tqdm import tqdm

from neurogain import output
from neurogain.continual import methods
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.plotting import fronts
from neurogain.plotting import stability_gap as figures

PUBLISHED = {  # arXiv 2507.14056 v2, avg-SG, joint training, 5 seeds
    "split-mnist": {"sgd": 0.034, "msgd": 0.267, "adam": 0.283, "ngm": 0.017},
    "rotated-mnist": {"sgd": 0.053, "msgd": 0.117, "adam": 0.092, "ngm": 0.054},
}
MAIN = ("sgd", "msgd", "adam", "ngm")
TOLERANCE = 0.01  # of avg-ACC, in the rule of choice

_MOMENTUM_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
_ADAM_RATES = (5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3)
RATES: dict[str, tuple[float, ...]] = {
    "sgd": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0),
    "msgd": _MOMENTUM_RATES,
    "adam": _ADAM_RATES,
    "ngm": (0.003, 0.01, 0.02, 0.04),
    "fixed-gain": (0.003, 0.01, 0.03, 0.1),
    "rate-matched": (0.003, 0.01, 0.03, 0.1),
    "entropy-rate": (0.02, 0.05, 0.1, 0.3),
    "msgd-reset": _MOMENTUM_RATES,
    "adam-reset": _ADAM_RATES,
    "ngm-adam": (3e-5, 1e-4, 3e-4, 1e-3),
}


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Tune every optimizer under one budget, report on fresh seeds, and draw the fronts."""

    benchmarks: tuple[stability_gap.Benchmark, ...] = ("split-mnist", "rotated-mnist")
    """Streams to run."""
    data_dir: Path | None = None
    """Folder of sets prepared by TensorFlow Datasets."""
    tuning_seeds: int = 2
    """Seeds 1000, 1001, ... choose the configuration."""
    report_seeds: int = 5
    """Seeds 0, 1, ... are reported."""
    iterations: int = 200
    """Updates per task."""
    work: Path = Path("runs/benchmark-stability-gap")
    """Folder of the finished units; a second start continues there."""
    out: Path = Path("benchmarks/results")
    """Folder of the results."""


def configurations(name: str, benchmark: str) -> list[dict[str, float]]:
    """Return the eight configurations of a method: its rates, times two settings of its gain."""
    kind = benchmark.split("-")[0]
    method = methods.parse(name, sensitivity=methods.PUBLISHED_SENSITIVITY[kind])
    constants = dict(method.constants)
    if "gain" in constants:
        other: dict[str, tuple[float, ...]] = {"gain": (2.0, 3.0)}
    elif "sensitivity" in constants:
        other = {"sensitivity": (constants["sensitivity"], constants["sensitivity"] / 2)}
    else:
        other = {"learning_rate": ()}
    (key, values), rates = next(iter(other.items())), RATES[name]
    if not values:
        return [constants | {"learning_rate": rate} for rate in rates]
    return [constants | {"learning_rate": r, key: v} for v in values for r in rates]


def measure_all(
    folder: output.ResultFolder,
    unit: str,
    config: stability_gap.StabilityGapConfig,
    stream: Stream,
    method: methods.Method,
    grid: Sequence[dict[str, float]],
    seeds: Sequence[int],
) -> list[TaskCurves]:
    """Train every configuration on every seed in one batch, or read what an earlier start did."""
    arrays = folder.load_unit(unit)
    if arrays is None:
        trainer = stability_gap.make_trainer(config, stream, method)
        constants = [c for c in grid for _ in seeds]
        arrays = trainer.run(constants, list(seeds) * len(grid))._asdict()
        folder.save_unit(unit, arrays)
    fields = (arrays[name] for name in TaskCurves._fields)
    shaped = [a.reshape(len(grid), len(seeds), *a.shape[1:]) for a in fields]
    return [TaskCurves(*(a[i] for a in shaped)) for i in range(len(grid))]


def choose(entries: Sequence[dict[str, Any]]) -> int:
    """Apply the rule of choice to the tuning figures; return the configuration's index."""
    sound = [
        i
        for i, e in enumerate(entries)
        if not any(e["diverged"]) and e["avg_sg"]["mean"] is not None
    ]
    if not sound:
        raise ValueError("every configuration diverged; lower its learning rates in RATES.")
    best = max(entries[i]["avg_acc"]["mean"] for i in sound)
    near = [i for i in sound if entries[i]["avg_acc"]["mean"] >= best - TOLERANCE]
    return min(near, key=lambda i: entries[i]["avg_sg"]["mean"])


def run_benchmark(args: Arguments, benchmark: stability_gap.Benchmark) -> dict[str, Any]:
    """Tune and report all methods on one stream."""
    config = stability_gap.StabilityGapConfig(
        benchmark=benchmark,
        optimizers=tuple(RATES),
        seeds=args.report_seeds,
        iterations=args.iterations,
        data_dir=args.data_dir,
    )
    config.check()
    plain = {k: v for k, v in stability_gap.as_json(config).items() if k != "data_dir"}
    grids = {name: configurations(name, benchmark) for name in RATES}
    work = plain | {"tuning": args.tuning_seeds, "grids": grids}
    folder = output.ResultFolder(args.work / benchmark, work, resume=True)
    stream = stability_gap.load_stream(config)
    chosen_methods = config.parse_methods()
    tuning_seeds = range(1000, 1000 + args.tuning_seeds)
    result: dict[str, Any] = {
        "config": plain,
        "methods": {},
        "published_avg_sg": PUBLISHED.get(benchmark, {}),
    }
    curves: dict[str, TaskCurves] = {}
    bar = tqdm(chosen_methods.items(), desc=benchmark, dynamic_ncols=True)
    for name, method in bar:
        grid = grids[name]
        bar.set_postfix_str(f"{name}: tuning")
        tuned = measure_all(folder, f"{name}-tuning", config, stream, method, grid, tuning_seeds)
        tuning = [stability_gap.measure(c, config.eval_every) for c in tuned]
        best = choose(tuning)
        reported = range(len(grid)) if name in MAIN else [best]
        bar.set_postfix_str(f"{name}: report")
        seeds = range(args.report_seeds)
        fresh = measure_all(
            folder,
            f"{name}-report" if name in MAIN else f"{name}-report-{best}",
            config,
            stream,
            method,
            [grid[i] for i in reported],
            seeds,
        )
        figures_of = {
            i: stability_gap.measure(c, config.eval_every)
            for i, c in zip(reported, fresh, strict=True)
        }
        curves[name] = fresh[list(reported).index(best)]
        result["methods"][name] = {
            "summary": method.summary,
            "hyperparameters": grid[best],
            **figures_of[best],
            "tuning": [
                {"hyperparameters": grid[i], "avg_sg": t["avg_sg"], "avg_acc": t["avg_acc"]}
                for i, t in enumerate(tuning)
            ],
            "front": [
                {"hyperparameters": grid[i], "avg_sg": f["avg_sg"], "avg_acc": f["avg_acc"]}
                for i, f in figures_of.items()
            ],
        }
        best_so_far = result["methods"][name]
        tqdm.write(
            f"{benchmark} {name}: avg-SG {best_so_far['avg_sg']['mean']:.3f}, "
            f"avg-ACC {best_so_far['avg_acc']['mean']:.3f} at {grid[best]}"
        )
    draw(args.out, benchmark, stream, result, {name: curves[name] for name in MAIN})
    return result


def draw(
    out: Path,
    benchmark: str,
    stream: Stream,
    result: dict[str, Any],
    curves: dict[str, TaskCurves],
) -> None:
    """Draw the fronts, and the switches at the chosen configurations."""
    named = {name: m["summary"] for name, m in result["methods"].items()}
    front = fronts.fronts(
        {named[name]: result["methods"][name]["front"] for name in MAIN},
        {named[n]: m for n, m in result["methods"].items() if n not in MAIN},
        published={named[name]: gap for name, gap in result["published_avg_sg"].items()},
        title=benchmark,
    )
    front.savefig(out / f"stability_gap_{benchmark}_fronts.png", dpi=130)
    switches = figures.old_task_accuracy(
        {named[name]: c.accuracy for name, c in curves.items()},
        stream.task_names,
        title=f"{benchmark}, joint training, each method tuned",
    )
    switches.savefig(out / f"stability_gap_{benchmark}_switches.png", dpi=130)
    gains = figures.gain(
        {named[name]: c.gain for name, c in curves.items()},
        {named[name]: c.uncertainty for name, c in curves.items()},
        stream.task_names,
        title=f"{benchmark}, each method tuned",
    )
    gains.savefig(out / f"stability_gap_{benchmark}_gain.png", dpi=130)


def main() -> None:
    """Run all, print a table a stream, write one JSON file."""
    args = tyro.cli(Arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for benchmark in args.benchmarks:
        results[benchmark] = run_benchmark(args, benchmark)
    content = {
        "schema_version": 1,
        "command": command(),
        "rule": f"lowest tuning avg-SG among configurations within {TOLERANCE} of the best avg-ACC",
        "tuning_seeds": [1000 + i for i in range(args.tuning_seeds)],
        "report_seeds": list(range(args.report_seeds)),
        "versions": output.versions(),
        "benchmarks": results,
    }
    path = args.out / "stability_gap.json"
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    for benchmark, result in results.items():
        print(f"\n{benchmark}\n{'method':<14}{'avg-SG':>8}{'published':>11}{'avg-ACC':>9}")
        for name, m in result["methods"].items():
            published = result["published_avg_sg"].get(name, np.nan)
            sg, acc = m["avg_sg"]["mean"], m["avg_acc"]["mean"]
            print(f"{name:<14}{sg:>8.3f}{published:>11.3f}{acc:>9.3f}")
    print(f"\nWritten: {path}")


if __name__ == "__main__":
    main()
