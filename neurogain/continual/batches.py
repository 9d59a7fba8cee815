"""Where the batches of a task come from: all data so far, a replay buffer, or the task alone."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

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


def make_source(stream: Stream, protocol: Protocol, task: int, first: int | None = None) -> Source:
    """Return the source of a task's batches under the regime.

    `first` is the number of updates before the task; by default those of the earlier tasks.
    """
    starts = stream.starts
    replay = protocol.regime == "replay" and task > 0
    low = 0 if protocol.regime == "joint" else starts[task]
    numbers = (
        task,
        protocol.iterations * task if first is None else first,
        low,
        starts[task + 1],
        protocol.batch_size // 2 if replay else 0,
        _per_task(protocol, task) * task if replay else 1,
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


def update_key(key: Array, use: int, source: Source, i: Array) -> Array:
    """Return the key of one use in update i of a task."""
    for number in (use, source.task, i):
        key = jax.random.fold_in(key, number)
    return key
