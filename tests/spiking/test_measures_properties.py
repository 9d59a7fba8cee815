"""What holds of the measures for any spikes."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from neurogain.spiking import measures

positive = st.floats(0.1, 1e4)
counts = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8),
    elements=st.integers(0, 20),
)
trains = st.lists(st.integers(1, 5000), min_size=1, max_size=30, unique=True).map(
    lambda steps: np.sort(steps) * 0.1
)
curves = st.lists(
    st.tuples(st.integers(0, 2000), st.floats(0, 100)),
    min_size=2, max_size=12, unique_by=lambda point: point[0],
).map(lambda points: np.array(points, float).T)  # fmt: skip


@given(spikes=hnp.arrays(np.int64, 5, elements=st.integers(0, 10**6)), t=positive, factor=positive)
def test_rates_scale_with_spikes_and_inversely_with_time(spikes, t, factor):
    rate = measures.rate(spikes, t)
    np.testing.assert_allclose(measures.rate(spikes * factor, t), factor * rate)
    np.testing.assert_allclose(measures.rate(spikes, t * factor), rate / factor)
    np.testing.assert_allclose(rate * t / 1000, spikes)


@given(curve=curves, offset=st.floats(-100, 100), factor=st.floats(0.1, 10))
def test_the_gain_ignores_an_offset_and_scales(curve, offset, factor):
    current, rate = curve
    gain = measures.gain(current, rate, 0, 2000)
    tolerance = {"rtol": 1e-6, "atol": 1e-6 * 1000 * 100}
    np.testing.assert_allclose(measures.gain(current, rate + offset, 0, 2000), gain, **tolerance)
    scaled = measures.gain(current, factor * rate, 0, 2000)
    np.testing.assert_allclose(scaled, factor * gain, **tolerance)
    stretched = measures.gain(factor * current, rate, 0, factor * 2000)
    np.testing.assert_allclose(stretched, gain / factor, **tolerance)


@given(curve=curves, least=st.floats(0.1, 100), more=st.floats(0, 50))
def test_the_rheobase_rises_with_the_rate_asked_for(curve, least, more):
    current, rate = curve
    low = measures.rheobase(current, rate, least=least)
    high = measures.rheobase(current, rate, least=least + more)
    assert np.isnan(high) or low <= high
    assert np.isnan(low) == (rate.max() < least)
    if not np.isnan(low):
        assert low in current
        assert (rate[current < low] < least).all()


@given(counts=counts)
def test_synchrony_is_between_zero_and_one(counts):
    chi = measures.synchrony(counts)
    assert np.isnan(chi) == (np.ptp(counts, axis=1) == 0).all()
    assert np.isnan(chi) or 0 <= chi <= 1 + 1e-9


@given(counts=counts)
def test_the_mean_correlation_is_that_of_numpy(counts):
    rows = counts[np.ptp(counts, axis=1) > 0]
    actual = measures.mean_correlation(counts)
    if len(rows) < 2:
        assert np.isnan(actual)
        return
    pairs = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    np.testing.assert_allclose(actual, pairs.mean(), atol=1e-9)
    assert -1 / (len(rows) - 1) - 1e-9 <= actual <= 1 + 1e-9


@given(counts=counts, seed=st.integers(0, 1000), scale=st.integers(1, 9), shift=st.integers(0, 9))
def test_the_order_of_cells_and_bins_and_the_unit_do_not_matter(counts, seed, scale, shift):
    rng = np.random.default_rng(seed)
    cells, bins = rng.permutation(counts.shape[0]), rng.permutation(counts.shape[1])
    for measure in (measures.synchrony, measures.mean_correlation):
        expected = pytest.approx(measure(counts), abs=1e-6, nan_ok=True)
        assert measure(counts[cells]) == expected
        assert measure(counts[:, bins]) == expected
        assert measure(scale * counts + shift) == expected


@given(times=trains, window=st.floats(0, 100), more=st.floats(0, 100))
def test_a_wider_window_has_more_neighbours(times, window, more):
    near = measures.near_neighbours(times, window)
    assert near.shape == times.shape
    assert near.sum() != 1  # a neighbour has a neighbour
    assert (near <= measures.near_neighbours(times, window + more)).all()
    assert measures.near_neighbours(times, 500.0).all() == (len(times) > 1)


@given(times=trains, window=st.integers(1, 200))
def test_neighbours_do_not_depend_on_the_origin_or_the_direction_of_time(times, window):
    near = measures.near_neighbours(times, 0.1 * window)
    later = measures.near_neighbours(times + 1000, 0.1 * window)
    np.testing.assert_array_equal(later, near)
    mirrored = measures.near_neighbours((600 - times)[::-1], 0.1 * window)
    np.testing.assert_array_equal(mirrored, near[::-1])


@given(
    events=st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 3)), max_size=40),
    width=st.sampled_from([1.0, 2.0, 5.0, 10.0, 50.0]),
)
def test_bins_hold_every_event_once_and_wide_bins_are_sums_of_narrow_ones(events, width):
    steps, cells = np.array(events, int).reshape(-1, 2).T
    options = {"n": 4, "duration": 100.0}
    narrow = measures.bin_counts(steps * 0.1, cells, width=1.0, **options)
    wide = measures.bin_counts(steps * 0.1, cells, width=width, **options)
    np.testing.assert_array_equal(narrow.sum(axis=1), np.bincount(cells, minlength=4))
    grouped = narrow.reshape(4, -1, round(width)).sum(axis=2)
    np.testing.assert_array_equal(wide, grouped)


@given(times=trains)
def test_burst_fractions_are_shares(times):
    near = measures.near_neighbours(times)
    share = measures.calcium_burst_fraction(near.sum(), len(times))
    assert 0 <= share <= 1
    assume(len(times) > 1)
    assert (share > 0) == (np.diff(times).min() <= 10 + 1e-6)
