"""What the figures of acetylcholine and serotonin show."""

import numpy as np

from neurogain.plotting import go_nogo_modulators as figures


def test_blocks_are_means_over_what_counts():
    values = np.full((6, 50), np.nan)
    values[:, 3:5] = np.arange(6)[:, None]
    values[:2, 25] = 1.0
    trials, mean, low, high = figures.blocks(values)
    np.testing.assert_array_equal(trials, [10, 30])
    assert mean[0] == 2.5
    assert low[0] < 2.5 < high[0]
    assert np.isnan([mean[1], low[1], high[1]]).all()  # two of six seeds are too few


def test_a_row_a_quantity_and_a_column_a_validity():
    values = {1.0: np.zeros((2, 40)), 0.9: np.ones((2, 40))}
    figure = figures.changes(
        {"factor": {"with": values, "without": values}, "share": {"with": values}}, 20, "title"
    )
    panels = figure.axes
    assert len(panels) == 4
    assert [len(axes.lines) for axes in panels] == [3, 3, 2, 2]
    assert panels[0].get_ylabel() == "factor"
    assert panels[3].get_xlabel() == "trial"
