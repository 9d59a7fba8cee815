import dataclasses

import numpy as np
import pytest

from neurogain.experiments import microcircuit
from neurogain.experiments.microcircuit import MicrocircuitConfig, figures
from neurogain.experiments.microcircuit.run import Reference, Weights
from neurogain.runner import Result


def value(mean, half=1.0):
    return {"mean": mean, "ci": [mean - half, mean + half], "per_seed": [mean - half, mean + half]}


UNDEFINED = {"mean": None, "ci": [None, None], "per_seed": [None, None]}


def condition(knob, level, slope, threshold):
    rate = {"mean": [0.0, level + 1, level + 2], "ci": [[0, 0], [level, level + 2], [None, None]]}
    return {
        "knob": knob,
        "level": level,
        "unit": "pA",
        "recurrence": 0.2,
        "current_pA": [500.0, 700.0, 900.0],
        "rate_hz": rate,
        "slope_hz_per_nA": slope,
        "threshold_pA": threshold,
        "slope_change_percent": slope,
        "threshold_change_pA": threshold,
    }


@pytest.fixture
def metrics():
    conditions = [
        condition(knob, level, value(10.0 + level), value(600.0 + level))
        for knob in ("coupling", "som_drive", "pv_drive")
        for level in (0.0, 5.0)
    ]
    conditions.append(condition("pv_drive", 9.0, UNDEFINED, UNDEFINED))
    return {
        "reference": {"rates_hz": {name: value(5.0) for name in ("pyramidal", "pv", "som")}},
        "conditions": conditions,
        "other_recurrences": [{"recurrence": 1.0, "conditions": conditions[:4]}],
        "pv_distance": {
            **{"sector_deg": 90.0, "driven_cells": 1, "sector_drive_pA": 75.0},
            "angle_deg": [0.0, 90.0, 180.0],
            "threshold_pA": [value(650.0), value(620.0), UNDEFINED],
            "control_threshold_pA": [value(600.0)] * 3,
            "threshold_change_pA": [value(50.0), value(20.0), UNDEFINED],
        },
    }


CONFIG = MicrocircuitConfig(
    pyramidal=4, pv=2, som=2, bin=50.0, seeds=2, reference_current=650.0, reference_duration=1000.0
)


@pytest.fixture
def result(metrics, reference):
    matrices = dict.fromkeys(Weights._fields, np.ones((4, 2))) | {"som_to_pyramidal": np.eye(2, 4)}
    parts = {"reference": reference, "weights": Weights(**matrices)}
    return Result(microcircuit.EXPERIMENT, CONFIG, metrics, parts, {})


@pytest.fixture
def reference():
    time = 0.1 * np.arange(1, 10001)
    return Reference(
        rates=np.full((2, 3), 5.0),
        synchrony=np.full(2, 0.5),
        spike_time_ms=np.array([100.0, 700.0, 800.0, 900.0]),
        spike_cell=np.array([0, 0, 4, 7]),
        binned_rate=np.ones((3, 20)) * [[1.0], [2.0], [3.0]],
        trace_time_ms=time,
        trace=np.full((10000, 4), -60.0),
    )


def test_raster_sorts_cells_and_states_rates_and_seeds(result):
    figure = figures.raster(result)
    spikes, *rates = figure.axes
    points = [c.get_offsets() for c in spikes.collections]
    np.testing.assert_array_equal([len(p) for p in points], [2, 1, 1])
    np.testing.assert_array_equal(points[1][0], [800.0, 4.0])
    for axes, rate in zip(rates, (1, 2, 3), strict=True):
        np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), np.full(20, rate))
    assert "2 seeds" in figure.get_suptitle()
    assert "650 pA" in figure.get_suptitle()


def test_traces_mark_spikes_of_the_shown_cells(result):
    panels = figures.traces(result).axes
    assert [axes.get_ylabel().endswith("v (mV)") for axes in panels] == [True] * 4
    marks = panels[0].collections[0].get_segments()
    np.testing.assert_allclose(marks, [[[700.0, -60.0], [700.0, 50.0]]])  # 100 ms is not shown
    assert panels[-1].get_xlim() == (500.0, 1000.0)


def test_weights_have_a_panel_and_a_scale_each(result):
    figure = figures.weights(result)
    images = [axes.get_images()[0] for axes in figure.axes if axes.get_images()]
    at = list(Weights._fields).index("som_to_pyramidal")
    np.testing.assert_array_equal(images[at].get_array(), np.eye(2, 4))
    assert [axes.get_ylabel() for axes in figure.axes].count("weight (nS)") == 5


def test_gain_draws_curves_slopes_and_thresholds(result):
    figure = figures.gain(result, knob="pv_drive")
    curves, slopes, thresholds = figure.axes
    assert [line.get_label() for line in curves.get_lines()[:3]] == ["0", "5", "9"]
    np.testing.assert_array_equal(slopes.containers[0].lines[0].get_ydata(), [10, 15])
    np.testing.assert_array_equal(thresholds.containers[0].lines[0].get_ydata(), [600, 605])
    assert "PV drive" in figure.get_suptitle()
    assert "95 % t-interval, 2 seeds" in figure.get_suptitle()
    other = figures.gain(result, knob="coupling").axes
    assert other[1].get_ylim() == slopes.get_ylim()


def test_changes_have_a_panel_for_each_recurrence(result):
    panels = figures.changes(result).axes
    assert [axes.get_title() for axes in panels] == ["recurrence 0.2", "recurrence 1"]
    assert [len(c.lines[0].get_xdata()) for c in panels[0].containers] == [2, 2]


def test_thresholds_are_drawn_by_distance(result):
    left, right = figures.pv_distance(result).axes
    np.testing.assert_array_equal(left.containers[0].lines[0].get_ydata(), [650, 620])
    np.testing.assert_array_equal(right.containers[0].lines[0].get_ydata(), [50, 20])
    assert left.get_xlabel().endswith("(degrees)")


def test_panels_without_any_number_say_so(result):
    result.metrics["conditions"] = [condition("coupling", 0.0, UNDEFINED, UNDEFINED)]
    one = dataclasses.replace(result, config=dataclasses.replace(CONFIG, seeds=1))
    figure = figures.gain(one, knob="coupling")
    assert "one seed" in figure.get_suptitle()
    assert ["nothing to show" in [t.get_text() for t in axes.texts] for axes in figure.axes] == [
        False, True, True,
    ]  # fmt: skip
    assert [t.get_text() for t in one.plot().axes[0].texts] == ["no change is defined"]
