"""Experience replay, DER++ and ER-ACE: examples from a bounded memory are learned, too."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PyTree

from neurogain import _checks
from neurogain.continual.baselines import _arrays, buffers, der, er_ace_loss, mark_seen
from neurogain.continual.baselines.buffers import BufferState, Slots
from neurogain.continual.network import Variables
from neurogain.continual.strategy import Batch, Examples, Strategy


def er(memory: int = 500, *, balanced: bool = False) -> Strategy:
    """Return experience replay: an update learns as many examples from memory as new ones.

    The trainer's loss is the mean over both. Every new example is offered to the memory after the
    update.

    Args:
      memory: number of examples kept.
      balanced: whether the memory holds as many of each class as it can (`class_balanced`), not
        a uniform sample of all examples seen (`reservoir`).

    Raises:
      ValueError: if `memory` is no whole number of at least 1.
      TypeError: if `balanced` is no bool.

    Example:
      >>> import optax
      >>> from neurogain.continual import data, models, streams
      >>> from neurogain.continual.training import Protocol, Trainer
      >>> stream = streams.split(data.load("digits"), tasks=2, at_most=100)
      >>> protocol = Protocol(iterations=2, batch_size=4, regime="finetune")
      >>> strategy = er(memory=6)
      >>> model, tx = models.MLP(10, (4,)), optax.adam(1e-3)
      >>> trainer = Trainer(model, stream, protocol, tx, strategy=strategy)
      >>> _, state = trainer.run({}, seeds=[0], return_state=True)
      >>> state.strategy.slots.indices.shape, state.strategy.seen
      ((1, 6), Array([[16]], dtype=int32))

    Source: Chaudhry, Rohrbach, Elhoseiny, Ajanthan, Dokania, Torr & Ranzato 2019
      (arXiv 1902.10486), algorithm 1; the balanced memory Chrysakis & Moens, ICML 2020.
    """
    _checks.whole("memory", memory, 1)
    _checks.flag("balanced", balanced)

    def init(learned: Variables, logits: Float[Array, " classes"]) -> BufferState:
        del learned
        rule = buffers.class_balanced(len(logits)) if balanced else buffers.reservoir()
        return rule.init(memory, ())

    def add(state: BufferState, new: Examples, key: Array) -> BufferState:
        rule = buffers.class_balanced(len(state.seen)) if balanced else buffers.reservoir()
        return rule.add(state, Slots(new.indices, new.labels), key, where=new.counted)

    return Strategy(init=init, draw=buffers.sample, add=add)


def der_plus_plus(alpha: ArrayLike = 1.0, beta: ArrayLike = 0.5, memory: int = 500) -> Strategy:
    """Return DER++: replayed examples keep the logits that they had when they were stored.

        L = CE(new) + alpha mean (z - z')^2 + beta CE(replayed)

    with two draws, each as large as the batch of new examples: the first for the logits, the
    second for the labels (`baselines.der_plus_plus_loss`). The logits that are stored are those in
    training, before the update.

    Args:
      alpha: weight of the logits, finite and >= 0; may be traced.
      beta: weight of the labels, finite and >= 0; may be traced.
      memory: number of examples kept, in a reservoir.

    Raises:
      ValueError: if a known number is out of range.

    Example:
      >>> strategy = der_plus_plus(alpha=0.2, beta=0.5, memory=200)

    Source: Buzzega, Boschini, Porrello, Abati & Calderara 2020 (arXiv 2004.07211); the defaults are
      those of the authors' code for Split-MNIST with 500 examples.
    """
    for name, weight in (("alpha", alpha), ("beta", beta)):
        _arrays.check_weight(name, weight)
    _checks.whole("memory", memory, 1)
    rule = buffers.reservoir()

    def init(learned: Variables, logits: Float[Array, " classes"]) -> BufferState:
        del learned
        return rule.init(memory, logits)

    def draw(state: BufferState, size: int, key: Array) -> tuple[Slots, Bool[Array, " n"]]:
        return buffers.sample(state, 2 * size, key)

    def loss(state: BufferState, params: PyTree, batch: Batch) -> Float[Array, ""]:
        del state, params
        new, replayed = batch.new, batch.replayed
        assert replayed is not None
        first, second = (
            jax.tree.map(lambda x, half=half: jnp.split(x, 2)[half], replayed) for half in (0, 1)
        )
        return batch.mean_loss(new.logits, new.labels, new.counted) + der.der_plus_plus_loss(
            first.logits,
            first.extras,
            second.logits,
            second.labels,
            alpha=alpha,
            beta=beta,
            where=first.counted,
            other_where=second.counted,
        )

    def add(state: BufferState, new: Examples, key: Array) -> BufferState:
        slots = Slots(new.indices, new.labels, new.logits)
        return rule.add(state, slots, key, where=new.counted)

    return Strategy(init=init, draw=draw, loss=loss, add=add, own_loss=True)


class ERACEState(NamedTuple):
    """State of ER-ACE."""

    memory: BufferState
    seen: Bool[Array, " classes"]


def er_ace(memory: int = 500) -> Strategy:
    """Return ER-ACE: new examples do not push down the classes that are only rehearsed.

    The loss is `baselines.er_ace_loss`, over the new examples and as many from memory.

    Args:
      memory: number of examples kept, in a reservoir.

    Raises:
      ValueError: if `memory` is no whole number of at least 1.

    Example:
      >>> strategy = er_ace(memory=200)

    Source: Caccia et al. 2022 (arXiv 2104.05025).
    """
    plain = er(memory)

    def init(learned: Variables, logits: Float[Array, " classes"]) -> ERACEState:
        return ERACEState(plain.init(learned, logits), jnp.zeros(len(logits), bool))

    def draw(state: ERACEState, size: int, key: Array) -> tuple[Slots, Bool[Array, " n"]]:
        return buffers.sample(state.memory, size, key)

    def loss(state: ERACEState, params: PyTree, batch: Batch) -> Float[Array, ""]:
        del params
        new, replayed = batch.new, batch.replayed
        assert replayed is not None
        return er_ace_loss(
            new.logits,
            new.labels,
            replayed.logits,
            replayed.labels,
            state.seen,
            where=new.counted,
            replayed_where=replayed.counted,
        )

    def add(state: ERACEState, new: Examples, key: Array) -> ERACEState:
        assert plain.add is not None
        seen = mark_seen(state.seen, new.labels, where=new.counted)
        return ERACEState(plain.add(state.memory, new, key), seen)

    return Strategy(init=init, draw=draw, loss=loss, add=add, own_loss=True)
