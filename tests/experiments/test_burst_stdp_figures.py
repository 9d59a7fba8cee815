import numpy as np
import pytest

from neurogain.experiments.burst_stdp import figures


def drawn(figure):
    figure.canvas.draw()
    return figure.axes


def ratio(mean, seeds):
    ci = [None, None] if seeds < 2 or mean is None else [mean - 0.1, mean + 0.1]
    return {"mean": mean, "ci": ci, "per_seed": [mean] * seeds}


@pytest.mark.parametrize("seeds", [1, 4])
def test_courses_start_from_no_change_and_end_where_they_should(seeds):
    change = {"regular": np.full((seeds, 10), 0.1), "bursting": np.full((seeds, 10), 0.2)}
    weights = {name: np.full((seeds, 6), 0.5) + change[name][:, :6] for name in change}
    left, right = drawn(figures.courses(change, weights, sample=50.0, early=250.0))
    lines = {line.get_label(): line for line in left.get_lines()}
    for name, values in change.items():
        x, y = lines[name].get_data()
        np.testing.assert_allclose(x, 0.05 * np.arange(11))
        np.testing.assert_allclose(y, [0, *values[0]])
    assert left.get_xlabel() == "time with plasticity (s)"
    assert right.get_xlabel() == "w / w_max"
    title = left.figure.get_suptitle()
    assert f"{seeds} seed" in title
    assert ("t-intervals" in title) == (seeds > 1)


def test_ratios_show_each_mean_in_its_row():
    named = {"one": ratio(2.0, 4), "two": ratio(0.5, 4), "none": ratio(None, 4)}
    (axes,) = drawn(figures.ratios(named))
    assert [t.get_text() for t in axes.get_yticklabels()] == list(named)
    diamonds = [line.get_xydata()[0] for line in axes.get_lines() if line.get_marker() == "D"]
    np.testing.assert_allclose(diamonds, [[2.0, 0], [0.5, 1]])


def test_the_pulse_is_drawn_as_speed_in_the_middle_of_segments():
    step = np.tile([0.01, 0.02, 0.01], (3, 1))
    (axes,) = drawn(figures.pulse(step, segment=500.0, window=(500.0, 1000.0), coupling=1.0))
    x, y = axes.get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0.25, 0.75, 1.25])
    np.testing.assert_allclose(y, [0.02, 0.04, 0.02])


def test_the_map_has_a_line_per_noise():
    points = [
        {"somatic_current_pA": c, "noise_pA": n, "speed_ratio": ratio(c / n, 3)}
        for c in (700.0, 900.0)
        for n in (100.0, 300.0)
    ]
    (axes,) = drawn(figures.over_inputs(points, early=2000.0))
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["100 pA", "300 pA"]
    heights = [container.lines[0].get_ydata() for container in axes.containers]
    np.testing.assert_allclose(heights, [[7, 9], [7 / 3, 3]])
