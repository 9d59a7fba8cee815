"""DER and DER++: replayed examples should give the logits that they gave when they were stored."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from neurogain import _checks, uncertainty
from neurogain._types import AnyArray
from neurogain.continual.baselines import _arrays


def der_loss(
    logits: Float[AnyArray, "n classes"],
    stored_logits: Float[AnyArray, "n classes"],
    *,
    alpha: ArrayLike,
    where: Bool[AnyArray, " n"] | None = None,
) -> Float[Array, ""]:
    """Return what DER adds to the loss of the batch: the distance to the stored logits.

        alpha mean_i mean_c (z_ic - z'_ic)^2

    The mean over classes is that of the authors' code; the paper writes the squared norm, which is
    the sum over them.

    Args:
      logits: z, (n, classes), of the model now, on examples drawn from the buffer.
      stored_logits: z', of the model when these examples were stored.
      alpha: weight, finite and >= 0; may be traced.
      where: which draws count, (n,), as `sample` returns it; if none does, the loss is 0.

    Returns:
      The loss, in float32 or wider.

    Raises:
      TypeError: if logits are not floating, or the mask is not bool.
      ValueError: if shapes do not fit, or `alpha` is known and out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> print(der_loss(jnp.array([[1.0, 3.0]]), jnp.array([[1.0, 1.0]]), alpha=0.5))
      1.0

    Source: Buzzega, Boschini, Porrello, Abati & Calderara 2020 (arXiv 2004.07211; DER).
    """
    _arrays.check_weight("alpha", alpha)
    z = _arrays.logits("logits", logits)
    stored = _arrays.logits("stored_logits", stored_logits)
    _arrays.check_alike("stored_logits", stored, "logits", z)
    mask = _arrays.mask("where", where, len(z), "example")
    dtype = _checks.widest(z.dtype, stored.dtype)
    distance = jnp.mean((z.astype(dtype) - stored.astype(dtype)) ** 2, axis=1)
    return jnp.asarray(alpha, dtype) * uncertainty.batch_mean(distance, where=mask)


def der_plus_plus_loss(
    logits: Float[AnyArray, "n classes"],
    stored_logits: Float[AnyArray, "n classes"],
    other_logits: Float[AnyArray, "m classes"],
    other_labels: Int[AnyArray, " m"],
    *,
    alpha: ArrayLike,
    beta: ArrayLike,
    where: Bool[AnyArray, " n"] | None = None,
    other_where: Bool[AnyArray, " m"] | None = None,
) -> Float[Array, ""]:
    """Return what DER++ adds to the loss of the batch: DER's, and a cross-entropy on another draw.

        alpha mean_i mean_c (z_ic - z'_ic)^2 - beta mean_j ln softmax(z''_j)_(y_j)

    Args:
      logits: z, (n, classes), of the model now, on one draw from the buffer.
      stored_logits: z', of the model when these examples were stored.
      other_logits: z'', (m, classes), of the model now, on a second, independent draw.
      other_labels: y, (m,), the labels of the second draw.
      alpha: weight of the distance, finite and >= 0; may be traced.
      beta: weight of the cross-entropy, finite and >= 0; may be traced.
      where: which examples of the first draw count, (n,); if none does, its term is 0.
      other_where: the same of the second draw, (m,).

    Returns:
      The loss, in float32 or wider.

    Raises:
      TypeError: if logits are not floating, labels are no integers, or a mask is not bool.
      ValueError: if shapes do not fit, or weights or labels are known and out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> z, label = jnp.zeros((1, 2)), jnp.array([1])
      >>> print(der_plus_plus_loss(z, z + 1, z, label, alpha=0.5, beta=1.0))  # 0.5 + ln 2
      1.1931472

    Source: Buzzega, Boschini, Porrello, Abati & Calderara 2020 (arXiv 2004.07211; DER++).
    """
    _arrays.check_weight("beta", beta)
    distance = der_loss(logits, stored_logits, alpha=alpha, where=where)
    z = _arrays.logits("other_logits", other_logits)
    y = _arrays.labels("other_labels", other_labels, *z.shape)
    mask = _arrays.mask("other_where", other_where, len(z), "example")
    entropy = uncertainty.batch_mean(uncertainty.surprise(z, y), where=mask)
    dtype = _checks.widest(distance.dtype, entropy.dtype)
    return distance.astype(dtype) + jnp.asarray(beta, dtype) * entropy.astype(dtype)
