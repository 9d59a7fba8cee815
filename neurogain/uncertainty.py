"""From logits to uncertainty: the drives of the gain.

All functions take logits of shape (..., classes), give one value per example, shape (...), and
are exact and differentiable for logits of any size. `where`, a boolean mask broadcastable to the
logits, leaves classes out, whatever their logits; -inf does so too. An example must keep at least
one class. Results are computed in float32 or wider, and non-negative.

Reduce over the batch with `batch_mean`, or hand the per-example array to the optimizer, which
does that itself.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from neurogain import _checks
from neurogain._types import AnyArray


def _log_probabilities(
    logits: Float[AnyArray, "*batch classes"], where: Bool[AnyArray, "..."] | None
) -> tuple[Float[Array, "*batch classes"], Float[Array, "*batch classes"]]:
    """Return p and log p; a class that is left out has p = 0 and log p = 0."""
    logits = jnp.asarray(logits)
    logits = logits.astype(_checks.widest(logits.dtype, jnp.float32))
    if where is None:
        log_p = jax.nn.log_softmax(logits)
        return jnp.exp(log_p), log_p
    where = jnp.broadcast_to(where, logits.shape)
    # The lowest kept logit stands in for those left out, so that no infinity enters the gradient.
    logits = jnp.where(
        where,
        logits,
        jnp.min(logits, axis=-1, keepdims=True, where=where, initial=jnp.finfo(logits.dtype).max),
    )
    log_p = jnp.where(where, jax.nn.log_softmax(logits, where=where), 0)
    return jnp.where(where, jnp.exp(log_p), 0), log_p


def entropy(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return the predictive entropy H = -sum_c p_c ln p_c in nats, in [0, ln C].

    Example:
      >>> entropy(jnp.array([[0.0, 0.0], [1e4, -1e4]]))
      Array([0.6931472, 0.       ], dtype=float32)

    Source: arXiv 2507.14056, eq. 4 (the drive of the gain).
    """
    p, log_p = _log_probabilities(logits, where)
    return jnp.sum(p * -jnp.where(p > 0, log_p, 0), axis=-1)


def normalized_entropy(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return the entropy over ln C, in [0, 1], with C the number of classes kept; 0 where C = 1.

    Example:
      >>> print(normalized_entropy(jnp.array([[0.0, 0.0], [1e4, -1e4]])))
      [1. 0.]
    """
    h = entropy(logits, where=where)
    kept = jnp.ones(logits.shape, bool) if where is None else jnp.broadcast_to(where, logits.shape)
    classes = jnp.sum(kept, axis=-1).astype(h.dtype)
    return h / jnp.log(jnp.maximum(classes, 2))


def least_confidence(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return 1 - max_c p_c, in [0, 1 - 1/C]; at ties the gradient is shared.

    Example:
      >>> print(least_confidence(jnp.array([[0.0, 0.0], [1e4, -1e4]])))
      [0.5 0. ]
    """
    p, _ = _log_probabilities(logits, where)
    return 1 - jnp.max(p, axis=-1)


def margin(
    logits: Float[AnyArray, "*batch classes"], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, " *batch"]:
    """Return 1 - (p_1 - p_2), in [0, 1], with p_1 and p_2 the two largest probabilities.

    With a single class p_2 is 0.

    Example:
      >>> print(margin(jnp.array([[0.0, 0.0], [1e4, -1e4]])))
      [1. 0.]
    """
    p, _ = _log_probabilities(logits, where)
    if p.shape[-1] == 1:
        return 1 - p[..., 0]
    top, _ = jax.lax.top_k(p, 2)
    return 1 - (top[..., 0] - top[..., 1])


def surprise(
    logits: Float[AnyArray, "*batch classes"],
    labels: Int[AnyArray, " *batch"],
    *,
    where: Bool[AnyArray, "..."] | None = None,
) -> Float[Array, " *batch"]:
    """Return -ln p_y of the observed class y in nats; infinite where y is left out by `where`.

    Example:
      >>> print(surprise(jnp.array([[0.0, 0.0], [4.0, -4.0]]), jnp.array([0, 1])).round(3))
      [0.693 8.   ]
    """
    _, log_p = _log_probabilities(logits, where)
    if where is not None:
        log_p = jnp.where(jnp.broadcast_to(where, log_p.shape), log_p, -jnp.inf)
    return -jnp.take_along_axis(log_p, jnp.asarray(labels)[..., None], axis=-1)[..., 0]


def batch_mean(
    uncertainty: Float[AnyArray, "..."], *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, ""]:
    """Return the mean over all examples, or over those that `where` keeps (0 if it keeps none).

    Example:
      >>> padded, real = jnp.array([0.2, 0.4, 9.0]), jnp.array([True, True, False])
      >>> print(f"{batch_mean(padded, where=real):.2f}")
      0.30
    """
    uncertainty = jnp.asarray(uncertainty)
    if where is None:
        return jnp.mean(uncertainty)
    where = jnp.broadcast_to(where, uncertainty.shape)
    count = jnp.maximum(jnp.sum(where), 1).astype(uncertainty.dtype)
    return jnp.sum(jnp.where(where, uncertainty, 0)) / count
