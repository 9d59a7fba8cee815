"""A loop over the cells that spiked, at a cost that grows with their number.

The mask of a population is packed into words of 32 bits, and the words that hold a spike into a
summary of 32 words each. The next spike is found from the lowest bits of both, and the loop ends
when no bit is left: no buffer has a size that a burst could exceed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import custom_batching

_WORD = 32


def for_each(
    mask: jax.Array,
    body: Callable[[jax.Array, Any, Any], Any],
    carry: Any,
    constants: Any,
) -> Any:
    """Return `carry` after `body(cell, carry, constants)` for each cell of the mask, in order.

    Under vmap all members of the batch advance together, until none has a spike left. For those
    that have none left the body is called with a cell number of `mask.shape[0]`, at which it must
    change nothing.

    Args:
      mask: which cells, shape (n,).
      body: pure function, free of tracers but for its arguments.
      carry: tree of arrays.
      constants: tree of arrays that the body reads.
    """
    n = mask.shape[0]

    def advance(both, constants):
        bits, carry = both
        return _without(bits, n), body(bits.cell, carry, constants)

    @custom_batching.custom_vmap
    def loop(bits, carry, constants):
        def step(both):
            return advance(both, constants)

        return jax.lax.while_loop(lambda both: both[0].cell < n, step, (bits, carry))[1]

    @loop.def_vmap
    def _batched(axis_size, in_batched, bits, carry, constants):
        """Keep one loop: vmap of a while loop would copy the whole carry in every round."""
        wide = [
            jax.tree.map(lambda x, b: x if b else jnp.broadcast_to(x, (axis_size, *x.shape)), *both)
            for both in ((bits, in_batched[0]), (carry, in_batched[1]))
        ]
        axes = jax.tree.map(lambda b: 0 if b else None, in_batched[2])

        def step(both):
            return jax.vmap(advance, in_axes=(0, axes))(both, constants)

        carry = jax.lax.while_loop(lambda both: jnp.any(both[0].cell < n), step, tuple(wide))[1]
        return carry, jax.tree.map(lambda _: True, carry)

    return loop(_pack(mask), carry, constants)


class _Bits(NamedTuple):
    """The cells that are left."""

    words: jax.Array
    summary: jax.Array
    cell: jax.Array  # lowest of them; n if none is left


def _pack(mask: jax.Array) -> _Bits:
    """Return the mask as words of bits, and the words that are not 0 as words of bits."""
    words = _as_words(mask, _WORD * _WORD)
    summary = _as_words(words != 0, _WORD)
    return _Bits(words, summary, _first(words, summary, mask.shape[0]))


def _as_words(mask: jax.Array, multiple: int) -> jax.Array:
    n = mask.shape[0]
    padded = jnp.pad(mask, (0, -n % multiple)).reshape(-1, _WORD)
    place = jnp.arange(_WORD, dtype=jnp.uint32)
    return jnp.sum(padded.astype(jnp.uint32) << place, axis=1, dtype=jnp.uint32)


def _without(bits: _Bits, n: int) -> _Bits:
    """Return the bits without the lowest.

    Every array is read only before, or only after it is written; else XLA would copy it.
    """
    number = jnp.minimum(bits.cell // _WORD, bits.words.shape[0] - 1)
    words = bits.words.at[number].set(_clear(bits.words[number]))
    group = number // _WORD
    summary = bits.summary[group]
    summary = jnp.where(words[number] == 0, _clear(summary), summary)
    summary = bits.summary.at[group].set(summary)
    return _Bits(words, summary, _first(words, summary, n))


def _first(words: jax.Array, summary: jax.Array, n: int) -> jax.Array:
    """Return the number of the lowest bit, `n` if there is none."""
    group = jnp.argmax(summary != 0).astype(jnp.int32)
    present = summary[group]
    number = jnp.maximum(group * _WORD + _lowest(present), 0)
    cell = number * _WORD + _lowest(words[number])
    return jnp.where(present == 0, n, cell).astype(jnp.int32)


def _clear(word: jax.Array) -> jax.Array:
    """Return the word without its lowest bit."""
    return word & (word - np.uint32(1))


def _lowest(word: jax.Array) -> jax.Array:
    """Return the place of the lowest bit that is set; -1 for 0."""
    alone = word & (~word + np.uint32(1))
    return jnp.int32(_WORD - 1) - jax.lax.clz(alone).astype(jnp.int32)
