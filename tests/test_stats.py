import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurogain.stats import POSITIVE, SHARE, cut, summary, t_interval


def test_t_interval_of_five_values():
    low, high = t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.7764451 * np.sqrt(2.5) / np.sqrt(5)  # t(0.975, 4) from a printed table: 2.776
    assert (low, high) == pytest.approx((3 - half, 3 + half), rel=1e-6)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_t_interval_is_that_of_scipy(level):
    values = np.array([0.31, 0.27, 0.44, 0.29, 0.35])
    expected = stats.t.interval(level, len(values) - 1, values.mean(), stats.sem(values))
    np.testing.assert_allclose(t_interval(values, level), expected)


@pytest.mark.parametrize("values", [[], [0.3], [0.3, np.nan, 0.2]])
def test_t_interval_is_undefined_for_too_few_values(values):
    assert np.isnan(t_interval(values)).all()


def test_intervals_along_an_axis_are_those_of_its_rows():
    rows = np.random.default_rng(0).normal(size=(3, 6))
    low, high = t_interval(rows, axis=1)
    np.testing.assert_allclose(np.transpose([low, high]), [t_interval(row) for row in rows])
    assert np.isnan(t_interval(rows[:, :1], axis=1)).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_the_interval_of_a_proportion_is_the_part_of_the_whole_one_in_0_to_1(values):
    low, high = t_interval(values)
    found = summary(values, within=SHARE)
    np.testing.assert_allclose(found["ci"], [max(low, 0), min(high, 1)])
    assert 0 <= found["ci"][0] <= found["ci"][1] <= 1
    assert cut(summary(values)) == found


def test_cut_intervals_cover_a_proportion_as_often_as_whole_ones():
    """Of 2000 samples of 5: what is cut can't hold the mean."""
    rng = np.random.default_rng(0)
    values, mean = rng.beta(0.5, 4.5, (5, 2000)), 0.1
    whole, inside = (np.array(t_interval(values, within=w)) for w in (None, SHARE))
    covers = (whole[0] <= mean) & (mean <= whole[1])
    assert np.any(whole[0] < 0)
    np.testing.assert_array_equal((inside[0] <= mean) & (mean <= inside[1]), covers)


def test_what_has_no_upper_end_is_cut_below_alone():
    assert summary([0.0, 30.0], within=POSITIVE)["ci"] == pytest.approx(
        [0, 15 + 15 * 12.7062], 1e-5
    )


@pytest.mark.parametrize("value", [-0.2, 1.2])
def test_values_outside_their_ends_are_refused(value):
    with pytest.raises(ValueError, match=rf"`values` must be in \[0, 1\].*; got {value}\."):
        summary([0.5, value], within=SHARE)
    summary([0.5, 1 + 1e-7], within=SHARE)  # rounding


@pytest.mark.parametrize("values", [[0.5], [0.5, np.nan]])
def test_an_interval_that_is_undefined_stays_so(values):
    found = summary(values, within=SHARE)
    assert found["ci"] == cut(found)["ci"] == [None, None]
