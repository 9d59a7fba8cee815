from types import SimpleNamespace

import numpy as np
import pytest

from neurogain.plotting import cell, style


@pytest.fixture
def traces():
    time = np.arange(100.0)
    wave = 20 * np.sin(time / 5) - 40
    return SimpleNamespace(
        time_ms=time,
        soma_v=wave,
        soma_u=wave,
        dendrite_v=wave,
        dendrite_w=wave,
        spike_time_ms=np.array([10.0, 15.0, 60.0]),
        spike_burst=np.array([0.0, 1.0, 0.0]),
    )


def draw(traces, bursts=((10.0, 15.0),)):
    return cell.traces(
        traces, bursts=bursts, pulse=(5, 80), calcium_threshold=-30.0, window=10.0, title="a cell"
    )


def test_traces_have_a_panel_per_variable(traces):
    labels = [axes.get_ylabel().split("\n")[0] for axes in draw(traces).axes]
    assert labels == ["soma (mV)", "recovery u", "dendrite (mV)", "adaptation w"]
    assert draw(traces).axes[-1].get_xlabel() == "time (ms)"


def test_a_cell_without_dendrite_has_two_panels(traces):
    traces.dendrite_v = traces.dendrite_w = np.empty(0)
    assert len(draw(traces).axes) == 2


def test_spikes_are_told_apart_by_their_reset(traces):
    markers = {line.get_label(): line.get_xdata() for line in draw(traces).axes[0].get_lines()}
    np.testing.assert_array_equal(markers["spike"], [10, 60])
    np.testing.assert_array_equal(markers["spike reset as a burst"], [15])


def test_bursts_are_shaded_in_every_panel(traces):
    with_burst, without = draw(traces), draw(traces, bursts=())
    for one, other in zip(with_burst.axes, without.axes, strict=True):
        assert len(one.patches) == len(other.patches) + 1


def test_rest_points_show_the_bistable_range():
    v = np.linspace(-60, 0, 300)
    stable = (v < -45) | (v > -30)
    ramp = (np.array([0.0, 1000.0]), np.array([-60.0, 0.0]))
    current = 500 + 10 * (v + 60) - 30 * np.clip(v + 45, 0, 15)
    axes = cell.rest_points(v, current, stable, ramp, ramp).axes[0]
    low, high = current[v > -30][0], current[v < -45][-1]
    assert axes.get_title() == f"The dendrite is bistable from {low:.0f} to {high:.0f} pA"


def test_ordered_colours_rise_in_lightness():
    colours = style.ordered([3.0, 1.0, 2.0])
    assert list(colours) == [1, 2, 3]
    lightness = [np.dot(c[:3], (0.3, 0.6, 0.1)) for c in colours.values()]
    assert np.all(np.diff(lightness) > 0.1)
