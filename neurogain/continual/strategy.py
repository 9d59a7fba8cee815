"""What a method of continual learning does beyond its optimizer, as a record of pure functions."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from neurogain.continual.baselines.buffers import Slots
from neurogain.continual.network import Variables


class Examples(NamedTuple):
    """Examples of one update: the new ones, or those replayed."""

    indices: Int[Array, " n"]  # in the examples of the stream
    labels: Int[Array, " n"]
    inputs: Array  # (n, ...), as the model gets them
    counted: Bool[Array, " n"] | None  # False of what fills up a batch, or stands for an empty
    # memory; None: all count
    extras: PyTree  # what was stored with replayed ones, (n, ...)
    logits: Float[Array, "n classes"]  # in training, before the update


@dataclasses.dataclass(frozen=True)
class Batch:
    """What the loss of an update is made of."""

    new: Examples
    replayed: Examples | None  # None of a strategy that draws none
    mean_loss: Callable[[Array, Array, Bool[Array, " n"] | None], Float[Array, ""]]
    """The trainer's loss, from logits, labels and which count, to its mean over these."""
    predict: Callable[[PyTree, PyTree, Array], Float[Array, "n classes"]]
    """From parameters, batch statistics and inputs to logits in evaluation."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """What there is at the end of a task."""

    learned: Variables  # the weights that learn
    acting: Variables  # those that act: an average, where the optimizer makes one
    examples: Callable[[int], tuple[Array, Int[Array, " n"]]]
    """From n to n inputs of the task with their labels, drawn with replacement by the run's key."""
    predict: Callable[[PyTree, PyTree, Array], Float[Array, "n classes"]]  # as that of a batch
    key: Key[Array, ""]


Replay: TypeAlias = Callable[[PyTree, int, Array], tuple[Slots, Bool[Array, " n"]]]


def _nothing(learned: Variables, logits: Float[Array, " classes"]) -> tuple[()]:
    del learned, logits
    return ()


@dataclasses.dataclass(frozen=True)
class Strategy:
    """A method of continual learning without its optimizer.

    Functions are pure, and their state is a tree of arrays that keeps its form. It is kept in
    `RunState.strategy`. A function that is None is skipped. In an update of a `Trainer`

    1. `draw` gives indices of examples that are replayed. Where its mask is False, for example
       while the memory is empty, new examples take their place, so that batch statistics see real
       examples; they don't count in the loss. All go through the model together.
    2. `loss` gives what is minimized; left out, it is the trainer's loss over new and replayed
       examples alike.
    3. `project` changes the gradients, by those of the trainer's loss on the replayed examples.
       These then go through the model by themselves, stay out of `loss`, and leave the batch
       statistics alone. Their gradients are zeros while the memory is empty.
    4. `add` takes in the new examples.

    `at_task_end` is called between the tasks, outside the compiled loop of updates, so it costs
    time once a task only.

    Example:
      A loss that holds the weights near 0:

      >>> import jax, jax.numpy as jnp
      >>> def loss(state, params, batch):
      ...     new, size = batch.new, sum(jnp.sum(w**2) for w in jax.tree.leaves(params))
      ...     return batch.mean_loss(new.logits, new.labels, new.counted) + 0.01 * size
      >>> shrink = Strategy(loss=loss)
    """

    init: Callable[[Variables, Float[Array, " classes"]], PyTree] = _nothing
    """From the initial variables, and zeros in the form of an example's logits, to the state."""
    draw: Replay | None = None
    """From state, size of the batch and key to the examples replayed, any number of them, and
    which of them are there; as `Buffer.sample`."""
    loss: Callable[[PyTree, PyTree, Batch], Float[Array, ""]] | None = None
    """From state, parameters and batch."""
    project: Callable[[PyTree, PyTree], PyTree] | None = None
    """From gradients and those of the replayed examples to gradients; needs `draw`."""
    add: Callable[[PyTree, Examples, Array], PyTree] | None = None
    """From state, new examples and key to the state behind the update."""
    at_task_end: Callable[[PyTree, Ended], PyTree] | None = None
    tasks: int | None = None  # the most that it can learn; None: any number
    own_loss: bool = False  # `loss` has a cross-entropy of its own, so the trainer's must be that

    @property
    def joins(self) -> bool:
        """Whether replayed examples go through the model with the new ones."""
        return self.draw is not None and self.project is None


BuildStrategy: TypeAlias = Callable[[Mapping[str, Any]], Strategy]
NONE = Strategy()


def made(strategy: Strategy | BuildStrategy | None, constants: Mapping[str, Any]) -> Strategy:
    """Return the strategy of these constants, or the one that is built; one that does nothing.

    Raises:
      TypeError: if `strategy` is neither None, a Strategy nor a function that returns one.
      ValueError: if it projects and draws nothing.
    """
    found: Any = strategy
    if found is None:
        return NONE
    if callable(found):
        _check_builder(found)
        found = found(constants)
    if not isinstance(found, Strategy):
        raise TypeError(
            "`strategy` must be a Strategy, or a function from the constants by name to one; got "
            f"{found!r:.200}. Take one of neurogain.continual.strategies, as er(memory=500)."
        )
    if found.project is not None and found.draw is None:
        raise ValueError(
            "`project` of a strategy needs `draw`, which says whose gradients it gets; got None."
        )
    return found


def _check_builder(build: Callable[..., Any]) -> None:
    """Raise a TypeError for a function that needs no constants, such as `er` itself."""
    try:
        parameters = list(inspect.signature(build).parameters.values())
    except (TypeError, ValueError):  # builtins have none
        return
    if all(p.default is not p.empty for p in parameters):
        name = getattr(build, "__name__", repr(build))
        raise TypeError(
            f"`strategy` must be a Strategy, or a function from the constants by name to one; got "
            f"{name}, which needs no constants. Call it: strategy={name}()."
        )


def check_form(what: str, new: PyTree, old: PyTree) -> None:
    """Raise a ValueError unless a strategy's state keeps structure, shapes and dtypes."""
    after, before = (
        jax.tree.map(lambda x: (jnp.shape(x), str(jnp.result_type(x))), tree) for tree in (new, old)
    )
    if after != before:
        raise ValueError(
            f"`{what}` of a strategy must keep structure, shapes and dtypes of its state, which is "
            f"carried by a compiled loop; got {after!r:.200}, before {before!r:.200}."
        )
