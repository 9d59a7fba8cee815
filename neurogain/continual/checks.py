"""Whether model, stream and protocol fit together, before anything is compiled."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from neurogain import _checks
from neurogain.continual import images
from neurogain.continual.method import Method
from neurogain.continual.network import Traced
from neurogain.continual.objective import CROSS_ENTROPY, Loss, Uncertainty, check_objective
from neurogain.continual.protocol import Protocol
from neurogain.continual.runs import RunState
from neurogain.continual.strategy import NONE, Strategy
from neurogain.continual.stream import Stream, check_stream


def check_training(stream: Stream, protocol: Protocol, *, augment: bool, own_draw: bool) -> None:
    """Check what a model is trained on, and how.

    Raises:
      TypeError, ValueError: if `protocol` is none, `check_stream` or the protocol's own checks
        raise it, examples are no images where they are augmented, or one pass is drawn in another
        way.
    """
    if not isinstance(protocol, Protocol):
        raise TypeError(
            f"`protocol` must be a Protocol; got {protocol!r:.200}. Pass Protocol(iterations=200)."
        )
    protocol.check()
    check_stream(stream)
    protocol.check_for(stream)
    if protocol.once and own_draw:
        raise ValueError("`draw` must be left out where every example is drawn once.")
    if augment:
        images.check_images(stream.images, "augmentation")


def check_options(options: Mapping[str, object]) -> None:
    """Raise a TypeError unless flags are True or False, or None where that is a choice."""
    for name, value in options.items():
        if value is not None or name not in ("batched", "scanned"):
            _checks.flag(name, value)


def check_functions(functions: Mapping[str, object]) -> None:
    """Raise a TypeError unless all of these can be called; `observe` may be None."""
    for name, value in functions.items():
        if not callable(value) and (value is not None or name != "observe"):
            raise TypeError(f"`{name}` must be a function; got {value!r:.200}. Leave it out.")


def check_method(optimizer: object, strategy: object) -> None:
    """Raise a ValueError if a method of the comparison has a strategy that is not passed on."""
    if isinstance(optimizer, Method) and optimizer.strategy is not None and strategy is None:
        raise ValueError(
            f"`strategy` must be given with the method {optimizer.name!r}, which has one; got "
            "None. Pass strategy=method.make_strategy."
        )


def check_strategy(strategy: Strategy, protocol: Protocol, loss: object, tasks: int) -> None:
    """Check that protocol, loss and number of tasks fit a strategy.

    Raises ValueError if the regime isn't "finetune", if a loss was given and the strategy would
    ignore it, or if there are more tasks than it can learn.
    """
    if strategy == NONE:
        return
    if protocol.regime != "finetune":
        raise ValueError(
            '`regime` must be "finetune" with a strategy, which learns from the new task and its '
            f'own memory; got {protocol.regime!r}. Pass Protocol(regime="finetune", ...).'
        )
    if strategy.tasks is not None and strategy.tasks < tasks:
        raise ValueError(
            f"`strategy` must be one for the {tasks} tasks of the stream; got one for "
            f"{strategy.tasks}. Build it with tasks={tasks}, as baselines.ewc(tasks={tasks})."
        )
    if strategy.own_loss and loss is not CROSS_ENTROPY:
        raise ValueError(
            "`loss` must be left out: this strategy has its own loss, with a cross-entropy in it; "
            f"got {loss!r:.200}. Take another strategy, such as er, or write a Strategy(loss=...)."
        )


def check_model(
    traced: Traced,
    stream: Stream,
    protocol: Protocol,
    loss: Loss,
    uncertainty: Uncertainty,
    strategy: Strategy = NONE,
) -> None:
    """Check a model, and the functions of its outputs, for a stream.

    Raises:
      ValueError: if the model has no output for each class of the stream, nothing that learns, or
        statistics that change their form; or if `check_objective` raises it.
      TypeError: if `check_objective` raises it.
    """
    shape, (learned, stats) = traced.logits.shape, traced.learned
    for mode, found in (("", shape), (" in training", learned.shape)):
        if len(found) != 2 or found[0] != 1 or found[1] < stream.classes or found != shape:
            raise ValueError(
                f"`model` must return logits, (batch, {stream.classes}), one for each class of "
                f"{stream.name}; a batch of 1 gives {found}{mode}. Change its last layer."
            )
    leaves = jax.tree.leaves(traced.variables.params)
    if not leaves or not all(jnp.issubdtype(x.dtype, jnp.floating) for x in leaves):
        raise ValueError(
            "`model` must have parameters, all of them floats; got "
            f"{sorted({str(x.dtype) for x in leaves}) or 'none'}. Keep other arrays in another "
            "collection (linen) or kind of variable (nnx)."
        )
    before, after = (jax.tree.map(lambda x: (x.shape, str(x.dtype)), tree) for tree in (
        traced.variables.stats, stats,
    ))  # fmt: skip
    if before != after:
        raise ValueError(
            "`model` must keep the names, shapes and dtypes of its batch statistics in training; "
            f"got {before!r:.200}, then {after!r:.200}."
        )
    batch = (protocol.batch_size, learned.shape[1])
    check_objective(
        loss,
        uncertainty,
        jax.ShapeDtypeStruct(batch, learned.dtype),
        jax.ShapeDtypeStruct(batch[:1], jnp.asarray(stream.labels[:1]).dtype),
        some_left_out=[
            *(["a pass leaves out what fills up its last batch"] if protocol.once else []),
            *(["a memory is empty at first"] if strategy.draw is not None else []),
        ],
    )


def check_seeds(seeds: object) -> None:
    """Raise a TypeError unless seeds are several numbers, of which `check_runs` checks each."""
    several = isinstance(seeds, Sequence) or np.ndim(seeds) == 1  # type: ignore[arg-type]
    if isinstance(seeds, str | bytes | set) or not several:
        raise TypeError(
            f"`seeds` must be the seed of each run, a sequence; got {seeds!r:.200}. Pass "
            "seeds=range(3) for three runs, or seeds=[3] for one."
        )


def check_state(state: object, traced: Traced) -> None:
    """Raise an error unless this is the state of runs of this model."""
    if not isinstance(state, RunState):
        raise TypeError(
            f"`state` must be that of the runs, a RunState; got a {type(state).__name__}. Pass "
            "what run(..., return_state=True) returns second, or runs.state."
        )
    wanted = jax.tree.map(lambda x: x.shape, traced.variables.params)
    found = jax.tree.map(lambda x: x.shape[1:], state.params)
    if found != wanted:
        raise ValueError(
            "`state` must be of runs of this model, with parameters of the shapes "
            f"{wanted!s:.300}; got {found!s:.300}. Predict with the trainer that made it."
        )


def checked_examples(examples: ArrayLike, stream: Stream) -> np.ndarray | Array:
    """Return examples as an array; raise an error unless they are like those of the stream."""
    array = examples if isinstance(examples, Array) else _checks.as_array("examples", examples)
    wanted = stream.images.shape[1:]
    if array.ndim == 0 or array.shape[1:] != wanted:
        raise ValueError(
            f"`examples` must have the shape (n, {', '.join(map(str, wanted))}), like those of "
            f"{stream.name}; got {array.shape}. Pass x[None] for a single one."
        )
    if (array.dtype == np.uint8) != (stream.images.dtype == np.uint8):
        raise TypeError(
            f"`examples` must be uint8 exactly where those of {stream.name} are, since uint8 alone "
            f"is scaled to [0, 1]; got {array.dtype} for {stream.images.dtype}. Pass "
            f"x.astype({stream.images.dtype.name!r})."
        )
    return array


def check_runs(
    constants: Sequence[Mapping[str, float]],
    seeds: Sequence[int],
    *,
    built: bool,
    baseline: str | None = None,
) -> None:
    """Check that every run has its constants and its seed.

    `built` is whether the optimizer is built already, and takes no constants; `baseline` names the
    constant that is its tonic gain.

    Raises:
      TypeError, ValueError: if they differ in number, names differ, or a value is no number.
    """
    if not isinstance(constants, Sequence):
        raise TypeError(
            "`constants` must be one mapping, or a list of one for each run; got "
            f"{constants!r:.200}. Pass {{}} for an optimizer that is built."
        )
    if len(constants) != len(seeds) or not len(seeds):
        raise ValueError(
            "`constants` and `seeds` must have one entry per run, and at least one; got "
            f"{len(constants)} and {len(seeds)}."
        )
    for seed in seeds:
        _checks.whole("seeds", seed, 0)
        if seed >= 2**32:  # JAX would drop the higher bits, and different seeds would be one
            raise ValueError(f"`seeds` must be below 2**32; got {seed}. Pass {seed % 2**32}.")
    for own in constants:
        if not isinstance(own, Mapping) or set(own) != set(constants[0]):
            raise ValueError(
                "`constants` must be one mapping for each run, all with the same names; got "
                f"{constants[0]!r:.100} and {own!r:.100}."
            )
        for name, value in own.items():
            _checks.single(f"constants[{name!r}]", value)
    if baseline is not None and (not isinstance(baseline, str) or baseline not in constants[0]):
        raise ValueError(
            f"`baseline` must be the name of a constant, of {[*constants[0]]}; got "
            f"{baseline!r:.200}. Leave it out where the optimizer has no tonic gain."
        )
    if built and constants[0]:
        raise ValueError(
            "`constants` must be {} for an optimizer that is built already; got "
            f"{constants[0]!r:.200}. Pass build_optimizer=lambda c: ... or strategy=lambda c: ... "
            "to use them."
        )


def check_on_task(on_task: object) -> None:
    """Raise a TypeError unless `on_task` can be called with a task's number and its curves."""
    if not callable(on_task) or _checks.why_not(on_task, 0, None):
        raise TypeError(
            f"`on_task` must be a function of (task, curves); got {on_task!r:.200}. Leave it out."
        )


def check_on_update(on_update: Callable[..., None] | None, every: int, *, own: bool) -> None:
    """Raise an error unless `on_update` can be called; `own`: each run has a task of its own."""
    _checks.whole("every", every, 1)
    if on_update is None:
        if every != 1:
            raise ValueError(f"`every` belongs to `on_update`; got {every} without it.")
        return
    if not callable(on_update) or _checks.why_not(on_update, 0, 1, None):
        raise TypeError(
            f"`on_update` must be a function of (task, update, state); got {on_update!r:.200}."
        )
    if own:
        raise ValueError("`on_update` needs one `task` for all runs; pass its number.")


def check_tasks(
    tasks: Sequence[int], keep: Sequence[int], runs: int, count: int, protocol: Protocol
) -> None:
    """Raise a ValueError unless each run has one of `count` tasks, with the updates to keep."""
    if len(tasks) != runs:
        raise ValueError(
            f"`task` must be one number, or one for each of the {runs} runs; got {len(tasks)} of "
            "them."
        )
    wrong = [task for task in tasks if not 0 <= task < count]
    if wrong:
        raise ValueError(f"`task` must be in [0, {count}), one of the stream; got {wrong[0]}.")
    places, updates = np.asarray(keep, int), min(map(protocol.updates, tasks))
    if np.any(np.diff(places) <= 0) or np.any((places < 1) | (places > updates)):
        raise ValueError(
            f"`keep` must be updates of the task, 1 to {updates}, ascending; got {keep!r:.200}."
        )
