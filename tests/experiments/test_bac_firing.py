import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from neurogain import cli
from neurogain.experiments import bac_firing
from neurogain.experiments.bac_firing import BacFiringConfig
from neurogain.experiments.bac_firing.run import spike_time
from neurogain.experiments.bac_firing.summary import probability

CONFIG = BacFiringConfig(delay=np.arange(-24, 17, 2), dendritic_pulse=[400, 600, 800], repeats=30)
THRESHOLD = -30.0  # mV


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return bac_firing.run(CONFIG, out=tmp_path_factory.mktemp("bac") / "run")


@pytest.fixture(scope="module")
def found(result):
    return result.parts["pairing"], result.parts["sustained"], result.metrics


def probabilities(metrics, coupling):
    return np.array(
        [m["event_probability"] for m in metrics["pairing"] if m["coupling"] == coupling]
    )


def test_neither_the_pulse_nor_the_spike_alone_makes_an_event(found):
    pairing = found[0]
    assert pairing.pulse_alone.max() < THRESHOLD
    assert pairing.spike_alone.max() < THRESHOLD


def test_at_full_coupling_there_is_one_window_of_delays(found):
    for row in probabilities(found[2], 1.0):
        assert set(row) == {0.0, 1.0}
        assert row[0] == row[-1] == 0  # not outside
        assert np.abs(np.diff(row)).sum() == 2  # one window, without holes


def test_a_spike_that_precedes_the_pulse_is_in_the_window(found):
    rows = [m for m in found[2]["pairing"] if m["coupling"] == 1.0]
    widths = []
    for row in rows:
        low, high = row["window_ms"]
        assert low <= 0 < high < 16
        widths.append(high - low)
    assert np.all(np.diff(widths) > 0)  # wider for stronger pulses


def test_no_event_without_coupling(found):
    assert not probabilities(found[2], 0.0).any()
    assert found[0].paired[0].max() == pytest.approx(
        found[0].pulse_alone.max(), abs=0.1
    )  # pulses start at other times of the settling


def test_probability_grows_with_coupling(found):
    mean = [probabilities(found[2], p).mean() for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert np.all(np.diff(mean) > 0)
    all_rows = np.array([probabilities(found[2], p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)])
    # point by point, no fall beyond what 30 draws allow
    assert np.all(np.diff(all_rows, axis=0) >= -0.2)


def test_spikes_during_the_event_are_a_burst(found):
    rows = {row["coupling"]: row for row in found[2]["sustained"]}
    assert rows[0.0]["calcium_burst_fraction"] == 0
    assert rows[0.0]["shortest_interval_ms"] > 25
    assert rows[1.0]["calcium_burst_fraction"] > 0.5
    assert rows[1.0]["shortest_interval_ms"] <= 10
    assert rows[1.0]["spikes_during_pulse"] > rows[0.0]["spikes_during_pulse"]
    dendrite = found[1].dendrite
    assert dendrite[0].max() < THRESHOLD < dendrite[-1].max()


def test_intervals_of_probabilities_are_those_of_scipy():
    events = np.array([[0] * 10, [1] * 10, [1] * 3 + [0] * 7], bool)
    found = probability(events)
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
def test_a_somatic_pulse_must_evoke_one_spike(current, count):
    config = dataclasses.replace(CONFIG, somatic_pulse=current, somatic_duration=5.0)
    with pytest.raises(
        ValueError, match=rf"`somatic_pulse` must evoke one spike.*evoked {count}\."
    ):
        spike_time(config)


def test_metrics_arrays_and_figures_are_on_disk(result):
    found = {str(p.relative_to(result.out)) for p in result.out.rglob("*.*")} - {".lock"}
    figures = {f"{name}.png" for name in ("example", "maps", "probabilities", "sustained")}
    arrays = {f"curves/{name}.npz" for name in ("pairing", "sustained", "example")}
    assert found == figures | arrays | {"config.json", "metrics.json"}
    assert json.loads((result.out / "metrics.json").read_text()) == result.metrics
    assert max(map(len, result.table().splitlines())) <= 80
    assert result.plot().axes[0].get_xlabel() == "delay (ms), pulse of 600 pA"


def test_the_command_runs_nothing_again(result, capsys):
    pulses = ("--delay=-24:16:2", "--dendritic-pulse", "400:800:200", "--repeats", "30")
    cli.main(["bac-firing", "--out", str(result.out), "--resume", *pulses])
    printed = capsys.readouterr()
    assert "3 parts, 3 of them finished before" in printed.err
    assert printed.out.startswith("Pairing, p = 1: pulse, peak of the pulse alone")
