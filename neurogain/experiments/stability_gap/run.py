"""Train several optimizers on one stream of tasks; a part is one method with all its seeds."""

import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from neurogain import optim
from neurogain.continual.method import Method
from neurogain.continual.streams import Stream
from neurogain.continual.training import TaskCurves, Trainer
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.experiments.training import load_stream
from neurogain.jobs import Checkpoint, Job, Part


def make_trainer(config: StabilityGapConfig, stream: Stream, method: Method) -> Trainer:
    """Return the trainer of one method; its constants stay free."""
    tonic = {"baseline", "gain"} & set(method.constants)
    # a run at a time needs the memory of one; a loop of updates can be interrupted
    kind = config.kind
    slowly = kind.convolutional and jax.default_backend() == "cpu"
    return Trainer(
        model=kind.build(config, stream),
        stream=stream,
        protocol=config.protocol,
        build_optimizer=_with_mask(config, method),
        baseline=next(iter(tonic), None),
        normalize=kind.normalize,
        augment=config.augment,
        batched=not slowly if config.batched is None else config.batched,
        scanned=False if slowly else None,
        slow_weights=not kind.batch_statistics or config.layers_with_gain == "output",
        strategy=None if method.strategy is None else method.make_strategy,
    )


def _with_mask(config: StabilityGapConfig, method: Method) -> Method:
    """Return the method with its gain on the layers that are asked for, or that are its own."""
    on = config.gain_on or (config.kind.gain_on if config.kind.forced else None)
    if on is None or not method.takes_mask:
        return method
    return method.with_mask(optim.only("output") if on == "output" else None)


def run_method(
    config: StabilityGapConfig,
    stream: Stream,
    method: Method,
    *,
    seeds: Sequence[int] | None = None,
    show: Callable[[int, TaskCurves], None] = lambda task, curves: None,
    checkpoint: Checkpoint | None = None,
) -> TaskCurves:
    """Train one method; return its curves with leading axes (seeds, tasks).

    Args:
      config: the protocol.
      stream: that of `load_stream`.
      method: which optimizer, with which constants.
      seeds: by default all of the configuration.
      show: called with the task's number and its curves when it is finished.
      checkpoint: where the state is kept after every task; an interrupted run continues there.
    """
    chosen = tuple(config.seed_range if seeds is None else seeds)
    trainer = make_trainer(config, stream, method)
    runs = trainer.start([method.constants] * len(chosen), chosen)
    saved = None if checkpoint is None else checkpoint.load()
    parts = []
    if saved is not None:
        runs = runs.restored(saved)
        finished = [saved[name] for name in TaskCurves._fields]  # (seeds, tasks, ...)
        parts = [TaskCurves(*(x[:, k] for x in finished)) for k in range(finished[0].shape[1])]
    for task in range(len(parts), stream.tasks):
        runs, curves = trainer.learn_and_evaluate(runs, task)
        parts.append(curves)
        if checkpoint is not None and task + 1 < stream.tasks:
            checkpoint.save(runs.saved() | _together(parts)._asdict())
        show(task, curves)
    return _together(parts)


def _together(parts: Sequence[TaskCurves]) -> TaskCurves:
    """Return the curves of several tasks with the axis of tasks."""
    return TaskCurves(*(np.stack(columns, axis=1) for columns in zip(*parts, strict=True)))


def parts(config: StabilityGapConfig) -> Iterator[Part]:
    """Yield a part for each method, kept seed by seed.

    Raises:
      ValueError, FileNotFoundError: if the stream can't be loaded.
    """
    stream = load_stream(config)
    protocol = config.protocol
    axes = {
        "task": np.array(stream.task_names),
        "of_task": np.array(stream.task_names),
        "evaluation": np.array(protocol.evaluated_at),
        "update": np.arange(1, protocol.longest + 1),
    }
    for label, _, method in config.labelled():
        yield Part(
            label,
            TaskCurves,
            functools.partial(_job, config, stream, method),
            axes,
            seeds=tuple(config.seed_range),
            undefined=TaskCurves._fields,
            settings={"method": method.text},
        )


def seconds(config: StabilityGapConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    numbers = config.preset
    updates = numbers.iterations * config.task_count * numbers.seeds
    share = (len(config.protocol.evaluated_at) - 1) / numbers.iterations  # of updates
    evaluations = updates * share * (config.task_count + 1) / 2
    images = evaluations * numbers.eval_images + 3 * updates * config.protocol.batch_size
    compiling, each = config.kind.seconds(config)
    return len(config.optimizers) * (compiling + images * each)


def _job(config: StabilityGapConfig, stream: Stream, method: Method, job: Job) -> TaskCurves:
    """Run what is missing of one method."""

    def show(task: int, curves: TaskCurves) -> None:
        job.show(task + 1, stream.tasks, _note(task, curves))

    return run_method(config, stream, method, seeds=job.seeds, show=show, checkpoint=job.checkpoint)


def _note(task: int, curves: TaskCurves) -> str:
    """Say how a task went: final accuracy, the lowest that old tasks fell to, the gain."""
    line = f"accuracy {np.nanmean(curves.accuracy[:, -1]):.3f}"
    if task:
        lowest = curves.accuracy[:, :, :task].mean(axis=2).min(axis=1).mean()
        line += f", old tasks fell to {lowest:.3f}"
    return line + (f", gain up to {curves.gain.max():.2f}" if np.any(curves.gain != 1) else "")
