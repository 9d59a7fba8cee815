"""Where the batches of a task come from: all data so far, a replay buffer, or the task alone."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from neurogain.continual.protocol import Protocol
from neurogain.continual.streams import Stream


class Source(NamedTuple):
    """Where the batches of one task come from, as traced numbers."""

    task: Int[Array, ""]
    first: Int[Array, ""]  # updates of the run before this task
    low: Int[Array, ""]  # images[low:high] are drawn uniformly ...
    high: Int[Array, ""]
    replayed: Int[Array, ""]  # ... but for this many of a batch, which come from the buffer
    stored: Int[Array, ""]  # number of images in the buffer
    updates: Int[Array, ""]  # of the task


def make_source(stream: Stream, protocol: Protocol, task: int, first: int | None = None) -> Source:
    """Return the source of a task's batches under the regime.

    `first` is the number of updates before the task; by default those of the earlier tasks.
    """
    starts = stream.starts
    replayed = protocol.replayed(task)
    low = 0 if protocol.regime == "joint" else starts[task]
    numbers = (
        task,
        sum(map(protocol.updates, range(task))) if first is None else first,
        low,
        starts[task + 1],
        replayed,
        _per_task(protocol, task) * task if replayed else 1,
        protocol.updates(task),
    )
    return Source(*(jnp.asarray(n, jnp.int32) for n in numbers))


def _per_task(protocol: Protocol, task: int) -> int:
    """Return how many images of each old task the buffer holds while `task` is learned."""
    return max(protocol.buffer_size // max(task, 1), 1)


def make_buffer(stream: Stream, protocol: Protocol, task: int, seed: int) -> np.ndarray:
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


def make_plan(stream: Stream, protocol: Protocol, task: int, seed: int) -> np.ndarray:
    """Return the image indices of all batches of a task that shows every example once.

    A batch follows the other: (batch_size,) first the replayed ones, drawn as ever from the
    buffer, then examples in an order of the seed. What fills up the last batch is ~index, below 0.
    Padded with zeros to one length for all tasks.
    """
    size, replayed = protocol.batch_size, protocol.replayed(task)
    fresh, updates = size - replayed, protocol.updates(task)
    low = 0 if protocol.regime == "joint" else int(stream.starts[task])
    rng = np.random.default_rng((seed, task, 1))  # apart from those of buffers
    order = low + rng.permutation(int(stream.starts[task + 1]) - low)
    last = order[(updates - 1) * fresh :]
    filled = np.concatenate([order, ~np.resize(last, updates * fresh - len(order))])
    plan = np.zeros((protocol.longest, size), np.int32)
    plan[:updates, replayed:] = filled.reshape(updates, fresh)
    if replayed:
        buffer = make_buffer(stream, protocol, task, seed)[: _per_task(protocol, task) * task]
        plan[:updates, :replayed] = rng.choice(buffer, (updates, replayed))
    return plan.ravel()


def of_runs(
    stream: Stream,
    protocol: Protocol,
    tasks: Sequence[int],
    seeds: Sequence[int],
    first: int | None,
) -> tuple[Source, np.ndarray]:
    """Return the sources of all runs, (R,), and their buffers or plans, (R, stored)."""
    sources = [make_source(stream, protocol, task, first) for task in tasks]
    make = make_plan if protocol.once else make_buffer
    stored = [make(stream, protocol, *pair) for pair in zip(tasks, seeds, strict=True)]
    return jax.tree.map(lambda *x: np.stack(x), *sources), np.stack(stored)


def draw(key: Array, size: int, source: Source, buffer: Array) -> Int[Array, " size"]:
    """Return the indices of one batch."""
    fresh, old = jax.random.split(key)
    index = jax.random.randint(fresh, (size,), source.low, source.high)
    replayed = buffer[jax.random.randint(old, (size,), 0, source.stored)]
    return jnp.where(jnp.arange(size) < source.replayed, replayed, index)


Draw = Callable[[Array, int, Source, Array, Array], Array]
"""From the run's key, a batch's size, the source, the buffer and the update's number in the task
to the indices of the batch, (size,). All that is random follows from these."""


def of_task(key: Array, size: int, source: Source, buffer: Array, i: Array) -> Array:
    """Draw from the task's images, and the replayed ones from the buffer; a `Draw`."""
    return draw(update_key(key, 1, source, i), size, source, buffer)


def of_run(key: Array, size: int, source: Source, buffer: Array, i: Array) -> Array:
    """Draw from the task's images by the update's number in the whole run; a `Draw`.

    Runs through other tasks share their draws as far as the ranges agree. Nothing is replayed.
    """
    del buffer
    key = jax.random.fold_in(jax.random.fold_in(key, 1), source.first + i)
    return jax.random.randint(key, (size,), source.low, source.high)


def drawn(
    draw: Draw, protocol: Protocol, key: Array, source: Source, buffer: Array, i: Array
) -> tuple[Int[Array, " size"], Bool[Array, " size"] | None]:
    """Return the indices of batch i, and which of them count; None: all.

    `buffer` is the whole plan where every example is shown once.
    """
    size = protocol.batch_size
    if not protocol.once:
        return draw(key, size, source, buffer, i), None
    index = jax.lax.dynamic_slice(buffer, (i * size,), (size,))
    return jnp.where(index < 0, ~index, index), index >= 0


def update_key(key: Array, use: int, source: Source, i: Array) -> Array:
    """Return the key of one use in update i of a task."""
    for number in (use, source.task, i):
        key = jax.random.fold_in(key, number)
    return key
