import numpy as np
import pytest
from scipy import stats

from neurogain.stats import t_interval


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
