"""Drives that the softmax of one vector of logits gives."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from neurogain._types import AnyArray
from neurogain.uncertainty import _arrays


def of_probabilities(
    p: Float[Array, "*batch classes"], log_p: Float[Array, "*batch classes"]
) -> Float[Array, " *batch"]:
    """Return the entropy in nats; a class of p = 0 adds 0, whatever its log p."""
    return jnp.sum(p * -jnp.where(p > 0, log_p, 0), axis=-1)


def entropy(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return the predictive entropy H = -sum_c p_c ln p_c in nats, in [0, ln C].

    Args:
      logits: shape (..., classes).
      where: the classes that are kept, broadcastable to the logits; all by default.

    Raises:
      TypeError: if the logits are no real floats, or the mask is not boolean.
      ValueError: if the logits have no classes, the mask does not broadcast to them, or a concrete
        mask keeps no class of some example.

    Example:
      >>> entropy(jnp.array([[0.0, 0.0], [1e4, -1e4]]))
      Array([0.6931472, 0.       ], dtype=float32)

    Source: arXiv 2507.14056, eq. 4 (the drive of the gain).
    """
    p, log_p, keep = _arrays.probabilities(logits, where)
    return _arrays.nan_where_empty(of_probabilities(p, log_p), keep)


def normalized_entropy(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return the entropy over ln C, in [0, 1], with C the number of classes kept; 0 where C = 1.

    Arguments and errors are those of `entropy`.

    Example:
      >>> print(normalized_entropy(jnp.array([[0.0, 0.0], [1e4, -1e4]])))
      [1. 0.]
    """
    p, log_p, keep = _arrays.probabilities(logits, where)
    kept = jnp.ones(p.shape, bool) if keep is None else keep
    classes = jnp.sum(kept, axis=-1).astype(p.dtype)
    h = of_probabilities(p, log_p) / jnp.log(jnp.maximum(classes, 2))
    return _arrays.nan_where_empty(h, keep)


def least_confidence(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return 1 - max_c p_c, in [0, 1 - 1/C]; at ties the gradient is shared.

    Arguments and errors are those of `entropy`.

    Example:
      >>> print(least_confidence(jnp.array([[0.0, 0.0], [1e4, -1e4]])))
      [0.5 0. ]
    """
    p, _, keep = _arrays.probabilities(logits, where)
    return _arrays.nan_where_empty(1 - jnp.max(p, axis=-1), keep)


def margin(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return 1 - (p_1 - p_2), in [0, 1], with p_1 and p_2 the two largest probabilities.

    With a single class p_2 is 0. Arguments and errors are those of `entropy`.

    Example:
      >>> print(margin(jnp.array([[0.0, 0.0], [1e4, -1e4]])))
      [1. 0.]
    """
    p, _, keep = _arrays.probabilities(logits, where)
    if p.shape[-1] == 1:
        return _arrays.nan_where_empty(1 - p[..., 0], keep)
    top, _ = jax.lax.top_k(p, 2)
    return _arrays.nan_where_empty(1 - (top[..., 0] - top[..., 1]), keep)
