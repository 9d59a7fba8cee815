import itertools

import numpy as np
import pytest

from neurogain.experiments.gain_curve import figures

DRIVES, COUPLINGS, INHIBITIONS = (0.0, 400.0, 800.0), (0.0, 0.5, 1.0), (0.0, 5.0)


def curve(drive, p, on_dendrite, on_soma, silent=False):
    current = [600.0, 800.0, 1000.0]
    rate = [0.0 if silent else drive / 100 + p + i for i in current]
    return {
        "dendritic_current_pA": drive,
        "coupling": p,
        "dendritic_inhibition_nS": on_dendrite,
        "somatic_inhibition_nS": on_soma,
        "somatic_current_pA": current,
        "rate_hz": rate,
        "rate_hz_ci": [[r - 1, r + 2] for r in rate],
        "calcium_burst_fraction": [None, p, p],
        "isi_burst_fraction": [None, 0.0, 0.5],
        "gain_hz_per_nA": None if silent else 30 + p * drive / 100,
        "gain_hz_per_nA_ci": [None, None] if silent else [29.0, 32 + p * drive / 100],
    }


@pytest.fixture
def curves():
    grid = itertools.product(DRIVES, COUPLINGS, INHIBITIONS, INHIBITIONS)
    return [curve(*values) for values in grid]


def test_fi_curves_have_a_panel_per_coupling_and_a_line_per_drive(curves):
    panels = figures.fi_curves(curves, repeats=5).axes
    assert [a.get_title() for a in panels] == ["p = 0", "p = 0.5", "p = 1"]
    for axes, p in zip(panels, COUPLINGS, strict=True):
        lines = axes.get_lines()
        assert [line.get_label() for line in lines] == ["0", "400", "800"]
        np.testing.assert_allclose(lines[2].get_xdata(), [0.6, 0.8, 1.0])  # nA
        np.testing.assert_allclose(lines[2].get_ydata(), [608 + p, 808 + p, 1008 + p])
        assert axes.get_xlabel() == "somatic current (nA)"
    assert panels[0].get_ylabel() == "firing rate (Hz)"


def test_many_couplings_share_five_panels_with_both_ends(curves):
    many = [curve(0.0, p, 0.0, 0.0) for p in np.linspace(0, 1, 11)]
    titles = [a.get_title() for a in figures.fi_curves(many, repeats=1).axes]
    assert len(titles) == 5
    assert (titles[0], titles[-1]) == ("p = 0", "p = 1")


def test_gain_is_drawn_both_ways(curves):
    by_drive, by_coupling = figures.gain(curves, repeats=5).axes
    assert by_drive.get_xlabel() == "dendritic current (pA)"
    assert by_coupling.get_xlabel() == "coupling p"
    top = by_drive.containers[-1].lines[0]
    np.testing.assert_allclose(top.get_ydata(), [30, 34, 38])  # p = 1
    top = by_coupling.containers[-1].lines[0]
    np.testing.assert_allclose(top.get_ydata(), [30, 34, 38])  # 800 pA


def test_curves_without_a_gain_are_left_out():
    silent = [curve(d, 0.0, 0.0, 0.0, silent=True) for d in DRIVES]
    for axes in figures.gain(silent, repeats=1).axes:
        assert all(len(c.lines[0].get_ydata()) == 0 for c in axes.containers)


def test_both_burst_measures_are_drawn(curves):
    calcium, isi = figures.bursts(curves, repeats=5).axes
    np.testing.assert_allclose(calcium.get_lines()[1].get_ydata(), [np.nan, 0.5, 0.5])
    np.testing.assert_allclose(isi.get_lines()[1].get_ydata(), [np.nan, 0, 0.5])


def test_inhibition_is_drawn_at_the_strongest_drive_and_coupling(curves):
    assert figures.has_inhibition(curves)
    assert not figures.has_inhibition([curve(0.0, 0.0, 0.0, 0.0)])
    figure = figures.inhibition(curves, repeats=5)
    assert "800 pA" in figure.get_suptitle()
    assert "p = 1" in figure.get_suptitle()
    for axes, name in zip(figure.axes, ("dendritic", "somatic"), strict=True):
        assert [line.get_label() for line in axes.get_lines()] == ["0", "5"]
        assert axes.get_legend().get_title().get_text() == f"{name} inhibition (nS)"


def test_titles_state_repeats(curves):
    assert "95 % t-interval, 5 repeats" in figures.fi_curves(curves, repeats=5).get_suptitle()
    assert "one repeat" in figures.gain(curves, repeats=1).get_suptitle()
