import dataclasses
import json
import typing

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import cell
from neurogain.experiments.cell import CellConfig, CellTraces, Kind, figures
from neurogain.experiments.cell.run import run_cell
from neurogain.runner import Result

KINDS = typing.get_args(Kind)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return a run of each kind, that of the pyramidal cell with its folder."""
    out = tmp_path_factory.mktemp("cell") / "run"
    return {kind: cell.run(CellConfig(kind), out=out if kind == "l5" else None) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_spikes_during_the_pulse_alone(results, kind):
    config, metrics = results[kind].config, results[kind].metrics
    spikes = np.array(metrics["spike_time_ms"])
    assert len(spikes) >= 2
    # a spike that the pulse has started may peak some ms after its end
    assert np.all((spikes > config.pulse_start) & (spikes < config.pulse_end + 10))
    inside = (spikes > config.pulse_start) & (spikes <= config.pulse_end)
    assert metrics["rate_hz_during_pulse"] == pytest.approx(inside.sum() / 0.4)
    assert metrics["isi_mean_ms"] == pytest.approx(np.diff(spikes).mean(), rel=1e-4)
    assert (results[kind].parts["traces"].dendrite_v.size > 0) == (kind == "l5")


def test_traces_numbers_and_figures_are_on_disk(results):
    result = results["l5"]
    assert {p.stem for p in result.out.glob("*.png")} == set(result.figures)
    assert set(result.figures) == {"dendrite", "traces"}
    assert results["pv"].figures == ("traces",)
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s"} < set(metrics)
    with np.load(result.out / "curves" / "traces.npz") as arrays:
        assert arrays["soma_v"].shape == (5000,)
        np.testing.assert_allclose(arrays["spike_time_ms"], metrics["spike_time_ms"])
    assert result.plot().axes[0].get_ylabel() == "soma (mV)"


def test_the_command_has_a_folder_and_a_current_for_each_kind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["cell", "--cell", "rs"])
    metrics = json.loads((tmp_path / "runs" / "cell-rs" / "metrics.json").read_text())
    assert metrics["config"]["current"] == 100
    printed = capsys.readouterr().out
    assert printed.startswith(f"rs: {len(metrics['spike_time_ms'])} spikes")
    table = printed[: printed.index("\n\n")]
    assert max(map(len, table.splitlines())) <= 80
    with pytest.raises(SystemExit, match=r"^neurogain: `--coupling` must be in \[0, 1\]"):
        cli.main(["cell", "--coupling", "2"])
    assert not (tmp_path / "runs" / "cell-l5").exists()


def test_coupling_and_dendritic_current_make_calcium_bursts(results):
    coupled = results["l5"].parts["traces"]
    apart = run_cell(CellConfig(coupling=0.0))
    assert coupled.spike_burst.mean() > 0.5
    assert results["l5"].metrics["calcium_burst_fraction"] == coupled.spike_burst.mean()
    assert not apart.spike_burst.any()
    assert len(coupled.spike_time_ms) > len(apart.spike_time_ms)


def test_traces_are_sampled_every_n_steps(results):
    every = results["pv"].parts["traces"]
    thinned = run_cell(CellConfig("pv", every=20))
    np.testing.assert_array_equal(thinned.soma_v, every.soma_v[19::20])
    np.testing.assert_allclose(thinned.time_ms, every.time_ms[19::20])
    np.testing.assert_array_equal(thinned.spike_time_ms, every.spike_time_ms)


def test_burst_periods_are_runs_of_close_spikes():
    times = np.array([1.0, 5.0, 15.0, 30.0, 60.0, 69.0])
    assert cell.burst_periods(times, 10.0) == [(1.0, 15.0), (60.0, 69.0)]
    assert cell.burst_periods(times, 3.0) == []


def test_the_ramp_shows_two_branches_between_550_and_640_pa(results):
    (up, down), (v_up, v_down) = results["l5"].parts["ramp"]
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
        ({"burst_window": 0.0}, "`burst_window` must be at least dt"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        cell.run(dataclasses.replace(CellConfig(), **change))


def made_up(times=(10.0, 15.0, 60.0), bursts=(0.0, 1.0, 0.0), dendrite=True):
    time = np.arange(100.0)
    wave = 20 * np.sin(time / 5) - 40
    own = wave if dendrite else np.empty(0)
    nan = np.array(np.nan)
    return CellTraces(time, wave, wave, own, own, np.array(times), np.array(bursts), nan, nan, nan)


def draw(traces, bursts=((10.0, 15.0),)):
    config = CellConfig(pulse_start=5.0, pulse_end=80.0)
    metrics = {"burst_periods_ms": bursts}
    return figures.traces(Result(cell.EXPERIMENT, config, metrics, {"traces": traces}, {}))


def test_a_silent_cell_is_summarized_and_drawn_too():
    found = {"traces": made_up((), ())}
    metrics = cell.EXPERIMENT.metrics(CellConfig(), found)
    assert metrics["isi_mean_ms"] is None
    assert metrics["calcium_burst_fraction"] is None
    assert metrics["rate_hz_during_pulse"] == 0
    assert cell.EXPERIMENT.table(metrics).startswith("l5: 0 spikes, 0 Hz during the pulse\n")
    drawn = Result(cell.EXPERIMENT, CellConfig(), metrics, found, {})
    assert drawn.figures == ("traces",)
    assert len(drawn.figure("traces").axes) == 4


def test_traces_have_a_panel_per_variable():
    drawn = draw(made_up()).axes
    labels = [axes.get_ylabel().split("\n")[0] for axes in drawn]
    assert labels == ["soma (mV)", "recovery u", "dendrite (mV)", "adaptation w"]
    assert drawn[-1].get_xlabel() == "time (ms)"
    assert len(draw(made_up(dendrite=False)).axes) == 2


def test_spikes_are_told_apart_by_their_reset():
    markers = {line.get_label(): line.get_xdata() for line in draw(made_up()).axes[0].get_lines()}
    np.testing.assert_array_equal(markers["spike"], [10, 60])
    np.testing.assert_array_equal(markers["spike reset as a burst"], [15])


def test_bursts_are_shaded_in_every_panel():
    with_burst, without = draw(made_up()), draw(made_up(), bursts=())
    for one, other in zip(with_burst.axes, without.axes, strict=True):
        assert len(one.patches) == len(other.patches) + 1


def test_rest_points_show_the_bistable_range(results):
    ramp = results["l5"].parts["ramp"]
    axes = figures.dendrite_at_rest(ramp).axes[0]
    [shaded] = axes.patches
    low, high = shaded.get_x(), shaded.get_x() + shaded.get_width()
    assert axes.get_title() == f"The dendrite is bistable from {low:.0f} to {high:.0f} pA"
    stable, unstable = (line.get_xdata() for line in axes.lines[:2])
    assert low == np.nanmin(stable[np.nanargmax(unstable) :])  # of the upper stretch
    assert high == np.nanmax(stable[: np.nanargmin(unstable)])  # of the lower one
    # the ramp leaves the lower branch behind one end, the upper one behind the other
    up, down = (current[np.argmax(np.abs(np.diff(v)))] for current, v in zip(*ramp, strict=True))
    assert high < up < high + 50
    assert low - 50 < down < low
