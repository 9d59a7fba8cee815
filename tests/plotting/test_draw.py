import numpy as np
import pytest
from scipy import stats

from neurogain.plotting import draw, rows


def value(mean, half=1.0):
    ci = [None, None] if half is None else [mean - half, mean + half]
    return {"mean": mean, "ci": ci}


UNDEFINED = {"mean": None, "ci": [None, None]}


@pytest.mark.parametrize("log", [False, True])
def test_averages_are_those_of_each_place(log):
    runs = np.random.default_rng(0).uniform(1, 3, (4, 6))
    there, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    found = draw.averaged(runs, log=log)
    mean = there(runs).mean(axis=0)
    ends = stats.t.interval(0.95, 3, mean, stats.sem(there(runs), axis=0))
    np.testing.assert_allclose(found["mean"], back(mean))
    np.testing.assert_allclose(found["ci"].T, back(ends))
    assert np.isnan(draw.averaged(runs[:1], log=log)["ci"]).all()


def test_a_line_has_the_band_of_its_interval_where_there_is_one():
    _, axes = draw.single((3, 2))
    curve = draw.joined([value(1.0), value(4.0, 2.0), value(9.0, None)])
    draw.line(axes, [0, 1, 2], curve, color="red")
    [line], [band] = axes.lines, axes.collections
    np.testing.assert_array_equal(line.get_ydata(), [1, 4, 9])
    np.testing.assert_array_equal(band.get_datalim(axes.transData).intervaly, [0, 6])
    assert band.get_facecolor()[0, :3].tolist() == [1, 0, 0]


def test_points_have_bars_along_both_axes_and_undefined_ones_are_left_out():
    _, axes = draw.single((3, 2))
    x = draw.joined([value(1.0), value(2.0, 0.5), UNDEFINED])
    y = draw.joined([value(5.0, 2.0), UNDEFINED, value(3.0)])
    draw.points(axes, x, y)
    [(line, _, bars)] = axes.containers
    assert line.get_xydata().tolist() == [[1, 5]]
    assert [bar.get_segments()[0].tolist() for bar in bars] == [
        [[0, 5], [2, 5]],
        [[1, 3], [1, 7]],
    ]


def test_points_without_intervals_have_no_bars_and_without_means_are_not_drawn():
    _, axes = draw.single((3, 2))
    draw.points(axes, 1.0, value(2.0, None))
    draw.points(axes, [1.0], draw.joined([UNDEFINED]))
    [(line, caps, bars)] = axes.containers
    assert line.get_xydata().tolist() == [[1, 2]]
    assert not caps
    assert not bars


def test_the_median_can_stand_for_the_mean():
    assert draw.joined([{"median": 3, "ci": [1, 7]}], "median") == {"mean": [3], "ci": [[1, 7]]}


def test_an_empty_panel_says_so_and_others_do_not():
    figure, panels = draw.row(3, (6, 2))
    panels[0].plot([1, 2], [3, 4])
    panels[1].plot([1, 2], [np.nan, np.nan])
    draw.guides(panels[1], y=[0])
    draw.say(panels[2], "no gain")
    draw.finish(figure, "title")
    assert [[t.get_text() for t in axes.texts] for axes in panels] == [
        [],
        ["nothing to show"],
        ["no gain"],
    ]


def test_the_legend_of_all_panels_fits_below_them():
    figure, panels = draw.row(2, (4, 3))
    names = [f"a method with a long name, {i}" for i in range(5)]
    panels[0].plot([1], label=names[1])
    for name in names:
        panels[1].plot([1], label=name)
    draw.finish(figure, below=True)
    [legend] = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == names
    figure.draw_without_rendering()
    assert legend.get_window_extent().width <= figure.bbox.width


@pytest.mark.parametrize(("width", "between"), [(8, ": "), (3, "\n")])
def test_a_note_stands_behind_the_title_where_there_is_room(width, between):
    figure, _ = draw.row(2, (width, 2))
    draw.finish(figure, "Gain of the network", draw.mean_over(5), letters=True)
    note = "mean and 95 % t-interval, 5 seeds"
    assert figure.get_suptitle() == f"Gain of the network{between}{note}"
    assert [axes.texts[-1].get_text() for axes in figure.axes] == ["a", "b"]


def test_families_are_ordered_by_their_value():
    table = [{"p": p, "x": x} for x in (1, 2) for p in (0.5, 0.0)]
    found = list(rows.families(table, "p"))
    assert [look["label"] for _, look in found] == ["0", "0.5"]
    assert [own for own, _ in found] == [rows.where(table, p=0.0), rows.where(table, p=0.5)]
    assert rows.values(table, "x") == [1, 2]


def test_labels_stand_at_the_borders_of_a_grid():
    _, panels = draw.grid(2, 2, (4, 4), x="time", y=("a", "b"), titles=("c", "d"))
    assert [[axes.get_xlabel() for axes in row] for row in panels] == [["", ""], ["time", "time"]]
    assert [[axes.get_ylabel() for axes in row] for row in panels] == [["a", ""], ["b", ""]]
    assert [[axes.get_title() for axes in row] for row in panels] == [["c", "d"], ["", ""]]


def test_rows_are_drawn_as_a_line_for_each_value():
    table = [{"p": p, "x": x, "y": p + x, "y_ci": [None, None]} for x in (2, 1) for p in (0.5, 0.0)]
    _, axes = draw.single((3, 2))
    rows.points(axes, table, "x", "y", by="p")
    drawn = {c.get_label(): c.lines[0].get_xydata().tolist() for c in axes.containers}
    assert drawn == {"0": [[1, 1], [2, 2]], "0.5": [[1, 1.5], [2, 2.5]]}


def test_a_title_that_is_too_wide_is_wrapped():
    figure, _ = draw.row(1, (3, 2))
    draw.finish(
        figure, "Calcium events by the delay from a spike to a dendritic pulse", "one repeat"
    )
    lines = figure.get_suptitle().splitlines()
    assert lines[-1] == "one repeat"
    assert len(lines) > 2
    figure.draw_without_rendering()
    assert figure._suptitle.get_window_extent().width <= figure.bbox.width
