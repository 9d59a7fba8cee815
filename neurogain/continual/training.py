"""Continual training: one task is one compiled scan, batched over runs, evaluated as it goes.

A run is one seed with one set of optimizer constants. The constants are traced, so a sweep over
them is the same compiled program, and the runs of a batch share every evaluation image.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from neurogain import optim, uncertainty
from neurogain.continual.streams import Stream

Regime = Literal["joint", "replay", "finetune"]
BuildOptimizer = Callable[[Mapping[str, Any]], optax.GradientTransformation]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a stream is trained and evaluated; static."""

    iterations: int = 200  # updates per task
    batch_size: int = 128
    eval_every: int = 1  # updates between evaluations
    regime: Regime = "joint"
    buffer_size: int = 500  # images of old tasks, for "replay"

    def check(self) -> None:
        """Raise a ValueError that names the field, the rule, the value and a way out."""
        for name in ("iterations", "batch_size", "eval_every", "buffer_size"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"`{name}` must be a whole number of at least 1; got {value!r}.")
        if self.iterations % self.eval_every:
            raise ValueError(
                f"`eval_every` must divide the {self.iterations} iterations of a task; got "
                f"{self.eval_every}. Pass eval_every=1 to miss no part of the gap."
            )
        if self.regime not in ("joint", "replay", "finetune"):
            raise ValueError(
                f'`regime` must be "joint" (all data so far), "replay" (a bounded buffer) or '
                f'"finetune" (the new task alone); got {self.regime!r}.'
            )

    def check_tasks(self, tasks: int) -> None:
        """Raise a ValueError where replay has no room for an image of every old task."""
        if self.regime == "replay" and self.buffer_size < tasks - 1:
            raise ValueError(
                f"`buffer_size` must hold at least one image of each of {tasks - 1} old tasks; "
                f"got {self.buffer_size}."
            )
        if self.regime == "replay" and self.batch_size < 2:
            raise ValueError(
                "`batch_size` must be at least 2 for replay, which takes half of it from the "
                f"buffer; got {self.batch_size}."
            )


class RunState(NamedTuple):
    """What a run carries from update to update."""

    params: PyTree  # effective weights E
    opt_state: optax.OptState


class TaskCurves(NamedTuple):
    """What one task of one run records: K tasks, T updates, T / eval_every + 1 evaluations.

    On the device inside the trainer, NumPy arrays outside.
    """

    accuracy: Any  # (evaluations, K) at E; before the first update first; NaN: not seen
    slow_accuracy: Any  # (K,) at g0 W, after the last update
    gain: Any  # (T,) after each update, mean over gain groups; 1 where there is none
    uncertainty: Any  # (T,) nats, batch mean at each update
    loss: Any  # (T,) nats


class _Data(NamedTuple):
    """The stream on the device."""

    images: Array  # uint8, (n, pixels...)
    labels: Array
    test_images: Array  # uint8, (K, m, pixels...); in [0, 1] once a task runs
    test_labels: Array  # -1 where padded


class _Source(NamedTuple):
    """Where the batches of one task come from, as traced numbers."""

    task: Int[Array, ""]
    low: Int[Array, ""]  # images[low:high] are drawn uniformly ...
    high: Int[Array, ""]
    replayed: Int[Array, ""]  # ... but for this many of a batch, which come from the buffer
    stored: Int[Array, ""]  # number of images in the buffer


def _source(stream: Stream, protocol: Protocol, task: int) -> _Source:
    """Return the source of a task's batches under the regime."""
    starts = stream.starts
    replay = protocol.regime == "replay" and task > 0
    low = 0 if protocol.regime == "joint" else starts[task]
    numbers = (
        task,
        low,
        starts[task + 1],
        protocol.batch_size // 2 if replay else 0,
        _per_task(protocol, task) * task if replay else 1,
    )
    return _Source(*(jnp.asarray(n, jnp.int32) for n in numbers))


def _per_task(protocol: Protocol, task: int) -> int:
    """Return how many images of each old task the buffer holds while `task` is learned."""
    return max(protocol.buffer_size // max(task, 1), 1)


def _buffer(stream: Stream, protocol: Protocol, task: int, seed: int) -> np.ndarray:
    """Return the buffer's image indices: equal shares of all old tasks, drawn by the run's seed.

    Padded to one length for all tasks, so that one compiled program serves them.
    """
    if protocol.regime != "replay":
        return np.zeros(1, np.int32)
    buffer = np.zeros(max(protocol.buffer_size, stream.tasks), np.int32)
    share = _per_task(protocol, task)
    for old in range(task):
        rng = np.random.default_rng((seed, old))  # a smaller share is a part of the larger one
        size = stream.starts[old + 1] - stream.starts[old]
        chosen = stream.starts[old] + np.resize(rng.permutation(size), share)
        buffer[old * share : (old + 1) * share] = chosen
    return buffer


def _unit_interval(images: Array) -> Float[Array, "..."]:
    return images.astype(jnp.float32) / 255


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Trains one model on one stream with one kind of optimizer."""

    model: nn.Module
    stream: Stream
    protocol: Protocol
    build_optimizer: BuildOptimizer
    baseline: str | None = None  # the constant that is the optimizer's tonic gain, if it has one

    def run(
        self,
        constants: Sequence[Mapping[str, float]],
        seeds: Sequence[int],
        on_task: Callable[[int, TaskCurves], None] = lambda task, curves: None,
    ) -> TaskCurves:
        """Train all runs side by side, one per pair of constants and seed.

        Runs of one seed share their initial weights and batches, whatever the optimizer.

        Args:
          constants: optimizer constants of each run, (R,), all with the same names.
          seeds: seed of each run, (R,).
          on_task: called with the task's number and its curves, (R, ...), when it is finished.

        Returns:
          Curves as NumPy arrays, with leading axes (R, K).

        Raises:
          ValueError: a protocol out of range, or constants and seeds of different number.
        """
        parts = []
        for task, curves in enumerate(self.tasks(constants, seeds)):
            on_task(task, curves)
            parts.append(curves)
        return TaskCurves(*(np.stack(columns, axis=1) for columns in zip(*parts, strict=True)))

    def tasks(
        self, constants: Sequence[Mapping[str, float]], seeds: Sequence[int]
    ) -> Iterator[TaskCurves]:
        """Train task by task, yielding the curves of each as NumPy arrays, (R, ...)."""
        self.protocol.check()
        if len(constants) != len(seeds) or not seeds:
            raise ValueError(
                "`constants` and `seeds` must have one entry per run, and at least one; got "
                f"{len(constants)} and {len(seeds)}."
            )
        stream = self.stream
        self.protocol.check_tasks(stream.tasks)
        data = _Data(
            *map(jnp.asarray, (stream.images, stream.labels)),
            *map(jnp.asarray, (stream.test_images, stream.test_labels)),
        )
        traced = {
            name: jnp.asarray([run[name] for run in constants], jnp.float32)
            for name in constants[0]
        }
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        init, run_task = self._compiled
        state = init(traced, keys, data.images[:1])
        for task in range(stream.tasks):
            source = _source(stream, self.protocol, task)
            buffer = np.stack([_buffer(stream, self.protocol, task, seed) for seed in seeds])
            state, curves = run_task(traced, state, data, source, buffer, keys)
            yield TaskCurves(*map(np.asarray, curves))

    @functools.cached_property
    def _compiled(self) -> tuple[Callable[..., RunState], Callable[..., Any]]:
        """The two functions of (constants, ...) batched over runs; compiled once a batch size."""
        init = jax.vmap(self._init, in_axes=(0, 0, None))
        run_task = jax.vmap(self._run_task, in_axes=(0, 0, None, None, 0, 0))
        return jax.jit(init), jax.jit(run_task, donate_argnums=(1,))

    def _init(self, constants: Mapping[str, Array], key: Array, example: Array) -> RunState:
        params = self.model.init(jax.random.fold_in(key, 0), _unit_interval(example))
        return RunState(params, self.build_optimizer(constants).init(params))

    def _run_task(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: _Data,
        source: _Source,
        buffer: Int[Array, " stored"],
        key: Array,
    ) -> tuple[RunState, TaskCurves]:
        protocol, tx = self.protocol, optax.with_extra_args_support(self.build_optimizer(constants))
        key = jax.random.fold_in(jax.random.fold_in(key, 1), source.task)
        data = data._replace(test_images=_unit_interval(data.test_images))

        def loss_fn(params: PyTree, images: Array, labels: Array) -> tuple[Array, Array]:
            logits: Any = self.model.apply(params, images)
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return loss, uncertainty.batch_mean(uncertainty.entropy(logits))

        def update(state: RunState, i: Array) -> tuple[RunState, tuple[Array, Array, Array]]:
            index = _draw(jax.random.fold_in(key, i), protocol.batch_size, source, buffer)
            images, labels = _unit_interval(data.images[index]), data.labels[index]
            (loss, drive), grads = jax.value_and_grad(loss_fn, has_aux=True)(
                state.params, images, labels
            )
            updates, opt_state = tx.update(
                grads,
                state.opt_state,
                state.params,
                uncertainty=drive,
                task_switch=(i == 0) & (source.task > 0),
            )
            state = RunState(optax.apply_updates(state.params, updates), opt_state)
            return state, (_mean_gain(opt_state), drive, loss)

        def evaluate(params: PyTree) -> Float[Array, " K"]:
            return _accuracies(self.model, params, data, source.task + 1)

        def stretch(state: RunState, start: Array) -> tuple[RunState, Any]:
            """`eval_every` updates and the evaluation behind them."""
            steps = start + jnp.arange(protocol.eval_every)
            state, records = jax.lax.scan(update, state, steps)
            return state, (records, evaluate(state.params))

        before = evaluate(state.params)
        starts = jnp.arange(0, protocol.iterations, protocol.eval_every)
        state, (records, after) = jax.lax.scan(stretch, state, starts)
        gain, drive, loss = (x.reshape(-1) for x in records)
        baseline = 1.0 if self.baseline is None else constants[self.baseline]
        slow = optim.get_fast_slow(state.opt_state, state.params, baseline=baseline).slow
        return state, TaskCurves(
            accuracy=jnp.concatenate([before[None], after]),
            slow_accuracy=evaluate(slow),
            gain=gain,
            uncertainty=drive,
            loss=loss,
        )


def _draw(key: Array, size: int, source: _Source, buffer: Array) -> Int[Array, " size"]:
    """Return the indices of one batch."""
    fresh, old = jax.random.split(key)
    index = jax.random.randint(fresh, (size,), source.low, source.high)
    replayed = buffer[jax.random.randint(old, (size,), 0, source.stored)]
    return jnp.where(jnp.arange(size) < source.replayed, replayed, index)


def _mean_gain(opt_state: optax.OptState) -> Float[Array, ""]:
    """Return the mean over all gain groups, 1 where the optimizer has no gain."""
    gains = [g.ravel() for g in jax.tree.leaves(optim.find_gains(opt_state))]
    return jnp.mean(jnp.concatenate(gains)) if gains else jnp.ones(())


def _accuracies(
    model: nn.Module, params: PyTree, data: _Data, seen: Int[Array, ""]
) -> Float[Array, " K"]:
    """Return the accuracy on each task seen so far, NaN for the others.

    A non-finite output is wrong, so a run that diverged reads 0.
    """

    def one(task: Array, accuracies: Array) -> Array:
        logits: Any = model.apply(params, data.test_images[task])
        labels = data.test_labels[task]
        right = (jnp.argmax(logits, axis=-1) == labels) & jnp.all(jnp.isfinite(logits), axis=-1)
        return accuracies.at[task].set(jnp.sum(right) / jnp.sum(labels >= 0))

    tasks = data.test_labels.shape[0]
    return jax.lax.fori_loop(0, seen, one, jnp.full((tasks,), jnp.nan, jnp.float32))
