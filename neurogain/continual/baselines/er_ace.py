"""ER-ACE: new examples do not push down the classes that are only rehearsed."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from neurogain import _checks, uncertainty
from neurogain._types import AnyArray
from neurogain.continual.baselines import _arrays


def mark_seen(
    seen: Bool[AnyArray, " classes"],
    labels: Int[AnyArray, " batch"],
    *,
    where: Bool[AnyArray, " batch"] | None = None,
) -> Bool[Array, " classes"]:
    """Return which classes are seen once a batch is: those seen before, and those of the batch.

    Args:
      seen: mask over classes; start from one of all False.
      labels: of the batch, (batch,).
      where: which examples of the batch count, (batch,).

    Raises:
      TypeError: if labels are no integers, or a mask is not bool.
      ValueError: if shapes do not fit, or labels are known and out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> print(mark_seen(jnp.zeros(3, bool), jnp.array([2, 2])))
      [False False  True]
    """
    classes = jnp.size(seen)
    before = _arrays.mask("seen", seen, classes, "class")
    n = jnp.size(labels)
    y = _arrays.labels("labels", labels, n, classes)
    return before.at[y].max(_arrays.mask("where", where, n, "example"))


def er_ace_loss(
    logits: Float[AnyArray, "batch classes"],
    labels: Int[AnyArray, " batch"],
    replayed_logits: Float[AnyArray, "n classes"],
    replayed_labels: Int[AnyArray, " n"],
    seen: Bool[AnyArray, " classes"],
    *,
    where: Bool[AnyArray, " batch"] | None = None,
    replayed_where: Bool[AnyArray, " n"] | None = None,
) -> Float[Array, ""]:
    """Return the asymmetric cross-entropy of a batch and of replayed examples.

        L = mean_batch CE(z, y; C_in) + mean_replayed CE(z', y'; C_seen)
        CE(z, y; C) = -z_y + ln sum_(c in C) exp(z_c)

    C_in holds the classes of the batch and those never seen, so that no seen class that is absent
    from the batch is pushed down by it. C_seen holds all classes seen, those of the batch included.
    The paper has the classes of the batch alone in C_in; its public code adds all classes from the
    highest seen on, which are those never seen if classes come in ascending order. Here each class
    is marked by itself, so they may come in any order. The mask acts from the first batch on.

    Args:
      logits: z, (batch, classes), of the incoming batch.
      labels: y, (batch,).
      replayed_logits: z', (n, classes), of examples drawn from the buffer.
      replayed_labels: y', (n,), of classes that were seen; of others the loss is infinite.
      seen: which classes were seen before this batch, (classes,); keep it by `mark_seen`.
      where: which examples of the batch count, (batch,).
      replayed_where: which draws count, (n,), as `sample` returns it; if none does, their term is
        0.

    Returns:
      The loss in nats, in float32 or wider.

    Raises:
      TypeError: if logits are not floating, labels are no integers, or a mask is not bool.
      ValueError: if shapes do not fit, or labels are known and out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> z, seen = jnp.zeros((1, 3)), jnp.array([True, True, False])
      >>> loss = er_ace_loss(z, jnp.array([1]), z, jnp.array([0]), seen)  # C_in: 1, 2; C_seen: 0, 1
      >>> print(loss)  # 2 ln 2
      1.3862944

    Source: Caccia et al. 2022 (arXiv 2104.05025), and the code of its authors.
    """
    z = _arrays.logits("logits", logits)
    replayed = _arrays.logits("replayed_logits", replayed_logits)
    classes = z.shape[1]
    if replayed.shape[1] != classes:
        raise ValueError(
            f"`replayed_logits` must have the {classes} classes of `logits`; got shape "
            f"{replayed.shape}. Pass the outputs of one model."
        )
    y = _arrays.labels("labels", labels, len(z), classes)
    replayed_y = _arrays.labels("replayed_labels", replayed_labels, len(replayed), classes)
    before = _arrays.mask("seen", seen, classes, "class")
    counts = _arrays.mask("where", where, len(z), "example")
    drawn = _arrays.mask("replayed_where", replayed_where, len(replayed), "example")

    present = mark_seen(jnp.zeros(classes, bool), y, where=counts)
    new = uncertainty.surprise(z, y, where=present | ~before)
    old = uncertainty.surprise(replayed, replayed_y, where=present | before)
    new, old = (uncertainty.batch_mean(x, where=mask) for x, mask in ((new, counts), (old, drawn)))
    dtype = _checks.widest(new.dtype, old.dtype)
    return new.astype(dtype) + old.astype(dtype)
