"""Distributions of constants over cells, cut to an interval with their mean kept; on the host."""

from typing import Any

import numpy as np
from scipy import optimize, special

_FARTHEST = 40.0  # how far a parameter is moved to keep the mean, in standard deviations or logs


def draw(
    kind: str,
    cv: float,
    mean: np.ndarray,
    interval: tuple[float, float],
    u: np.ndarray,
    name: str,
) -> np.ndarray:
    """Return the quantiles of uniform numbers, in float64.

    Args:
      kind: gamma, lognormal, normal or uniform.
      cv: standard deviation over the mean's absolute value, before the cut.
      mean: (n,).
      interval: in which all values lie, ends excluded.
      u: (n,), in [0, 1).
      name: of the constant, for errors.

    Raises:
      ValueError: if the kind can't have such a mean, or not in this interval.
    """
    low, high = interval
    _check_mean(kind, mean, interval, name)
    result = np.empty(len(mean))
    for value in np.unique(mean):
        chosen = mean == value
        scale = abs(value)
        ends = low / scale, high / scale  # the distribution of x / |mean|
        quantile = _KINDS[kind](cv, float(np.sign(value)), ends, name)
        result[chosen] = scale * quantile(u[chosen])
    inside = np.nextafter(np.float32(low), np.inf), np.nextafter(np.float32(high), -np.inf)
    return np.clip(result, *inside)


def _check_mean(kind: str, mean: np.ndarray, interval: tuple[float, float], name: str) -> None:
    low, high = interval
    if not np.all((low < mean) & (mean < high)):
        bad = mean[~((low < mean) & (mean < high))][0]
        raise ValueError(
            f"`{name}` must be above {low:g} and below {high:g}, between which it is drawn; got "
            f"{bad:g}. Move `low` or `high`, or the constant."
        )
    if np.any(mean == 0):
        raise ValueError(
            f"`{name}` must not be 0, since its cv is relative to it; got 0. Draw it yourself: a "
            "constant may be an array of one value per cell."
        )
    if kind in ("gamma", "lognormal") and not np.all(mean > 0):
        raise ValueError(
            f"`{name}` must be positive to have a {kind} distribution; got {mean[mean <= 0][0]:g}. "
            'Pass Spread("normal", ...) or Spread("uniform", ...).'
        )


def _gamma(cv: float, sign: float, ends: tuple[float, float], name: str) -> Any:
    """Shape 1 / cv^2, the scale moved to keep the mean."""
    k = cv**-2

    def at(log_scale: float) -> tuple[float, float, float]:
        scale = np.exp(log_scale) / k
        low, high = (special.gammainc(k, np.maximum(x, 0) / scale) for x in ends)
        above, below = (
            special.gammainc(k + 1, np.maximum(x, 0) / scale) for x in (ends[1], ends[0])
        )
        return low, high, k * scale * (above - below)

    log_scale = _solve(at, 1.0, "gamma", cv, name) if _cut(ends, 0.0) else 0.0
    low, high, _ = at(log_scale)
    return lambda u: np.exp(log_scale) / k * special.gammaincinv(k, low + u * (high - low))


def _lognormal(cv: float, sign: float, ends: tuple[float, float], name: str) -> Any:
    """The logarithm has variance log(1 + cv^2), its mean moved to keep the mean."""
    sd = np.sqrt(np.log1p(cv**2))

    def at(moved: float) -> tuple[float, float, float]:
        middle = moved - sd**2 / 2
        with np.errstate(divide="ignore"):
            z = [(np.log(np.maximum(x, 0)) - middle) / sd for x in ends]
        low, high = (special.ndtr(x) for x in z)
        above, below = special.ndtr(z[1] - sd), special.ndtr(z[0] - sd)
        return low, high, np.exp(middle + sd**2 / 2) * (above - below)

    moved = _solve(at, 1.0, "lognormal", cv, name) if _cut(ends, 0.0) else 0.0
    low, high, _ = at(moved)
    return lambda u: np.exp(moved - sd**2 / 2 + sd * special.ndtri(low + u * (high - low)))


def _normal(cv: float, sign: float, ends: tuple[float, float], name: str) -> Any:
    """Standard deviation cv, the middle moved to keep the mean."""

    def at(moved: float) -> tuple[float, float, float]:
        middle = sign + cv * moved
        z = [(x - middle) / cv for x in ends]
        low, high = (special.ndtr(x) for x in z)
        density = [np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) for x in z]
        return low, high, middle * (high - low) + cv * (density[0] - density[1])

    moved = _solve(at, sign, "normal", cv, name) if _cut(ends, -np.inf) else 0.0
    low, high, _ = at(moved)
    return lambda u: sign + cv * moved + cv * special.ndtri(low + u * (high - low))


def _uniform(cv: float, sign: float, ends: tuple[float, float], name: str) -> Any:
    """Between mean - sqrt(3) cv |mean| and mean + sqrt(3) cv |mean|; a cut would move the mean."""
    half = np.sqrt(3) * cv
    if sign - half < ends[0] or sign + half > ends[1]:
        most = min(sign - ends[0], ends[1] - sign) / np.sqrt(3)
        raise ValueError(
            f"the cv of a uniform `{name}` must be at most {most:.4g}, so that all values lie in "
            f"its interval and the mean stays; got {cv:g}. Pass a smaller cv, or another kind."
        )
    return lambda u: sign - half + 2 * half * u


_KINDS = {"gamma": _gamma, "lognormal": _lognormal, "normal": _normal, "uniform": _uniform}


def _cut(ends: tuple[float, float], lowest: float) -> bool:
    """Return whether an interval cuts a distribution that begins at `lowest`."""
    return ends[0] > lowest or ends[1] < np.inf


def _solve(at: Any, mean: float, kind: str, cv: float, name: str) -> float:
    """Return where the mean between the ends is `mean`."""

    def miss(x: float) -> float:
        low, high, part = at(x)
        return part / (high - low) - mean if high > low else np.nan

    for reach in (1.0, 3.0, 10.0, _FARTHEST):
        bracket = [x for x in np.linspace(-reach, reach, 41) if np.isfinite(miss(x))]
        if len(bracket) > 1 and miss(bracket[0]) <= 0 <= miss(bracket[-1]):
            return float(optimize.brentq(miss, bracket[0], bracket[-1], xtol=1e-12))
    raise ValueError(
        f"the cv of `{name}` must be smaller: no {kind} distribution that is cut to its interval "
        f"keeps the mean; got {cv:g}. Pass a smaller cv, or wider `low` and `high`."
    )
