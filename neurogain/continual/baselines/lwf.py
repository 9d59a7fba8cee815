"""LwF: the outputs for old classes are held by distillation, on the new task's examples."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.continual.baselines import _arrays


def lwf_loss(
    logits: Float[AnyArray, "batch classes"],
    old_logits: Float[AnyArray, "batch classes"],
    old_classes: Bool[AnyArray, " classes"],
    *,
    temperature: ArrayLike = 2.0,
) -> Float[Array, " batch"]:
    """Return the cross-entropy with the old model's outputs for old classes, at a temperature.

        -sum_c q_c ln p_c,   p_c = p0_c^(1/T) / sum_k p0_k^(1/T),   q_c likewise of the old model

    with p0 the probabilities of the old classes alone, so p = softmax(z / T) over them; c and k
    run over old classes. There is no factor T^2, which other papers have. The whole loss of LwF is
    the mean of this, times a weight (1 in the paper), plus the cross-entropy on the new task.

    Args:
      logits: z, (batch, classes), of the model that learns.
      old_logits: those of the model as it was before the task, on the same examples; constants for
        the gradient.
      old_classes: which classes the old model has learned; none: the loss is 0.
      temperature: T > 0; higher ones weigh the small probabilities more.

    Returns:
      The loss of each example in nats, in float32 or wider.

    Raises:
      TypeError: if logits are not floating, or the mask is not bool.
      ValueError: if shapes do not fit, or `temperature` is known and not positive and finite.

    Example:
      >>> import jax.numpy as jnp
      >>> z = jnp.array([[0.0, 0.0, 9.0]])
      >>> print(lwf_loss(z, z, jnp.array([True, True, False])))  # ln 2
      [0.6931472]

    Source: Li & Hoiem 2016 (arXiv 1606.09282), eqs. 2 and 3.
    """
    z, old = _arrays.logits("logits", logits), _arrays.logits("old_logits", old_logits)
    _arrays.check_alike("old_logits", old, "logits", z)
    mask = _arrays.mask("old_classes", old_classes, z.shape[1], "class")
    _checks.no_schedule("temperature", temperature)
    _checks.single("temperature", temperature)
    _checks.in_range(
        "temperature", temperature, "positive and finite", lambda x: (x > 0) & (x < np.inf), "2.0"
    )

    some = jnp.any(mask)
    kept = jnp.where(some, mask, True)[None]  # a softmax over nothing has no finite gradient

    def at_temperature(logits: Float[Array, "batch classes"]) -> Float[Array, "batch classes"]:
        """Return ln p; 0 for classes that are left out."""
        scaled = jnp.where(kept, logits, 0) / jnp.asarray(temperature, logits.dtype)
        return jnp.where(kept, jax.nn.log_softmax(scaled, where=kept), 0)

    log_p, log_q = at_temperature(z), at_temperature(jax.lax.stop_gradient(old).astype(z.dtype))
    q = jnp.where(kept, jnp.exp(log_q), 0)
    return jnp.where(some, -jnp.sum(q * log_p, axis=1), 0)
