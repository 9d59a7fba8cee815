"""Measure the stability gap of several optimizers on one stream of tasks.

The unit of work is one method with all its seeds; `run_method` does one, `summarize` turns the
curves of all into the numbers of `metrics.json`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurogain import _checks, output
from neurogain.continual import data, methods, metrics, models, streams
from neurogain.continual.training import Protocol, Regime, TaskCurves, Trainer
from neurogain.intervals import summary

Benchmark = Literal["split-digits", "rotated-digits", "split-mnist", "rotated-mnist"]
SCHEMA_VERSION = 1
WINDOWS = (10, 100)  # evaluations, of windowed forgetting and plasticity (De Lange et al. 2023)


@dataclasses.dataclass(frozen=True)
class StabilityGapConfig:
    """The stability gap of several optimizers on one stream of tasks.

    The defaults are the protocol of arXiv 2507.14056 with every free choice stated here.
    """

    benchmark: Benchmark = "split-digits"
    """split: two new classes a task, one head (class-incremental); rotated: one angle a task."""
    optimizers: tuple[str, ...] = ("sgd", "msgd", "adam", "ngm")
    """Methods: sgd, msgd, adam, ngm, ngm-adam and the controls fixed-gain, rate-matched,
    entropy-rate, msgd-reset, adam-reset; with constants of their own as
    ngm:learning_rate=0.02,sensitivity=0.4."""
    seeds: int = 5
    """Number of seeds; each sets the initial weights and the batches, the same for all methods."""
    first_seed: int = 0
    """The seeds are first_seed, first_seed + 1, ..."""
    iterations: int = 200
    """Updates per task."""
    batch_size: int | None = None
    """Images per update; 128, or 64 for the digits."""
    eval_every: int = 1
    """Updates between evaluations; above 1 the gap reads too small."""
    eval_images: int = 500
    """Evaluation images per task, fixed; all test images where there are fewer."""
    regime: Regime = "joint"
    """joint: train on all data so far; replay: on the new task and a bounded buffer, half a batch
    each; finetune: on the new task alone."""
    buffer_size: int = 500
    """Images of old tasks in the replay buffer."""
    hidden: tuple[int, ...] = (400, 400)
    """Widths of the hidden layers."""
    tasks: int = 5
    """Tasks of a split stream."""
    angles: tuple[float, ...] = (0.0, 80.0, 160.0)
    """Degrees, one task each, of a rotated stream."""
    data_dir: Path | None = None
    """Folder of sets prepared by TensorFlow Datasets; TFDS's own default if it is not given."""

    @property
    def protocol(self) -> Protocol:
        """The training protocol."""
        default = 64 if self.benchmark.endswith("digits") else 128
        return Protocol(
            iterations=self.iterations,
            batch_size=default if self.batch_size is None else self.batch_size,
            eval_every=self.eval_every,
            regime=self.regime,
            buffer_size=self.buffer_size,
        )

    def parse_methods(self) -> dict[str, methods.Method]:
        """Return the methods by label: the name, or the whole text where a name comes twice."""
        kind = self.benchmark.split("-")[0]
        sensitivity = methods.PUBLISHED_SENSITIVITY[kind]
        names = [text.partition(":")[0] for text in self.optimizers]
        labels = [
            name if names.count(name) == 1 else text
            for name, text in zip(names, self.optimizers, strict=True)
        ]
        if len(set(labels)) < len(labels) or not labels:
            raise ValueError(
                "`optimizers` must name at least one method, and none twice with the same "
                f"constants; got {' '.join(self.optimizers) or 'none'}."
            )
        return {
            label: methods.parse(text, sensitivity=sensitivity)
            for label, text in zip(labels, self.optimizers, strict=True)
        }

    def check(self) -> None:
        """Refuse bad input before data are read.

        Raises:
          ValueError: names the argument, the rule, the value and a way out.
        """
        self.protocol.check()
        self.parse_methods()
        for name, least in (("seeds", 1), ("first_seed", 0), ("eval_images", 1)):
            _checks.whole(name, getattr(self, name), least)
        if self.first_seed + self.seeds > 2**32:
            raise ValueError(f"`first_seed` must be below 2^32 - seeds; got {self.first_seed}.")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"`hidden` must be widths of at least 1 unit; got {self.hidden}.")
        tasks = self.tasks if self.benchmark.startswith("split") else len(self.angles)
        if tasks < 2:
            raise ValueError(
                f"a stability gap needs at least 2 tasks; got {tasks}. Pass more `tasks` to a "
                "split stream, more `angles` to a rotated one."
            )
        self.protocol.check_tasks(tasks)


def load_stream(config: StabilityGapConfig) -> streams.Stream:
    """Load the data and build the stream; errors as in `continual.data` and `continual.streams`."""
    kind, name = config.benchmark.split("-")
    dataset = data.load(name, config.data_dir)
    if kind == "split":
        return streams.split(dataset, tasks=config.tasks, eval_images=config.eval_images)
    return streams.rotated(dataset, angles=config.angles, eval_images=config.eval_images)


def make_trainer(
    config: StabilityGapConfig, stream: streams.Stream, method: methods.Method
) -> Trainer:
    """Return the trainer of one method; its constants stay free."""
    tonic = {"baseline", "gain"} & set(method.constants)
    return Trainer(
        model=models.MLP(stream.classes, config.hidden),
        stream=stream,
        protocol=config.protocol,
        build_optimizer=method,
        baseline=next(iter(tonic), None),
    )


def run_method(
    config: StabilityGapConfig,
    stream: streams.Stream,
    method: methods.Method,
    on_task: Callable[[int, TaskCurves], None] = lambda task, curves: None,
) -> TaskCurves:
    """Train one method on all seeds; return its curves with leading axes (seeds, tasks)."""
    seeds = range(config.first_seed, config.first_seed + config.seeds)
    trainer = make_trainer(config, stream, method)
    return trainer.run([method.constants] * config.seeds, seeds, on_task)


def measure(curves: TaskCurves, eval_every: int) -> dict[str, Any]:
    """Return every figure of one method, from curves with leading axes (seeds, tasks)."""
    runs = [np.asarray(run, float) for run in curves.accuracy]
    result: dict[str, Any] = {}
    for suffix, previous_only in (("", False), ("_previous_task", True)):
        gaps = [
            metrics.gaps(run, eval_every=eval_every, previous_only=previous_only) for run in runs
        ]
        result[f"avg_sg{suffix}"] = summary([gap.sg.mean() for gap in gaps])
        for field in metrics.Gap._fields:
            columns = zip(*(getattr(gap, field) for gap in gaps), strict=True)
            result[f"{field}_per_switch{suffix}"] = [summary(column) for column in columns]
    result |= {
        "avg_acc": summary([metrics.final_accuracy(run) for run in runs]),
        "avg_acc_slow_weights": summary(np.mean(curves.slow_accuracy[:, -1], axis=1)),
        "min_acc": summary([metrics.min_accuracy(run) for run in runs]),
        "wc_acc": summary([metrics.worst_case_accuracy(run) for run in runs]),
        "max_gain": summary(curves.gain.max(axis=(1, 2))),
        "diverged": [not np.isfinite(loss).all() for loss in curves.loss],
    }
    for window in WINDOWS:
        falls, rises = zip(*(metrics.windowed(run, window) for run in runs), strict=True)
        result[f"wf_{window}"], result[f"wp_{window}"] = summary(falls), summary(rises)
    return result


def summarize(
    config: StabilityGapConfig, stream: streams.Stream, curves: Mapping[str, TaskCurves]
) -> dict[str, Any]:
    """Return the content of `metrics.json` but for versions and times."""
    chosen = config.parse_methods()
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmark": config.benchmark,
        "config": as_json(config),
        "stream": {
            "tasks": list(stream.task_names),
            "training_images": np.diff(stream.starts).tolist(),
            "evaluation_images": stream.test_counts.tolist(),
        },
        "methods": {
            label: {
                "summary": chosen[label].summary,
                "hyperparameters": dict(chosen[label].constants),
                **measure(result, config.eval_every),
            }
            for label, result in curves.items()
        },
    }


def as_json(config: StabilityGapConfig) -> dict[str, Any]:
    """Return the configuration as plain JSON values, with the defaults that apply filled in."""
    return output.plain(config) | {"batch_size": config.protocol.batch_size}
