"""What one run computes, as pure functions: its start, an update, an evaluation, a whole task."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from neurogain import _checks, optim
from neurogain.continual import batches, images
from neurogain.continual.batches import Draw, Source, update_key
from neurogain.continual.evaluation import accuracies
from neurogain.continual.network import Network, Variables
from neurogain.continual.objective import Loss, Uncertainty
from neurogain.continual.protocol import Protocol
from neurogain.continual.runs import (
    Data,
    RunState,
    TaskCurves,
    acting,
    curves_of_task,
    mean_gain,
    until,
)
from neurogain.continual.strategy import (
    BuildStrategy,
    Ended,
    Examples,
    Strategy,
    check_form,
    made,
)
from neurogain.continual.update_loss import Drawn, UpdateLoss, drawn_again

ACTING, HELD, SLOW = (np.int32(i) for i in range(3))  # the weights that are evaluated

BuildOptimizer: TypeAlias = Callable[[Mapping[str, Any]], optax.GradientTransformation]
Record: TypeAlias = tuple[Array, Array, Array]  # the gain behind an update, the drive, the loss
Observe: TypeAlias = Callable[[RunState], PyTree]


@dataclasses.dataclass(frozen=True)
class RunProgram:
    """The pure functions of one run; its fields are those of a `Trainer`."""

    network: Network
    protocol: Protocol
    optimizer: BuildOptimizer | optax.GradientTransformation
    loss: Loss
    uncertainty: Uncertainty
    scale: images.Scale
    augment: bool
    draw: Draw
    baseline: str | None
    every_task: bool  # is predicted in an evaluation, also what is not seen
    strategy: Strategy | BuildStrategy | None
    logits: jax.ShapeDtypeStruct  # in training, of one example

    def init(self, constants: Mapping[str, Array], variables: Variables) -> RunState:
        """Return the state before the first update."""
        params, stats = variables
        with _told():
            opt_state = built(self.optimizer, constants).init(params)
        acting_stats = stats if optim.has_acting(opt_state) else {}
        logits = jnp.zeros(self.logits.shape[1:], self.logits.dtype)
        carried = made(self.strategy, constants).init(variables, logits)
        return RunState(params, stats, opt_state, *jax.tree.map(jnp.copy, (acting_stats, carried)))

    def predict(self, params: PyTree, stats: PyTree, examples: Array) -> Array:
        """Return the logits of examples in evaluation."""
        return self.network.predict(params, stats, images.scaled(examples, self.scale))

    def evaluate(
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
        kinds = (acting(state), held, (slow, state.stats))  # ACTING, HELD, SLOW
        params, stats = jax.tree.map(lambda *x: jax.lax.select_n(which, *x), *kinds)
        return self._accuracies(params, stats, data, seen)

    def _accuracies(
        self, params: PyTree, stats: PyTree, data: Data, seen: Int[Array, ""]
    ) -> Float[Array, " K"]:
        predict = functools.partial(self.predict, params, stats)
        return accuracies(predict, data.sets, seen, every_task=self.every_task)

    def update(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: Data,
        source: Source,
        buffer: Int[Array, " stored"],
        key: Array,
        i: Int[Array, ""],
    ) -> tuple[RunState, Record]:
        """Do update i of a task; return also the gain behind it, the drive and the loss."""
        tx, strategy = built(self.optimizer, constants), made(self.strategy, constants)
        index, counted = batches.drawn(self.draw, self.protocol, key, source, buffer, i)
        augment, own, draw, other, reference, add = (
            update_key(key, use, source, i) for use in range(2, 8)
        )
        inputs = functools.partial(self._inputs, data)
        new = Drawn(index, data.labels[index], inputs(augment, index), counted)
        replayed = None
        if strategy.draw is not None:
            as_inputs = functools.partial(inputs, other)
            replayed = drawn_again(strategy.draw, state.strategy, new, draw, as_inputs)
        loss_fn = UpdateLoss(
            self.network, self.loss, self.uncertainty, strategy, state, new, replayed, own,
            reference,
        )  # fmt: skip

        def value_fn(
            params: PyTree, *, uncertainty: Any = None, task_switch: Any = None,
            grad_fn: Any = None, obj_fn: Any = None,
        ) -> Array:  # fmt: skip
            del uncertainty, task_switch, grad_fn, obj_fn  # line searches pass all that they get
            return loss_fn(params)[0]

        (loss, (drive, stats, logits)), grads = loss_fn.gradient(state.params)
        extra = {
            "uncertainty": drive,
            "task_switch": (i == 0) & (source.first > 0),
            "value": loss,
            "grad": grads,
            "value_fn": value_fn,
            "obj_fn": value_fn,
            "grad_fn": lambda params, *step: loss_fn.gradient(params)[1],  # SAM numbers its steps
        }
        with _told():
            updates, opt_state = optim.update_with(
                tx, grads, state.opt_state, state.params, extra, optional=extra
            )
        params = optax.apply_updates(state.params, updates)
        acting_stats = state.acting_stats
        if acting_stats:
            acts = optim.get_acting(opt_state, params)
            _, acting_stats = self.network.learn(acts, acting_stats, loss_fn.inputs, own)
        carried = state.strategy
        if strategy.add is not None:
            carried = strategy.add(carried, Examples(*new, logits), add)
            check_form("add", carried, state.strategy)
        state = RunState(params, stats, opt_state, acting_stats, carried)
        return state, (mean_gain(opt_state), drive, loss)

    def _inputs(self, data: Data, key: Array, index: Int[Array, " n"]) -> Array:
        """Return examples as the model gets them in training."""
        pixels = data.images[index]
        if self.augment:
            pixels = images.augment(key, pixels)
        return images.scaled(pixels, self.scale)

    def end_task(
        self,
        constants: Mapping[str, Array],
        state: RunState,
        data: Data,
        source: Source,
        key: Array,
    ) -> PyTree:
        """Return the strategy's state behind a task; the strategy has an `at_task_end`."""
        strategy = made(self.strategy, constants)
        assert strategy.at_task_end is not None
        draw, own = jax.random.split(update_key(key, 8, source, source.updates))

        def examples(n: int) -> tuple[Array, Array]:
            index = jax.random.randint(draw, (n,), source.low, source.high)
            return images.scaled(data.images[index], self.scale), data.labels[index]

        learned = Variables(state.params, state.stats)
        ended = Ended(learned, Variables(*acting(state)), examples, self.network.predict, own)
        carried = strategy.at_task_end(state.strategy, ended)
        check_form("at_task_end", carried, state.strategy)
        return jax.tree.map(jnp.copy, carried)  # no two leaves are one array: they are donated

    def run_task(
        self,
        observe: Observe | None,
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
        observe = observe if len(keep) else None
        places = jnp.full(total, len(keep)).at[keep - 1].set(jnp.arange(len(keep)))

        def update(carry: Any, i: Array) -> tuple[Any, Record]:
            state, kept = carry
            state, record = self.update(constants, state, data, source, buffer, key, i)
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


def built(
    optimizer: BuildOptimizer | optax.GradientTransformation, constants: Mapping[str, Any]
) -> optax.GradientTransformationExtraArgs:
    """Return the optimizer of these constants, or the one that is built already.

    Raises TypeError if it is none, and for what a function raises.
    """
    tx: Any = optimizer
    if callable(tx) and not is_optimizer(tx):
        try:
            tx = tx(constants)
        except (TypeError, KeyError) as error:  # it takes something else than these constants
            raise TypeError(
                "`build_optimizer` must be an optax optimizer, or return one from the constants by "
                f"name; with {', '.join(constants) or 'no constants'} it raised "
                f"{_checks.said(error)}. Write optax.adam(1e-3), or lambda c: "
                "optax.adam(c['learning_rate'])."
            ) from error
    if not is_optimizer(tx):
        raise TypeError(
            "`build_optimizer` must be an optax optimizer, or return one from the constants by "
            f"name; got {tx!r:.200}. Write lambda c: optax.adam(c['learning_rate'])."
        )
    return optax.with_extra_args_support(tx)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn errors of an optimizer that can't be trained with as it is into one that says so."""
    try:
        yield
    except Exception as error:
        plain = isinstance(error, TypeError | ValueError) and "not callable" not in str(error)
        if plain and not isinstance(error, jax.errors.JAXTypeError):
            raise
        raise TypeError(
            "`build_optimizer` must give an optimizer of a plain tree of parameters, and use its "
            "constants, which are traced, as numbers that need not be known; it raised "
            f"{_checks.said(error)}. Bind whole numbers and flags, as lambda c: "
            "optax.MultiSteps(optax.adam(c['learning_rate']), 4) does; for optax.lookahead take "
            "neurogain.optim.consolidate."
        ) from error


def is_optimizer(value: object) -> bool:
    """Return whether a value is an optimizer that is built."""
    return hasattr(value, "init") and hasattr(value, "update")
