"""Synapses as arrays: from pairs of cells to rows, columns and matrices of `arrays`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.sparse

from neurogain.spiking.network.arrays import Columns, DenseParams, Rows
from neurogain.spiking.pairs import Pairs, check_count

MAX_DENSE_BYTES = 1 << 31
_ROUND = 16  # widths are multiples of it, so that another draw rarely compiles anew
_MOST_AT_ONCE = 2048
_PER_PART = 100  # synapses that could be read in the time that it takes to begin a part


class Links(NamedTuple):
    """The synapses of a projection onto one shard, by presynaptic, then by postsynaptic cell."""

    start: np.ndarray  # (n_pre + 1,)
    target: np.ndarray  # (synapses,), number in the shard
    weight: np.ndarray  # (synapses,), nS
    delay: np.ndarray  # (synapses,), steps
    order: np.ndarray  # (synapses,), number among those of the shard, by postsynaptic cell
    column: np.ndarray  # (n_post + 1,), start of each postsynaptic cell's among those
    source: np.ndarray  # (synapses,), of those


def weight_dtype() -> np.dtype:
    """Return the dtype of weights: float64 where JAX has 64-bit numbers, else float32."""
    return np.dtype(jax.dtypes.canonicalize_dtype(np.float64))


def has_multapses(pairs: Pairs) -> bool:
    """Return whether some pair of cells has several synapses."""
    post = pairs.post.astype(np.int64)
    cells = post * (int(pairs.pre.max(initial=0)) + 1) + pairs.pre
    return len(np.unique(cells)) < len(cells)


def links(
    pairs: Pairs, weight: np.ndarray, delay: np.ndarray, n_pre: int, n_post: int, shards: int
) -> list[Links]:
    """Sort synapses, given by postsynaptic cell, into the rows of each shard."""
    local = n_post // shards
    border = np.searchsorted(pairs.post, local * np.arange(shards + 1))
    result = []
    for shard in range(shards):
        part = slice(border[shard], border[shard + 1])
        pre, post = pairs.pre[part], pairs.post[part] - shard * local
        column = np.searchsorted(post, np.arange(local + 1))
        number = np.arange(len(pre), dtype=np.int64)
        rows = scipy.sparse.csc_array((number, pre, column), shape=(n_pre, local)).tocsr()
        order = rows.data
        own = (np.asarray(weight[part], weight_dtype())[order], delay[part][order])
        result.append(Links(rows.indptr, rows.indices, *own, order, column, pre))
    return result


def best_width(counts: np.ndarray) -> int:
    """Return how many synapses to read at once, so that rows of these lengths cost least."""
    longest = int(counts.max(initial=1))
    choices = np.unique(np.geomspace(_ROUND, min(longest, _MOST_AT_ONCE) + _ROUND, 32).astype(int))
    choices = -(-choices // _ROUND) * _ROUND
    parts = [np.maximum(-(-counts // width), 1).sum() for width in choices]
    return int(choices[np.argmin(parts * (choices + _PER_PART))])


def rows(parts: Sequence[Links], width: int, *, with_delays: bool) -> Rows:
    """Stack the rows of all shards."""
    small = max((int(p.delay.max(initial=1)) for p in parts), default=1) < 256
    return Rows(
        start=_stack([np.append(p.start, p.start[-1]) for p in parts], np.int32, 0),
        target=_stack([p.target for p in parts], np.int32, width),
        weight=_stack([p.weight for p in parts], weight_dtype(), width),
        delay=_stack([p.delay for p in parts], np.uint8 if small else np.int32, width)
        if with_delays
        else None,
    )


def columns(parts: Sequence[Links], width: int) -> Columns:
    """Stack the columns of all shards."""
    places = []
    for part in parts:
        place = np.empty(len(part.order), np.int32)
        place[part.order] = np.arange(len(part.order))
        places.append(place)
    return Columns(
        start=_stack([np.append(p.column, p.column[-1]) for p in parts], np.int32, 0),
        place=_stack(places, np.int32, width),
        source=_stack([p.source for p in parts], np.int32, width),
    )


def merge(projections: Sequence[tuple[int, int, Links]], n: int) -> Links:
    """Join projections onto one shard into one row for each of the network's `n` cells.

    Args:
      projections: number of the first presynaptic cell in the network, of the first slot of the
        inbox, and the synapses; they come in this order in each row.
      n: number of cells.
    """
    counts = np.zeros((len(projections), n), np.int64)
    for k, (first, _, one) in enumerate(projections):
        counts[k, first : first + len(one.start) - 1] = np.diff(one.start)
    start = np.append(0, np.cumsum(counts.sum(axis=0)))
    begin = start[:-1] + np.cumsum(counts, axis=0) - counts  # of each projection in each row
    total = int(start[-1])
    check_count(total)
    target, weight = np.empty(total, np.int32), np.empty(total, weight_dtype())
    delay = np.empty(total, np.int32)
    for k, (first, slot, one) in enumerate(projections):
        length = np.diff(one.start)
        shift = begin[k, first : first + len(length)] - one.start[:-1]
        place = np.arange(len(one.target)) + np.repeat(shift, length)
        target[place], weight[place], delay[place] = one.target + slot, one.weight, one.delay
    empty = np.empty(0, np.int32)
    return Links(start, target, weight, delay, empty, empty, empty)


def matrices(
    name: str,
    pairs: Pairs,
    weight: np.ndarray,
    delay: np.ndarray,
    shape: tuple[int, int],
    rule: Any,
) -> DenseParams:
    """Return one matrix for each delay.

    Raises:
      ValueError: if they would take more than 2 GiB, or a plastic pair is connected twice.
    """
    n_pre, n_post = shape
    delays = np.unique(delay) if len(delay) else np.ones(1, int)
    dtype = weight_dtype()
    size = len(delays) * n_pre * n_post * dtype.itemsize
    if size > MAX_DENSE_BYTES:
        raise ValueError(
            f"`path` of {name} must not be dense: {len(delays)} matrices of {n_pre} x {n_post} "
            f'weights need {size / 2**30:.1f} GiB. Pass path="sparse".'
        )
    order = np.lexsort((pairs.post, pairs.pre))  # stable, as rows are sorted
    pre, post = pairs.pre[order].astype(np.int64), pairs.post[order]
    place = (np.searchsorted(delays, delay[order]) * n_pre + pre) * n_post + post
    if rule is not None and has_multapses(pairs):
        raise ValueError(
            f"`connectivity` of {name} must not connect a pair twice, since its synapses are "
            'plastic and dense. Pass multapses=False, or path="sparse".'
        )
    own = np.asarray(weight[order], dtype)
    filled = np.zeros((len(delays), n_pre, n_post), dtype)
    np.add.at(filled.reshape(-1), place, own)
    exists = None
    if rule is not None:
        exists = np.zeros((n_pre, n_post), bool)
        exists.reshape(-1)[place] = True
    shared = len(np.unique(place)) < len(place)
    return DenseParams(
        weight=jax.device_put(filled),
        place=jax.device_put(place.astype(np.int32)),
        parts=jax.device_put(own) if shared else None,
        exists=None if exists is None else jax.device_put(exists),
        rule=rule,
    )


def _stack(parts: Sequence[np.ndarray], dtype: Any, pad: int) -> Any:
    """Return the shards' arrays as one, padded to the longest and by `pad`."""
    longest = max(len(part) for part in parts) + pad
    whole = np.zeros((len(parts), longest), dtype)
    for shard, part in enumerate(parts):
        whole[shard, : len(part)] = part
    return jax.device_put(whole)  # unlike jnp.asarray it compiles nothing for each shape
