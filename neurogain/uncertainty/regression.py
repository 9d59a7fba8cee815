"""Drives of regression: variances, and the information in them; all are >= 0 by construction."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.uncertainty import _arrays


def ensemble_variance(samples: Float[AnyArray, "..."], axis: int = 0) -> Float[Array, "..."]:
    """Return the variance of predictions over an ensemble, or over samples of dropout.

    It is the mean of squared deviations from the mean, the variance of the mixture of the members,
    and so never negative; without a spread it is 0.

    Args:
      samples: predictions, in any unit, shape (...), with the members on `axis`.
      axis: of the members or samples, at least 2.

    Returns:
      The variance of each prediction, in the unit squared, of the shape without that axis. The
      optimizer takes the mean over it; average several outputs yourself to get one per example.

    Raises:
      TypeError: if the samples are no real floats, or `axis` is no integer.
      ValueError: if there is no such axis, or it has fewer than 2 members.

    Example:
      >>> print(ensemble_variance(jnp.array([[1.0, 5.0], [3.0, 5.0]]), axis=0))
      [1. 0.]

    Source: Gal & Ghahramani, arXiv 1506.02142, section 4 (samples of dropout).
    """
    checked = _arrays.floats("samples", samples)
    return jnp.var(checked, axis=_arrays.members("samples", checked, axis, last=True))


def predictive_variance(
    means: Float[AnyArray, "*all"], variances: Float[AnyArray, "*all"], axis: int = 0
) -> Float[Array, "..."]:
    """Return the variance of a mixture of normal predictions: mean variance + variance of means.

    The first is the noise of the data, the second what the members disagree about; both are >= 0.
    The variance of a single model is a drive as it is.

    Args:
      means, variances: of each member, in any unit and in that squared, of equal shape, with the
        members on `axis`. A traced variance that is negative gives NaN.
      axis: of the members or samples, at least 2.

    Returns:
      The variance of each prediction, of the shape without that axis.

    Raises:
      TypeError: if these are no real floats, or `axis` is no integer.
      ValueError: if shapes differ, a concrete variance is negative, there is no such axis, or it
        has fewer than 2 members.

    Example:
      >>> means, variances = jnp.array([[1.0], [3.0]]), jnp.array([[0.5], [0.7]])
      >>> print(predictive_variance(means, variances, axis=0))
      [1.6]

    Source: Lakshminarayanan et al., arXiv 1612.01474, section 2.4.
    """
    mean, variance = _arrays.floats("means", means), _variance("variances", variances)
    if mean.shape != variance.shape:
        raise ValueError(
            f"`means` and `variances` must have one shape; got {mean.shape} and {variance.shape}. "
            "Pass one variance for each mean."
        )
    return ensemble_variance(mean, axis) + jnp.mean(variance, axis=axis)


def information_gain(variance: Float[AnyArray, "..."], *, noise: ArrayLike) -> Float[Array, "..."]:
    """Return how much an observation would tell: ln(1 + variance / noise) / 2, in nats.

    It is the entropy of the observation above that of its noise, and so >= 0; a differential
    entropy alone is negative where the variance is small. It grows as the logarithm of the
    variance, and has no unit.

    Args:
      variance: of the prediction without noise, such as `ensemble_variance`, in any unit, shape
        (...). A traced one that is negative gives NaN.
      noise: variance of the noise of observations, in the same unit, > 0, broadcastable to it; a
        traced one that is not > 0 gives NaN.

    Raises:
      TypeError: if the variance is no real float.
      ValueError: if a concrete variance is negative, or a concrete noise not finite and > 0; if the
        noise does not broadcast to the variance.

    Example:
      >>> print(information_gain(jnp.array([0.0, 3.0]), noise=1.0).round(4))
      [0.     0.6931]

    Source: MacKay, Neural Computation 4 (1992) 590-604, "Information-based objective functions for
    active data selection", section 3 (total information gain).
    """
    checked = _variance("variance", variance)
    _checks.in_range("noise", noise, "finite and > 0", lambda x: (x > 0) & (x < np.inf), "1.0")
    level = jnp.asarray(noise, checked.dtype)
    if not _arrays.broadcasts_to(level.shape, checked.shape):
        raise ValueError(
            f"`noise` must broadcast to the shape of `variance`, {checked.shape}; got shape "
            f"{level.shape}. Pass one number, or one per prediction."
        )
    level = jnp.broadcast_to(level, checked.shape)
    return jnp.log1p(checked / jnp.where(level > 0, level, jnp.nan)) / 2


def _variance(name: str, value: ArrayLike) -> Float[Array, "..."]:
    """Return variances as floats; a negative one is NaN, or an error where it is concrete."""
    checked = _arrays.floats(name, value)
    _checks.in_range(
        name, value, ">= 0, a variance", lambda x: ~(x < 0), "Pass jnp.exp of a log-variance."
    )
    return jnp.where(checked < 0, jnp.nan, checked)
