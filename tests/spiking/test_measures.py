"""Measures against closed forms, brute force and NumPy's own statistics."""

import numpy as np
import pytest
from scipy import stats

from neurogain.spiking import IzhikevichCell, TimeSeries, cells, measures, simulate
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.recorders import IntervalRecord, Intervals, Spikes, Total


def test_rates_are_counts_per_second():
    np.testing.assert_allclose(measures.rate([0, 5, 20], 500.0), [0, 10, 40])
    assert measures.rate(3, 1000.0) == 3
    assert measures.rate(np.ones((2, 4), np.float32), 100.0).shape == (2, 4)


def test_an_fi_curve_has_the_mean_and_its_t_interval():
    spikes = np.array([[0, 0, 0], [3, 4, 5], [10, 12, 8]])
    curve = measures.fi_curve([100, 200, 300], spikes, 500.0)
    np.testing.assert_allclose(curve.current, [100, 200, 300])
    np.testing.assert_allclose(curve.rate, [0, 8, 20])
    for i in (1, 2):
        rates = spikes[i] / 0.5
        low, high = stats.t.interval(0.95, 2, rates.mean(), stats.sem(rates))
        np.testing.assert_allclose([curve.low[i], curve.high[i]], [low, high])
    assert curve.low[0] == curve.high[0] == 0


def test_one_repeat_has_no_interval():
    curve = measures.fi_curve([1, 2], [[1], [2]], 1000.0)
    np.testing.assert_array_equal(curve.rate, [1, 2])
    assert np.isnan([curve.low, curve.high]).all()


@pytest.mark.parametrize(
    ("rate", "least", "expected"),
    [
        ([0, 0, 1, 7], 1.0, 300),
        ([0, 0, 0.99, 7], 1.0, 400),
        ([0, 0, 0.99, 7], 0.5, 300),
        ([2, 3, 4, 5], 1.0, 100),
        ([0, 0, 0, 0.5], 1.0, np.nan),
        ([np.nan, np.nan, 2, 3], 1.0, 300),
    ],
)
def test_the_rheobase_is_the_lowest_current_that_fires(rate, least, expected):
    current = np.array([100, 200, 300, 400])
    assert measures.rheobase(current, rate, least=least) == pytest.approx(expected, nan_ok=True)
    turned = measures.rheobase(current[::-1], rate[::-1], least=least)
    assert turned == pytest.approx(expected, nan_ok=True)


def test_the_gain_of_a_line_is_its_slope_in_hz_per_na():
    current = np.arange(100.0, 1000.0, 50.0)
    assert measures.gain(current, 0.035 * current - 12, 100, 950) == pytest.approx(35)
    bent = np.where(current > 500, 0.035 * current, 1e6)
    assert measures.gain(current, bent, 501, 900) == pytest.approx(35)


def test_the_gain_is_the_least_squares_slope():
    rng = np.random.default_rng(0)
    current, rate = rng.uniform(0, 1000, 30), rng.uniform(0, 50, 30)
    expected = np.cov(current, rate)[0, 1] / current.var(ddof=1) * 1000
    assert measures.gain(current, rate, 0, 1000) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(200, 300, 10.0), (100, 200, 70.0), (201, 399, np.nan), (200, 200, np.nan), (9, 8, np.nan)],
)
def test_the_range_of_the_gain_holds_its_ends(low, high, expected):
    gain = measures.gain([100, 200, 300, 400], [0, 7, 8, 80], low, high)
    assert gain == pytest.approx(expected, nan_ok=True)


def test_burst_fractions_are_shares_of_the_spikes():
    share = measures.calcium_burst_fraction([0.0, 1, 3, 0], [4.0, 4, 3, 0])
    np.testing.assert_array_equal(share, [0, 0.25, 1, np.nan])
    record = IntervalRecord(spikes=np.array([4, 0, 2]), mean_ms=0, squares_ms2=0,
                            in_burst=np.array([3, 0, 2]))  # fmt: skip
    np.testing.assert_array_equal(measures.isi_burst_fraction(record), [0.75, np.nan, 1])
    assert measures.calcium_burst_fraction(1, 2) == 0.5


def record_of(trains):
    intervals = [np.diff(train) for train in trains]
    return IntervalRecord(
        spikes=np.array([len(train) for train in trains]),
        mean_ms=np.array([x.mean() if len(x) else 0.0 for x in intervals]),
        squares_ms2=np.array([x.var() * len(x) if len(x) else 0.0 for x in intervals]),
        in_burst=np.array([measures.near_neighbours(train).sum() for train in trains]),
    )


def test_interval_statistics_are_those_of_the_differences():
    rng = np.random.default_rng(1)
    trains = [np.sort(rng.uniform(0, 1000, size)) for size in (3, 10, 200)]
    out = measures.interval_statistics(record_of(trains))
    for i, train in enumerate(trains):
        x = np.diff(train)
        np.testing.assert_allclose(out.mean[i], x.mean())
        np.testing.assert_allclose(out.sd[i], x.std(ddof=1))
        np.testing.assert_allclose(out.cv[i], stats.variation(x, ddof=1))


def test_interval_statistics_need_two_spikes_and_three():
    out = measures.interval_statistics(record_of([[], [5.0], [5.0, 9.0], [5.0, 9.0, 13.0]]))
    np.testing.assert_array_equal(out.mean, [np.nan, np.nan, 4, 4])
    np.testing.assert_array_equal(out.sd, [np.nan, np.nan, np.nan, 0])
    np.testing.assert_array_equal(out.cv, [np.nan, np.nan, np.nan, 0])


@pytest.mark.parametrize("window", [0.0, 1.0, 10.0, 1e4])
def test_near_neighbours_by_brute_force(window):
    rng = np.random.default_rng(2)
    for size in (1, 2, 3, 40):
        times = np.sort(rng.choice(10_000, size, replace=False)) * 0.1
        apart = np.abs(times[:, None] - times)
        np.fill_diagonal(apart, np.inf)
        near = (apart <= window + 1e-6).any(axis=1)
        np.testing.assert_array_equal(measures.near_neighbours(times, window), near)


def test_the_window_holds_its_end_in_spite_of_rounding():
    start = np.arange(1, 2000) * 0.1  # 0.1 * (k + 100) - 0.1 * k is often above 10
    assert all(measures.near_neighbours([t, t + 10.0]).all() for t in start)
    assert not any(measures.near_neighbours([t, t + 10.1]).any() for t in start)


def test_no_spikes_have_no_neighbours():
    assert measures.near_neighbours([]).shape == (0,)


def test_bin_counts_count_by_cell_and_time():
    time, cell = [0.1, 4.9, 5.0, 9.9, 12.0, 20.0], [0, 2, 0, 2, 2, 1]
    counts = measures.bin_counts(time, cell, n=4, duration=20.0, width=5.0)
    expected = [[2, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(
        measures.bin_counts([], [], n=2, duration=1.0, width=0.5), np.zeros((2, 2))
    )


@pytest.mark.parametrize(("dt", "width"), [(0.1, 1.0), (0.1, 0.3), (0.025, 0.1), (1 / 3, 2.0)])
@pytest.mark.parametrize("first_step", [0, 863_999_000])
def test_a_spike_in_every_step_fills_all_bins_alike(dt, width, first_step):
    """Neither the first bin nor the last one is an exception, nor is a border that rounds."""
    each = round(width / dt)
    time = (first_step + np.arange(each * 40) + 1) * dt - first_step * dt
    counts = measures.bin_counts(
        time, np.zeros(len(time), int), n=1, duration=40 * width, width=width
    )
    np.testing.assert_array_equal(counts, np.full((1, 40), each))


def test_a_time_of_0_is_in_the_first_bin():
    assert measures.bin_counts([0.0], [0], n=1, duration=2.0, width=1.0).tolist() == [[1.0, 0.0]]


def test_one_train_in_every_cell_is_unison():
    train = np.random.default_rng(3).poisson(1.0, 200)
    counts = np.tile(train, (6, 1))
    assert measures.synchrony(counts) == pytest.approx(1)
    assert measures.mean_correlation(counts) == pytest.approx(1)
    opposed = np.stack([train, 10 - train])
    assert measures.synchrony(opposed) == pytest.approx(0, abs=1e-6)
    assert measures.mean_correlation(opposed) == pytest.approx(-1)


@pytest.mark.parametrize("n", [4, 25, 100])
def test_independent_trains_are_apart(n):
    counts = np.random.default_rng(4).poisson(2.0, (n, 20_000))
    assert measures.synchrony(counts) == pytest.approx(1 / np.sqrt(n), rel=0.05)
    assert measures.mean_correlation(counts) == pytest.approx(0, abs=0.01)


def test_what_does_not_vary_has_no_synchrony():
    for counts in (np.zeros((3, 10)), np.tile([[1.0], [2.0]], 10), np.zeros((3, 1))):
        assert np.isnan(measures.synchrony(counts))
        assert np.isnan(measures.mean_correlation(counts))
    one = np.array([[0, 1, 2], [3, 3, 3]])
    assert np.isnan(measures.mean_correlation(one))
    assert measures.synchrony(one) == pytest.approx(np.sqrt((1 / 4) / (1 / 2)))


def test_the_mean_correlation_is_that_of_all_pairs():
    rng = np.random.default_rng(5)
    shared = rng.poisson(2.0, 300)
    counts = np.concatenate([rng.poisson(1.0, (7, 300)) + shared, np.full((2, 300), 4)])
    pairs = np.corrcoef(counts[:7])[np.triu_indices(7, 1)]
    assert pairs.mean() > 0.3
    assert measures.mean_correlation(counts) == pytest.approx(pairs.mean())


def test_measures_of_a_run_agree_with_its_events():
    noise = 200 + 300 * np.random.default_rng(6).normal(size=(5000, 3))
    record = {"n": Total(), "events": Spikes(), "intervals": Intervals()}
    drive = Drive(TimeSeries(noise))
    out = simulate(IzhikevichCell(), cells.SOM, drive, n=3, duration=500.0, record=record).recorded
    events = out["events"]
    trains = [events.time_ms[events.cell == i] for i in range(3)]
    expected, actual = record_of(trains), out["intervals"]
    for a, b in zip(measures.interval_statistics(actual), measures.interval_statistics(expected),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=1e-3)
    np.testing.assert_array_equal(
        measures.isi_burst_fraction(actual), measures.isi_burst_fraction(expected)
    )
    counts = measures.bin_counts(events.time_ms, events.cell, n=3, duration=500.0, width=5.0)
    np.testing.assert_array_equal(counts.sum(axis=1), out["n"])
    assert out["n"].min() > 3
