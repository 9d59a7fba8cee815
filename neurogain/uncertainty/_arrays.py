"""Checks of arrays and masks, and the softmax over the classes that are kept."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from neurogain import _checks
from neurogain._types import AnyArray


def floats(name: str, value: ArrayLike) -> Float[Array, "..."]:
    """Return an array in float32 or wider; raise a TypeError unless its dtype is a real float."""
    _checks.unmasked(name, value)
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError):  # a tree, lists of different lengths
        raise TypeError(
            f"`{name}` must be an array of floats; got a {type(value).__name__}. Pass the array."
        ) from None
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"`{name}` must have a real float dtype; got {array.dtype}, shape {array.shape}. "
            f"Pass {name}.astype(jnp.float32) if these are real numbers."
        )
    return array.astype(_checks.widest(array.dtype, jnp.float32))


def logits_of(value: ArrayLike) -> Float[Array, "*batch classes"]:
    """Return logits in float32 or wider; raise an error unless they are floats with classes."""
    logits = floats("logits", value)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            "`logits` must have the classes on the last axis, at least one; got shape "
            f"{logits.shape}. Pass an array of shape (..., classes)."
        )
    return logits


def mask(where: ArrayLike, shape: tuple[int, ...], of: str) -> Bool[Array, "..."]:
    """Return a mask in a shape; raise an error unless it is boolean and broadcasts to it."""
    _checks.unmasked("where", where)
    array = jnp.asarray(where)
    if array.dtype != bool:
        raise TypeError(
            f"`where` must be boolean, True where something is kept; got {array.dtype}. "
            "Pass where != 0."
        )
    if not broadcasts_to(array.shape, shape):
        raise ValueError(
            f"`where` must broadcast to the shape of {of}, {shape}; got shape {array.shape}. "
            "Give it axes of size 1, as where[..., None] does."
        )
    return jnp.broadcast_to(array, shape)


def broadcasts_to(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether an array broadcasts to a shape, and does not enlarge it."""
    try:
        return np.broadcast_shapes(given, shape) == shape
    except ValueError:
        return False


def classes_kept(
    where: ArrayLike | None, shape: tuple[int, ...]
) -> Bool[Array, "*batch classes"] | None:
    """Return the mask of classes in the shape of the logits.

    Raises:
      ValueError: if it does not broadcast to the logits, or a concrete mask keeps no class of some
        example.
      TypeError: if it is not boolean.
    """
    if where is None:
        return None
    keep = mask(where, shape, "`logits`")
    if _checks.is_concrete(where):
        empty = np.argwhere(~np.broadcast_to(np.asarray(where), shape).any(axis=-1))
        if len(empty):
            index = tuple(int(i) for i in empty[0])
            place = f" for the example at index {index}" if index else ""
            raise ValueError(
                f"`where` must keep at least one class of each example; it keeps none{place}. "
                "Leave whole examples out by batch_mean(..., where=) or token_mean."
            )
    return keep


def fill(
    logits: Float[Array, "*batch classes"], keep: Bool[Array, "*batch classes"] | None
) -> Float[Array, "*batch classes"]:
    """Return logits in which the lowest kept one stands in for those left out.

    So no infinity of what is left out enters the gradient.
    """
    if keep is None:
        return logits
    top = jnp.finfo(logits.dtype).max
    lowest = jnp.min(logits, axis=-1, keepdims=True, where=keep, initial=top)
    return jnp.where(keep, logits, lowest)


def nan_where_empty(
    value: Float[Array, " *batch"], keep: Bool[Array, "*batch classes"] | None
) -> Float[Array, " *batch"]:
    """Return a value per example, NaN and without a gradient where no class is kept."""
    return value if keep is None else jnp.where(jnp.any(keep, axis=-1), value, jnp.nan)


def log_probabilities(
    logits: Float[Array, "*batch classes"], keep: Bool[Array, "*batch classes"] | None
) -> tuple[Float[Array, "*batch classes"], Float[Array, "*batch classes"]]:
    """Return p and log p; a class that is left out has p = 0 and log p = 0."""
    if keep is None:
        log_p = jax.nn.log_softmax(logits)
        return jnp.exp(log_p), log_p
    log_p = jnp.where(keep, jax.nn.log_softmax(fill(logits, keep), where=keep), 0)
    return jnp.where(keep, jnp.exp(log_p), 0), log_p


def probabilities(
    logits: ArrayLike, where: ArrayLike | None
) -> tuple[
    Float[Array, "*batch classes"],
    Float[Array, "*batch classes"],
    Bool[Array, "*batch classes"] | None,
]:
    """Return p, log p and the classes that are kept, of checked logits and mask."""
    checked = logits_of(logits)
    keep = classes_kept(where, checked.shape)
    return *log_probabilities(checked, keep), keep


def members(name: str, array: AnyArray, axis: int, *, last: bool) -> int:
    """Return the axis of the members of an ensemble, from 0; `last`: whether it may be the last.

    Raises:
      TypeError: if it is no integer.
      ValueError: if there is no such axis, it is the one of the classes, or it has fewer than two
        members.
    """
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        raise TypeError(f"`axis` must be one integer; got {axis!r}. Pass axis=0.")
    allowed = array.ndim if last else array.ndim - 1
    place = int(axis) + array.ndim if axis < 0 else int(axis)
    if not 0 <= place < allowed:
        classes = "" if last else ", and not the last one, of the classes"
        raise ValueError(
            f"`axis` must be an axis of `{name}`{classes}; got {axis} for shape {array.shape}. "
            "Stack the members on axis 0, and pass axis=0."
        )
    if array.shape[place] < 2:
        raise ValueError(
            f"`{name}` must have at least 2 members on `axis`, since one has no spread; got shape "
            f"{array.shape} with axis={axis}. Pass more members or samples."
        )
    return place
