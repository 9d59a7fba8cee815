"""Numbers that describe spikes: rates, f-I curves, bursts, intervals, synchrony. NumPy, host."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neurogain import _checks
from neurogain.spiking.recorders import IntervalRecord
from neurogain.stats import t_interval

_MAX_BYTES = 2**32


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
    _checks.positive("duration", duration, "ms", "1000.0")
    return np.asarray(_floats("spikes", spikes) * (1000 / duration))


def fi_curve(current: ArrayLike, spikes: ArrayLike, duration: float) -> FICurve:
    """Return the f-I curve of spike counts of shape (currents, repeats) over `duration` (ms).

    Example:
      >>> fi_curve([100.0, 200.0], [[0, 2], [5, 7]], 1000.0).rate.tolist()
      [1.0, 6.0]
    """
    current, rates = _floats("current", current), rate(spikes, duration)
    if rates.ndim != 2 or current.shape != rates.shape[:1]:
        raise ValueError(
            "`spikes` must have shape (currents, repeats), with one current for each row; got "
            f"{rates.shape} and {current.shape}. Pass spikes[:, None] for one repeat."
        )
    low, high = np.array(t_interval(rates, axis=1))
    return FICurve(current, rates.mean(axis=1), low, high)


def rheobase(current: ArrayLike, rate: ArrayLike, *, least: float = 1.0) -> float:
    """Return the onset of repetitive firing: the lowest current, pA, with at least `least` Hz.

    Its resolution is that of the currents. NaN if no current reaches it.

    Example:
      >>> rheobase([100.0, 200.0, 300.0], [0.0, 2.0, 8.0])
      200.0
    """
    current, rate = _points(current, rate)
    _any_number("least", least, "Hz")
    firing = current[rate >= least]
    return float(firing.min()) if firing.size else float("nan")


def gain(current: ArrayLike, rate: ArrayLike, low: float, high: float) -> float:
    """Return the slope in Hz/nA of a least-squares line through the points in [low, high] pA.

    NaN where fewer than two points lie there.

    Example:
      >>> round(gain([600, 700, 800, 900], [0, 10, 14, 18], 700, 900), 6)
      40.0
    """
    current, rate = _points(current, rate)
    _any_number("low", low, "pA")
    _any_number("high", high, "pA")
    inside = (current >= low) & (current <= high)
    if inside.sum() < 2:
        return float("nan")
    return float(np.polyfit(current[inside], rate[inside], 1)[0] * 1000)


def threshold(current: ArrayLike, rate: ArrayLike, criterion: float) -> float:
    """Return the current, pA, at which the rate first rises through the criterion (Hz).

    Linear between points. NaN if it never does, or is above it from the first current on.

    Example:
      >>> threshold(np.array([500.0, 600.0, 700.0]), np.array([0.0, 1.0, 5.0]), 2.0)
      625.0
    """
    current, rate = _points(current, rate)
    _any_number("criterion", criterion, "Hz")
    above = np.flatnonzero(rate >= criterion)
    if not above.size or above[0] == 0:
        return float("nan")
    low, high = above[0] - 1, above[0]
    share = (criterion - rate[low]) / (rate[high] - rate[low])
    return float(current[low] + share * (current[high] - current[low]))


def slope(current: ArrayLike, rate: ArrayLike, low: float, high: float) -> float:
    """Return the slope, Hz/nA, of the least-squares line through the points in [low, high] Hz.

    NaN with fewer than two. Points after the first rate above `high` don't count.

    Example:
      >>> current = np.array([100.0, 200.0, 300.0])
      >>> round(slope(current, np.array([0.0, 5.0, 9.0]), 1.0, 20.0), 6)
      40.0
    """
    current, rate = _points(current, rate)
    _any_number("low", low, "Hz")
    _any_number("high", high, "Hz")
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
    return _share("burst", burst, spikes)


def isi_burst_fraction(record: IntervalRecord) -> np.ndarray:
    """Return the share of spikes with a neighbour within the burst window; NaN without spikes.

    Example:
      >>> record = IntervalRecord(spikes=[4.0], mean_ms=[20.0], squares_ms2=[8.0], in_burst=[3.0])
      >>> isi_burst_fraction(record).tolist()
      [0.75]
    """
    _check_record(record)
    return _share("in_burst", record.in_burst, record.spikes)


def _share(name: str, part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    part, whole = _floats(name, part), _floats("spikes", whole)
    _check_alike(name, part, "spikes", whole)
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
    _check_record(record)
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
    times = _ascending("time_ms", time_ms)
    _checks.one_number("window", window, "at least 0 ms", lambda w: w >= 0, "10.0")
    near = np.diff(times) <= window + 1e-6
    result = np.zeros(times.shape, bool)
    result[:-1] |= near
    result[1:] |= near
    return result


def bin_counts(
    time_ms: ArrayLike, cell: ArrayLike, *, n: int, duration: float, width: float
) -> np.ndarray:
    """Return spike counts of shape (n, bins) in bins of `width` over `duration`, both in ms.

    A spike belongs to the end of its step, so bin k is (k width, (k + 1) width]: one at 10.0 ms is
    the last of the ten that a cell with a spike in every ms has in a bin of 10 ms. A time of 0,
    which no recorder gives, is in the first bin. Times within 1e-6 of a width of a border are on
    it.

    Raises:
      ValueError, TypeError: if a cell or a time is out of range, `width` does not divide the
        duration, or the counts would take more than 4 GiB.

    Example:
      >>> bin_counts([1.0, 10.0, 12.0], [0, 1, 0], n=2, duration=20.0, width=10.0).tolist()
      [[1.0, 1.0], [1.0, 0.0]]
    """
    _checks.whole("n", n, 1)
    _checks.positive("duration", duration, "ms", "1000.0")
    _checks.positive("width", width, "ms", "5.0")
    times, numbers = _floats("time_ms", time_ms), _checks.as_numbers("cell", cell)
    _check_alike("time_ms", times, "cell", numbers)
    inside = lambda x: (x >= 0) & (x < n) & (x == np.rint(x))  # noqa: E731
    _checks.in_range("cell", numbers, f"whole, in [0, {n - 1}]", inside, "Choose others.")
    rule = f"in [0, {duration:g}] ms"
    within = lambda x: (x >= 0) & (x <= duration + 1e-6)  # noqa: E731
    _checks.in_range("time_ms", times, rule, within, "Choose a longer duration.")
    bins = round(duration / width)
    if bins < 1 or abs(duration / width - bins) > 1e-6:
        raise ValueError(f"`width` must divide the duration of {duration:g} ms; got {width:g}.")
    if 8 * n * bins > _MAX_BYTES:
        raise ValueError(
            f"`width` must be so long that {n} cells x bins take at most 4 GiB; got {width:g} ms, "
            f"{bins} bins. Choose wider bins, or fewer cells."
        )
    place = times / width
    border = np.rint(place)
    on_border = np.abs(place - border) <= 1e-6 + 1e-12 * place
    which = np.where(on_border, border, np.ceil(place)) - 1
    which = np.clip(which, 0, bins - 1).astype(np.int64)
    counts = np.bincount(numbers.astype(np.int64) * bins + which, minlength=n * bins)
    return counts.reshape(n, bins).astype(float)


def synchrony(counts: ArrayLike) -> float:
    """Return Golomb's chi of binned spike counts, shape (n, bins): 1 in unison, 1/sqrt(n) apart.

        chi^2 = Var_t(mean_i x_i) / mean_i Var_t(x_i)

    NaN where no count varies. Source: Golomb & Rinzel, Physica D 72:259 (1994), eq. 2.6, for
    potentials.

    Example:
      >>> synchrony([[0, 1, 0, 2], [0, 1, 0, 2]])
      1.0
    """
    x = _counts(counts)
    own = x.var(axis=1).mean()
    return float(np.sqrt(x.mean(axis=0).var() / own)) if own > 0 else float("nan")


def mean_correlation(counts: ArrayLike) -> float:
    """Return the mean Pearson correlation over all pairs of binned counts, shape (n, bins).

    Cells whose count does not vary are left out; NaN with fewer than two others. Linear in n.

    Example:
      >>> round(mean_correlation([[0, 1, 0, 1], [1, 0, 1, 0]]), 6)
      -1.0
    """
    x = _counts(counts)
    x = x[x.std(axis=1) > 0]
    n = len(x)
    if n < 2:
        return float("nan")
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return float((z.sum(axis=0).var() - n) / (n * (n - 1)))


def burst_periods(times: ArrayLike, window: float) -> list[tuple[float, float]]:
    """Return first and last spike (ms) of each run of spikes at most `window` (ms) apart.

    Example:
      >>> burst_periods(np.array([1.0, 5.0, 15.0, 30.0]), 10.0)
      [(1.0, 15.0)]
    """
    times = _ascending("times", times)
    _checks.one_number("window", window, "at least 0 ms", lambda w: w >= 0, "10.0")
    splits = np.flatnonzero(np.diff(times) > window + 1e-6) + 1
    groups = [g for g in np.split(times, splits) if len(g) > 1]
    return [(float(g[0]), float(g[-1])) for g in groups]


def half_time(change: ArrayLike, sample: float) -> np.ndarray:
    """Return the time (ms) at which each course first reaches half of its final change.

    Args:
      change: shape (seeds, samples), the first sample after `sample` ms; it starts from 0.
      sample: ms.

    Example:
      >>> half_time(np.array([[1.0, 2.0, 3.0, 4.0]]), 10.0).tolist()
      [20.0]
    """
    change = _floats("change", change)
    if change.ndim != 2:
        raise ValueError(
            f"`change` must have shape (seeds, samples); got {change.shape}. Pass change[None] for "
            "one course."
        )
    _checks.positive("sample", sample, "ms", "10.0")
    padded = np.concatenate([np.zeros((len(change), 1)), change], axis=1)
    half = padded[:, -1:] / 2
    after = np.argmax(padded >= half, axis=1)
    rows = np.arange(len(change))
    before = np.maximum(after - 1, 0)
    low, high = padded[rows, before], padded[rows, after]
    share = np.divide(half[:, 0] - low, high - low, out=np.zeros(len(change)), where=high > low)
    return (before + share) * sample


# checks


def _floats(name: str, values: ArrayLike) -> np.ndarray:
    return _checks.as_numbers(name, values).astype(float)


def _any_number(name: str, value: object, unit: str) -> None:
    """Raise an error unless the value is a number; infinity sets no bound."""
    _checks.one_number(name, value, f"in {unit}", lambda x: ~np.isnan(x), "0.0")


def _check_alike(name: str, values: np.ndarray, other: str, others: np.ndarray) -> None:
    """Raise ValueError unless two arrays have one shape."""
    if values.shape != others.shape:
        raise ValueError(
            f"`{name}` and `{other}` must have one shape; got {values.shape} and {others.shape}."
        )


def _points(current: ArrayLike, rate: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return currents and rates, one of each for every point."""
    x, y = _floats("current", current), _floats("rate", rate)
    _check_alike("current", x, "rate", y)
    if x.ndim != 1:
        raise ValueError(f"`current` must be a list of currents, in pA; got shape {x.shape}.")
    return x, y


def _ascending(name: str, time_ms: ArrayLike) -> np.ndarray:
    """Return the times of one cell's spikes."""
    times = _floats(name, time_ms)
    if times.ndim != 1 or not np.all(np.diff(times) >= 0):
        raise ValueError(
            f"`{name}` must be ascending times in ms of one cell; got {time_ms!r:.200}. Pass "
            "np.sort(times)."
        )
    return times


def _counts(counts: ArrayLike) -> np.ndarray:
    """Return counts of cells in bins."""
    x = _floats("counts", counts)
    if x.ndim != 2 or not x.size:
        raise ValueError(
            f"`counts` must have shape (n, bins); got {x.shape}. Pass what `bin_counts` returns."
        )
    return x


def _check_record(record: object) -> None:
    """Raise TypeError unless the value is what `Intervals` records."""
    if not isinstance(record, IntervalRecord):
        raise TypeError(
            f"`record` must be an IntervalRecord; got {type(record).__name__}. Pass what a run "
            "with Intervals() recorded."
        )
