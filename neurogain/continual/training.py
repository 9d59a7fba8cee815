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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from neurogain import optim, uncertainty
from neurogain._extras import extra
from neurogain.continual import images, models
from neurogain.continual.batches import Source, draw, make_buffer, make_source
from neurogain.continual.evaluation import EvaluationSets, accuracies, chunked
from neurogain.continual.protocol import Protocol, Regime
from neurogain.continual.streams import Stream

with extra("continual"):
    import flax.linen as nn

__all__ = ["Protocol", "Regime", "RunState", "TaskCurves", "Trainer"]

BuildOptimizer = Callable[[Mapping[str, Any]], optax.GradientTransformation]


class RunState(NamedTuple):
    """What a run carries from update to update."""

    params: PyTree  # effective weights E, which learn
    stats: PyTree  # their batch statistics, by collection; {} where the model has none
    opt_state: optax.OptState
    acting_stats: PyTree  # those of the weights that act; {} where these are E


class TaskCurves(NamedTuple):
    """What one task of one run records: K tasks, T updates, T / eval_every + 1 evaluations.

    On the device inside the trainer, NumPy arrays outside.
    """

    accuracy: Any  # (evaluations, K) at the weights that act; [0]: before any update; NaN: not seen
    slow_accuracy: Any  # (K,) at g0 W, after the last update; NaN where that isn't evaluated
    gain: Any  # (T,) after each update, mean over gain groups; 1 where there is none
    uncertainty: Any  # (T,) nats, batch mean at each update
    loss: Any  # (T,) nats
    fast_accuracy: Any  # as accuracy, at E; the same where E acts


class _Data(NamedTuple):
    """The stream on the device."""

    images: Array  # uint8, (n, pixels...)
    labels: Array
    sets: EvaluationSets


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Trains one model on one stream with one kind of optimizer.

    The model is a Flax module of (images, train) with or without batch statistics.
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
    batched: bool | None = None  # runs side by side; None: but for convolutions on a CPU, which
    # are faster one by one (benchmarks/continual/continual_batching.py)
    scanned: bool | None = None  # each task one compiled scan; None: but for convolutions. Of runs
    # one by one alone. On a CPU the gradients of convolutions are some twenty times slower in a
    # scan (https://github.com/jax-ml/jax/issues/12868).

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
        data = _Data(jnp.asarray(stream.images), jnp.asarray(stream.labels), chunked(stream))
        traced = {
            name: jnp.asarray([run[name] for run in constants], jnp.float32)
            for name in constants[0]
        }
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        init, run_task, evaluate = self._compiled
        example = images.scaled(data.images[:1], self._scale)
        variables = [_variables(self.model, key, example) for key in keys]
        state = init(traced, jax.tree.map(lambda *x: jnp.stack(x), *variables))
        two = optim.has_acting(state.opt_state)
        for task in range(stream.tasks):
            source = make_source(stream, self.protocol, task)
            buffer = np.stack([make_buffer(stream, self.protocol, task, seed) for seed in seeds])
            seen = source.task + 1
            before = evaluate(traced, state, data, seen, _ACTING)
            before_fast = evaluate(traced, state, data, seen, _HELD) if two else before
            state, curves = run_task(traced, state, data, source, buffer, keys)
            slow = np.full(before.shape, np.nan)
            if self.slow_weights:
                slow = np.asarray(evaluate(traced, state, data, seen, _SLOW))
            yield TaskCurves(
                accuracy=np.concatenate([before[:, None], curves.accuracy], axis=1),
                slow_accuracy=slow,
                fast_accuracy=np.concatenate([before_fast[:, None], curves.fast_accuracy], axis=1),
                gain=np.asarray(curves.gain),
                uncertainty=np.asarray(curves.uncertainty),
                loss=np.asarray(curves.loss),
            )

    @functools.cached_property
    def _compiled(self) -> tuple[Callable[..., RunState], Callable[..., Any], Callable[..., Array]]:
        """The three functions of (constants, ...) over runs, each compiled once."""
        init_axes, task_axes, evaluate_axes = (
            (0, 0),
            (0, 0, None, None, 0, 0),
            (0, 0, None, None, None),
        )
        if not self.one_by_one:
            return (
                jax.jit(jax.vmap(self._init, init_axes)),
                jax.jit(jax.vmap(self._run_task, task_axes), donate_argnums=1),
                jax.jit(jax.vmap(self._evaluate, evaluate_axes)),
            )
        evaluate = jax.jit(self._evaluate)
        run_task: Callable[..., Any]
        if self.step_by_step:
            update = jax.jit(self._update, donate_argnums=1)
            run_task = functools.partial(self._step_through_task, update, evaluate)
        else:
            run_task = jax.jit(self._run_task, donate_argnums=1)
        return (
            _one_by_one(jax.jit(self._init), init_axes),
            _one_by_one(run_task, task_axes),
            _one_by_one(evaluate, evaluate_axes),
        )

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
        """Return the logits of uint8 images in evaluation."""
        inputs = images.scaled(pixels, self._scale)
        logits: Any = self.model.apply({"params": params, **stats}, inputs, train=False)
        return logits

    def _learn(self, params: PyTree, stats: PyTree, pixels: Array) -> tuple[Array, PyTree]:
        """Return the logits of uint8 images in training, and the batch statistics behind them."""
        inputs = images.scaled(pixels, self._scale)
        variables = {"params": params, **stats}
        return self.model.apply(variables, inputs, train=True, mutable=list(stats))

    def _evaluate(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: _Data,
        seen: Int[Array, ""],
        which: Int[Array, ""],
    ) -> Float[Array, " K"]:
        """Return the accuracies of one kind of weights; one program serves the three of them."""
        baseline = 1.0 if self.baseline is None else constants[self.baseline]
        held = state.params, state.stats
        slow = optim.get_fast_slow(state.opt_state, state.params, baseline=baseline).slow
        kinds = (_acting(state), held, (slow, state.stats))  # _ACTING, _HELD, _SLOW
        params, stats = jax.tree.map(lambda *x: jax.lax.select_n(which, *x), *kinds)
        return self._accuracies(params, stats, data, seen)

    def _accuracies(
        self, params: PyTree, stats: PyTree, data: _Data, seen: Int[Array, ""]
    ) -> Float[Array, " K"]:
        predict = functools.partial(self._predict, params, stats)
        in_scan_on_device = jax.default_backend() != "cpu" and not self.step_by_step
        return accuracies(predict, data.sets, seen, every_task=in_scan_on_device)

    def _update(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: _Data,
        source: Source,
        buffer: Int[Array, " stored"],
        key: Array,
        i: Int[Array, ""],
    ) -> tuple[RunState, tuple[Array, Array, Array]]:
        """Do update i of a task; return also the gain behind it, the entropy and the loss."""
        tx = optax.with_extra_args_support(self.build_optimizer(constants))
        draws, changes = (
            jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, use), source.task), i)
            for use in (1, 2)
        )
        index = draw(draws, self.protocol.batch_size, source, buffer)
        pixels, labels = data.images[index], data.labels[index]
        if self.augment:
            pixels = images.augment(changes, pixels)

        def loss_fn(params: PyTree) -> tuple[Array, tuple[Array, PyTree]]:
            logits, stats = self._learn(params, state.stats, pixels)
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return loss, (uncertainty.batch_mean(uncertainty.entropy(logits)), stats)

        gradient = jax.value_and_grad(loss_fn, has_aux=True)
        (loss, (drive, stats)), grads = gradient(state.params)
        updates, opt_state = tx.update(
            grads,
            state.opt_state,
            state.params,
            uncertainty=drive,
            task_switch=(i == 0) & (source.task > 0),
            grad_fn=lambda params: gradient(params)[1],
        )
        params = optax.apply_updates(state.params, updates)
        acting_stats = state.acting_stats
        if acting_stats:
            acting = optim.get_acting(opt_state, params)
            _, acting_stats = self._learn(acting, acting_stats, pixels)
        state = RunState(params, stats, opt_state, acting_stats)
        return state, (_mean_gain(opt_state), drive, loss)

    def _run_task(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: _Data,
        source: Source,
        buffer: Int[Array, " stored"],
        key: Array,
    ) -> tuple[RunState, TaskCurves]:
        """Train on one task; the accuracies are those after updates, and none of slow weights."""

        def update(state: RunState, i: Array) -> tuple[RunState, tuple[Array, Array, Array]]:
            return self._update(constants, state, data, source, buffer, key, i)

        def evaluate(params: PyTree, stats: PyTree) -> Float[Array, " K"]:
            return self._accuracies(params, stats, data, source.task + 1)

        def stretch(state: RunState, start: Array) -> tuple[RunState, Any]:
            """`eval_every` updates and the evaluation behind them."""
            state, records = jax.lax.scan(update, state, start + jnp.arange(every))
            accuracy = fast = evaluate(*_acting(state))
            if optim.has_acting(state.opt_state):
                fast = evaluate(state.params, state.stats)
            return state, (records, accuracy, fast)

        every = self.protocol.eval_every
        starts = jnp.arange(0, self.protocol.iterations, every)
        state, (records, accuracy, fast) = jax.lax.scan(stretch, state, starts)
        gain, drive, loss = (x.reshape(-1) for x in records)
        return state, TaskCurves(accuracy, None, gain, drive, loss, fast)

    def _step_through_task(
        self,
        update: Callable[..., Any],
        evaluate: Callable[..., Array],
        constants: Mapping[str, Array],
        state: RunState,
        data: _Data,
        source: Source,
        buffer: Int[Array, " stored"],
        key: Array,
    ) -> tuple[RunState, TaskCurves]:
        """Do the same in a loop around the compiled `_update` and `_evaluate`."""
        records, accuracy, fast = [], [], []
        for i in range(self.protocol.iterations):
            state, record = update(constants, state, data, source, buffer, key, np.int32(i))
            records.append(record)
            if (i + 1) % self.protocol.eval_every == 0:
                seen = source.task + 1
                accuracy.append(evaluate(constants, state, data, seen, _ACTING))
                if optim.has_acting(state.opt_state):
                    fast.append(evaluate(constants, state, data, seen, _HELD))
        gain, drive, loss = (jnp.stack(x) for x in zip(*records, strict=True))
        acting = jnp.stack(accuracy)
        held = jnp.stack(fast) if fast else acting
        return state, TaskCurves(acting, None, gain, drive, loss, held)


_ACTING, _HELD, _SLOW = (np.int32(i) for i in range(3))  # the weights that are evaluated


@functools.partial(jax.jit, static_argnums=0)
def _variables(model: nn.Module, key: Array, example: Array) -> Mapping[str, PyTree]:
    """Return a run's initial parameters and statistics; compiled once for all optimizers."""
    return model.init(jax.random.fold_in(key, 0), example)


def _acting(state: RunState) -> tuple[PyTree, PyTree]:
    """Return the weights that act, and their batch statistics."""
    params = optim.get_acting(state.opt_state, state.params)
    return params, state.acting_stats or state.stats


def _one_by_one(function: Callable[..., Any], in_axes: Sequence[int | None]) -> Callable[..., Any]:
    """Return the function over the first axis of some arguments, called for one at a time."""

    def every(*arguments: Any) -> Any:
        runs = len(jax.tree.leaves(arguments[in_axes.index(0)])[0])
        results = []
        for r in range(runs):
            own = [
                jax.tree.map(lambda x, r=r: x[r], argument) if axis == 0 else argument
                for argument, axis in zip(arguments, in_axes, strict=True)
            ]
            results.append(jax.block_until_ready(function(*own)))
        return jax.tree.map(lambda *parts: jnp.stack(parts), *results)

    return every


def _mean_gain(opt_state: optax.OptState) -> Float[Array, ""]:
    """Return the mean over all gain groups, 1 where the optimizer has no gain."""
    gains = [g.ravel() for g in jax.tree.leaves(optim.find_gains(opt_state))]
    return jnp.mean(jnp.concatenate(gains)) if gains else jnp.ones(())
