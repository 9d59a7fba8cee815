"""The free energy of the logits above a level of reference."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.uncertainty import _arrays


def energy(
    logits: Float[AnyArray, "*batch classes"],
    *,
    temperature: ArrayLike = 1.0,
    reference: ArrayLike | None = None,
    where: Bool[AnyArray, "..."] | None = None,
) -> Float[Array, " *batch"]:
    """Return by how much the free energy of the logits exceeds a reference, smoothly, in nats.

        E = -T ln sum_c exp(f_c / T);    u = T ln(1 + exp((E - E_ref) / T))

    The energy is high for inputs unlike those of training. It can be negative, so the drive is its
    softplus above the reference: >= 0, near E - E_ref far above the reference, T ln 2 at it, and
    near 0 far below it. Unlike the softmax, it changes when a constant is added to all logits.

    Args:
      logits: f, shape (..., classes).
      temperature: T, one number, finite and > 0; a traced one that is not > 0 gives NaN.
      reference: E_ref, one finite number; by default -T ln C, with C the number of classes kept,
        the energy where all logits are 0, as in a network that knows nothing. The mean energy of
        training examples makes the drive one of inputs unlike them.
      where: the classes that are kept, broadcastable to the logits; all by default.

    Raises:
      TypeError: if the logits are no real floats, or the mask is not boolean.
      ValueError: if the logits have no classes, a concrete constant is out of range, the mask does
        not broadcast to the logits, or a concrete mask keeps no class of some example.

    Example:
      >>> print(energy(jnp.array([[0.0, 0.0], [9.0, 0.0], [-9.0, -9.0]])).round(3))
      [0.693 0.    9.   ]

    Source: the energy, Liu et al., arXiv 2010.03759, eq. 4; the softplus above a reference is ours.
    """
    for name, value, rule, holds in (
        ("temperature", temperature, "finite and > 0", lambda x: (x > 0) & (x < np.inf)),
        ("reference", reference, "finite", np.isfinite),
    ):
        if value is not None:
            _checks.single(name, value)
            _checks.in_range(name, value, rule, holds, "1.0")
    checked = _arrays.logits_of(logits)
    keep = _arrays.classes_kept(where, checked.shape)
    t = jnp.asarray(temperature, checked.dtype)
    t = jnp.where(t > 0, t, jnp.nan)
    free = -t * jax.nn.logsumexp(_arrays.fill(checked, keep) / t, axis=-1, where=keep)
    free = jnp.where(jnp.isfinite(free), free, jnp.nan)  # a logit of +inf is no certainty
    if reference is None:
        kept = jnp.ones(checked.shape, bool) if keep is None else keep
        level = -t * jnp.log(jnp.maximum(jnp.sum(kept, axis=-1), 1).astype(t.dtype))
    else:
        level = jnp.asarray(reference, checked.dtype)
    return _arrays.nan_where_empty(t * jax.nn.softplus((free - level) / t), keep)
