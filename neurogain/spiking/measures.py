"""Numbers that describe spikes: rates, f-I curves, bursts, intervals, synchrony. NumPy, host."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neurogain.spiking.recorders import IntervalRecord
from neurogain.stats import t_interval


class FICurve(NamedTuple):
    """Firing rate against input current."""

    current: np.ndarray  # (currents,), pA
    rate: np.ndarray  # (currents,), Hz, mean over repeats
    low: np.ndarray  # (currents,), Hz, 95 % t-interval; NaN for one repeat
    high: np.ndarray  # (currents,), Hz


def rate(spikes: ArrayLike, duration: float) -> np.ndarray:
    """Return spike counts over `duration` (ms) as rates in Hz.

    Example:
      >>> rate([5, 10], 500.0).tolist()
      [10.0, 20.0]
    """
    return np.asarray(np.asarray(spikes, float) * (1000 / duration))


def fi_curve(current: ArrayLike, spikes: ArrayLike, duration: float) -> FICurve:
    """Return the f-I curve of spike counts of shape (currents, repeats) over `duration` (ms).

    Example:
      >>> fi_curve([100.0, 200.0], [[0, 2], [5, 7]], 1000.0).rate.tolist()
      [1.0, 6.0]
    """
    rates = rate(spikes, duration)
    low, high = np.array(t_interval(rates, axis=1))
    return FICurve(np.asarray(current, float), rates.mean(axis=1), low, high)


def rheobase(current: ArrayLike, rate: ArrayLike, *, least: float = 1.0) -> float:
    """Return the onset of repetitive firing: the lowest current, pA, with at least `least` Hz.

    Its resolution is that of the currents. NaN if no current reaches it.

    Example:
      >>> rheobase([100.0, 200.0, 300.0], [0.0, 2.0, 8.0])
      200.0
    """
    current, rate = np.asarray(current, float), np.asarray(rate, float)
    firing = current[rate >= least]
    return float(firing.min()) if firing.size else float("nan")


def gain(current: ArrayLike, rate: ArrayLike, low: float, high: float) -> float:
    """Return the slope in Hz/nA of a least-squares line through the points in [low, high] pA.

    NaN where fewer than two points lie there.

    Example:
      >>> round(gain([600, 700, 800, 900], [0, 10, 14, 18], 700, 900), 6)
      40.0
    """
    current, rate = np.asarray(current, float), np.asarray(rate, float)
    inside = (current >= low) & (current <= high)
    if inside.sum() < 2:
        return float("nan")
    return float(np.polyfit(current[inside], rate[inside], 1)[0] * 1000)


def threshold(current: np.ndarray, rate: np.ndarray, criterion: float) -> float:
    """Return the current, pA, at which the rate first rises through the criterion (Hz).

    Linear between points. NaN if it never does, or is above it from the first current on.

    Example:
      >>> threshold(np.array([500.0, 600.0, 700.0]), np.array([0.0, 1.0, 5.0]), 2.0)
      625.0
    """
    above = np.flatnonzero(rate >= criterion)
    if not above.size or above[0] == 0:
        return float("nan")
    low, high = above[0] - 1, above[0]
    share = (criterion - rate[low]) / (rate[high] - rate[low])
    return float(current[low] + share * (current[high] - current[low]))


def slope(current: np.ndarray, rate: np.ndarray, low: float, high: float) -> float:
    """Return the slope, Hz/nA, of the least-squares line through the points in [low, high] Hz.

    NaN with fewer than two. Points after the first rate above `high` don't count.

    Example:
      >>> current = np.array([100.0, 200.0, 300.0])
      >>> round(slope(current, np.array([0.0, 5.0, 9.0]), 1.0, 20.0), 6)
      40.0
    """
    over = np.flatnonzero(rate > high)
    last = over[0] if over.size else len(rate)
    inside = (np.arange(len(rate)) < last) & (rate >= low)
    if inside.sum() < 2:
        return float("nan")
    return float(np.polyfit(current[inside], rate[inside], 1)[0] * 1000)


def calcium_burst_fraction(burst: ArrayLike, spikes: ArrayLike) -> np.ndarray:
    """Return the share of spikes that were reset as bursts; NaN without spikes.

    Example:
      >>> calcium_burst_fraction([3.0, 0.0], [4.0, 0.0]).tolist()
      [0.75, nan]
    """
    return _share(burst, spikes)


def isi_burst_fraction(record: IntervalRecord) -> np.ndarray:
    """Return the share of spikes with a neighbour within the burst window; NaN without spikes.

    Example:
      >>> record = IntervalRecord(spikes=[4.0], mean_ms=[20.0], squares_ms2=[8.0], in_burst=[3.0])
      >>> isi_burst_fraction(record).tolist()
      [0.75]
    """
    return _share(record.in_burst, record.spikes)


def _share(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


class IntervalStatistics(NamedTuple):
    """Inter-spike intervals, each of shape (n,); NaN where there are too few spikes."""

    mean: np.ndarray  # ms
    sd: np.ndarray  # ms, with n - 1
    cv: np.ndarray  # sd / mean


def interval_statistics(record: IntervalRecord) -> IntervalStatistics:
    """Return mean, standard deviation and coefficient of variation of inter-spike intervals.

    Example:
      >>> record = IntervalRecord(spikes=[4.0], mean_ms=[20.0], squares_ms2=[8.0], in_burst=[3.0])
      >>> interval_statistics(record).sd.tolist()
      [2.0]
    """
    count = np.asarray(record.spikes, float) - 1
    mean = np.where(count >= 1, record.mean_ms, np.nan)
    spread = np.full(count.shape, np.nan)
    np.divide(np.asarray(record.squares_ms2, float), count - 1, out=spread, where=count >= 2)
    sd = np.sqrt(spread)
    return IntervalStatistics(mean, sd, sd / mean)


def near_neighbours(time_ms: ArrayLike, window: float = 10.0) -> np.ndarray:
    """Return which spikes of one cell, times ascending in ms, have a neighbour within `window`.

    Times that are multiples of dt are compared with a tolerance of 1e-6 ms.

    Example:
      >>> near_neighbours([1.0, 5.0, 30.0]).tolist()
      [True, True, False]
    """
    times = np.asarray(time_ms, float)
    near = np.diff(times) <= window + 1e-6
    result = np.zeros(times.shape, bool)
    result[:-1] |= near
    result[1:] |= near
    return result


def bin_counts(
    time_ms: ArrayLike, cell: ArrayLike, *, n: int, duration: float, width: float
) -> np.ndarray:
    """Return spike counts of shape (n, bins) in bins of `width` over `duration`, both in ms.

    Raises:
      ValueError: if a cell or a time is out of range, or `width` does not divide the duration.

    Example:
      >>> bin_counts([1.0, 5.0, 12.0], [0, 1, 0], n=2, duration=20.0, width=10.0).tolist()
      [[1.0, 1.0], [1.0, 0.0]]
    """
    times, numbers = np.asarray(time_ms, float), np.asarray(cell)
    if times.size and not (numbers.min() >= 0 and numbers.max() < n):
        raise ValueError(f"`cell` must be in [0, {n - 1}]; got up to {numbers.max()}.")
    if times.size and not (times.min() >= 0 and times.max() <= duration + 1e-6):
        raise ValueError(f"`time_ms` must be in [0, {duration:g}] ms; got up to {times.max():g}.")
    if abs(duration / width - round(duration / width)) > 1e-6:
        raise ValueError(f"`width` must divide the duration of {duration:g} ms; got {width:g}.")
    edges = width * np.arange(round(duration / width) + 1)
    cells = np.arange(n + 1) - 0.5
    return np.histogram2d(numbers, times, bins=(cells, edges))[0]


def synchrony(counts: ArrayLike) -> float:
    """Return Golomb's chi of binned spike counts, shape (n, bins): 1 in unison, 1/sqrt(n) apart.

        chi^2 = Var_t(mean_i x_i) / mean_i Var_t(x_i)

    NaN where no count varies. Source: Golomb & Rinzel, Physica D 72:259 (1994), eq. 2.6, for
    potentials.

    Example:
      >>> synchrony([[0, 1, 0, 2], [0, 1, 0, 2]])
      1.0
    """
    x = np.asarray(counts, float)
    own = x.var(axis=1).mean()
    return float(np.sqrt(x.mean(axis=0).var() / own)) if own > 0 else float("nan")


def mean_correlation(counts: ArrayLike) -> float:
    """Return the mean Pearson correlation over all pairs of binned counts, shape (n, bins).

    Cells whose count does not vary are left out; NaN with fewer than two others. Linear in n.

    Example:
      >>> round(mean_correlation([[0, 1, 0, 1], [1, 0, 1, 0]]), 6)
      -1.0
    """
    x = np.asarray(counts, float)
    x = x[x.std(axis=1) > 0]
    n = len(x)
    if n < 2:
        return float("nan")
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return float((z.sum(axis=0).var() - n) / (n * (n - 1)))


def burst_periods(times: np.ndarray, window: float) -> list[tuple[float, float]]:
    """Return first and last spike (ms) of each run of spikes at most `window` (ms) apart.

    Example:
      >>> burst_periods(np.array([1.0, 5.0, 15.0, 30.0]), 10.0)
      [(1.0, 15.0)]
    """
    splits = np.flatnonzero(np.diff(times) > window + 1e-6) + 1
    groups = [g for g in np.split(times, splits) if len(g) > 1]
    return [(float(g[0]), float(g[-1])) for g in groups]


def half_time(change: np.ndarray, sample: float) -> np.ndarray:
    """Return the time (ms) at which each course first reaches half of its final change.

    Args:
      change: shape (seeds, samples), the first sample after `sample` ms; it starts from 0.
      sample: ms.

    Example:
      >>> half_time(np.array([[1.0, 2.0, 3.0, 4.0]]), 10.0).tolist()
      [20.0]
    """
    padded = np.concatenate([np.zeros((len(change), 1)), change], axis=1)
    half = padded[:, -1:] / 2
    after = np.argmax(padded >= half, axis=1)
    rows = np.arange(len(change))
    before = np.maximum(after - 1, 0)
    low, high = padded[rows, before], padded[rows, after]
    share = np.divide(half[:, 0] - low, high - low, out=np.zeros(len(change)), where=high > low)
    return (before + share) * sample
