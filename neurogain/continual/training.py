"""Continual training, compiled and evaluated as it goes.

A run is one seed with one set of optimizer constants. The constants are traced, so a sweep over
them is the same compiled program. Runs go side by side in one batch, where they share every
evaluation image, or one by one; a task is one compiled scan, or a compiled update in a loop.

Weights that an optimizer consolidates (averages) are the ones that act: they are evaluated, with
batch statistics of their own, while the held weights learn.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from neurogain import optim, uncertainty
from neurogain._extras import extra
from neurogain._types import AnyArray
from neurogain.continual import batches, checks, images, models
from neurogain.continual.batches import Draw, Source, of_task, update_key
from neurogain.continual.evaluation import accuracies, chunked
from neurogain.continual.protocol import Protocol, Regime
from neurogain.continual.runs import (
    Data,
    Learned,
    Runs,
    RunState,
    TaskCurves,
    acting,
    curves_of_task,
    initial_variables,
    lengthened,
    mean_gain,
    one_by_one,
    over_runs,
    until,
)
from neurogain.continual.streams import Stream

with extra("continual"):
    import flax.linen as nn

__all__ = ["Protocol", "Regime", "RunState", "Runs", "TaskCurves", "Trainer"]

BuildOptimizer = Callable[[Mapping[str, Any]], optax.GradientTransformation]


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Trains one model on one stream with one kind of optimizer.

    The model is a Flax module of (images, train) with or without batch statistics.

    Example:
      >>> from neurogain.continual import data, methods, streams
      >>> stream = streams.split(data.load("digits"), tasks=3, at_most=170)
      >>> sgd, protocol = methods.parse("sgd"), Protocol(iterations=6, batch_size=16)
      >>> trainer = Trainer(models.MLP(10, (12,)), stream, protocol, sgd)
      >>> curves = trainer.run([sgd.constants], seeds=[0])
      >>> curves.accuracy.shape  # (runs, tasks, evaluations, tasks)
      (1, 3, 7, 3)
    """

    model: nn.Module
    stream: Stream
    protocol: Protocol
    build_optimizer: BuildOptimizer
    baseline: str | None = None  # the constant that is the optimizer's tonic gain, if it has one
    normalize: bool = False  # by the training images' mean and deviation; else images in [0, 1]
    augment: bool = False  # random shifts and mirror images while training
    slow_weights: bool = True  # evaluate g0 W; not where a gain lies before a batch normalisation,
    # whose statistics are those at E
    batched: bool | None = None  # runs side by side; None: unless the model convolves on a CPU,
    # where one by one is faster (benchmarks/continual)
    scanned: bool | None = None  # each task is one compiled scan; None: unless the model convolves.
    # Applies only when runs go one by one. On a CPU the gradients of convolutions are some twenty
    # times slower in a scan (https://github.com/jax-ml/jax/issues/12868).
    draw: Draw = of_task  # which images an update learns from
    observe: Callable[[RunState], PyTree] | None = None  # what `learn` keeps after chosen updates

    def run(
        self,
        constants: Sequence[Mapping[str, float]],
        seeds: Sequence[int],
        on_task: Callable[[int, TaskCurves], None] = lambda task, curves: None,
    ) -> TaskCurves:
        """Train all runs, one per pair of constants and seed.

        Runs of one seed share their initial weights and batches, whatever the optimizer.

        Args:
          constants: optimizer constants of each run, (R,), all with the same names.
          seeds: seed of each run, (R,).
          on_task: called with the task's number and its curves, (R, ...), when it is finished.

        Returns:
          Curves as NumPy arrays, with leading axes (R, K).

        Raises:
          TypeError, ValueError: if the protocol is out of range, model, stream and protocol do
            not fit together, or constants and seeds differ in number.
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
        runs = self.start(constants, seeds)
        for task in range(self.stream.tasks):
            runs, curves = self.learn_and_evaluate(runs, task)
            yield curves

    def start(self, constants: Sequence[Mapping[str, float]], seeds: Sequence[int]) -> Runs:
        """Return runs before their first update; arguments and errors as for `run`."""
        stream, protocol = self.stream, self.protocol
        own = self.draw is not of_task
        checks.check_training(self.model, stream, protocol, augment=self.augment, own_draw=own)
        checks.check_runs(constants, seeds)
        data = Data(jnp.asarray(stream.images), jnp.asarray(stream.labels), chunked(stream))
        traced = {
            name: jnp.asarray([run[name] for run in constants], jnp.float32)
            for name in constants[0]
        }
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        example = images.scaled(data.images[:1], self._scale)
        checks.check_outputs(self.model, example, stream)
        variables = [initial_variables(self.model, key, example) for key in keys]
        state = self._init_runs(traced, jax.tree.map(lambda *x: jnp.stack(x), *variables))
        return Runs(traced, tuple(seeds), keys, data, state)

    def learn(
        self,
        runs: Runs,
        task: int | Sequence[int],
        *,
        keep: Sequence[int] = (),
        first: int | None = None,
    ) -> Learned:
        """Train on one task, and evaluate while training; `runs` can't be used again.

        Args:
          runs: from `start`, or after another task. Their constants may be replaced.
          task: number of the task, whatever was learned before; or that of each run, (R,).
          keep: updates of the task, 1 to T and ascending, after which `observe` is kept.
          first: number of updates before this task; by default those of the earlier tasks.
        """
        own = not isinstance(task, int)
        tasks = [task] * len(runs.seeds) if isinstance(task, int) else task
        checks.check_tasks(tasks, keep, len(runs.seeds), self.stream.tasks, self.protocol)
        sources, stored = batches.of_runs(self.stream, self.protocol, tasks, runs.seeds, first)
        source = sources if own else jax.tree.map(lambda x: x[0], sources)
        state, curves, observed = self._learn_runs[own](
            runs.constants, runs.state, runs.data, source, stored, runs.keys,
            np.asarray(keep, np.int32),
        )  # fmt: skip
        return Learned(runs._replace(state=state), curves, observed)

    def learn_and_evaluate(self, runs: Runs, task: int) -> tuple[Runs, TaskCurves]:
        """Train on one task, and evaluate before and behind it, too; `runs` can't be used again."""
        evaluate = functools.partial(self._evaluate_runs, runs.constants)
        seen = jnp.asarray(task + 1, jnp.int32)
        before = evaluate(runs.state, runs.data, seen, _ACTING)
        two = optim.has_acting(runs.state.opt_state)
        before_fast = evaluate(runs.state, runs.data, seen, _HELD) if two else before
        runs, curves, _ = self.learn(runs, task)
        slow = np.full(before.shape, np.nan, np.float32)
        if self.slow_weights:
            slow = np.asarray(evaluate(runs.state, runs.data, seen, _SLOW))
        return runs, TaskCurves(
            accuracy=np.concatenate([before[:, None], curves.accuracy], axis=1),
            slow_accuracy=slow,
            fast_accuracy=np.concatenate([before_fast[:, None], curves.fast_accuracy], axis=1),
            gain=np.asarray(curves.gain),
            uncertainty=np.asarray(curves.uncertainty),
            loss=np.asarray(curves.loss),
            evaluated_at=np.tile(self.protocol.evaluated_at, (len(runs.seeds), 1)),
        )

    @functools.cached_property
    def _init_runs(self) -> Callable[..., RunState]:
        return over_runs(self._init, (0, 0), self.one_by_one)

    @functools.cached_property
    def _evaluate_runs(self) -> Callable[..., Array]:
        return over_runs(self._evaluate, (0, 0, None, None, None), self.one_by_one)

    @functools.cached_property
    def _learn_runs(self) -> dict[bool, Callable[..., Any]]:
        """By whether each run has a task of its own; one task's evaluation skips what is unseen."""
        return {own: self._learning(0 if own else None) for own in (False, True)}

    def _learning(self, source: int | None) -> Callable[..., Any]:
        """Return `_run_task` over runs, with the axis of their sources."""
        axes = (0, 0, None, source, 0, 0, None)
        if not self.step_by_step:
            return over_runs(self._run_task, axes, self.one_by_one, donate_argnums=1)
        update = jax.jit(self._update, donate_argnums=1)
        step = functools.partial(self._step_through_task, update, jax.jit(self._evaluate))
        return one_by_one(step, axes)

    @property
    def one_by_one(self) -> bool:
        """Whether runs go one by one, in one compiled program for any number of them."""
        slow_batched = self._convolutions and jax.default_backend() == "cpu"
        return slow_batched if self.batched is None else not self.batched

    @property
    def step_by_step(self) -> bool:
        """Whether a task is a loop around a compiled update."""
        scanned = not self._convolutions if self.scanned is None else self.scanned
        return self.one_by_one and not scanned

    @property
    def _convolutions(self) -> bool:
        return isinstance(self.model, models.ResNet)

    @functools.cached_property
    def _scale(self) -> images.Scale:
        return images.statistics(self.stream.images) if self.normalize else images.Scale()

    def _init(self, constants: Mapping[str, Array], variables: Mapping[str, PyTree]) -> RunState:
        stats = dict(variables)
        params = stats.pop("params")
        opt_state = self.build_optimizer(constants).init(params)
        acting_stats = stats if optim.has_acting(opt_state) else {}
        return RunState(params, stats, opt_state, jax.tree.map(jnp.copy, acting_stats))

    def _predict(self, params: PyTree, stats: PyTree, pixels: Array) -> Array:
        """Return the logits of examples in evaluation."""
        inputs = images.scaled(pixels, self._scale)
        logits: Any = self.model.apply({"params": params, **stats}, inputs, train=False)
        return logits

    def _learn(self, params: PyTree, stats: PyTree, pixels: Array) -> tuple[Array, PyTree]:
        """Return the logits of examples in training, and the batch statistics behind them."""
        inputs = images.scaled(pixels, self._scale)
        variables = {"params": params, **stats}
        return self.model.apply(variables, inputs, train=True, mutable=list(stats))

    def _evaluate(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: Data,
        seen: Int[Array, ""],
        which: Int[Array, ""],
    ) -> Float[Array, " K"]:
        """Return the accuracies of one kind of weights; one program serves the three of them."""
        baseline = 1.0 if self.baseline is None else constants[self.baseline]
        held = state.params, state.stats
        slow = optim.get_fast_slow(state.opt_state, state.params, baseline=baseline).slow
        kinds = (acting(state), held, (slow, state.stats))  # _ACTING, _HELD, _SLOW
        params, stats = jax.tree.map(lambda *x: jax.lax.select_n(which, *x), *kinds)
        return self._accuracies(params, stats, data, seen)

    def _accuracies(
        self, params: PyTree, stats: PyTree, data: Data, seen: Int[Array, ""]
    ) -> Float[Array, " K"]:
        predict = functools.partial(self._predict, params, stats)
        in_scan_on_device = jax.default_backend() != "cpu" and not self.step_by_step
        return accuracies(predict, data.sets, seen, every_task=in_scan_on_device)

    def _update(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: Data,
        source: Source,
        buffer: Int[Array, " stored"],
        key: Array,
        i: Int[Array, ""],
    ) -> tuple[RunState, tuple[Array, Array, Array]]:
        """Do update i of a task; return also the gain behind it, the entropy and the loss."""
        tx = optax.with_extra_args_support(self.build_optimizer(constants))
        index, counted = batches.drawn(self.draw, self.protocol, key, source, buffer, i)
        pixels, labels = data.images[index], data.labels[index]
        if self.augment:
            pixels = images.augment(update_key(key, 2, source, i), pixels)

        def loss_fn(params: PyTree) -> tuple[Array, tuple[Array, PyTree]]:
            logits, stats = self._learn(params, state.stats, pixels)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            drive = uncertainty.batch_mean(uncertainty.entropy(logits), where=counted)
            return losses.mean(where=counted), (drive, stats)

        gradient = jax.value_and_grad(loss_fn, has_aux=True)
        (loss, (drive, stats)), grads = gradient(state.params)
        updates, opt_state = tx.update(
            grads,
            state.opt_state,
            state.params,
            uncertainty=drive,
            task_switch=(i == 0) & (source.first > 0),
            grad_fn=lambda params: gradient(params)[1],
        )
        params = optax.apply_updates(state.params, updates)
        acting_stats = state.acting_stats
        if acting_stats:
            acts = optim.get_acting(opt_state, params)
            _, acting_stats = self._learn(acts, acting_stats, pixels)
        state = RunState(params, stats, opt_state, acting_stats)
        return state, (mean_gain(opt_state), drive, loss)

    def _run_task(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: Data,
        source: Source,
        buffer: Int[Array, " stored"],
        key: Array,
        keep: Int[Array, " kept"],
    ) -> tuple[RunState, TaskCurves, PyTree]:
        """Train on one task; the accuracies are those after updates, and none of slow weights."""
        total = self.protocol.longest
        observe = self.observe if len(keep) else None
        places = jnp.full(total, len(keep)).at[keep - 1].set(jnp.arange(len(keep)))

        def update(carry: Any, i: Array) -> tuple[Any, tuple[Array, Array, Array]]:
            state, kept = carry
            state, record = self._update(constants, state, data, source, buffer, key, i)
            if observe is not None:
                place = places[i]
                kept = jax.tree.map(
                    lambda old, x: old.at[place].set(x, mode="drop"), kept, observe(state)
                )
            return (state, kept), record

        def evaluate(params: PyTree, stats: PyTree) -> Float[Array, " K"]:
            return self._accuracies(params, stats, data, source.task + 1)

        def stretch(every: int, carry: Any, start: Array) -> tuple[Any, Any]:
            """Do `every` updates and the evaluation behind them."""
            carry, records = jax.lax.scan(update, carry, start + jnp.arange(every))
            state, _ = carry
            accuracy = fast = evaluate(*acting(state))
            if optim.has_acting(state.opt_state):
                fast = evaluate(state.params, state.stats)
            return carry, (records, accuracy, fast)

        kept: PyTree = ()
        if observe is not None:
            form = jax.eval_shape(observe, state)
            kept = jax.tree.map(lambda x: jnp.zeros((len(keep), *x.shape), x.dtype), form)
        parts = []
        for starts in self.protocol.stretches:
            body: Callable[..., Any] = functools.partial(stretch, starts.step)
            body = until(source.updates, body) if self.protocol.uneven else body
            (state, kept), ((gain, drive, loss), *read) = jax.lax.scan(
                body, (state, kept), jnp.arange(starts.start, starts.stop, starts.step)
            )
            parts.append((*read, gain.reshape(-1), drive.reshape(-1), loss.reshape(-1)))
        curves = (jnp.concatenate(columns) for columns in zip(*parts, strict=True))
        return state, curves_of_task(*curves), kept

    def _step_through_task(
        self,
        update: Callable[..., Any],
        evaluate: Callable[..., Array],
        constants: Mapping[str, Array],
        state: RunState,
        data: Data,
        source: Source,
        buffer: Int[AnyArray, " stored"],
        key: Array,
        keep: Int[np.ndarray, " kept"],
    ) -> tuple[RunState, TaskCurves, PyTree]:
        """Do the same in a loop around the compiled `_update` and `_evaluate`."""
        times, total = self.protocol.evaluated_at, self.protocol.longest
        records, accuracy, fast, kept = [], [], [], []
        for i in range(int(source.updates)):
            state, record = update(constants, state, data, source, buffer, key, np.int32(i))
            records.append(record)
            if self.observe is not None and i + 1 in keep:
                kept.append(jax.tree.map(jnp.copy, self.observe(state)))  # the state is donated
            if i + 1 in times:
                seen = source.task + 1
                accuracy.append(evaluate(constants, state, data, seen, _ACTING))
                if optim.has_acting(state.opt_state):
                    fast.append(evaluate(constants, state, data, seen, _HELD))
        gain, drive, loss = (lengthened(x, total) for x in zip(*records, strict=True))
        acts, held = (lengthened(x, len(times) - 1) for x in (accuracy, fast or accuracy))
        curves = curves_of_task(acts, held, gain, drive, loss)
        return state, curves, jax.tree.map(lambda *x: jnp.stack(x), *kept) if kept else ()


_ACTING, _HELD, _SLOW = (np.int32(i) for i in range(3))  # the weights that are evaluated
