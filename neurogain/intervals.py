"""Confidence intervals of means over few values."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def t_interval(
    values: ArrayLike, level: float = 0.95, *, axis: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the t-interval of the mean along an axis.

    NaN for fewer than two values, or where one is NaN.
    """
    values = np.asarray(values, float)
    n = values.shape[axis]
    if n < 2:
        undefined = np.full_like(values.sum(axis=axis), np.nan)
        return undefined, undefined
    mean = values.mean(axis=axis)
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(axis=axis, ddof=1) / n**0.5
    return mean - half, mean + half
