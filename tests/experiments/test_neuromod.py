"""`neurogain neuromod`: courses by hand, what it writes, and what it refuses."""

import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import neuromod
from neurogain.experiments.neuromod import NeuromodConfig, figures
from neurogain.neuromod import tables


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return neuromod.run(NeuromodConfig(), out=tmp_path_factory.mktemp("neuromod") / "run")


def test_the_extremes_are_those_of_the_drives(result):
    metrics = result.metrics
    assert metrics["dose_response_largest_error"] < 1e-5
    on, off = (metrics["extremes"][kind]["concentration_nM"] for kind in ("on", "off"))
    assert off["noradrenaline"] == pytest.approx(
        on["noradrenaline"], rel=1e-6
    )  # nothing acts on it
    assert on["dopamine"] != off["dopamine"]
    assert off["dopamine"]["lowest"] < metrics["tonic_nM"]["dopamine"] < off["dopamine"]["highest"]
    assert all(metrics["sources"].values())


def test_a_concentration_follows_its_pulses(result):
    """Dopamine alone, in closed form: it approaches twice its tonic level for 200 ms."""
    kinetics = tables.KINETICS["dopamine"]
    course = result.parts["interactions=off"].concentration[0]
    time = result.axes["interactions=off"]["time_ms"]
    reached = kinetics.tonic * (2 - np.exp(-200 / kinetics.tau))
    assert course[time == 500] == kinetics.tonic
    assert course[time == 700] == pytest.approx(reached, rel=1e-4)
    left = kinetics.tonic + (reached - kinetics.tonic) * np.exp(-1000 / kinetics.tau)
    assert course[time == 1700] == pytest.approx(left, rel=1e-4)


def test_metrics_arrays_and_figures_are_on_disk(result):
    assert json.loads((result.out / "metrics.json").read_text()) == result.metrics
    with np.load(result.out / "curves" / "interactions=on.npz") as arrays:
        assert arrays["concentration"].shape == (4, 6000)
        assert arrays["amount"].shape == (len(arrays["target"]), 6000)
        assert arrays["time_ms"][[0, -1]].tolist() == [1, 6000]
    for name in ("courses", "dose_response"):
        assert (result.out / f"{name}.png").stat().st_size > 5000


def test_the_table_is_80_columns_wide_and_the_plot_has_a_line_a_system(result):
    assert max(map(len, result.table().splitlines())) <= 80
    axes = result.plot().axes[0]
    assert len(axes.lines) == 2 * 4
    assert result.to_xarray("interactions=on").concentration.dims == ("system", "time_ms")


def test_pulses_and_links_are_texts_or_tuples():
    text = NeuromodConfig(surprise=("1500:1501:1",), opponent=("serotonin:dopamine:0.5",))
    for one in ((1500, 1501, 1), [(1500, 1501, 1)], "1500:1501:1", np.array([[1500.0, 1501, 1]])):
        assert NeuromodConfig(surprise=one, opponent=text.opponent) == text
    for one in (("serotonin", "dopamine", 0.5), [("serotonin", "dopamine", 0.5)]):
        assert NeuromodConfig(surprise=text.surprise, opponent=one) == text
    assert NeuromodConfig(surprise=()).pulses()["surprise"] == []
    with pytest.raises(TypeError, match="`surprise` must be texts start:end:height"):
        NeuromodConfig(surprise=[(1, 2)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": "0:1:2"}, "`surprise` must be in"),
        ({"surprise": "0:1"}, "`surprise` must be pulses start:end:height"),
        ({"aversion": (5, 1, 1)}, "0 <= start < end"),
        ({"opponent": "hunger:dopamine:1"}, "`opponent` must be acting:acted-on:strength"),
        ({"cell": "granule"}, "`cell` must be one of l5_pyramidal"),
        ({"dt": 0.0}, "`dt` must be positive"),
        ({"duration": 1e9}, "a million steps"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        NeuromodConfig(**change).check()


def test_the_command_writes_again_on_request_alone(result, capsys, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are there already
    with pytest.raises(SystemExit, match="Pass --resume"):
        cli.main(["neuromod", "--out", str(result.out)])
    cli.main(["neuromod", "--out", str(result.out), "--resume"])
    assert result.table() in capsys.readouterr().out
    after = json.loads((result.out / "metrics.json").read_text())
    assert after["extremes"] == result.metrics["extremes"]
