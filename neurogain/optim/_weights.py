"""The arithmetic of effective weights, leaf by leaf: E = g W.

`gains` holds one gain per modulated leaf in a shape that multiplies it, and MaskedNode elsewhere.
`weights` holds, per leaf, the W that the state keeps for leaves of low precision, Modulated where a
leaf is modulated and its W is not kept, and MaskedNode where it is left out.

There may be thousands of leaves, so the arithmetic is that of `jax.lax`, which traces several times
faster than that of `jax.numpy`: operands have one dtype, and gains the rank of the leaf or 0.
"""

import functools
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.optim import _scope

Leaf: TypeAlias = (
    AnyArray | jax.ShapeDtypeStruct
)  # of the parameters; abstract ones in `init` alone
Held: TypeAlias = PyTree  # W of one leaf where the state holds it, else a mark


def gain_dtype(leaf: Leaf) -> np.dtype:
    """Return the dtype of a leaf's gain: the leaf's own, at least float32."""
    return at_least_float32(jnp.finfo(leaf.dtype).dtype)


def at_least_float32(dtype: DTypeLike) -> np.dtype:
    """Return a floating dtype, or float32 for a narrower one (JAX promotes no 8-bit floats)."""
    known = np.dtype(dtype)
    return np.dtype(np.float32) if known.itemsize < 4 else known


def working_dtype(leaf: Leaf, gain: AnyArray) -> np.dtype:
    """Return the dtype to compute in: the leaf's own or, if that is lower, the gain's."""
    if leaf.dtype == gain.dtype:
        return leaf.dtype
    return _checks.widest(at_least_float32(leaf.dtype), gain.dtype)


def _to(x: AnyArray, dtype: DTypeLike) -> Array:
    """Return an array in a dtype."""
    if x.dtype != dtype:
        return lax.convert_element_type(x, dtype)
    return x if isinstance(x, jax.Array) else jnp.asarray(x)


def is_abstract(leaf: object) -> bool:
    """Return whether a leaf has a shape and a dtype and no values."""
    return isinstance(leaf, jax.ShapeDtypeStruct)


def arrays(tree: PyTree, what: str = "parameters") -> PyTree:
    """Return the tree with its Python numbers as arrays; raise a TypeError for other leaves."""

    def one(leaf: object) -> object:
        if hasattr(leaf, "dtype"):
            return leaf
        if isinstance(leaf, bool | int | float | complex):
            return jnp.asarray(leaf)
        raise TypeError(
            f"each leaf of the {what} must be an array; got {leaf!r:.200}. Pass the arrays alone, "
            "as eqx.filter(model, eqx.is_inexact_array) gives them."
        )

    return jax.tree.map(one, tree)


def copied(leaf: PyTree) -> PyTree:
    """Return an array in a buffer of its own; an abstract one as it is."""
    return leaf if is_abstract(leaf) else jnp.copy(leaf)


def copy_shared(tree: PyTree, *others: PyTree) -> PyTree:
    """Return the tree, with copies of the arrays that are also in the other trees."""
    shared = {id(x) for x in jax.tree.leaves(others)}
    return jax.tree.map(lambda x: copied(x) if id(x) in shared else x, tree)


def widened(leaf: Leaf, dtype: DTypeLike) -> PyTree:
    """Return a leaf in another dtype; an abstract one stays abstract, and keeps its sharding."""
    if isinstance(leaf, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct(leaf.shape, dtype, sharding=leaf.sharding)
    return leaf.astype(dtype)


def _absent(weight: object) -> bool:
    return _scope.is_mark(weight)


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
    in_dtype = functools.cache(gain.astype)
    return _scope.map_modulated(
        lambda p: in_dtype(gain_dtype(p)), scope, params, otherwise=left_out
    )


def hold(params: PyTree, gains: PyTree, scope: PyTree, keep: bool | None) -> PyTree:
    """Return W of all modulated leaves, or marks of them; by default W if one is below float32.

    All or none are held, so that `optax.tree_map_params` finds what it maps among the parameters.
    """
    if keep is None:
        below = _scope.map_modulated(
            lambda p: jnp.finfo(p.dtype).dtype != gain_dtype(p), scope, params, otherwise=left_out
        )
        keep = any(jax.tree.leaves(below))

    def one(p: Leaf, g: Array) -> Held:
        if not keep:
            return _scope.Modulated()
        wide = widened(p, working_dtype(p, g))
        return wide if is_abstract(wide) else lax.div(wide, g)

    return _scope.map_modulated(one, scope, params, gains, otherwise=left_out)


def fit(weights: PyTree, scope: PyTree) -> bool:
    """Return whether the weights of a state were made for these modulated leaves."""
    try:
        pairs = jax.tree.map(
            lambda mark, w: isinstance(mark, _scope.MaskedNode) == isinstance(w, _scope.MaskedNode),
            scope,
            weights,
            is_leaf=_scope.is_mark,
        )
    except ValueError:  # of another structure
        return False
    return all(jax.tree.leaves(pairs))


def effective_to_underlying(effective: Leaf, gain: Array, held: Held) -> PyTree:
    """Return W of one leaf: as held in the state, or else E / g."""
    if not _absent(held):
        return held
    if isinstance(effective, jax.ShapeDtypeStruct):
        return effective
    wide = working_dtype(effective, gain)
    return _to(lax.div(_to(effective, wide), _to(gain, wide)), effective.dtype)


def underlying(params: PyTree, gains: PyTree, scope: PyTree, weights: PyTree) -> PyTree:
    """Return W of all leaves; a leaf that is not modulated as it is."""
    return _scope.map_modulated(
        effective_to_underlying, scope, params, gains, weights, otherwise=_first
    )


def effective(latent: PyTree, params: PyTree, gains: PyTree, scope: PyTree) -> PyTree:
    """Return E = g W in the dtypes of `params`."""

    def one(w: AnyArray, p: AnyArray, g: Array) -> Array:
        wide = working_dtype(w, g)
        return _to(lax.mul(_to(g, wide), _to(w, wide)), p.dtype)

    return _scope.map_modulated(one, scope, latent, params, gains, otherwise=_first)


def check_gradients(grads: PyTree, params: PyTree, scope: PyTree, *, many: bool) -> None:
    """Raise a ValueError unless each modulated leaf has a gradient of its shape.

    `many`: there may be axes before, as of the examples in optax.contrib.dpsgd.
    """
    wrong: list[tuple[object, tuple[int, ...]]] = []

    def one(p: AnyArray, d: PyTree) -> None:
        shape = getattr(d, "shape", None)
        if shape != p.shape and not (many and shape and shape[-p.ndim or len(shape) :] == p.shape):
            wrong.append((d if shape is None else shape, p.shape))

    try:
        _scope.map_modulated(one, scope, params, grads, otherwise=left_out)
    except ValueError as error:
        raise ValueError(
            "the gradients passed to update must have the structure of the parameters; got "
            f"{jax.tree.structure(grads)} for {jax.tree.structure(params)}. Take them with respect "
            "to these parameters."
        ) from error
    for found, shape in wrong[:1]:
        raise ValueError(
            "the gradients passed to update must have the shapes of the modulated parameters; got "
            f"{found!r:.200} for one of shape {shape}. Take them with respect to these parameters, "
            "or leave a leaf out with `mask`."
        )


def latent_gradients(grads: PyTree, gains: PyTree, scope: PyTree, weights: PyTree) -> PyTree:
    """Return dL/dW = g dL/dE."""

    def one(d: AnyArray, g: Array, w: Held) -> Array:
        wide = working_dtype(d, g)
        return _to(lax.mul(_to(g, wide), _to(d, wide)), d.dtype if _absent(w) else w.dtype)

    return _scope.map_modulated(one, scope, grads, gains, weights, otherwise=_first)


def advance(weights: PyTree, delta: PyTree, scope: PyTree) -> PyTree:
    """Return W + Delta where W is held."""

    def one(w: Held, d: Array) -> Held:
        return w if _absent(w) else lax.add(w, _to(d, w.dtype))

    return _scope.map_modulated(one, scope, weights, delta, otherwise=_first)


def effective_update(
    delta: PyTree, params: PyTree, old: PyTree, new: PyTree, scope: PyTree, weights: PyTree
) -> PyTree:
    """Return E' - E = g' Delta + (g'/g - 1) E, or g' W' - E where the new W' is held."""
    # All leaves may share one gain, so what is made of gains alone is made once of each pair.
    factors: dict[tuple[int, int], Array] = {}

    def one(d: AnyArray, p: AnyArray, g: Array, g_new: Array, w: Held) -> Array:
        wide = working_dtype(p, g)
        if not _absent(w):
            return _to(lax.sub(lax.mul(_to(g_new, wide), w), _to(p, wide)), p.dtype)
        key = id(g), id(g_new)
        if key not in factors:
            ratio = lax.div(g_new, g)
            factors[key] = _to(lax.sub(ratio, np.ones((), ratio.dtype)), wide)
        gained = lax.mul(_to(g_new, wide), _to(d, wide))
        return _to(lax.add(gained, lax.mul(factors[key], _to(p, wide))), p.dtype)

    return _scope.map_modulated(one, scope, delta, params, old, new, weights, otherwise=_first)
