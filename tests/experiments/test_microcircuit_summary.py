"""Measures of curves that are known by construction: lines, divided or shifted."""

import numpy as np
import pytest

from neurogain import stats
from neurogain.experiments.microcircuit import config as configs
from neurogain.experiments.microcircuit import summary
from neurogain.experiments.microcircuit.config import MicrocircuitConfig

CONFIG = MicrocircuitConfig(other_recurrences=(), seeds=3, duration=1000.0)
CURRENT = CONFIG.currents()
JITTER = np.array([-20.0, 0.0, 20.0])  # pA, of the seeds' onsets


def line(slope=40.0, onset=500.0):
    """Return rates, Hz, that rise by `slope` Hz/nA from `onset` pA on."""
    return np.maximum(0, slope / 1000 * (CURRENT - onset))


def counts(slope=40.0, onset=500.0):
    """Return counts in 1 s, shape (seeds, currents, cells); onset may be one value per cell."""
    onset = np.broadcast_to(onset, (CONFIG.pyramidal,))
    rate = np.stack([[line(slope, o + j) for o in onset] for j in JITTER])  # (seeds, cells, I)
    result = np.zeros((3, len(CURRENT), CONFIG.pyramidal + CONFIG.pv + CONFIG.som))
    result[..., : CONFIG.pyramidal] = rate.swapaxes(1, 2)
    return result


def test_threshold_and_slope_of_a_line():
    rate = line(40.0, 520.0)
    assert summary.threshold(CURRENT, rate, 2.0) == pytest.approx(570)  # 520 + 2 / 0.04
    assert summary.slope(CURRENT, rate, 2.0, 15.0) == pytest.approx(40)


def test_what_is_not_there_is_nan():
    assert np.isnan(summary.threshold(CURRENT, 0 * CURRENT, 2.0))
    assert np.isnan(summary.threshold(CURRENT, 5 + 0 * CURRENT, 2.0))  # above from the start
    assert np.isnan(summary.slope(CURRENT, 0 * CURRENT, 2.0, 15.0))
    jump = np.where(CURRENT < 600, 0.0, 40.0)
    assert np.isnan(summary.slope(CURRENT, jump, 2.0, 15.0))


def test_points_after_the_range_was_left_do_not_count():
    rate = np.array([0.0, 4.0, 8.0, 30.0, 10.0])
    current = 100.0 * np.arange(5)
    assert summary.slope(current, rate, 2.0, 15.0) == pytest.approx(40)


def test_division_and_subtraction_are_told_apart():
    results = {}
    for unit in CONFIG.units():
        # SOM drive divides by up to two and PV drive moves the onset by 2 pA per pA
        factor = 1 - (unit.som_drive - 75) / 250
        results[unit] = counts(40 * factor, 500 + 2 * (unit.pv_drive - 75))
    curves = {
        unit: summary.measure(CONFIG, summary.population_rate(CONFIG, count))
        for unit, count in results.items()
    }
    found = summary.conditions(CONFIG, curves, CONFIG.recurrence)
    assert len(found) == 5 + 5 + 4 + 4
    som, pv = (
        {c["level"]: c for c in found if c["knob"] == knob} for knob in ("som_drive", "pv_drive")
    )
    assert som[200]["slope_change_percent"]["mean"] == pytest.approx(-50)
    assert som[200]["slope_change_hz_per_nA"]["per_seed"] == pytest.approx([-20] * 3)
    assert som[200]["threshold_change_pA"]["mean"] == pytest.approx(50)  # 2 Hz at half the slope
    assert pv[125]["slope_change_percent"]["mean"] == pytest.approx(0, abs=1e-9)
    # paired: all seeds shift alike, though their thresholds lie apart
    assert pv[125]["threshold_change_pA"]["ci"] == pytest.approx([100, 100])
    assert pv[125]["threshold_pA"]["per_seed"] == pytest.approx(650 + JITTER)
    half = 4.302653 * 20 / 3**0.5  # t quantile of two degrees of freedom; sd of JITTER is 20
    assert pv[125]["threshold_pA"]["ci"] == pytest.approx([650 - half, 650 + half], rel=1e-6)
    assert pv[125]["rate_hz"]["mean"][0] == 0
    assert pv[125]["rate_change_hz"]["mean"] < som[75]["rate_change_hz"]["mean"] == 0
    assert {c["unit"] for c in found} == {"pA", "dimensionless"}


def test_thresholds_by_distance_are_those_of_the_cells_there():
    rise = 100 * np.cos(np.radians(configs.angle(CONFIG.pyramidal) / 2)) ** 2
    results = {
        CONFIG.setting(): counts(),
        CONFIG.setting(sector_drive=CONFIG.sector_drive): counts(onset=500 + rise),
    }
    found = summary.pv_distance(CONFIG, results)
    assert found["driven_cells"] == 9
    expected = 100 * np.cos(np.radians(found["angle_deg"]) / 2) ** 2
    change = [x["mean"] for x in found["threshold_change_pA"]]
    np.testing.assert_allclose(change, expected, atol=2)
    np.testing.assert_allclose([x["mean"] for x in found["control_threshold_pA"]], 550)
    assert found["distance_radii"][-1] == pytest.approx(2, abs=0.01)
    assert len(change) == CONFIG.distance_bins


def test_seeds_without_a_value_are_left_out_of_the_mean():
    found = stats.summary(np.array([1.0, np.nan, 3.0]), known_only=True)
    assert found["mean"] == 2
    assert found["per_seed"] == [1, None, 3]
    assert found["ci"][0] < 2 < found["ci"][1]
    nothing = stats.summary(np.array([np.nan, np.nan]), known_only=True)
    assert nothing == {"mean": None, "ci": [None, None], "per_seed": [None, None]}
