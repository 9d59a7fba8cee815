"""What all rules check of their arguments: shapes and dtypes, and values that are known."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PyTree

from neurogain import _checks
from neurogain._types import AnyArray


def logits(name: str, value: AnyArray) -> Float[Array, "batch classes"]:
    """Return logits, in float32 or wider; raise an error unless they are (batch, classes)."""
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"`{name}` must be of a floating dtype; got {array.dtype}. Pass the model's outputs."
        )
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"`{name}` must be logits, (batch, classes), with one or more of both; got shape "
            f"{array.shape}. Pass logits[None] for a single example."
        )
    return array.astype(_checks.widest(array.dtype, jnp.float32))


def integers(name: str, value: AnyArray, length: int | None = None) -> Int[Array, " batch"]:
    """Return integers as int32; raise an error unless they are (length,)."""
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(
            f"`{name}` must be of an integer dtype; got {array.dtype}. "
            f"Pass {name}.astype(jnp.int32)."
        )
    if array.ndim != 1 or not array.size or length not in (None, len(array)):
        rule = "(batch,), with one or more" if length is None else f"({length},), one per example"
        raise ValueError(
            f"`{name}` must be {rule}; got shape {array.shape}. Pass one number per example."
        )
    return array.astype(jnp.int32)


def labels(name: str, value: AnyArray, length: int, classes: int) -> Int[Array, " batch"]:
    """Return labels as int32; raise an error unless they are (length,) and in [0, classes)."""
    array = integers(name, value, length)
    _checks.in_range(
        name,
        value,
        f"in [0, {classes}), the classes",
        lambda x: (x >= 0) & (x < classes),
        f"labels below {classes}",
    )
    return array


def mask(name: str, value: AnyArray | None, length: int, what: str) -> Bool[Array, " n"]:
    """Return a mask, all True for None; raise an error unless it is bool and (length,)."""
    if value is None:
        return jnp.ones(length, bool)
    array = jnp.asarray(value)
    if array.dtype != bool:
        raise TypeError(
            f"`{name}` must be a mask of dtype bool; got {array.dtype}. Pass {name}.astype(bool)."
        )
    if array.shape != (length,):
        raise ValueError(
            f"`{name}` must be ({length},), one per {what}; got shape {array.shape}. "
            f"Pass a mask of length {length}."
        )
    return array


def check_weight(name: str, value: ArrayLike) -> None:
    """Raise an error unless the weight of a loss is one number, finite and >= 0."""
    _checks.no_schedule(name, value)
    _checks.single(name, value)
    _checks.in_range(name, value, "finite and >= 0", lambda x: (x >= 0) & (x < np.inf), "1.0")


def check_alike(name: str, tree: PyTree, like_name: str, like: PyTree) -> None:
    """Raise a ValueError unless two trees have one structure, and their leaves the same shapes."""
    structure: jax.tree_util.PyTreeDef = jax.tree.structure(tree)
    wanted: jax.tree_util.PyTreeDef = jax.tree.structure(like)
    if structure != wanted:
        raise ValueError(
            f"`{name}` must have the structure of `{like_name}`, {wanted}; got {structure}. "
            f"Build it by jax.tree.map over `{like_name}`."
        )
    for (path, own), other in zip(
        jax.tree.leaves_with_path(tree), jax.tree.leaves(like), strict=True
    ):
        if jnp.shape(own) != jnp.shape(other):
            raise ValueError(
                f"`{name}{jax.tree_util.keystr(path)}` must have the shape of `{like_name}`, "
                f"{jnp.shape(other)}; got {jnp.shape(own)}. "
                f"Build it by jax.tree.map over `{like_name}`."
            )
