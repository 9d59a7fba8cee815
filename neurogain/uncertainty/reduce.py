"""From one drive per example or token to one number."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from neurogain._types import AnyArray
from neurogain.uncertainty import _arrays
from neurogain.uncertainty.softmax import entropy


def batch_mean(
    uncertainty: Float[AnyArray, "..."], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, ""]:
    """Return the mean over all examples, or over those that `where` keeps (0 if it keeps none).

    Args:
      uncertainty: a drive per example, any shape, not empty.
      where: the examples that count, broadcastable to it; the others may be NaN.

    Raises:
      TypeError: if the drive is no real float, or the mask is not boolean.
      ValueError: if there is no example, or the mask does not broadcast to the drive.

    Example:
      >>> padded, real = jnp.array([0.2, 0.4, 9.0]), jnp.array([True, True, False])
      >>> print(f"{batch_mean(padded, where=real):.2f}")
      0.30
    """
    uncertainty = _arrays.floats("uncertainty", uncertainty)
    if uncertainty.size == 0:
        raise ValueError(
            f"`uncertainty` must hold at least one example; got shape {uncertainty.shape}. "
            "Leave empty batches out."
        )
    if where is None:
        return jnp.mean(uncertainty)
    where = _arrays.mask(where, uncertainty.shape, "`uncertainty`")
    count = jnp.maximum(jnp.sum(where), 1).astype(uncertainty.dtype)
    return jnp.sum(jnp.where(where, uncertainty, 0)) / count


def token_mean(
    logits: Float[AnyArray, "*tokens classes"],
    *,
    where: Bool[AnyArray, "..."],
    measure: Callable[[Array], Array] = entropy,
) -> Float[Array, ""]:
    """Return the mean drive over the tokens that `where` keeps (0 if it keeps none).

    Logits of padded tokens never count, neither in the value nor in gradients, even if they are NaN
    or infinite: `measure` is given zeros in their place. `batch_mean(entropy(logits), where=mask)`
    has the same value, but the gradient of a NaN that is masked afterwards is NaN.

    Args:
      logits: shape (..., classes), such as (batch, tokens, classes).
      where: the tokens that count, broadcastable to the logits without the classes.
      measure: from logits to one drive per token, such as `entropy`, or
        `lambda z: surprise(z, labels)`.

    Raises:
      TypeError: if the logits are no real floats, or the mask is not boolean.
      ValueError: if the logits have no classes, there is no token, the mask does not broadcast to
        the tokens, or `measure` returns another shape.

    Example:
      Drives of micro-batches of unlike length are averaged by their tokens by
      `optim.multi_steps(...).update(..., uncertainty=drive, weight=mask.sum())`.

      >>> logits = jnp.zeros((2, 3, 5)).at[1, 2].set(jnp.nan)  # (batch, tokens, classes)
      >>> tokens = jnp.array([[1, 1, 0], [1, 1, 0]])
      >>> print(f"{token_mean(logits, where=tokens != 0):.4f}")
      1.6094
    """
    checked = _arrays.logits_of(logits)
    keep = _arrays.mask(where, checked.shape[:-1], "`logits` without the classes")
    drive = measure(jnp.where(keep[..., None], checked, 0))
    if jnp.shape(drive) != keep.shape:
        raise ValueError(
            f"`measure` must return one drive per token, shape {keep.shape}; got shape "
            f"{jnp.shape(drive)}. Pass a measure such as entropy."
        )
    return batch_mean(drive, where=keep)
