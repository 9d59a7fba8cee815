"""Continual training, compiled and evaluated as it goes.

A run is one seed with one set of optimizer constants. The constants are traced, so a sweep over
them is the same compiled program. Runs go side by side in one batch, where they share every
evaluation image, or one by one; a task is one compiled scan, or a compiled update in a loop.

Weights that an optimizer consolidates (averages) are the ones that act: they are evaluated, with
batch statistics of their own, while the held weights learn.
"""

import dataclasses
import functools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, overload

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Num

from neurogain import optim, uncertainty
from neurogain.continual import batches, checks, images, network
from neurogain.continual.batches import Draw, of_task
from neurogain.continual.checkpoints import TaskCheckpoints, described
from neurogain.continual.compiled import CompiledRuns
from neurogain.continual.evaluation import chunked
from neurogain.continual.network import Model, Network
from neurogain.continual.objective import CROSS_ENTROPY, Loss, Uncertainty
from neurogain.continual.program import (
    ACTING,
    HELD,
    SLOW,
    BuildOptimizer,
    Observe,
    RunProgram,
    is_optimizer,
)
from neurogain.continual.protocol import Protocol, Regime
from neurogain.continual.runs import (
    Data,
    Learned,
    Runs,
    RunState,
    TaskCurves,
    Trained,
)
from neurogain.continual.strategy import BuildStrategy, Strategy, made
from neurogain.continual.streams import Stream

__all__ = ["Protocol", "Regime", "RunState", "Runs", "TaskCurves", "Trained", "Trainer"]

Constants = Mapping[str, float] | Sequence[Mapping[str, float]] | np.ndarray
Seeds = Sequence[int] | Int[np.ndarray | Array, " R"]
OnTask = Callable[[int, TaskCurves], None]
OnUpdate = Callable[[int, int, RunState], None]


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Trains one model on one stream with one kind of optimizer.

    The model is a Flax linen module, or a function from `nnx.Rngs` to an nnx module, with or
    without batch statistics and dropout; its parameters are real. It is called with examples, and
    with `train=` where its `__call__` takes that. What is random in training follows from the run's
    seed.

    The optimizer is a function from constants to an optax transformation, or a transformation. Its
    updates get the keywords that they take, of `uncertainty`, `task_switch` and the `value`,
    `grad`, `value_fn`, `grad_fn` and `obj_fn` of the batch.

    A strategy of continual learning, such as experience replay, goes around any optimizer. The
    protocol is then `regime="finetune"`, and the uncertainty that of the new examples.

    Example:
      >>> from neurogain.continual import data, methods, models, streams
      >>> stream = streams.split(data.load("digits"), tasks=3, at_most=170)
      >>> sgd, protocol = methods.parse("sgd"), Protocol(iterations=6, batch_size=16)
      >>> trainer = Trainer(models.MLP(10, (12,)), stream, protocol, sgd)
      >>> curves = trainer.run([sgd.constants], seeds=[0])
      >>> curves.accuracy.shape  # (runs, tasks, evaluations, tasks)
      (1, 3, 7, 3)

      With an optimizer that is built there are no constants:

      >>> trainer = Trainer(models.MLP(10, (12,)), stream, protocol, optax.adam(1e-3))
      >>> curves, state = trainer.run({}, seeds=[0, 1], return_state=True)
      >>> state.params["output"]["kernel"].shape, trainer.predict(state, stream.images[:5]).shape
      ((2, 12, 10), (2, 5, 10))
    """

    model: Model
    stream: Stream
    protocol: Protocol
    build_optimizer: BuildOptimizer | optax.GradientTransformation
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
    observe: Observe | None = None  # what `learn` keeps after chosen updates
    loss: Loss = CROSS_ENTROPY  # (logits, labels) -> (n,) or ()
    uncertainty: Uncertainty = uncertainty.entropy  # (logits), or (logits, labels), -> drives (n,)
    strategy: Strategy | BuildStrategy | None = None  # what else is done against forgetting, of
    # `neurogain.continual.strategies` or one's own; or a function from constants to it

    @overload
    def run(
        self,
        constants: Constants,
        seeds: Seeds,
        on_task: OnTask = ...,
        *,
        return_state: Literal[False] = False,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        on_update: OnUpdate | None = None,
        every: int = 1,
    ) -> TaskCurves: ...

    @overload
    def run(
        self,
        constants: Constants,
        seeds: Seeds,
        on_task: OnTask = ...,
        *,
        return_state: Literal[True],
        checkpoint_dir: str | os.PathLike[str] | None = None,
        on_update: OnUpdate | None = None,
        every: int = 1,
    ) -> Trained: ...

    def run(
        self,
        constants: Constants,
        seeds: Seeds,
        on_task: OnTask = lambda task, curves: None,
        *,
        return_state: bool = False,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        on_update: OnUpdate | None = None,
        every: int = 1,
    ) -> TaskCurves | Trained:
        """Train all runs, one per pair of constants and seed.

        Runs of one seed share their initial weights and batches, whatever the optimizer.

        Args:
          constants: optimizer constants of each run, (R,), all with the same names; or those of
            all runs; {} for an optimizer that is built. A strategy's builder gets them, too.
          seeds: seed of each run, (R,).
          on_task: called with the task's number and its curves, (R, ...), when it is finished.
          return_state: whether to return also the parameters, the batch statistics, and the states
            of optimizer and strategy behind the last task.
          checkpoint_dir: folder that keeps state and curves behind every task, with Orbax. Where
            it holds finished tasks of these runs, training goes on behind them, bit for bit, and
            `on_task` isn't called for them. Model, optimizer, strategy and functions must be the
            same; they are not compared.
          on_update: called with the task's number, the number of updates done in it and a copy of
            the state, leaves (R, ...), after every `every` updates. A task is then a loop around a
            compiled update, which is slower and may round otherwise.
          every: see there.

        Returns:
          Curves as NumPy arrays, with leading axes (R, K); or these and the state.

        Raises:
          TypeError, ValueError: if an argument is out of range, model, stream and protocol do not
            fit together, or `checkpoint_dir` holds other runs.
          MissingExtraError: if `checkpoint_dir` is given and Orbax is not installed.

        Warns:
          RuntimeWarning: behind a task in which the loss of a run was not finite.
        """
        checks.check_options({"return_state": return_state})
        checks.check_on_task(on_task)
        runs, parts = self.start(constants, seeds), list[TaskCurves]()
        kept = None
        if checkpoint_dir is not None:
            options = {x: getattr(self, x) for x in ("normalize", "augment", "baseline")}
            about = described(runs, self.stream, self.protocol, options)
            kept = TaskCheckpoints(checkpoint_dir, about)
            runs, parts = kept.restored(runs)
        for task in range(len(parts), self.stream.tasks):
            runs, curves = self.learn_and_evaluate(runs, task, on_update=on_update, every=every)
            if kept is not None:
                kept.save(task, runs, curves)
            _warn_diverged(task, self.protocol.updates(task), curves, runs.seeds)
            on_task(task, curves)
            parts.append(curves)
        curves = TaskCurves(*(np.stack(columns, axis=1) for columns in zip(*parts, strict=True)))
        return Trained(curves, runs.state) if return_state else curves

    def tasks(self, constants: Constants, seeds: Seeds) -> Iterator[TaskCurves]:
        """Train task by task, yielding the curves of each as NumPy arrays, (R, ...)."""
        runs = self.start(constants, seeds)
        for task in range(self.stream.tasks):
            runs, curves = self.learn_and_evaluate(runs, task)
            yield curves

    def start(self, constants: Constants, seeds: Seeds) -> Runs:
        """Return runs before their first update; arguments and errors as for `run`."""
        stream, protocol = self.stream, self.protocol
        own = self.draw is not of_task
        flags = ("normalize", "augment", "slow_weights", "batched", "scanned")
        checks.check_options({name: getattr(self, name) for name in flags})
        checks.check_functions({"draw": self.draw, "observe": self.observe})
        checks.check_seeds(seeds)
        seeds = seeds if isinstance(seeds, Sequence) else np.asarray(seeds).tolist()
        checks.check_training(stream, protocol, augment=self.augment, own_draw=own)
        each = constants.tolist() if isinstance(constants, np.ndarray) else constants
        each = [each] * len(seeds) if isinstance(each, Mapping) else each
        checks.check_method(self.build_optimizer, self.strategy)
        fixed = self.strategy is None or isinstance(self.strategy, Strategy)
        checks.check_runs(
            each, seeds, built=is_optimizer(self.build_optimizer) and fixed, baseline=self.baseline
        )
        strategies = [made(self.strategy, run) for run in each]
        checks.check_strategy(strategies[0], protocol, self.loss, stream.tasks)
        checks.check_model(
            self._traced, stream, protocol, self.loss, self.uncertainty, strategies[0]
        )
        data = Data(jnp.asarray(stream.images), jnp.asarray(stream.labels), chunked(stream))
        traced = {name: jnp.asarray([run[name] for run in each], jnp.float32) for name in each[0]}
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        example = images.scaled(data.images[:1], self._scale)
        variables = [network.initial_variables(self._network, key, example) for key in keys]
        state = self._compiled.init(traced, jax.tree.map(lambda *x: jnp.stack(x), *variables))
        return Runs(traced, tuple(seeds), keys, data, state)

    def learn(
        self,
        runs: Runs,
        task: int | Sequence[int],
        *,
        keep: Sequence[int] = (),
        first: int | None = None,
        on_update: OnUpdate | None = None,
        every: int = 1,
    ) -> Learned:
        """Train on one task, and evaluate while training; `runs` can't be used again.

        Args:
          runs: from `start`, or after another task. Their constants may be replaced.
          task: number of the task, whatever was learned before; or that of each run, (R,).
          keep: updates of the task, 1 to T and ascending, after which `observe` is kept.
          first: number of updates before this task; by default those of the earlier tasks.
          on_update: as for `run`; all runs then learn one task.
          every: as for `run`.
        """
        own = not isinstance(task, int)
        tasks = [task] * len(runs.seeds) if isinstance(task, int) else task
        checks.check_tasks(tasks, keep, len(runs.seeds), self.stream.tasks, self.protocol)
        checks.check_on_update(on_update, every, own=own)
        sources, stored = batches.of_runs(self.stream, self.protocol, tasks, runs.seeds, first)
        source = sources if own else jax.tree.map(lambda x: x[0], sources)
        if on_update is not None:
            call = functools.partial(_called, on_update, every, tasks[0])
            return self._compiled.loop(runs, source, stored, keep, call)
        return self._compiled.learn(runs, source, stored, keep, own=own)

    def learn_and_evaluate(
        self, runs: Runs, task: int, *, on_update: OnUpdate | None = None, every: int = 1
    ) -> tuple[Runs, TaskCurves]:
        """Train on one task, and evaluate before and behind it, too; `runs` can't be used again."""
        evaluate = functools.partial(self._compiled.evaluate, runs.constants)
        seen = jnp.asarray(task + 1, jnp.int32)
        before = evaluate(runs.state, runs.data, seen, ACTING)
        two = optim.has_acting(runs.state.opt_state)
        before_fast = evaluate(runs.state, runs.data, seen, HELD) if two else before
        runs, curves, _ = self.learn(runs, task, on_update=on_update, every=every)
        slow = np.full(before.shape, np.nan, np.float32)
        if self.slow_weights:
            slow = np.asarray(evaluate(runs.state, runs.data, seen, SLOW))
        times = np.tile(np.array(self.protocol.evaluated_at), (len(runs.seeds), 1))
        return runs, TaskCurves(
            accuracy=np.concatenate([before[:, None], curves.accuracy], axis=1),
            slow_accuracy=slow,
            fast_accuracy=np.concatenate([before_fast[:, None], curves.fast_accuracy], axis=1),
            gain=np.asarray(curves.gain),
            uncertainty=np.asarray(curves.uncertainty),
            loss=np.asarray(curves.loss),
            evaluated_at=times,
        )

    def predict(
        self, state: RunState, examples: Num[Array | np.ndarray, "n ..."]
    ) -> Float[Array, "R n classes"]:
        """Return the logits of all runs, in evaluation, at the weights that act.

        Args:
          state: of `run` or `learn`, leaves (R, ...).
          examples: as those of the stream.

        Raises:
          TypeError, ValueError: if `state` is not of runs of this model, or examples have another
            shape.
        """
        checks.check_state(state, self._traced)
        known = checks.checked_examples(examples, self.stream)
        return self._compiled.predict(state, jnp.asarray(known))

    @property
    def one_by_one(self) -> bool:
        """Whether runs go one by one, in one compiled program for any number of them."""
        if self.batched is not None:
            return not self.batched
        return jax.default_backend() == "cpu" and self._traced.convolves

    @property
    def step_by_step(self) -> bool:
        """Whether a task is a loop around a compiled update."""
        if not self.one_by_one:
            return False
        return self._traced.convolves if self.scanned is None else not self.scanned

    @functools.cached_property
    def _network(self) -> Network:
        return network.as_network(self.model)

    @property
    def _traced(self) -> network.Traced:
        examples = self.stream.images
        form = jax.ShapeDtypeStruct((1, *examples.shape[1:]), jnp.asarray(examples[:1]).dtype)
        form = jax.eval_shape(functools.partial(images.scaled, scale=self._scale), form)
        return network.traced(self._network, form.shape, form.dtype)

    @functools.cached_property
    def _scale(self) -> images.Scale:
        return images.statistics(self.stream.images) if self.normalize else images.Scale()

    @functools.cached_property
    def _compiled(self) -> CompiledRuns:
        program = RunProgram(
            network=self._network,
            protocol=self.protocol,
            optimizer=self.build_optimizer,
            loss=self.loss,
            uncertainty=self.uncertainty,
            scale=self._scale,
            augment=self.augment,
            draw=self.draw,
            baseline=self.baseline,
            every_task=jax.default_backend() != "cpu" and not self.step_by_step,
            strategy=self.strategy,
            logits=self._traced.learned[0],
        )
        return CompiledRuns(program, self.observe, self.one_by_one, self.step_by_step)


def _warn_diverged(task: int, updates: int, curves: TaskCurves, seeds: Sequence[int]) -> None:
    """Warn of runs whose loss became infinite or NaN in the updates of a task."""
    lost = ~np.isfinite(curves.loss[:, :updates])
    wrong = np.flatnonzero(lost.any(axis=1))
    if wrong.size:
        first = int(np.argmax(lost[wrong[0]]))
        drives = curves.uncertainty[wrong[0], :first]
        bad = drives[~((drives >= 0) & (drives < np.inf))]
        reason = "Lower the learning rate, or the gain's sensitivity."
        if bad.size:  # while the loss was finite
            reason = f"`uncertainty` gave {bad[0]:g} before, and must give finite numbers >= 0."
        warnings.warn(
            f"the loss is not finite in task {task} in {wrong.size} of {len(seeds)} runs, in run "
            f"{wrong[0]} (seed {seeds[wrong[0]]}) from update {first + 1} on. {reason}",
            RuntimeWarning,
            stacklevel=3,
        )


def _called(on_update: OnUpdate, every: int, task: int, done: int, state: RunState) -> None:
    """Call back after some updates, with a copy of the state, which is donated."""
    if done % every == 0:
        on_update(task, done, jax.tree.map(jnp.copy, state))
