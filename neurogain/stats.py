"""Confidence intervals over few values: as numbers, in results and in words.

It lies below all input and output: it imports NumPy and SciPy alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

Values = ArrayLike | Sequence[Any]  # the second for run-time checks: NumPy's leaves tuples out
Bound = np.ndarray | np.floating
Ends = tuple[float, float]

SHARE: Ends = (0.0, 1.0)  # where accuracies, relative drops and other proportions lie
POSITIVE: Ends = (0.0, float("inf"))  # where durations and areas lie


def t_interval(
    values: Values, level: float = 0.95, *, axis: int = 0, within: Ends | None = None
) -> tuple[Bound, Bound]:
    """Return the t-interval of the mean along an axis: two arrays, or two numbers of one axis.

    NaN for fewer than two values, or where one is NaN.

    Args:
      values: a sample along the axis.
      level: the interval's, in (0, 1).
      axis: along which the mean is taken.
      within: lowest and highest value that there can be, as `SHARE`, or None. The interval is cut
        to it. It covers the mean as often as the whole one does: the mean can't lie in what is cut.

    Raises:
      ValueError: if a value lies outside `within`.

    Example:
      >>> low, high = t_interval([0.0, 0.01, 0.02], within=SHARE)
      >>> float(low), round(float(high), 3)
      (0.0, 0.035)
    """
    values = np.asarray(values, float)
    if within is not None:
        _check_within(values, within)
    n = values.shape[axis]
    if n < 2:
        undefined = np.full_like(values.sum(axis=axis), np.nan)
        return undefined, undefined
    mean = values.mean(axis=axis)
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(axis=axis, ddof=1) / n**0.5
    low, high = mean - half, mean + half
    return (low, high) if within is None else (np.clip(low, *within), np.clip(high, *within))


def _check_within(values: np.ndarray, within: Ends) -> None:
    """Raise a ValueError for a value outside the ends, beyond rounding; NaN is none."""
    outside = values[(values < within[0] - 1e-6) | (values > within[1] + 1e-6)]
    if outside.size:
        raise ValueError(
            f"`values` must be in [{within[0]:g}, {within[1]:g}], as `within` says; got "
            f"{outside.flat[0]:g}. Leave `within` out for values that have no such ends."
        )


def or_null(value: Values) -> Any:
    """Return a number, or an array as nested lists, with None for what is not finite.

    Example:
      >>> or_null([1.0, float("nan")])
      [1.0, None]
    """
    array = np.asarray(value, float)
    if array.ndim:
        return [or_null(x) for x in array]
    return float(array) if np.isfinite(array) else None


def summary(
    values: Values, *, known_only: bool = False, within: Ends | None = None
) -> dict[str, Any]:
    """Return mean, 95 % t-interval and the values of all seeds; null where undefined.

    Args:
      values: one a seed.
      known_only: whether mean and interval are those of the seeds for which it is defined.
      within: where values lie, as for `t_interval`, which cuts the interval to it.

    Raises:
      ValueError: if a value lies outside `within`.

    Example:
      >>> summary([0.0, 0.5], within=SHARE)
      {'mean': 0.25, 'ci': [0.0, 1.0], 'per_seed': [0.0, 0.5]}
    """
    values = np.asarray(values, float)
    used = values[np.isfinite(values)] if known_only else values
    return {
        "mean": or_null(used.mean() if used.size else np.nan),
        "ci": or_null(np.array(t_interval(used, within=within))),
        "per_seed": or_null(values),
    }


def cut(value: Mapping[str, Any], within: Ends = SHARE) -> dict[str, Any]:
    """Return a `summary` whose interval is cut to where its values lie.

    Example:
      >>> cut({"mean": 0.02, "ci": [-0.01, 0.05]})
      {'mean': 0.02, 'ci': [0.0, 0.05]}
    """
    ends = np.array(value["ci"], float)  # None is NaN
    return {**value, "ci": or_null(np.clip(ends, *within))}


def share(successes: Values) -> dict[str, Any]:
    """Return a share of seeds with its 95 % Wilson interval, and the values of all seeds."""
    flags = np.asarray(successes, bool)
    found = stats.binomtest(int(flags.sum()), len(flags)).proportion_ci(method="wilson")
    return {
        "mean": float(flags.mean()),
        "ci": [float(found.low), float(found.high)],
        "per_seed": flags.astype(int).tolist(),
    }


def paired_shares_interval(one: Values, other: Values, level: float = 0.95) -> Ends:
    """Return the interval of the difference of two shares over the same seeds, first less second.

    Unlike a t-interval it has a width where both succeed in all seeds.

    Args:
      one: whether each seed succeeds, 0 or 1.
      other: the same seeds under another condition.
      level: the interval's, in (0, 1).

    Source: Newcombe, Stat Med 17:2635 (1998), method 10: from the Wilson intervals of both shares
    and their correlation.

    Example:
      >>> low, high = paired_shares_interval([1] * 30, [1] * 30)
      >>> round(low, 3), round(high, 3)
      (-0.114, 0.114)
    """
    a, b = (np.asarray(x, bool) for x in (one, other))
    n = len(a)
    both, first, second = (int(x.sum()) for x in (a & b, a & ~b, ~a & b))
    neither = n - both - first - second
    found = [
        stats.binomtest(int(x.sum()), n).proportion_ci(confidence_level=level, method="wilson")
        for x in (a, b)
    ]
    (l1, u1), (l2, u2) = found
    p1, p2 = a.mean(), b.mean()
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    crossed = float(both * neither - first * second)
    if crossed > 0:
        crossed = max(crossed - n / 2, 0.0)
    phi = crossed / margins**0.5 if margins else 0.0
    down, up = (p1 - l1, u2 - p2), (u1 - p1, p2 - l2)
    low, high = ((x * x - 2 * phi * x * y + y * y) ** 0.5 for x, y in (down, up))
    return float(p1 - p2 - low), float(p1 - p2 + high)


def verdict(ci: Sequence[float | None], margin: float) -> str:
    """Return what an interval of a difference says at a margin that was set beforehand.

    Example:
      >>> [verdict(ci, 0.005) for ci in ([-0.001, 0.002], [0.01, 0.02], [-0.02, 0.01])]
      ['equal', 'higher', 'not decided']
    """
    low, high = ci
    if low is None or high is None:
        return "not decided"
    if -margin < low and high < margin:
        return "equal"
    return "higher" if low > 0 else "lower" if high < 0 else "not decided"


def probability(events: np.ndarray) -> dict[str, Any]:
    """Return the share of events over the last axis with its 95 % Clopper-Pearson interval."""
    count, n = events.sum(axis=-1), events.shape[-1]
    low = np.where(count > 0, stats.beta.ppf(0.025, np.maximum(count, 1), n - count + 1), 0.0)
    high = np.where(count < n, stats.beta.ppf(0.975, count + 1, np.maximum(n - count, 1)), 1.0)
    return {"mean": (count / n).tolist(), "ci": np.stack([low, high], -1).tolist()}


def median_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the order-statistics interval of a median; infinite values may be its end.

    Source: Conover, Practical Nonparametric Statistics (1999), section 3.2.
    """
    ordered = np.sort(values)
    low = int(stats.binom.ppf((1 - level) / 2, len(values), 0.5))
    if low < 1:
        return float("nan"), float("nan")
    return float(ordered[low - 1]), float(ordered[len(values) - low])


def median_summary(values: Values) -> dict[str, Any]:
    """Return median, `median_interval` and the values of all seeds; NaN counts as infinite.

    Example:
      >>> median_summary([40.0, float("nan"), 60.0])
      {'median': 60.0, 'ci': [None, None], 'per_seed': [40.0, None, 60.0]}
    """
    values = np.asarray(values, float)
    counted = np.where(np.isnan(values), np.inf, values)
    return {
        "median": or_null(np.median(counted)),
        "ci": or_null(np.array(median_interval(counted))),
        "per_seed": or_null(values),
    }


def text(value: Mapping[str, Any], form: str = ".1f") -> str:
    """Return a `summary` in words: the mean and, where there is one, its interval.

    Where it is that of some seeds alone, it says of how many.

    Example:
      >>> text(summary([1.0, 2.0, float("nan")], known_only=True))
      '1.5 [-4.9, 7.9] (2 of 3)'
    """
    if value["mean"] is None:
        return "undefined"
    low, high = value["ci"]
    interval = "" if low is None else f" [{low:{form}}, {high:{form}}]"
    seeds = value.get("per_seed", ())
    known = sum(x is not None for x in seeds)
    some = f" ({known} of {len(seeds)})" if known < len(seeds) else ""
    return f"{value['mean']:{form}}{interval}{some}"
