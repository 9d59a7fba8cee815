"""Tune every optimizer under one budget, report on fresh seeds, and draw the fronts.

Budget: each method gets the same number of configurations, 8 for perceptrons and 5 for the residual
network, on the same tuning seeds. Rule: of the configurations whose tuning avg-ACC is within 0.01
of the method's best, none of them diverged, the one of lowest avg-SG is chosen. It is then run on
fresh seeds, as is every configuration of the perceptrons' methods whose front is drawn; the fronts
of the residual network are those of the tuning seeds, where these were evaluated as often. The
preset is frozen: it has one configuration, chosen by `preset_search`. Tuning and report use the
same evaluation images; the seeds differ.

Writes stability_gap_BENCHMARK[_SCALE].json and figures. Units that are in --work already are taken
as they are, each with the versions and the device that it was measured on, so that several machines
can share the work. On a GPU set JAX_DEFAULT_MATMUL_PRECISION=highest for the perceptrons, whose
results are compared with a CPU's; `accelerator` does.
"""

import dataclasses
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.continual._gap_figures import figures
from benchmarks.continual._gap_page import claims, section
from benchmarks.continual._gap_units import MAIN, TOLERANCE, choose, measure_all, names
from benchmarks.record import Record, table
from neurogain import results, stats
from neurogain.continual import methods
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap.config import Scale, StabilityGapConfig

__all__ = ["ABOUT", "TINY", "Arguments", "claims", "run", "section"]
ABOUT = {
    "title": "The stability gap",
    "minutes": 600,
    "needs": "MNIST (--data-dir); CIFAR-10, CIFAR-100 for --scale small or paper",
}
TINY = {
    "benchmarks": ("split-digits",), "methods": ("adam", "two-timescale"), "iterations": 2,
    "tuning_seeds": 1, "report_seeds": 2,
}  # fmt: skip
MATCH = 0.002  # of avg-ACC, within which a plain average counts as no less accurate
FIRST_TUNING_SEED, FIRST_REPORT_SEED = 1000, 2000


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Tune every optimizer under one budget, report on fresh seeds, and draw the fronts."""

    benchmarks: tuple[str, ...] = (
        "split-mnist", "rotated-mnist", "split-digits", "rotated-digits",
    )  # fmt: skip
    """Streams to run."""
    methods: tuple[str, ...] = ()
    """Methods to run; all of them if none is named."""
    data_dir: Path | None = None
    """Folder of sets prepared by TensorFlow Datasets."""
    scale: Scale = "default"
    """Protocol, as for `neurogain stability-gap`."""
    tuning_seeds: int = 2
    """Seeds 1000, 1001, ... choose the configuration."""
    report_seeds: int | None = None
    """Seeds 2000, 2001, ... are reported; as many as those of the scale by default."""
    tuning_eval_every: int | None = None
    """Updates between evaluations while tuning; as for the report by default."""
    iterations: int | None = None
    """Updates per task; those of the scale by default."""
    eval_every: int | None = None
    """Updates between evaluations; those of the scale by default."""
    bfloat16: bool = False
    """Compute convolutions in bfloat16."""
    jobs: int = 1
    """Methods at once, each in a thread; on a GPU they compile side by side."""

    def config(self, benchmark: str, eval_every: int | None) -> StabilityGapConfig:
        """Return the configuration of a stream's runs."""
        plain = StabilityGapConfig(benchmark=benchmark)
        convolutional = plain.spec.model == "resnet"
        config = dataclasses.replace(
            plain,
            optimizers=self.methods or names(plain.spec.model),
            scale=self.scale,
            seeds=self.report_seeds,
            first_seed=FIRST_REPORT_SEED,
            iterations=self.iterations,
            eval_every=eval_every,
            compute_dtype="bfloat16" if self.bfloat16 and convolutional else "float32",
            data_dir=self.data_dir,
        )
        config.check()
        return config


def with_rate(unit: str, constants: Mapping[str, float]) -> str:
    """Return the name of the unit of one configuration of the residual network."""
    return f"{unit},learning_rate={constants['learning_rate']:g}"


def versions_of(folder: results.ResultFolder, unit: str) -> dict[str, str]:
    """Return with which versions and on which device a finished unit was measured."""
    arrays = folder.load_unit(unit, ("versions",))
    assert arrays is not None
    return json.loads(str(arrays["versions"]))


def short(entry: Mapping[str, Any], constants: Mapping[str, float]) -> dict[str, Any]:
    """Return what a point of a front needs."""
    return {
        "hyperparameters": dict(constants),
        "avg_sg": entry["avg_sg"],
        "avg_acc": entry["avg_acc"],
    }


def run_method(
    args: Arguments,
    benchmark: str,
    folder: results.ResultFolder,
    stream: Stream,
    method: methods.Method,
) -> tuple[dict[str, Any], TaskCurves]:
    """Tune one method and report it; return its entry and the curves of what was chosen."""
    config = args.config(benchmark, args.eval_every)
    tuning_config = args.config(benchmark, args.tuning_eval_every or args.eval_every)
    model = config.spec.model
    convolutional = model == "resnet"
    name, images = method.name, stream.test_counts
    grid = methods.METHODS[name].configurations(model, config.spec.sensitivity)
    tuning: list[dict[str, Any]] = []
    best = 0
    if len(grid) > 1:
        seeds = range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + args.tuning_seeds)
        units = [(f"{name}-tuning", grid)]
        if convolutional:  # minutes each on a CPU: a unit each
            units = [(with_rate(f"{name}-tuning", one), [one]) for one in grid]
        for unit, part in units:
            tuned = measure_all(folder, unit, tuning_config, stream, method, part, seeds)
            versions = {"versions": versions_of(folder, unit)}
            tuning += [stability_gap.measure(curves) | versions for curves in tuned]
        best = choose(tuning)
    swept = method.fronts and not convolutional
    reported = range(len(grid)) if swept else [best]
    report = f"{name}-report" if swept else f"{name}-report-{best}"
    if convolutional:
        report = with_rate(f"{name}-report", grid[best])
    fresh = measure_all(
        folder,
        report,
        config,
        stream,
        method,
        [grid[i] for i in reported],
        range(FIRST_REPORT_SEED, FIRST_REPORT_SEED + config.preset.seeds),
    )
    figures_of = {
        i: stability_gap.measure(c, config.protocol.eval_every, images)
        for i, c in zip(reported, fresh, strict=True)
    }
    same = tuning_config.protocol == config.protocol  # a rarer evaluation makes gaps smaller
    from_tuning = convolutional and bool(tuning) and same
    points = dict(enumerate(tuning)) if from_tuning else figures_of
    entry = {
        "summary": method.summary,
        "hyperparameters": grid[best],
        "versions": versions_of(folder, report),
        **figures_of[best],
        "tuning": [short(t, grid[i]) | {"versions": t["versions"]} for i, t in enumerate(tuning)],
        "front": [short(f, grid[i]) for i, f in points.items()],
        "front_seeds": "tuning" if from_tuning else "report",
        "swept": [
            short(f, grid[i]) | {"fast_avg_sg": f.get("fast_avg_sg")} for i, f in figures_of.items()
        ],
    }
    return entry, fresh[list(reported).index(best)]


def contribution(entries: Mapping[str, Any], mine: str) -> dict[str, Any]:
    """Return what a method with gain and slow weights has over plain averages of Adam, in pairs.

    Of each average that configuration is taken, among those run on the same seeds, that has the
    lowest avg-SG at an avg-ACC no lower than the method's, or within MATCH below; the most accurate
    where there is none. Differences are the method's less the other's.
    """

    def values(entry: Mapping[str, Any], field: str) -> np.ndarray:
        return np.array(entry[field]["per_seed"], float)

    own, found = entries[mine], {}
    for name in (n for n in methods.METHODS[mine].against if n in entries):
        swept = [e for e in entries[name]["swept"] if e["avg_sg"]["mean"] is not None]
        least = own["avg_acc"]["mean"] - MATCH
        matched = [e for e in swept if e["avg_acc"]["mean"] >= least]
        if matched:
            other = min(matched, key=lambda e: e["avg_sg"]["mean"])
        else:
            other = max(swept, key=lambda e: e["avg_acc"]["mean"])
        found[name] = {
            "hyperparameters": other["hyperparameters"],
            "matched": bool(matched),
            "avg_sg": stats.summary(values(own, "avg_sg") - values(other, "avg_sg")),
            "avg_acc": stats.summary(values(own, "avg_acc") - values(other, "avg_acc")),
        }
    return found


def run_benchmark(args: Arguments, benchmark: str, record: Record) -> None:
    """Tune and report all methods on one stream, and fill in its record."""
    config = args.config(benchmark, args.eval_every)
    everything = dataclasses.replace(args, methods=()).config(benchmark, args.eval_every)
    plain = {k: v for k, v in everything.as_json().items() if k != "data_dir"}
    tuning = {"seeds": args.tuning_seeds, "eval_every": args.tuning_eval_every}
    work = {k: v for k, v in plain.items() if k != "optimizers"} | {"tuning": tuning}
    folder = results.ResultFolder(record.work / benchmark, work, resume=True, any_versions=True)
    stream = stability_gap.load_stream(config)
    chosen = config.parse_methods()
    entries: dict[str, Any] = {}
    curves: dict[str, TaskCurves] = {}
    with (
        folder,
        ThreadPoolExecutor(args.jobs) as pool,
        tqdm(total=len(chosen), desc=benchmark, unit="method", dynamic_ncols=True) as bar,
    ):
        running = {
            name: pool.submit(run_method, args, benchmark, folder, stream, method)
            for name, method in chosen.items()
        }
        try:
            for name, one in running.items():
                entries[name], curves[name] = one.result()
                sg, acc = entries[name]["avg_sg"]["mean"], entries[name]["avg_acc"]["mean"]
                shown = "undefined" if sg is None else f"{sg:.3f}"
                tqdm.write(f"{benchmark} {name}: avg-SG {shown}, avg-ACC {acc:.3f}")
                bar.update()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    described = stability_gap.describe(config, stream)
    record.data = {
        "benchmark": benchmark,
        "rule": f"lowest tuning avg-SG among configurations within {TOLERANCE} of the best avg-ACC",
        "tuning_seeds": [FIRST_TUNING_SEED + i for i in range(args.tuning_seeds)],
        "report_seeds": [FIRST_REPORT_SEED + i for i in range(plain["seeds"])],
        "config": plain,
        "stream": described,
        "methods": entries,
        "published_avg_sg": {
            name: method.published[benchmark]
            for name, method in methods.METHODS.items()
            if benchmark in method.published
        },
        "contribution": {
            name: contribution(entries, name) for name in entries if methods.METHODS[name].against
        },
    }
    record.table, notes = in_short(record.data)
    record.notes += notes
    main = {name: curves[name] for name in MAIN if name in curves}
    for name, figure in figures(stream, record.data, main).items():
        record.figure(figure, name)


def in_short(result: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the methods' figures in short, and what gain and slow weights have over averages."""
    rows = [
        m | {"method": name, "published": result["published_avg_sg"].get(name)}
        for name, m in result["methods"].items()
    ]
    columns = (
        ("method", "method", "<22"), ("avg-SG", ("avg_sg", "mean"), "8.3f"),
        ("published", "published", "11.3f"), ("avg-ACC", ("avg_acc", "mean"), "9.3f"),
    )  # fmt: skip
    notes = [
        f"{mine} less {name} at {'no lower' if change['matched'] else 'a lower'} avg-ACC: avg-SG "
        f"{stats.text(change['avg_sg'], '+.4f')}."
        for mine, changes in result["contribution"].items()
        for name, change in changes.items()
    ]
    return table(columns, rows), notes


def run(args: Arguments, record: Record) -> None:
    """Run all; a result for each stream."""
    for benchmark in args.benchmarks:
        args.config(benchmark, args.eval_every)
    for benchmark in args.benchmarks:
        protocol = "" if args.scale == "default" else f", {args.scale} protocol"
        scale = "" if args.scale == "default" else f"_{args.scale}"
        title = f"The stability gap on {benchmark}{protocol}, joint training"
        part = record.part(f"{benchmark}{scale}", title)
        run_benchmark(args, benchmark, part)
        part.finish()
