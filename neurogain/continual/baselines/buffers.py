"""Rehearsal buffers: which of the examples seen so far are kept to be replayed."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.continual.baselines import _arrays


class Slots(NamedTuple):
    """Examples by their indices: the slots of a buffer, a batch, or what is drawn."""

    indices: Int[AnyArray, " n"]  # in the images of the stream
    labels: Int[AnyArray, " n"]
    extras: PyTree = ()  # arrays, (n, ...), such as the logits at the time of storing


class BufferState(NamedTuple):
    """State of a rehearsal buffer; all of its leaves are arrays."""

    slots: Slots  # (size, ...); those behind the first `sum(seen)` are empty
    seen: Int[Array, " groups"]  # examples of each group offered so far
    full: Bool[Array, " groups"]  # groups that are, or were, the largest of a filled buffer


class Add(Protocol):
    """Offers a batch to a buffer."""

    def __call__(
        self,
        state: BufferState,
        batch: Slots,
        key: Array,
        *,
        where: Bool[AnyArray, " batch"] | None = None,
    ) -> BufferState:
        """Return the state with the batch offered, one example after the other."""


class Buffer(NamedTuple):
    """A rule of what is kept, as pure functions."""

    init: Callable[[int, PyTree], BufferState]  # from the size, and the extras of one example
    add: Add
    sample: Callable[[BufferState, int, Array], tuple[Slots, Bool[Array, " n"]]]


def reservoir() -> Buffer:
    """Return a buffer in which every example seen so far is equally likely to be kept.

    Of n examples offered, each is in the buffer with probability min(1, size / n):

        n <= size:  example n goes to slot n - 1
        n > size:   r ~ uniform{0, ..., n - 1};  example n goes to slot r if r < size

    `init(size, example)` has `size` empty slots; `example` is a tree of arrays in the shapes and
    dtypes of one example's extras, () for none.

    `add(state, batch, key, where=None)` offers a batch of `Slots`, (batch, ...), one example after
    the other, and leaves out those that the mask `where`, (batch,), marks False. Example i of the
    batch draws from `jax.random.split(key, batch)[i]`.

    `sample(state, n, key)` draws n slots uniformly, with replacement. It returns them as `Slots`,
    (n, ...), and a mask, (n,), which is False while the buffer is empty.

    All run under jit, scan and vmap. Labels and indices that are traced are not checked.

    Raises:
      TypeError: if indices or labels are no integers, the mask is not bool, or extras have another
        dtype than the slots.
      ValueError: if `size` or n is no whole number of at least 1, or arrays of a batch differ in
        length, or extras in structure or shape.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> buffer = reservoir()
      >>> state = buffer.init(3, {"logits": jnp.zeros(2)})
      >>> batch = Slots(jnp.arange(2), jnp.array([1, 0]), {"logits": jnp.ones((2, 2))})
      >>> state = buffer.add(state, batch, jax.random.key(0))
      >>> print(state.slots.indices, state.slots.labels, state.seen)
      [0 1 0] [1 0 0] [2]
      >>> drawn, there = buffer.sample(state, 4, jax.random.key(1))
      >>> drawn.extras["logits"].shape, there.all()
      ((4, 2), Array(True, dtype=bool))

    Source: Vitter, ACM Transactions on Mathematical Software 11 (1985), algorithm R; for rehearsal
      Riemer et al. 2019 (arXiv 1810.11910) and Chaudhry et al. 2019 (arXiv 1902.10486).
    """
    return _buffer(1, by_label=False)


def class_balanced(classes: int) -> Buffer:
    """Return a buffer that holds as many of each class as the stream allows.

    A class is largest if no other has more slots. It is full once it was largest in a filled
    buffer, and stays so. While there are empty slots, every example is stored. Then, of class c
    with m_c slots, as example n_c of its class so far, an example

        c not full:  replaces a slot of the largest classes, drawn uniformly
        c full:      replaces a slot of class c, drawn uniformly, with probability m_c / n_c

    so the slots of a full class are a uniform sample of its examples. One number decides both in
    the last case: r ~ uniform{0, ..., n_c - 1} names the slot if r < m_c. The paper does not say
    whether a class may become full before the buffer is filled; here it may not, or the first
    class of a stream would be full from its first example on.

    Functions, checks and errors are those of `reservoir`.

    Args:
      classes: number of classes; labels are in [0, classes).

    Raises:
      ValueError: if `classes` is no whole number of at least 1; in `add`, if labels are known and
        out of range.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> buffer = class_balanced(2)
      >>> state = buffer.init(4, ())
      >>> batch = Slots(jnp.arange(50), (jnp.arange(50) >= 48).astype(int))  # 48 of class 0, then 2
      >>> state = jax.jit(buffer.add)(state, batch, jax.random.key(0))
      >>> print(jnp.bincount(state.slots.labels), state.seen, state.full)
      [2 2] [48  2] [ True  True]

    Source: Chrysakis & Moens, Online continual learning from imbalanced data, ICML 2020,
      algorithm 1 (CBRS).
    """
    _checks.whole("classes", classes, 1)
    return _buffer(classes, by_label=True)


def _buffer(groups: int, *, by_label: bool) -> Buffer:
    """Return class-balanced sampling over groups; with a single group it is the reservoir."""

    def init(size: int, example: PyTree) -> BufferState:
        _checks.whole("size", size, 1)
        extras = jax.tree.map(
            lambda x: jnp.zeros((size, *jnp.shape(x)), jnp.asarray(x).dtype), example
        )
        slots = Slots(jnp.zeros(size, jnp.int32), jnp.zeros(size, jnp.int32), extras)
        return BufferState(slots, jnp.zeros(groups, jnp.int32), jnp.zeros(groups, bool))

    def groups_of(labels: Int[AnyArray, "*n"]) -> Int[Array, "*n"]:
        return jnp.asarray(labels) if by_label else jnp.zeros_like(labels)

    def sizes_of(state: BufferState) -> Int[Array, " groups"]:
        stored = jnp.arange(len(state.slots.labels)) < _filled(state)
        group = groups_of(state.slots.labels)
        return jnp.zeros(groups, jnp.int32).at[group].add(stored.astype(jnp.int32))

    def offer(
        carry: tuple[BufferState, Int[Array, " groups"]],
        item: tuple[Slots, Array, Bool[Array, ""]],
    ) -> tuple[tuple[BufferState, Int[Array, " groups"]], None]:
        (state, sizes), (example, key, counts) = carry, item
        size, filled, group = len(state.slots.indices), _filled(state), groups_of(example.labels)
        below_limit = state.seen[group] < jnp.iinfo(jnp.int32).max
        seen = state.seen.at[group].add((counts & below_limit).astype(jnp.int32))

        stored, full = groups_of(state.slots.labels), state.full[group]
        rivals = jnp.where(full, stored == group, (sizes == jnp.max(sizes))[stored])
        places = jnp.cumsum(rivals.astype(jnp.int32))
        bound = jnp.where(full, seen[group], places[-1])
        r = jax.random.randint(key, (), 0, jnp.maximum(bound, 1))
        # The slot of rival r, or `size`, where nothing is written, if there are at most r of them.
        slot = jnp.where(filled < size, filled, jnp.sum(places <= r))
        slot = jnp.where(counts, slot, size)

        wrote = slot < size
        replaced = wrote & (filled == size)
        sizes = sizes.at[group].add(wrote.astype(jnp.int32))
        sizes = sizes.at[stored[slot]].add(-replaced.astype(jnp.int32))
        slots = jax.tree.map(lambda old, x: old.at[slot].set(x, mode="drop"), state.slots, example)
        new = BufferState(slots, seen, state.full)
        largest = (sizes == jnp.max(sizes)) & (_filled(new) == size)
        return (new._replace(full=new.full | largest), sizes), None

    def add(
        state: BufferState,
        batch: Slots,
        key: Array,
        *,
        where: Bool[AnyArray, " batch"] | None = None,
    ) -> BufferState:
        indices = _arrays.integers("indices", batch.indices)
        n = len(indices)
        if by_label:
            labels = _arrays.labels("labels", batch.labels, n, groups)
        else:
            labels = _arrays.integers("labels", batch.labels, n)
        counts = _arrays.mask("where", where, n, "example")
        examples = Slots(indices, labels, _checked_extras(batch.extras, state.slots.extras, n))
        items = examples, jax.random.split(key, n), counts
        (state, _), _ = jax.lax.scan(offer, (state, sizes_of(state)), items)
        return state

    return Buffer(init, add, sample)


def _filled(state: BufferState) -> Int[Array, ""]:
    """Return the number of slots that hold an example."""
    size = len(state.slots.indices)
    return jnp.minimum(jnp.sum(jnp.minimum(state.seen, size)), size)


def sample(state: BufferState, n: int, key: Array) -> tuple[Slots, Bool[Array, " n"]]:
    """Draw n slots of any buffer; see `reservoir`.

    Example:
      >>> import jax
      >>> _, there = sample(reservoir().init(3, ()), 2, jax.random.key(0))
      >>> print(there)
      [False False]
    """
    _checks.whole("n", n, 1)
    filled = _filled(state)
    slot = jax.random.randint(key, (n,), 0, jnp.maximum(filled, 1))
    drawn: Slots = jax.tree.map(lambda x: x[slot], state.slots)
    return drawn, jnp.broadcast_to(filled > 0, (n,))


def _checked_extras(extras: PyTree, slots: PyTree, n: int) -> PyTree:
    """Return the extras of a batch as arrays; raise an error unless they fit into the slots."""
    extras = jax.tree.map(jnp.asarray, extras)
    wanted = jax.tree.map(lambda x: jax.ShapeDtypeStruct((n, *x.shape[1:]), x.dtype), slots)
    _arrays.check_alike("extras", extras, "init(size, example), one per example", wanted)
    for own, slot in zip(jax.tree.leaves(extras), jax.tree.leaves(wanted), strict=True):
        if own.dtype != slot.dtype:
            raise TypeError(
                f"`extras` must have the dtypes of init(size, example); got {own.dtype} for "
                f"{slot.dtype}. Convert them before they are added."
            )
    return extras
