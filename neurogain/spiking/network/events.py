"""A loop over the cells that spiked, at a cost that grows with their number.

The mask of a population is packed into words of 32 bits, and the next spike is the lowest bit
behind the last one, a minimum over words. The loop ends when none is left: no buffer has a size
that a burst could exceed. Large populations are searched in blocks, so that the cost of a search
does not grow with them.
"""

from collections.abc import Callable
from typing import Any

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
) -> Any:
    """Return `carry` after `body(cell, part, carry, constants)` for each cell of the mask.

    Cells come in order, each with its parts 0, 1, ... to `parts(cell, constants)`, at least one.
    Under vmap all members of the batch advance together until none has a spike left; those that
    have none left call the body with a cell of `mask.shape[0]`, at which it must change nothing.

    Args:
      mask: which cells, shape (n,).
      body: pure function, free of tracers but for its arguments.
      parts: number of parts of a cell; free of tracers as well.
      carry: tree of arrays.
      constants: tree of arrays that both read.
    """
    n = mask.shape[0]

    def advance(both, words, first, constants):
        (cell, part), carry = both
        carry = body(cell, part, carry, constants)
        last = part + 1 >= parts(cell, constants)
        following = jnp.where(last, _next(words, cell, first, n), cell)
        return (following, jnp.where(last, 0, part + 1)), carry

    @custom_batching.custom_vmap
    def loop(carry, words, first, constants):
        def step(both):
            return advance(both, words, first, constants)

        start = (_next(words, jnp.int32(-1), first, n), jnp.int32(0))
        return jax.lax.while_loop(lambda both: both[0][0] < n, step, (start, carry))[1]

    @loop.def_vmap
    def _batched(axis_size, in_batched, carry, words, first, constants):
        """Keep one loop: vmap of a while loop would copy the whole carry in every round."""
        carry = jax.tree.map(
            lambda x, b: x if b else jnp.broadcast_to(x, (axis_size, *x.shape)),
            carry,
            in_batched[0],
        )
        axes = jax.tree.map(lambda b: 0 if b else None, in_batched[1:])
        search = jax.vmap(_next, in_axes=(axes[0], None, axes[1], None), axis_size=axis_size)
        cell = search(words, jnp.int32(-1), first, n)
        every = jax.vmap(advance, in_axes=(0, *axes))

        def step(both):
            return every(both, words, first, constants)

        start = ((cell, jnp.zeros_like(cell)), carry)
        carry = jax.lax.while_loop(lambda both: jnp.any(both[0][0] < n), step, start)[1]
        return carry, jax.tree.map(lambda _: True, carry)

    words = _pack(mask)
    if len(words) == 1:
        return loop(carry, words[0], jnp.int32(0), constants)

    def block(number, carry):
        return loop(carry, words[number], number * (_BLOCK * _WORD), constants)

    return jax.lax.fori_loop(0, len(words), block, carry)


def _pack(mask: jax.Array) -> jax.Array:
    """Return the mask as words of bits, in blocks."""
    n = mask.shape[0]
    length = min(_BLOCK, -(-n // _WORD))
    padded = jnp.pad(mask, (0, -n % (length * _WORD))).reshape(-1, length, _WORD)
    place = jnp.arange(_WORD, dtype=jnp.uint32)
    return jnp.sum(padded.astype(jnp.uint32) << place, axis=2, dtype=jnp.uint32)


def _next(words: jax.Array, cell: jax.Array, first: jax.Array, n: int) -> jax.Array:
    """Return the lowest cell above `cell` in a block that begins at `first`; n if there is none."""
    place = _WORD * jnp.arange(words.shape[0], dtype=jnp.int32) + first
    seen = jnp.clip(cell + 1 - place, 0, _WORD)  # bits of the word that lie behind
    above = jnp.where(seen < _WORD, ~jnp.uint32(0) << (seen % _WORD).astype(jnp.uint32), 0)
    left = words & above
    lowest = left & (~left + np.uint32(1))
    number = place + _WORD - 1 - jax.lax.clz(lowest).astype(jnp.int32)
    return jnp.min(jnp.where(left == 0, n, number)).astype(jnp.int32)
