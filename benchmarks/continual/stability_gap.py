"""Tune every optimizer under one budget, report on fresh seeds, and draw the fronts.

    python benchmarks/run.py run stability-gap --data-dir DIR --jobs 2   (hours on 2 cores; resumes)
    python benchmarks/run.py run stability-gap --benchmarks split-cifar10 --scale paper

Budget: each method gets the same number of configurations, 8 for perceptrons and 5 for the residual
network, on the same tuning seeds. Rule: of the configurations whose tuning avg-ACC is within 0.01
of the method's best, none of them diverged, the one of lowest avg-SG is chosen. It is then run on
fresh seeds, as is every configuration of the perceptrons' methods whose front is drawn; the fronts
of the residual network are those of the tuning seeds, where these were evaluated as often. The
preset is frozen: it has one configuration, chosen by `preset_search.py`. Tuning and report use the
same evaluation images; the seeds differ.

Writes stability_gap_BENCHMARK[_SCALE].json and figures. Units that are in --work already are taken
as they are, each with the versions and the device that it was measured on, so that several machines
can share the work. On a GPU set JAX_DEFAULT_MATMUL_PRECISION=highest for the perceptrons, whose
results are compared with a CPU's; `accelerator.py` does.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks.command import command
from benchmarks.continual import _gap_grids as grids
from benchmarks.continual._gap_figures import draw, file_name
from neurogain import output, stats
from neurogain.continual import methods
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap_config import Scale, StabilityGapConfig
from neurogain.stats import summary

MAIN = tuple(name for name, m in methods.METHODS.items() if m.main)
TOLERANCE = 0.01  # of avg-ACC, in the rule of choice
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
    work: Path = Path("runs/benchmark-stability-gap")
    """Folder of the finished units; a second start continues there."""
    out: Path = Path("benchmarks/results")
    """Folder of the results."""

    def config(self, benchmark: str, eval_every: int | None) -> StabilityGapConfig:
        """Return the configuration of a stream's runs."""
        plain = StabilityGapConfig(benchmark=benchmark)
        convolutional = plain.spec.model == "resnet"
        config = dataclasses.replace(
            plain,
            optimizers=self.methods or grids.names(plain.spec.model),
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


def measure_all(
    folder: output.ResultFolder,
    unit: str,
    config: StabilityGapConfig,
    stream: Stream,
    method: methods.Method,
    grid: Sequence[Mapping[str, float]],
    seeds: Sequence[int],
) -> list[TaskCurves]:
    """Train every configuration on every seed in one batch, or read what an earlier start did."""
    asked = json.dumps([[dict(constants) for constants in grid], list(seeds)])
    arrays = folder.load_unit(unit)
    if arrays is not None and str(arrays["asked"]) != asked:
        raise ValueError(
            f"{folder.unit_path(unit)} holds other configurations or seeds. Delete it to measure "
            "it again, or pass --work another/folder."
        )
    if arrays is None:
        trainer = stability_gap.make_trainer(config, stream, method)
        constants = [c for c in grid for _ in seeds]
        arrays = trainer.run(constants, list(seeds) * len(grid))._asdict()
        arrays |= {"versions": np.array(json.dumps(output.versions())), "asked": np.array(asked)}
        folder.save_unit(unit, arrays)
    fields = (arrays[name] for name in TaskCurves._fields)
    shaped = [a.reshape(len(grid), len(seeds), *a.shape[1:]) for a in fields]
    return [TaskCurves(*(a[i] for a in shaped)) for i in range(len(grid))]


def with_rate(unit: str, constants: Mapping[str, float]) -> str:
    """Return the name of the unit of one configuration of the residual network."""
    return f"{unit},learning_rate={constants['learning_rate']:g}"


def choose(entries: Sequence[dict[str, Any]]) -> int:
    """Apply the rule of choice to the tuning figures; return the configuration's index."""
    sound = [
        i
        for i, e in enumerate(entries)
        if not any(e["diverged"]) and e["avg_sg"]["mean"] is not None
    ]
    if not sound:
        raise ValueError("every configuration diverged; lower the rates of its grid.")
    best = max(entries[i]["avg_acc"]["mean"] for i in sound)
    near = [i for i in sound if entries[i]["avg_acc"]["mean"] >= best - TOLERANCE]
    return min(near, key=lambda i: entries[i]["avg_sg"]["mean"])


def versions_of(folder: output.ResultFolder, unit: str) -> dict[str, str]:
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
    folder: output.ResultFolder,
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
        range(FIRST_REPORT_SEED, FIRST_REPORT_SEED + config.numbers.seeds),
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
            "avg_sg": summary(values(own, "avg_sg") - values(other, "avg_sg")),
            "avg_acc": summary(values(own, "avg_acc") - values(other, "avg_acc")),
        }
    return found


def run_benchmark(args: Arguments, benchmark: str) -> dict[str, Any]:
    """Tune and report all methods on one stream."""
    config = args.config(benchmark, args.eval_every)
    everything = dataclasses.replace(args, methods=()).config(benchmark, args.eval_every)
    plain = {k: v for k, v in everything.as_json().items() if k != "data_dir"}
    tuning = {"seeds": args.tuning_seeds, "eval_every": args.tuning_eval_every}
    work = {k: v for k, v in plain.items() if k != "optimizers"} | {"tuning": tuning}
    folder = output.ResultFolder(args.work / benchmark, work, resume=True, any_versions=True)
    stream = stability_gap.load_stream(config)
    chosen = config.parse_methods()
    entries: dict[str, Any] = {}
    curves: dict[str, TaskCurves] = {}
    with (
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
    described = stability_gap.summarize(config, stream, {})["stream"]
    result: dict[str, Any] = {
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
    name = file_name(benchmark, args.scale)
    draw(args.out, name, stream, result, {n: curves[n] for n in MAIN if n in curves})
    return result


def main() -> None:
    """Run all; print a table and write a JSON file for each stream."""
    args = tyro.cli(Arguments)
    try:
        for benchmark in args.benchmarks:
            args.config(benchmark, args.eval_every)
    except ValueError as error:
        sys.exit(f"stability_gap: {error}")
    args.out.mkdir(parents=True, exist_ok=True)
    for benchmark in args.benchmarks:
        result = run_benchmark(args, benchmark)
        content = {
            "schema_version": 3,
            "command": command(),
            "benchmark": benchmark,
            "rule": "lowest tuning avg-SG among configurations within "
            f"{TOLERANCE} of the best avg-ACC",
            "tuning_seeds": [FIRST_TUNING_SEED + i for i in range(args.tuning_seeds)],
            "report_seeds": [FIRST_REPORT_SEED + i for i in range(result["config"]["seeds"])],
            **result,
        }
        path = args.out / f"{file_name(benchmark, args.scale)}.json"
        path.write_text(json.dumps(content, allow_nan=False) + "\n")
        print(f"\n{benchmark}\n{'method':<22}{'avg-SG':>8}{'published':>11}{'avg-ACC':>9}")
        for name, m in result["methods"].items():
            published = result["published_avg_sg"].get(name, np.nan)
            sg, acc = (
                np.nan if x is None else x for x in (m["avg_sg"]["mean"], m["avg_acc"]["mean"])
            )
            print(f"{name:<22}{sg:>8.3f}{published:>11.3f}{acc:>9.3f}")
        for mine, changes in result["contribution"].items():
            for name, change in changes.items():
                difference = stats.text(change["avg_sg"], "+.4f")
                how = "at no lower avg-ACC" if change["matched"] else "at a lower avg-ACC"
                print(f"{mine} less {name} {how}: avg-SG {difference}")
        print(f"\nWritten: {path}")


if __name__ == "__main__":
    main()
