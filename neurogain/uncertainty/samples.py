"""What the members of an ensemble, or samples of a network with dropout, disagree about."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from neurogain._types import AnyArray
from neurogain.uncertainty import _arrays
from neurogain.uncertainty.softmax import of_probabilities


class Decomposition(NamedTuple):
    """The parts of a predictive entropy, in nats per example; total = aleatoric + epistemic."""

    total: Float[Array, "..."]  # entropy of the mean prediction
    aleatoric: Float[Array, "..."]  # mean entropy of the predictions: noise of the data
    epistemic: Float[Array, "..."]  # their difference: what members disagree about


def decompose(
    logits: Float[AnyArray, "..."], axis: int = 0, *, where: Bool[AnyArray, "..."] | None = None
) -> Decomposition:
    """Split the entropy of an ensemble's mean prediction into noise and disagreement.

        total = H[mean_m p_m];    aleatoric = mean_m H[p_m];    epistemic = total - aleatoric

    The difference is >= 0, since H is concave. Rounding may take it below 0; there it is 0.

    Args:
      logits: of all members, shape (..., classes), with the members on `axis`.
      axis: of the members or samples, at least 2; not the last one.
      where: the classes that are kept, broadcastable to the logits; all by default.

    Returns:
      Three drives in nats, of the shape of the logits without members and classes.

    Raises:
      TypeError: if the logits are no real floats, `axis` is no integer, or the mask is not boolean.
      ValueError: if the logits have no classes, `axis` is none of members, there are fewer than 2,
        the mask does not broadcast to the logits, or a concrete mask keeps no class somewhere.

    Example:
      >>> agree, differ = jnp.zeros((2, 1, 2)), jnp.array([[[1e4, 0.0]], [[0.0, 1e4]]])
      >>> for logits in (agree, differ):
      ...     print(*(f"{float(part[0]):.3f}" for part in decompose(logits)))
      0.693 0.693 0.000
      0.693 0.000 0.693

    Source: Depeweg et al., arXiv 1710.07283, section 3; of Monte-Carlo dropout, Gal & Ghahramani,
    arXiv 1506.02142.
    """
    place = _arrays.members("logits", _arrays.logits_of(logits), axis, last=False)
    p, log_p, keep = _arrays.probabilities(logits, where)
    each = _arrays.nan_where_empty(of_probabilities(p, log_p), keep)
    mean = jnp.mean(p, axis=place)
    aleatoric = jnp.mean(each, axis=place)
    total = of_probabilities(mean, jnp.log(jnp.where(mean > 0, mean, 1)))
    if keep is not None:
        total = jnp.where(jnp.isnan(aleatoric), jnp.nan, total)
    return Decomposition(total, aleatoric, jnp.maximum(total - aleatoric, 0))


def mutual_information(
    logits: Float[AnyArray, "..."], axis: int = 0, *, where: Bool[AnyArray, "..."] | None = None
) -> Float[Array, "..."]:
    """Return H[mean_m p_m] - mean_m H[p_m] in nats: what the members disagree about.

    It is the epistemic part of `decompose`, which has arguments and errors, in [0, ln C].

    Example:
      >>> differ = jnp.array([[[1e4, 0.0]], [[0.0, 1e4]]])  # (members, examples, classes)
      >>> print(mutual_information(differ, axis=0).round(3))
      [0.693]

    Source: Houlsby et al., arXiv 1112.5745, eq. 2 (BALD).
    """
    return decompose(logits, axis, where=where).epistemic
