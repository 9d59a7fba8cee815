import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurogain.stats import (
    POSITIVE,
    SHARE,
    cut,
    paired_shares_interval,
    summary,
    t_interval,
    verdict,
)


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


@pytest.mark.parametrize(
    ("table", "published"),
    [((36, 12, 2, 0), (0.0569, 0.3404)), ((20, 12, 2, 16), (0.0562, 0.3292))],
)
def test_the_interval_of_paired_shares_is_the_published_one(table, published):
    """Newcombe, Stat Med 17:2635 (1998), method 10; both, the first, the second alone, neither."""
    both, first, second, neither = table
    one = both * [1] + first * [1] + second * [0] + neither * [0]
    other = both * [1] + first * [0] + second * [1] + neither * [0]
    assert paired_shares_interval(one, other) == pytest.approx(published, abs=5e-5)
    low, high = paired_shares_interval(other, one)
    assert (-high, -low) == pytest.approx(published, abs=5e-5)


def test_the_interval_of_paired_shares_covers_the_difference():
    """Of 1000 samples of 30 pairs with a correlation: 95 % within sampling error."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        luck = rng.random(30)
        one, other = luck < 0.9, (luck < 0.6) | (rng.random(30) < 0.25)
        low, high = paired_shares_interval(one, other)
        held += low <= 0.9 - 0.7 <= high
    assert 0.93 <= held / 1000 <= 0.99


@pytest.mark.parametrize(
    ("ci", "said"),
    [
        ((-0.004, 0.004), "equal"), ((0.001, 0.004), "equal"), ((0.001, 0.02), "higher"),
        ((-0.02, -0.001), "lower"), ((-0.01, 0.001), "not decided"), ((None, None), "not decided"),
    ],
)  # fmt: skip
def test_a_verdict_needs_an_interval_within_the_margin(ci, said):
    assert verdict(list(ci), 0.005) == said
