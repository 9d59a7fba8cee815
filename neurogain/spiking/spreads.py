"""Distributions of constants over cells, cut to an interval with their mean kept; on the host.

A distribution that is cut may have all of its mass far in a tail, where differences of cumulative
probabilities are lost to rounding. So its log-density is tabulated over the part of the interval
that has mass, as a straight line in each of many cells: exact in exponential tails.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize, special

_REACH = (1.0, 10.0, 100.0, 600.0)  # how far a logarithm is moved to keep the mean
_REACH_OF_MIDDLE = (1.0, 10.0, 100.0, 1e3, 1e4, 1e6, 1e8)  # and a middle, in standard deviations
_DROP = 50.0  # of the log-density, from the mode to where no mass is left
_CELLS = 2000  # on each side of the mode, closer near it
_LEAST = 2.0**-25  # a uniform number is at least this, and at most 1 less this


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
    u = np.clip(u, _LEAST, 1 - _LEAST)
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


Quantile = Callable[[np.ndarray], np.ndarray]


def _gamma(cv: float, sign: float, ends: tuple[float, float], name: str) -> Quantile:
    """Shape 1 / cv^2, the scale moved to keep the mean."""
    k = cv**-2
    if not _cut(ends, 0.0):
        return lambda u: special.gammaincinv(k, u) / k

    def logarithm(moved: float) -> _Concave:  # of the value, of density exp(k y - k e^(y - moved))
        return _Concave(moved, lambda y, d: k * (d - np.exp(y - moved) * np.expm1(d)))

    return _kept(logarithm, _logs(ends), True, 1.0, _REACH, ("gamma", cv, name))


def _lognormal(cv: float, sign: float, ends: tuple[float, float], name: str) -> Quantile:
    """The logarithm has variance log(1 + cv^2), its mean moved to keep the mean."""
    variance = np.log1p(cv**2)
    sd = np.sqrt(variance)
    if not _cut(ends, 0.0):
        return lambda u: np.exp(-variance / 2 + sd * special.ndtri(u))

    def logarithm(moved: float) -> _Concave:
        return _bell(moved * sd - variance / 2, sd)

    reach = _REACH_OF_MIDDLE
    return _kept(logarithm, _logs(ends), True, 1.0, reach, ("lognormal", cv, name))


def _normal(cv: float, sign: float, ends: tuple[float, float], name: str) -> Quantile:
    """Standard deviation cv, the middle moved to keep the mean."""
    if not _cut(ends, -np.inf):
        return lambda u: sign + cv * special.ndtri(u)

    def value(moved: float) -> _Concave:
        return _bell(sign + cv * moved, cv)

    return _kept(value, ends, False, sign, _REACH_OF_MIDDLE, ("normal", cv, name))


def _uniform(cv: float, sign: float, ends: tuple[float, float], name: str) -> Quantile:
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


def _logs(ends: tuple[float, float]) -> tuple[float, float]:
    """Return the logarithms of ends, of which the lower may be 0 or less."""
    with np.errstate(divide="ignore"):
        return float(np.log(max(ends[0], 0.0))), float(np.log(ends[1]))


@dataclasses.dataclass(frozen=True)
class _Concave:
    """A log-density with one mode: `rise(y, d)` is by how much it is higher at y + d than at y."""

    mode: float
    rise: Callable[[Any, Any], Any]


def _bell(middle: float, sd: float) -> _Concave:
    """Return the log-density of a normal distribution."""
    return _Concave(middle, lambda y, d: -d * (d + 2 * (y - middle)) / (2 * sd**2))


@dataclasses.dataclass(frozen=True)
class _Table:
    """A density on an interval: `steps` from `first` on, and its logarithm between them."""

    first: float  # the highest point of the interval's density
    steps: np.ndarray  # (cells + 1,), ascending, relative to `first`
    logs: np.ndarray  # (cells + 1,), relative to that of `first`
    masses: np.ndarray  # (cells,), which sum to 1

    @classmethod
    def of(cls, density: _Concave, ends: tuple[float, float]) -> "_Table":
        """Return the part of a density that lies between two ends."""
        first = float(np.clip(density.mode, *ends))
        left = _width(lambda d: density.rise(first, -d), first - ends[0])
        right = _width(lambda d: density.rise(first, d), ends[1] - first)
        closer = np.linspace(0, 1, _CELLS + 1) ** 3
        steps = np.unique(np.concatenate([-left * closer[::-1], right * closer]))
        logs = density.rise(first, steps)
        half = density.rise(first, (steps[1:] + steps[:-1]) / 2)
        bent = 1 + 2 / 3 * (half - (logs[1:] + logs[:-1]) / 2)  # by Simpson's rule
        masses = np.exp(logs[:-1]) * np.diff(steps) * _mean_of_exp(np.diff(logs)) * bent
        return cls(first, steps, logs, masses / masses.sum())

    def mean(self, *, of_exp: bool) -> float:
        """Return the mean of y, or of e^y."""
        width, slope = np.diff(self.steps), np.diff(self.logs)
        if of_exp:
            within = _mean_of_exp(slope + width) / _mean_of_exp(slope)
            return float(np.sum(self.masses * np.exp(self.first + self.steps[:-1]) * within))
        return self.first + float(np.sum(self.masses * (self.steps[:-1] + width * _centre(slope))))

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return y by its cumulative probability."""
        after = np.cumsum(self.masses)
        cell = np.minimum(np.searchsorted(after, u * after[-1], side="right"), len(after) - 1)
        share = (u * after[-1] - (after[cell] - self.masses[cell])) / self.masses[cell]
        share = np.clip(share, 0, 1)
        slope = np.diff(self.logs)[cell]
        small = np.abs(slope) < 1e-9
        safe = np.where(small, 1.0, slope)
        # from the higher end, so that nothing overflows
        up = 1 + np.log1p((1 - share) * np.expm1(-np.abs(safe))) / np.abs(safe)
        down = -np.log1p(share * np.expm1(-np.abs(safe))) / np.abs(safe)
        place = np.where(small, share, np.where(slope > 0, up, down))
        return self.first + self.steps[cell] + place * np.diff(self.steps)[cell]


def _width(rise: Callable[[float], float], most: float) -> float:
    """Return how far a density has mass, on one side of where it is highest."""
    far = min(most, 1e-12)
    while far < most and rise(far) > -_DROP:
        far = min(2 * far, most)
    near = far / 2
    for _ in range(40):
        if rise(far) > -_DROP:
            return far
        middle = (near + far) / 2
        near, far = (middle, far) if rise(middle) > -_DROP else (near, middle)
    return far


def _mean_of_exp(x: np.ndarray) -> np.ndarray:
    """Return (e^x - 1) / x."""
    small = np.abs(x) < 1e-5
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 + x / 2, np.expm1(safe) / safe)


def _centre(x: np.ndarray) -> np.ndarray:
    """Return the mean of a density exp(x t) on [0, 1]: 1 / (1 - e^-x) - 1 / x."""
    small = np.abs(x) < 1e-3
    safe = np.where(small, 1.0, x)
    return np.where(small, 0.5 + x / 12, -1 / np.expm1(-safe) - 1 / safe)


def _kept(
    density: Callable[[float], _Concave],
    ends: tuple[float, float],
    of_exp: bool,
    mean: float,
    reach: tuple[float, ...],
    asked: tuple[str, float, str],
) -> Quantile:
    """Return the quantiles of a density that is cut, its parameter moved to keep the mean."""

    def miss(moved: float) -> float:
        with np.errstate(over="ignore"):  # a mean may be infinite while it is looked for
            return _Table.of(density(moved), ends).mean(of_exp=of_exp) - mean

    kind, cv, name = asked
    for far in reach:
        if miss(-far) <= 0 <= miss(far):
            found = _Table.of(density(optimize.brentq(miss, -far, far, xtol=1e-13)), ends)
            return lambda u: np.exp(found.quantile(u)) if of_exp else found.quantile(u)
    raise ValueError(
        f"the cv of `{name}` must be smaller: no {kind} distribution that is cut to its interval "
        f"keeps the mean; got {cv:g}. Pass a smaller cv, or wider `low` and `high`."
    )
