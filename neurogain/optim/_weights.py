"""The arithmetic of effective weights, leaf by leaf: E = g W.

`gains` holds one gain per modulated leaf in a shape that multiplies it, `weights` the W that the
state holds for leaves of low precision; both have MaskedNode where there is none.
"""

from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.optim import _scope

Held: TypeAlias = Array | _scope.MaskedNode  # W of one leaf, where the state holds it


def gain_dtype(leaf: AnyArray) -> np.dtype:
    """Return the dtype of a leaf's gain: the leaf's own, at least float32."""
    return _checks.widest(jnp.finfo(leaf.dtype).dtype, jnp.float32)


def _wide(leaf: AnyArray, gain: AnyArray) -> np.dtype:
    """Return the dtype to compute in: the leaf's own or, if that is lower, the gain's."""
    return _checks.widest(leaf.dtype, gain.dtype)


def _absent(weight: object) -> bool:
    return isinstance(weight, _scope.MaskedNode)


def left_out(*_: object) -> _scope.MaskedNode:
    """Stand in for a leaf that is not modulated."""
    return _scope.MaskedNode()


def _first(x: PyTree, *_: object) -> PyTree:
    return x


def acting(scope: PyTree, weights: PyTree) -> PyTree:
    """Return the scope of a gain that is 1 for good: only the leaves whose W is held."""
    return _scope.map_modulated(
        lambda w: _scope.MaskedNode() if _absent(w) else _scope.Modulated(),
        scope,
        weights,
        otherwise=left_out,
    )


def per_leaf(gain: PyTree, scope: PyTree, params: PyTree) -> PyTree:
    """Return the gain that multiplies each leaf, from one for all or a tree of them."""
    if not jax.tree_util.all_leaves([gain]):
        return gain
    return _scope.map_modulated(
        lambda p: gain.astype(gain_dtype(p)), scope, params, otherwise=left_out
    )


def hold(params: PyTree, gains: PyTree, scope: PyTree, keep: bool | None) -> PyTree:
    """Return W of the leaves that the state is to hold: by default those below float32."""

    def one(p: AnyArray, g: Array) -> Held:
        narrow = jnp.finfo(p.dtype).dtype != gain_dtype(p)
        held = narrow if keep is None else keep
        return p.astype(_wide(p, g)) / g if held else _scope.MaskedNode()

    return _scope.map_modulated(one, scope, params, gains, otherwise=left_out)


def effective_to_underlying(effective: AnyArray, gain: Array, held: Held) -> AnyArray:
    """Return W of one leaf: as held in the state, or else E / g."""
    if not _absent(held):
        return held
    return (effective.astype(_wide(effective, gain)) / gain).astype(effective.dtype)


def underlying(params: PyTree, gains: PyTree, scope: PyTree, weights: PyTree) -> PyTree:
    """Return W of all leaves; a leaf that is not modulated as it is."""
    return _scope.map_modulated(
        effective_to_underlying, scope, params, gains, weights, otherwise=_first
    )


def latent_gradients(grads: PyTree, gains: PyTree, scope: PyTree, weights: PyTree) -> PyTree:
    """Return dL/dW = g dL/dE."""

    def one(d: AnyArray, g: Array, w: Held) -> Array:
        return (g * d.astype(_wide(d, g))).astype(d.dtype if _absent(w) else w.dtype)

    return _scope.map_modulated(one, scope, grads, gains, weights, otherwise=_first)


def advance(weights: PyTree, delta: PyTree, scope: PyTree) -> PyTree:
    """Return W + Delta where W is held."""

    def one(w: Held, d: Array) -> Held:
        return w if _absent(w) else w + d.astype(w.dtype)

    return _scope.map_modulated(one, scope, weights, delta, otherwise=_first)


def effective_update(
    delta: PyTree, params: PyTree, old: PyTree, new: PyTree, scope: PyTree, weights: PyTree
) -> PyTree:
    """Return E' - E = g' Delta + (g'/g - 1) E, or g' W' - E where the new W' is held."""

    def one(d: Array, p: AnyArray, g: Array, g_new: Array, w: Held) -> Array:
        wide = _wide(p, g)
        if _absent(w):
            change = g_new * d.astype(wide) + (g_new / g - 1) * p.astype(wide)
        else:
            change = g_new * w - p.astype(wide)
        return change.astype(p.dtype)

    return _scope.map_modulated(one, scope, delta, params, old, new, weights, otherwise=_first)
