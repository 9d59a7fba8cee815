"""Tune every optimizer under one budget, report on fresh seeds, and draw the fronts.

Budget: each method gets the same number of configurations, 8 for perceptrons and 5 for the residual
network, on the same tuning seeds. Rule: of the configurations whose tuning avg-ACC is within 0.01
of the method's best, none of them diverged, the one of lowest avg-SG is chosen. It is then run on
fresh seeds, as is every configuration of the perceptrons' methods whose front is drawn; the fronts
of the residual network are those of the tuning seeds, where these were evaluated as often. The
preset is frozen: it has one configuration, chosen by `preset_search`. Tuning and report use the
same evaluation images; the seeds differ.

Writes stability_gap_BENCHMARK[_SCALE][_REGIME].json and figures. With --regime finetune the methods
are those with a strategy, such as experience replay, beside the main ones of the others. Units that
are in --work already are taken as they are, each with the versions and the device that it was
measured on, so that several machines can share the work. Methods that are not run stay as the kept
result of the same protocol has them. On a GPU set JAX_DEFAULT_MATMUL_PRECISION=highest for the
perceptrons, whose results are compared with a CPU's; `accelerator` does.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.continual import _gap_figures, _gap_page
from benchmarks.continual._gap_page import claims, section
from benchmarks.continual._gap_units import MAIN, PRESET, TOLERANCE, choose, measure_all, names
from benchmarks.experiment import same_protocol
from benchmarks.record import RESULTS, Record, table
from neurogain import results, stats
from neurogain.continual import methods, stream_specs
from neurogain.continual.protocol import Regime
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap.config import Scale, StabilityGapConfig
from neurogain.options import by_default

__all__ = ["ABOUT", "TINY", "Arguments", "claims", "minutes", "run", "section"]
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
SEARCH = RESULTS / "preset_search.json"  # how the preset was chosen


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Tune every optimizer under one budget, report on fresh seeds, and draw the fronts."""

    benchmarks: tuple[str, ...] = (
        "split-mnist", "rotated-mnist", "split-digits", "rotated-digits",
    )  # fmt: skip
    """Streams to run."""
    methods: tuple[str, ...] = by_default("all", ())
    """Methods to run."""
    data_dir: Path | None = by_default("TFDS's own")
    """Folder of sets prepared by TensorFlow Datasets (TFDS)."""
    scale: Scale = "default"
    """Protocol, as for `neurogain stability-gap`."""
    regime: Regime = "joint"
    """What is trained on, as for `neurogain stability-gap`; finetune: for methods with a memory."""
    model: stream_specs.Model | None = by_default("the stream's")
    """What is trained, as for `neurogain stability-gap`."""
    cell: str = StabilityGapConfig.cell
    """Kind of spiking cells, with the model spiking."""
    tuning_seeds: int = 2
    """Seeds 1000, 1001, ... choose the configuration."""
    report_seeds: int | None = by_default("as many as the scale has")
    """Seeds 2000, 2001, ... are reported."""
    tuning_eval_every: int | None = by_default("as for the report")
    """Updates between evaluations while tuning."""
    iterations: int | None = by_default("those of the scale")
    """Updates per task."""
    eval_every: int | None = by_default("those of the scale")
    """Updates between evaluations."""
    dense: int | None = by_default("all")
    """Updates at the start of each task that eval_every is for."""
    sparse: int | None = by_default("none; required with dense")
    """Updates between evaluations behind the first dense ones."""
    bfloat16: bool = False
    """Compute convolutions in bfloat16."""
    jobs: int = 1
    """Methods at once, each in a thread; on a GPU they compile side by side."""
    fronts: bool = True
    """Report every configuration of the methods whose front is drawn, not just the chosen one."""
    keep_tuning: bool = False
    """Take tuning and fronts from the kept result of the same protocol, and report its choices
    again."""

    def suffix(self, config: StabilityGapConfig) -> str:
        """Return what the names of results have behind the stream's."""
        regime = "" if self.regime == "joint" else f"_{self.regime}"
        if config.model_name == "spiking":
            return f"{regime}_spiking-{config.cell}"
        return regime + ("" if config.model_name == config.spec.model else f"_{config.model_name}")

    def config(self, benchmark: str, eval_every: int | None) -> StabilityGapConfig:
        """Return the configuration of a stream's runs."""
        plain = StabilityGapConfig(benchmark=benchmark, model=self.model, cell=self.cell)
        config = dataclasses.replace(
            plain,
            optimizers=self.methods or names(plain.kind.grid, self.regime),
            scale=self.scale,
            regime=self.regime,
            seeds=self.report_seeds,
            first_seed=FIRST_REPORT_SEED,
            iterations=self.iterations,
            eval_every=eval_every,
            dense=self.dense,
            sparse=self.sparse,
            compute_dtype="bfloat16" if self.bfloat16 and plain.kind.convolutional else "float32",
            data_dir=self.data_dir,
        )
        config.check()
        return config


def short(
    entries: Iterable[Mapping[str, Any]], grid: Iterable[Mapping[str, float]], *fields: str
) -> list[dict[str, Any]]:
    """Return what points of a front need, and more fields."""
    names = ("avg_sg", "avg_acc", "avg_anytime_acc", *fields)
    return [
        {"hyperparameters": dict(constants)} | {name: entry.get(name) for name in names}
        for entry, constants in zip(entries, grid, strict=True)
    ]


def run_method(
    args: Arguments,
    benchmark: str,
    folder: results.ResultFolder,
    stream: Stream,
    kept: Mapping[str, Any],
    method: methods.Method,
) -> tuple[dict[str, Any], TaskCurves]:
    """Tune one method and report it; return its entry and the curves of what was chosen.

    `kept` are the entries whose tuning and fronts are taken as they are.
    """
    config = args.config(benchmark, args.eval_every)
    tuning_config = args.config(benchmark, args.tuning_eval_every or args.eval_every)
    name, kind = method.name, config.kind
    convolutional = kind.convolutional  # minutes a configuration on a CPU: a unit each, no fronts
    grid = methods.METHODS[name].configurations(kind.grid, config.spec.sensitivity)
    tuning: list[dict[str, Any]] = []
    best, before = 0, kept_choice(kept.get(name), grid)
    if before is not None:
        best = grid.index(before["chosen"])
    elif len(grid) > 1:
        seeds = range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + args.tuning_seeds)
        for part in [[one] for one in grid] if convolutional else [grid]:
            unit = f"{name}-tuning" + with_rate(part[0]) * convolutional
            found, versions = measure_all(folder, unit, tuning_config, stream, method, part, seeds)
            tuning += [stability_gap.measure(curves) | {"versions": versions} for curves in found]
        best = choose(tuning)
    swept = args.fronts and method.fronts and not convolutional and before is None
    reported = grid if swept else [grid[best]]
    report = f"{name}-report" + f"-{best}" * (not swept)
    report = f"{name}-report{with_rate(grid[best])}" if convolutional else report
    seeds = range(FIRST_REPORT_SEED, FIRST_REPORT_SEED + config.preset.seeds)
    fresh, versions = measure_all(folder, report, config, stream, method, reported, seeds)
    found = [stability_gap.measure(curves, stream.test_counts) for curves in fresh]
    chosen = best if swept else 0
    same = tuning_config.protocol == config.protocol  # a rarer evaluation makes gaps smaller
    from_tuning = convolutional and bool(tuning) and same
    entry = {
        "summary": method.summary,
        "hyperparameters": grid[best] | method.sizes,
        "versions": versions,
        **found[chosen],
        "tuning": short(tuning, grid if tuning else [], "versions"),
        "front": short(tuning, grid) if from_tuning else short(found, reported),
        "front_seeds": "tuning" if from_tuning else "report",
        "swept": short(found, reported, "fast_avg_sg", "fast_avg_anytime_acc"),
    }
    if before is not None:
        newer = {"front": with_newer(before["front"], entry["front"])}
        newer = newer if before["front_seeds"] == "report" else {}
        newer["swept"] = with_newer(before["swept"], entry["swept"])
        entry |= {x: before[x] for x in ("tuning", "front", "front_seeds")} | newer
    if name == PRESET and SEARCH.exists():
        entry["search"] = json.loads(SEARCH.read_text())["rungs"]
    return entry, fresh[chosen]


def with_newer(
    points: Sequence[Mapping[str, Any]], newer: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the points of a kept sweep, those that were measured again as they are now."""
    found = {json.dumps(p["hyperparameters"], sort_keys=True): p for p in newer}
    return [found.get(json.dumps(p["hyperparameters"], sort_keys=True), p) for p in points]


def kept_choice(
    before: Mapping[str, Any] | None, grid: Sequence[Mapping[str, float]]
) -> dict[str, Any] | None:
    """Return a kept entry with what was `chosen` in it; None if it is tuned anew.

    It is where there is none, where there is nothing to choose, or where its grid has changed.
    """
    if before is None or len(grid) == 1:
        return None
    chosen = {k: v for k, v in before["hyperparameters"].items() if k in grid[0]}
    return {**before, "chosen": chosen} if chosen in grid else None


def of_the_same_protocol(earlier: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the methods' entries of a kept result, none where it has another protocol.

    Options that came later than the result are not compared; nor is how its methods were tuned.
    """
    own = json.loads(json.dumps(config, default=str))
    same = bool(earlier) and same_protocol(earlier.get("config", {}), own)
    return dict(earlier["methods"]) if same else {}


def with_rate(constants: Mapping[str, float]) -> str:
    """Return the end of the name of a unit of one configuration of the residual network."""
    return f",learning_rate={constants['learning_rate']:g}"


def contribution(entries: Mapping[str, Any], mine: str) -> dict[str, Any]:
    """Return what a method with gain and slow weights has over plain averages of Adam, in pairs.

    Of each average that configuration is taken, among those run on the same seeds, that has the
    lowest avg-SG at an avg-ACC no lower than the method's, or within MATCH below; the most accurate
    where there is none. Differences are the method's less the other's.
    """
    own, found = entries[mine], {}
    for name in (n for n in methods.METHODS[mine].against if n in entries):
        swept = [e for e in entries[name]["swept"] if e["avg_sg"]["mean"] is not None]
        least = own["avg_acc"]["mean"] - MATCH
        matched = [e for e in swept if e["avg_acc"]["mean"] >= least]
        if matched:
            other = min(matched, key=lambda e: e["avg_sg"]["mean"])
        else:
            other = max(swept, key=lambda e: e["avg_acc"]["mean"])
        found[name] = {"hyperparameters": other["hyperparameters"], "matched": bool(matched)}
        for field in _gap_page.recorded(("avg_sg", "avg_acc", "avg_anytime_acc"), own, other):
            both = (np.array(entry[field]["per_seed"], float) for entry in (own, other))
            found[name][field] = stats.summary(np.subtract(*both))
    return found


def run_benchmark(args: Arguments, benchmark: str, record: Record) -> None:
    """Tune and report all methods on one stream, and fill in its record."""
    config = args.config(benchmark, args.eval_every)
    everything = dataclasses.replace(args, methods=()).config(benchmark, args.eval_every)
    plain = {k: v for k, v in everything.as_json().items() if k != "data_dir"}
    tuning = {"seeds": args.tuning_seeds, "eval_every": args.tuning_eval_every}
    work = {k: v for k, v in plain.items() if k != "optimizers"} | {"tuning": tuning}
    own = f"{benchmark}{args.suffix(config)}"
    folder = results.ResultFolder(record.work / own, work, resume=True, any_versions=True)
    stream = stability_gap.load_stream(config)
    before = of_the_same_protocol(record.earlier(), plain)
    entries = dict(before)
    curves: dict[str, TaskCurves] = {}
    kept = before if args.keep_tuning else {}
    one = functools.partial(run_method, args, benchmark, folder, stream, kept)
    chosen = config.parse_methods()
    with folder, ThreadPoolExecutor(args.jobs) as pool:
        for name, found in zip(chosen, pool.map(one, chosen.values()), strict=True):
            entries[name], curves[name] = found
            print(f"{benchmark}\n{table(COLUMNS, [entries[name] | {'name': name}])}", flush=True)
    entries = {name: entries[name] for name in everything.parse_methods() if name in entries}
    record.data = {
        "benchmark": benchmark,
        "rule": f"lowest tuning avg-SG among configurations within {TOLERANCE} of the best avg-ACC",
        "tuning_seeds": [FIRST_TUNING_SEED + i for i in range(args.tuning_seeds)],
        "report_seeds": [FIRST_REPORT_SEED + i for i in range(plain["seeds"])],
        "config": plain,
        "stream": stability_gap.describe(config, stream),
        "methods": entries,
        "published_avg_sg": {
            name: method.published[benchmark]
            for name, method in methods.METHODS.items()
            if benchmark in method.published and not args.suffix(config)
        },
        "contribution": {
            name: contribution(entries, name) for name in entries if methods.METHODS[name].against
        },
    }
    record.table = table(COLUMNS, _gap_page.named(record.data))
    record.notes += _gap_page.contribution(record.data)
    main = [name for name in MAIN if name in entries]
    drawn = {name: curves[name] for name in main} if {*main} <= {*curves} else {}
    shown = entries if drawn or not before else before  # whose courses the figures show
    record.data["drawn"] = {name: shown[name]["hyperparameters"] for name in main if name in shown}
    for name, figure in _gap_figures.figures(stream, record.data, drawn):
        record.figure(figure, name)
    if shown is before:  # switches and gain of an earlier run stay
        record.figures += [x for x in record.earlier().get("figures", []) if _still(x, record)]


def _still(name: str, record: Record) -> bool:
    """Return whether a figure of an earlier run shows what was not drawn again."""
    return name not in record.figures and name.endswith(("_switches.png", "_gain.png"))


COLUMNS = (
    ("method", "name", "<22"), ("avg-SG", ("avg_sg", "mean"), "8.3f"),
    ("published", "published", "11.3f"), ("avg-ACC", ("avg_acc", "mean"), "9.3f"),
    ("AAA", ("avg_anytime_acc", "mean"), "9.3f"),
)  # fmt: skip


def minutes(args: Arguments) -> float:
    """Return about how long all takes on 2 CPU cores, as if --work were empty."""
    total = 0.0
    for benchmark in args.benchmarks:
        config = args.config(benchmark, args.eval_every)
        kind, seeds = config.kind, config.preset.seeds
        for name in config.parse_methods():
            method = methods.METHODS[name]
            own = dataclasses.replace(config, optimizers=(name,), seeds=1)
            grid = len(method.configurations(kind.grid, config.spec.sensitivity))
            swept = args.fronts and method.fronts and not kind.convolutional
            compiling = kind.seconds(own)[0]  # once for tuning and once for the report
            rarely = args.config(benchmark, args.tuning_eval_every or args.eval_every)
            tuning = dataclasses.replace(rarely, optimizers=(name,), seeds=1)
            for runs, config_of in (
                (seeds * (grid if swept and not args.keep_tuning else 1), own),
                (args.tuning_seeds * grid * (grid > 1 and not args.keep_tuning), tuning),
            ):
                one = stability_gap.EXPERIMENT.seconds(config_of) - compiling
                total += compiling + runs * one if runs else 0.0
    return total / 60


def run(args: Arguments, record: Record) -> None:
    """Run all; a result for each stream."""
    for benchmark in args.benchmarks:
        args.config(benchmark, args.eval_every)
    for benchmark in args.benchmarks:
        scale = "" if args.scale == "default" else f"_{args.scale}"
        config = args.config(benchmark, args.eval_every)
        name = _gap_page.name({"benchmark": benchmark, "config": config.as_json()})
        name += ", joint training" if args.regime == "joint" else ""
        part = record.part(
            f"{benchmark}{scale}{args.suffix(config)}", f"The stability gap on {name}"
        )
        run_benchmark(args, benchmark, part)
        part.finish()
