"""What one update minimizes, as a function of the parameters, and its gradients."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from neurogain.continual import objective
from neurogain.continual.network import Network
from neurogain.continual.objective import Loss, Uncertainty
from neurogain.continual.runs import RunState
from neurogain.continual.strategy import Batch, Examples, Replay, Strategy

Found: TypeAlias = tuple[Array, tuple[Array, PyTree, Array]]
"""The loss, and with it the drive, the batch statistics behind it and the new examples' logits."""


class Drawn(NamedTuple):
    """Examples before the model has seen them; the fields are those of `Examples`."""

    indices: Int[Array, " n"]
    labels: Int[Array, " n"]
    inputs: Array
    counted: Bool[Array, " n"] | None
    extras: PyTree = ()


def drawn_again(
    draw: Replay, state: PyTree, new: Drawn, key: Array, as_inputs: Callable[[Array], Array]
) -> Drawn:
    """Return the examples that a strategy replays.

    The new examples stand, one after the other, for those that its memory doesn't have.
    """
    slots, there = draw(state, len(new.indices), key)
    again = jnp.arange(len(there)) % len(new.indices)
    index = jnp.where(there, slots.indices, new.indices[again])
    labels = jnp.where(there, slots.labels, new.labels[again])
    return Drawn(index, labels, as_inputs(index), there, slots.extras)


@dataclasses.dataclass(frozen=True)
class UpdateLoss:
    """The loss of one update."""

    network: Network
    loss: Loss
    uncertainty: Uncertainty
    strategy: Strategy
    state: RunState  # before the update
    new: Drawn
    replayed: Drawn | None
    key: Array  # of what is random in the model
    reference_key: Array  # the same for the examples that gradients are projected by

    def __call__(self, params: PyTree) -> Found:
        """Return the loss at some parameters."""
        new, replayed = self.new, self.replayed if self.strategy.joins else None
        logits, stats = self.network.learn(params, self.state.stats, self.inputs, self.key)
        old = None
        if replayed is not None:
            n = len(new.indices)
            logits, old = logits[:n], Examples(*replayed, logits[n:])
        loss = self._total(params, Examples(*new, logits), old)
        drive = objective.drive(self.uncertainty, logits, new.labels, new.counted)
        return loss, (drive, stats, logits)

    @property
    def inputs(self) -> Array:
        """What goes through the model: new examples, and the replayed ones that join them."""
        if self.replayed is None or not self.strategy.joins:
            return self.new.inputs
        return jnp.concatenate([self.new.inputs, self.replayed.inputs])

    def gradient(self, params: PyTree) -> tuple[Found, PyTree]:
        """Return the loss, what comes with it, and the gradients, projected by the strategy."""
        found, grads = jax.value_and_grad(self, has_aux=True)(params)
        if self.strategy.project is not None:
            grads = self.strategy.project(grads, self._reference(params))
        return found, grads

    def _total(self, params: PyTree, new: Examples, old: Examples | None) -> Float[Array, ""]:
        if self.strategy.loss is not None:
            batch = Batch(new, old, self._mean, self.network.predict)
            return self.strategy.loss(self.state.strategy, params, batch)
        if old is None:
            return self._mean(new.logits, new.labels, new.counted)
        both = (
            jnp.concatenate([mine, other])
            for mine, other in (
                (new.logits, old.logits),
                (new.labels, old.labels),
                (_mask(new), _mask(old)),
            )
        )
        return self._mean(*both)

    def _mean(
        self, logits: Array, labels: Array, counted: Bool[Array, " n"] | None
    ) -> Float[Array, ""]:
        return objective.mean_loss(self.loss, logits, labels, counted)

    def _reference(self, params: PyTree) -> PyTree:
        """Return the gradients on the replayed examples, zeros where there are none."""
        old = self.replayed
        assert old is not None
        there = _mask(old)
        some = jnp.any(there)
        counted = there | ~some  # a mean over none is not finite

        def loss(params: PyTree) -> Array:
            logits, _ = self.network.learn(params, self.state.stats, old.inputs, self.reference_key)
            return self._mean(logits, old.labels, counted)

        return jax.tree.map(lambda g: jnp.where(some, g, 0), jax.grad(loss)(params))


def _mask(examples: Drawn | Examples) -> Bool[Array, " n"]:
    """Return which examples count."""
    if examples.counted is None:
        return jnp.ones(len(examples.labels), bool)
    return examples.counted
