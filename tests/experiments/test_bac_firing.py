import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from neurogain import cli
from neurogain.experiments import bac_firing
from neurogain.experiments.bac_firing import BacFiringConfig, figures
from neurogain.runner import Result

CONFIG = BacFiringConfig(
    delay=np.arange(-24, 17, 2), dendritic_pulse=[400, 600, 800], repeats=30, coupling="0:1:0.25"
)
THRESHOLD = -30.0  # mV


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return bac_firing.run(CONFIG, out=tmp_path_factory.mktemp("bac") / "run")


def probabilities(metrics, coupling):
    return np.array(
        [m["event_probability"] for m in metrics["pairing"] if m["coupling"] == coupling]
    )


def test_metrics_arrays_and_figures_are_on_disk(result):
    found = {str(p.relative_to(result.out)) for p in result.out.rglob("*.*")} - {".lock"}
    drawn = {f"{name}.png" for name in ("example", "maps", "probabilities", "sustained")}
    arrays = {f"curves/{name}.npz" for name in ("pairing", "sustained", "example")}
    assert found == drawn | arrays | {"config.json", "metrics.json"}
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert metrics["config"]["delay"] == list(range(-24, 17, 2))


def test_the_command_runs_nothing_again(result, capsys, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are there already
    options = ("--delay", "-24:16:2", "--dendritic-pulse", "400:800:200", "--repeats", "30")
    cli.main(["bac-firing", "--out", str(result.out), "--resume", *options])
    printed = capsys.readouterr()
    assert "3 parts, 3 of them finished before" in printed.err
    assert result.table() in printed.out
    assert " 600 pA " in result.table()
    assert max(map(len, result.table().splitlines())) <= 80
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))


def test_neither_the_pulse_nor_the_spike_alone_makes_an_event(result):
    pairing = result.parts["pairing"]
    assert pairing.pulse_alone.max() < THRESHOLD
    assert pairing.spike_alone.max() < THRESHOLD
    peaks = [m["pulse_alone_peak_mV"] for m in result.metrics["pairing"]]
    assert max(peaks) < result.metrics["calcium_threshold_mV"] == THRESHOLD


def test_at_full_coupling_there_is_one_window_of_delays(result):
    for row in probabilities(result.metrics, 1.0):
        assert set(row) == {0.0, 1.0}
        assert row[0] == row[-1] == 0  # not outside
        assert np.abs(np.diff(row)).sum() == 2  # one window, without holes


def test_a_spike_that_precedes_the_pulse_is_in_the_window(result):
    rows = [m for m in result.metrics["pairing"] if m["coupling"] == 1.0]
    widths = []
    for row in rows:
        low, high = row["window_ms"]
        assert low <= 0 < high < 16
        widths.append(high - low)
    assert np.all(np.diff(widths) > 0)  # wider for stronger pulses


def test_no_event_without_coupling(result):
    assert not probabilities(result.metrics, 0.0).any()
    assert all(m["window_ms"] is None for m in result.metrics["pairing"] if m["coupling"] == 0)
    pairing = result.parts["pairing"]
    assert pairing.paired[0].max() == pytest.approx(
        pairing.pulse_alone.max(), abs=0.1
    )  # pulses start at other times of the settling


def test_probability_grows_with_coupling(result):
    rows = np.array([probabilities(result.metrics, p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)])
    assert np.all(np.diff(rows.mean(axis=(1, 2))) > 0)
    # point by point, no fall beyond what 30 draws allow
    assert np.all(np.diff(rows, axis=0) >= -0.2)


def test_spikes_during_the_event_are_a_burst(result):
    rows = {row["coupling"]: row for row in result.metrics["sustained"]}
    assert rows[0.0]["calcium_burst_fraction"] == 0
    assert rows[0.0]["shortest_interval_ms"] > 25
    assert rows[1.0]["calcium_burst_fraction"] > 0.5
    assert rows[1.0]["shortest_interval_ms"] <= 10
    assert rows[1.0]["spikes_during_pulse"] > rows[0.0]["spikes_during_pulse"]
    dendrite = result.parts["sustained"].dendrite
    assert dendrite[0].max() < THRESHOLD < dendrite[-1].max()


def test_intervals_of_probabilities_are_those_of_scipy():
    events = np.array([[0] * 10, [1] * 10, [1] * 3 + [0] * 7], bool)
    found = bac_firing.probability(events)
    assert found["mean"] == [0, 1, 0.3]
    for k, interval in zip((0, 10, 3), found["ci"], strict=True):
        expected = stats.binomtest(k, 10).proportion_ci()
        assert interval == pytest.approx([expected.low, expected.high])


def test_the_example_shows_pulse_spike_and_both(result):
    traces = result.parts["example"]
    peaks = traces.dendrite.max(axis=1)
    assert peaks[0] < THRESHOLD
    assert peaks[1] < THRESHOLD < peaks[2]
    assert traces.spike.sum(axis=1).tolist() == [0, 1, 1]
    at = traces.time_ms[traces.spike[1] > 0]
    assert at == pytest.approx([0.0])  # the spike that time is counted from


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repeats": 0}, "`repeats` must be a whole number of at least 1"),
        ({"coupling": ("0:2:1",)}, r"in \[0, 1\], the probability"),
        ({"dendritic_duration": 0.0}, "`dendritic_duration` must be from dt"),
        ({"dt": 0.5}, "half the shortest time constant"),
        ({"delay": ("soon",)}, "`delay` must be numbers or ranges.*in ms"),
        ({"somatic_pulse": float("nan")}, "finite current in pA"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        bac_firing.run(dataclasses.replace(CONFIG, **change))


@pytest.mark.parametrize(("current", "count"), [(10.0, "0"), (30000.0, "[2-9]")])
def test_a_somatic_pulse_must_evoke_one_spike(tmp_path, current, count):
    config = dataclasses.replace(CONFIG, somatic_pulse=current, somatic_duration=5.0)
    with pytest.raises(
        ValueError, match=rf"`somatic_pulse` must evoke one spike.*evoked {count}\."
    ):
        bac_firing.run(config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def row(p, pulse):
    return {
        "coupling": p,
        "dendritic_pulse_pA": pulse,
        "delay_ms": [10.0, 0.0, -10.0],
        "event_probability": [0.0, p, 0.2],
        "event_probability_ci": [[0.0, 0.1], [max(0, p - 0.1), min(1, p + 0.1)], [0.0, 0.3]],
    }


def made_up(*couplings):
    rows = [row(p, pulse) for p in couplings for pulse in (200.0, 400.0)]
    config = BacFiringConfig(example_pulse=390.0, example_delay=1.0)
    return Result(bac_firing.EXPERIMENT, config, {"pairing": rows}, {}, {})


def test_maps_show_probability_over_delay_and_pulse():
    *panels, bar = figures.maps(made_up(0.0, 0.5, 1.0)).axes
    assert [a.get_title() for a in panels] == ["p = 0", "p = 0.5", "p = 1"]
    mesh = panels[1].collections[0]
    np.testing.assert_allclose(mesh.get_array(), [[0.2, 0.5, 0], [0.2, 0.5, 0]])
    assert bar.get_ylabel() == "probability of a calcium event"


def test_probabilities_are_drawn_against_each_of_the_three():
    result = made_up(0.0, 1.0)
    drawn = figures.probabilities(result).axes
    assert [axes.get_xlabel() for axes in drawn] == [
        "delay (ms), pulse of 400 pA",
        "dendritic pulse (pA), delay 0 ms",
        "coupling p, delay 0 ms",
    ]
    expected = ([[-10, 0, 10], [0.2, 1, 0]], [[200, 400], [1, 1]], [[0, 1], [0, 1]])
    for axes, line, points in zip(drawn, (1, 1, 0), expected, strict=True):
        found = axes.containers[line].lines[0].get_data()
        np.testing.assert_allclose(np.asarray(found, float), points)
    axes = result.plot(result.figure("maps").axes[0]).axes[0]
    assert axes.get_title() == "dendritic pulse of 400 pA"
