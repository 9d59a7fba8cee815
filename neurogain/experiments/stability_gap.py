"""Measure the stability gap of several optimizers on one stream of tasks.

The unit of work is one method with all its seeds; `run_method` does one, `summarize` turns the
curves of all into the numbers of `metrics.json`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from neurogain import optim
from neurogain._extras import extra
from neurogain.continual import methods, metrics, models, streams
from neurogain.continual.training import TaskCurves, Trainer
from neurogain.experiments.stability_gap_config import StabilityGapConfig
from neurogain.stats import summary

with extra("continual"):
    from flax import linen as nn

__all__ = [
    "StabilityGapConfig",
    "as_json",
    "load_stream",
    "make_trainer",
    "measure",
    "run_method",
    "summarize",
]

SCHEMA_VERSION = 1
WINDOWS = (10, 100)  # evaluations, of windowed forgetting and plasticity (De Lange et al. 2023)
LEARNED_AFTER = (10, 50, 200)  # iterations after which the accuracy on the new task is reported


def load_stream(config: StabilityGapConfig) -> streams.Stream:
    """Load the data and build the stream; errors as in `continual.data` and `continual.streams`."""
    return config.spec.build(config.stream_options)


def make_model(config: StabilityGapConfig, classes: int) -> nn.Module:
    """Return the benchmark's model."""
    if config.spec.model == "mlp":
        return models.MLP(classes, config.hidden)
    dtype = jnp.dtype(config.compute_dtype)
    return models.ResNet(classes, config.width, config.blocks, dtype)


def make_trainer(
    config: StabilityGapConfig, stream: streams.Stream, method: methods.Method
) -> Trainer:
    """Return the trainer of one method; its constants stay free."""
    tonic = {"baseline", "gain"} & set(method.constants)
    return Trainer(
        model=make_model(config, stream.classes),
        stream=stream,
        protocol=config.protocol,
        build_optimizer=_with_mask(config, method),
        baseline=next(iter(tonic), None),
        normalize=config.spec.model == "resnet",
        augment=config.augment,
        batched=config.batched,
        slow_weights=config.spec.model == "mlp" or config.layers_with_gain == "output",
    )


def _with_mask(config: StabilityGapConfig, method: methods.Method) -> methods.Method:
    """Return the method with its gain on the layers that are asked for, or that are its own."""
    on = config.gain_on or ("output" if config.spec.model == "resnet" else None)
    if on is None or not method.takes_mask:
        return method
    return method.with_mask(optim.only("output") if on == "output" else None)


def run_method(
    config: StabilityGapConfig,
    stream: streams.Stream,
    method: methods.Method,
    on_task: Callable[[int, TaskCurves], None] = lambda task, curves: None,
) -> TaskCurves:
    """Train one method on all seeds; return its curves with leading axes (seeds, tasks)."""
    count = config.numbers.seeds
    seeds = range(config.first_seed, config.first_seed + count)
    trainer = make_trainer(config, stream, method)
    return trainer.run([method.constants] * count, seeds, on_task)


def measure(
    curves: TaskCurves,
    eval_every: int | None = None,
    evaluation_images: Sequence[int] | np.ndarray | None = None,
) -> dict[str, Any]:
    """Return every figure of one method.

    All are of the weights that act; where these are an average, `fast_avg_sg` and `fast_avg_acc`
    are of the weights that learn.

    Args:
      curves: with leading axes (seeds, tasks).
      eval_every: updates between evaluations; read off the curves where it is None.
      evaluation_images: of each task, (K,); without them the bias of the minima is not stated.
    """
    if eval_every is None:
        eval_every = curves.loss.shape[-1] // (curves.accuracy.shape[2] - 1)
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
    result["new_task_accuracy"] = {
        str(after): summary([metrics.new_task_accuracy(run, after, eval_every) for run in runs])
        for after in LEARNED_AFTER
        if after % eval_every == 0 and after <= curves.loss.shape[-1]
    }
    if evaluation_images is not None:
        errors, bounds = zip(
            *(metrics.minimum_bias(run, evaluation_images) for run in runs), strict=True
        )
        result["minimum_bias"] = {
            "standard_error": float(np.mean(errors)),
            "at_most": float(np.mean(bounds)),
        }
    if not np.array_equal(curves.fast_accuracy, curves.accuracy, equal_nan=True):
        fast = [np.asarray(run, float) for run in curves.fast_accuracy]
        result["fast_avg_sg"] = summary([metrics.gaps(run).sg.mean() for run in fast])
        result["fast_avg_acc"] = summary([metrics.final_accuracy(run) for run in fast])
    return result


def summarize(
    config: StabilityGapConfig, stream: streams.Stream, curves: Mapping[str, TaskCurves]
) -> dict[str, Any]:
    """Return the content of `metrics.json` but for versions and times."""
    chosen = config.parse_methods()
    described: dict[str, Any] = {
        "name": stream.name,
        "tasks": list(stream.task_names),
        "training_images": np.diff(stream.starts).tolist(),
        "evaluation_images": stream.test_counts.tolist(),
        "eval_every": config.protocol.eval_every,
    }
    if config.spec.note:
        described["note"] = config.spec.note
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmark": config.spec.name,
        "config": as_json(config),
        "stream": described,
        "methods": {
            label: {
                "summary": chosen[label].summary,
                "hyperparameters": dict(chosen[label].constants),
                **measure(result, config.protocol.eval_every, stream.test_counts),
            }
            for label, result in curves.items()
        },
    }


def as_json(config: StabilityGapConfig) -> dict[str, Any]:
    """Return the configuration as plain JSON values, with the defaults that apply filled in."""
    return config.as_json()
