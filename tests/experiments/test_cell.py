import dataclasses
import typing

import numpy as np
import pytest

from neurogain.experiments import cell
from neurogain.experiments.cell import CellConfig, CellTraces, Kind


@pytest.mark.parametrize("kind", typing.get_args(Kind))
def test_every_kind_spikes_during_the_pulse_alone(kind):
    config = CellConfig(cell=kind)
    config.check()
    traces, metrics = cell.run(config)
    spikes = np.array(metrics["spike_time_ms"])
    assert len(spikes) >= 2
    # a spike that the pulse has started may peak some ms after its end
    assert np.all((spikes > config.pulse_start) & (spikes < config.pulse_end + 10))
    inside = (spikes > config.pulse_start) & (spikes <= config.pulse_end)
    assert metrics["rate_hz_during_pulse"] == pytest.approx(inside.sum() / 0.4)
    assert metrics["isi_mean_ms"] == pytest.approx(np.diff(spikes).mean(), rel=1e-4)
    assert (traces.dendrite_v.size > 0) == (kind == "l5")


def test_coupling_and_dendritic_current_make_calcium_bursts():
    _, coupled = cell.run(CellConfig())
    _, apart = cell.run(CellConfig(coupling=0.0))
    assert coupled["calcium_burst_fraction"] > 0.5
    assert apart["calcium_burst_fraction"] == 0
    assert len(coupled["spike_time_ms"]) > len(apart["spike_time_ms"])


def test_traces_are_sampled_every_n_steps():
    every, thinned = (cell.run(CellConfig(every=k))[0] for k in (1, 20))
    np.testing.assert_array_equal(thinned.soma_v, every.soma_v[19::20])
    np.testing.assert_allclose(thinned.time_ms, every.time_ms[19::20])
    np.testing.assert_array_equal(thinned.spike_time_ms, every.spike_time_ms)


def test_burst_periods_are_runs_of_close_spikes():
    times = np.array([1.0, 5.0, 15.0, 30.0, 60.0, 69.0])
    empty = np.empty(0)
    traces = CellTraces(empty, empty, empty, empty, empty, times, 0 * times)
    assert cell.burst_periods(traces, 10.0) == [(1.0, 15.0), (60.0, 69.0)]
    assert cell.burst_periods(traces, 3.0) == []


def test_the_ramp_shows_two_branches_between_550_and_640_pa():
    (up, v_up), (down, v_down) = cell.dendritic_ramp()
    for current in (560.0, 630.0):
        rising = v_up[np.argmin(np.abs(up - current))]
        falling = v_down[np.argmin(np.abs(down - current))]
        assert falling - rising > 15  # mV
    for current in (450.0, 800.0):
        rising = v_up[np.argmin(np.abs(up - current))]
        falling = v_down[np.argmin(np.abs(down - current))]
        assert abs(falling - rising) < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"every": 0}, "`every` must be a whole number of at least 1"),
        ({"every": 7}, "multiple of 0.7 ms"),
        ({"pulse_start": 500.0}, "`pulse_start` must be before"),
        ({"coupling": -0.5}, r"in \[0, 1\], the probability"),
        ({"current": float("inf")}, "finite current in pA"),
        ({"dendritic_inhibition": -2.0}, "at least 0 nS"),
        ({"cell": "pv", "dt": 1.0}, "half the shortest time constant"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CellConfig(), **change).check()
