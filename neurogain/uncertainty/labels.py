"""The surprise at the observed class."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Integer

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.uncertainty import _arrays

PADDING = -1  # the label of what is no example


def surprise(
    logits: Float[AnyArray, "*batch classes"],
    labels: Integer[AnyArray, " *batch"],
    *,
    where: Bool[AnyArray, "..."] | None = None,
) -> Float[Array, " *batch"]:
    """Return -ln p_y of the observed class y in nats; infinite where y is left out by `where`.

    A label of -1 is padding, as in the streams' test sets. Its surprise is 0, and so is its
    gradient, even where its logits are NaN. Leave it out of the mean, too, by
    `batch_mean(surprise(logits, labels), where=labels != -1)`.

    Args:
      logits: shape (..., classes).
      labels: integers in [0, classes), or -1, of shape (...), which must be that of the logits
        without the classes: nothing is broadcast. A traced label outside gives NaN, without a
        gradient.
      where: the classes that are kept, broadcastable to the logits; all by default.

    Raises:
      TypeError: if the logits are no real floats, the labels no integers, or the mask not boolean.
      ValueError: if shapes do not fit, a concrete label is no class, or a concrete mask keeps no
        class of some example.

    Example:
      >>> print(surprise(jnp.array([[0.0, 0.0], [4.0, -4.0]]), jnp.array([0, 1])).round(3))
      [0.693 8.   ]
      >>> print(surprise(jnp.array([[0.0, 0.0], [jnp.nan, 0.0]]), jnp.array([0, -1])).round(3))
      [0.693 0.   ]
    """
    checked = _arrays.logits_of(logits)
    y = _class_of(labels, checked.shape)
    keep = _arrays.classes_kept(where, checked.shape)
    padded = y == PADDING
    checked = jnp.where(padded[..., None], 0, checked)
    _, log_p = _arrays.log_probabilities(checked, keep)
    if keep is not None:
        log_p = jnp.where(keep, log_p, -jnp.inf)
    is_class = (y >= 0) & (y < checked.shape[-1])
    at = jnp.where(is_class, y, 0)[..., None]
    value = -jnp.take_along_axis(log_p, at, axis=-1)[..., 0]
    value = _arrays.nan_where_empty(jnp.where(is_class, value, jnp.nan), keep)
    return jnp.where(padded, 0, value)


def _class_of(labels: ArrayLike, shape: tuple[int, ...]) -> Integer[Array, " *batch"]:
    """Return labels in a signed dtype; raise an error unless they fit logits of this shape."""
    _checks.unmasked("labels", labels)
    array, classes = jnp.asarray(labels), shape[-1]
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(
            f"`labels` must be integers, the observed classes; got {array.dtype}. Pass "
            "labels.astype(jnp.int32), or labels.argmax(-1) if they are one-hot."
        )
    if array.shape != shape[:-1]:
        raise ValueError(
            f"`labels` must have the shape of `logits` without the classes, {shape[:-1]}; got "
            f"shape {array.shape}. Pass one label per example."
        )
    if _checks.is_concrete(labels):
        known = np.asarray(labels)
        wrong = np.argwhere((known != PADDING) & ((known < 0) | (known >= classes)))
        if len(wrong):
            index = tuple(int(i) for i in wrong[0])
            place = f" at index {index}" if index else ""
            raise ValueError(
                f"`labels` must be at least 0 and below {classes}, the number of classes, or -1 "
                f"for padding; got {known[index]}{place}. Pass -1 there, or logits of more classes."
            )
    # An unsigned label beyond int32 would come out negative; it is no class before and after.
    top = min(classes, np.iinfo(array.dtype).max)
    return jnp.minimum(array, top).astype(_checks.widest(array.dtype, jnp.int32))
