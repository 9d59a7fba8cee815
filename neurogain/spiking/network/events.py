"""A loop over the cells that spiked, at a cost that grows with their number.

One at a time, which is best on a CPU: the mask of a population is packed into words of 32 bits, and
the next spike is the lowest bit behind the last one, a minimum over words; large populations are
searched in blocks, so that the cost of a search does not grow with them. Many at once, for devices
on which each loop iteration is expensive: the first `at_once` of the mask are taken out of it.
Either way the loop ends when none is left: no buffer has a size that a burst could exceed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import custom_batching

_WORD = 32
_BLOCK = 512  # words that are searched at once


def for_each(
    mask: jax.Array,
    body: Callable[[jax.Array, jax.Array, Any, Any], Any],
    parts: Callable[[jax.Array, Any], jax.Array],
    carry: Any,
    constants: Any,
    *,
    at_once: int = 1,
) -> Any:
    """Return `carry` after `body(cells, part, carry, constants)` for the cells of the mask.

    Cells come in order, `at_once` of them, with their parts 0, 1, ... to the largest of
    `parts(cells, constants)`, at least one. Where fewer are left, some cells are `mask.shape[0]`,
    at which the body must change nothing; the same with parts that a cell does not have. Under vmap
    all members of the batch advance together until none has a spike left.

    Args:
      mask: which cells, shape (n,).
      body: pure function, free of tracers except in its arguments; `cells` has shape (at_once,).
      parts: number of parts of cells; free of tracers as well.
      carry: tree of arrays.
      constants: tree of arrays that both read.
      at_once: how many cells, known when traced; all of the mask where it has fewer.
    """
    n = mask.shape[0]
    at_once = min(at_once, n)
    if at_once > 1:
        return _loop(_take(mask, at_once), None, _following_many, n, body, parts, carry, constants)
    words = _pack(mask)

    def block(number: jax.Array, carry: Any) -> Any:
        source = _Block(words[number], number * jnp.int32(_BLOCK * _WORD), jnp.int32(n))
        start = _following_one(_One(jnp.full((1,), -1, jnp.int32)), source)
        return _loop(start, source, _following_one, n, body, parts, carry, constants)

    if len(words) == 1:
        return block(jnp.int32(0), carry)
    return jax.lax.fori_loop(0, len(words), block, carry)


def _loop(
    start: Any,
    source: Any,
    following: Callable[[Any, Any], Any],
    n: int,
    body: Callable[[jax.Array, jax.Array, Any, Any], Any],
    parts: Callable[[jax.Array, Any], jax.Array],
    carry: Any,
    constants: Any,
) -> Any:
    """Call the body until `following(cursor, source)` has no cell left."""

    def advance(both: Any, source: Any, constants: Any) -> Any:
        (cursor, part), carry = both
        carry = body(cursor.cells, part, carry, constants)
        last = jnp.all(part + 1 >= parts(cursor.cells, constants))
        after = following(cursor, source)
        cursor = jax.tree.map(lambda a, b: jnp.where(last, a, b), after, cursor)
        return (cursor, jnp.where(last, 0, part + 1)), carry

    def goes_on(both: Any) -> jax.Array:
        return jnp.any(both[0][0].cells < n)

    @custom_batching.custom_vmap
    def loop(cursor: Any, carry: Any, source: Any, constants: Any) -> Any:
        def step(both: Any) -> Any:
            return advance(both, source, constants)

        first = ((cursor, jnp.int32(0)), carry)
        return jax.lax.while_loop(goes_on, step, first)[1]

    @loop.def_vmap
    def _batched(
        axis_size: int, in_batched: Any, cursor: Any, carry: Any, source: Any, constants: Any
    ) -> tuple[Any, Any]:
        """Keep one loop: vmap of a while loop would copy the whole carry in every iteration."""
        wide = [
            jax.tree.map(lambda x, b: x if b else jnp.broadcast_to(x, (axis_size, *x.shape)), *both)
            for both in ((cursor, in_batched[0]), (carry, in_batched[1]))
        ]
        axes = jax.tree.map(lambda b: 0 if b else None, tuple(in_batched[2:]))
        every = jax.vmap(advance, in_axes=(0, *axes))

        def step(both: Any) -> Any:
            return every(both, source, constants)

        first = ((wide[0], jnp.zeros((axis_size,), jnp.int32)), wide[1])
        carry = jax.lax.while_loop(goes_on, step, first)[1]
        return carry, jax.tree.map(lambda _: True, carry)

    return loop(start, carry, source, constants)


# one at a time


class _One(NamedTuple):
    """The next spike."""

    cells: jax.Array  # (1,)


class _Block(NamedTuple):
    """Where it is looked for."""

    words: jax.Array
    first: jax.Array  # number of the first cell
    n: jax.Array  # number of cells of all blocks


def _pack(mask: jax.Array) -> jax.Array:
    """Return the mask as words of bits, in blocks."""
    n = mask.shape[0]
    length = min(_BLOCK, -(-n // _WORD))
    padded = jnp.pad(mask, (0, -n % (length * _WORD))).reshape(-1, length, _WORD)
    place = jnp.arange(_WORD, dtype=jnp.uint32)[None, None, :]
    return jnp.sum(padded.astype(jnp.uint32) << place, axis=2, dtype=jnp.uint32)


def _following_one(cursor: _One, block: _Block) -> _One:
    """Return the lowest cell above the last in a block; n if there is none."""
    place = _WORD * jnp.arange(block.words.shape[0], dtype=jnp.int32) + block.first
    seen = jnp.clip(cursor.cells + 1 - place, 0, _WORD)  # bits of the word that lie behind
    above = jnp.where(seen < _WORD, ~jnp.uint32(0) << (seen % _WORD).astype(jnp.uint32), 0)
    left = block.words & above
    lowest = left & (~left + np.uint32(1))
    number = place + _WORD - 1 - jax.lax.clz(lowest).astype(jnp.int32)
    return _One(jnp.min(jnp.where(left == 0, block.n, number), keepdims=True))


# many at once


class _Many(NamedTuple):
    """The next spikes, and those behind them."""

    cells: jax.Array  # (at_once,)
    left: jax.Array  # (n,), mask


def _take(mask: jax.Array, at_once: int) -> _Many:
    """Take the first cells out of a mask."""
    # a search takes no scatter, which would meet in one place where few cells are left
    ranks = jnp.arange(1, at_once + 1)
    cells = jnp.searchsorted(jnp.cumsum(mask), ranks, method="scan_unrolled").astype(jnp.int32)
    return _Many(cells, mask.at[cells].set(False, mode="drop"))


def _following_many(cursor: _Many, source: None) -> _Many:
    del source
    return _take(cursor.left, len(cursor.cells))
