import dataclasses
import json

import jax
import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import gain_curve
from neurogain.experiments.gain_curve import Curves, GainCurveConfig, Unit, figures
from neurogain.spiking import Drive, PyramidalCell, PyramidalDrive, cells, simulate

CONFIG = GainCurveConfig(
    somatic_current=("600:1000:100",),
    dendritic_current=("0", "800"),
    coupling=("0", "0.5"),
    duration=300.0,
    repeats=3,
)


def test_units_are_all_combinations():
    config = dataclasses.replace(CONFIG, dendritic_inhibition=("0", "5", "10"))
    units = list(config.units())
    assert len(units) == len({u.label for u in units}) == 6
    assert units[0] == Unit(0.0, 0.0, 0.0)
    assert units[-1] == Unit(800.0, 10.0, 0.0)


def test_counts_are_those_of_simulate():
    counts = gain_curve.run_unit(CONFIG, Unit(800.0, 5.0, 10.0))
    current = np.tile(np.repeat([600.0, 700.0, 800.0, 900.0, 1000.0], 3), 2)
    run = simulate(
        PyramidalCell(),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(
            Drive(current, conductance=10.0, reversal_current=-750.0),
            Drive(800.0, conductance=5.0, reversal_current=-375.0),
            np.repeat([0.0, 0.5], 15),
        ),
        n=30,
        duration=300.0,
        key=jax.random.key(0),
    )
    np.testing.assert_array_equal(counts.spikes.ravel(), run.recorded["spikes"])
    assert counts.spikes.shape == (2, 5, 3)
    assert counts.spikes.sum() > 0
    assert np.all(counts.calcium_bursts <= counts.spikes)
    assert not counts.calcium_bursts[0].any()  # no coupling, no calcium bursts


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Return a run of the command's function, with its folder."""
    return gain_curve.run(CONFIG, out=tmp_path_factory.mktemp("gain") / "run")


def test_another_seed_has_other_counts(result):
    other = gain_curve.run_unit(dataclasses.replace(CONFIG, seed=1), Unit(800.0, 0.0, 0.0))
    assert not np.array_equal(result.parts["Id=800,gd=0,gs=0"].spikes, other.spikes)


def test_metrics_arrays_and_figures_are_on_disk(result):
    found = {str(p.relative_to(result.out)) for p in result.out.rglob("*.*")}
    units = {f"curves/Id={d},gd=0,gs=0.npz" for d in (0, 800)}
    figures = {f"{name}.png" for name in ("fi_curves", "gain", "bursts")}
    assert found - {".lock"} == units | figures | {"config.json", "metrics.json"}
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s", "curves"} == set(metrics)
    assert metrics == json.loads(json.dumps(result.metrics))
    with np.load(result.out / "curves" / "Id=800,gd=0,gs=0.npz") as arrays:
        assert arrays["spikes"].shape == (2, 5, 3)
        np.testing.assert_array_equal(arrays["somatic_current_pA"], np.arange(600, 1001, 100))


def test_the_command_gives_the_same(result, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are drawn above
    options = ("--somatic-current", "600:1000:100", "--dendritic-current", "0", "800")
    more = ("--coupling", "0", "0.5", "--duration", "300", "--repeats", "3")
    cli.main(["gain-curve", "--out", str(tmp_path / "run"), *options, *more])
    printed = capsys.readouterr()
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    for one in (metrics, result.metrics):
        assert one["wall_time_s"] > 0
    names = metrics.keys() - {"wall_time_s"}
    assert {n: metrics[n] for n in names} == {n: result.metrics[n] for n in names}
    assert result.table() in printed.out
    assert f"Written: {tmp_path / 'run' / 'metrics.json'}" in printed.out
    assert "[2/2] Id=800,gd=0,gs=0: " in printed.err
    assert max(map(len, result.table().splitlines())) <= 80


def test_grids_are_texts_numbers_lists_or_arrays(result):
    other = dataclasses.replace(
        CONFIG,
        somatic_current=np.linspace(600, 1000, 5),
        dendritic_current=[0, 800],
        coupling=(0, np.float32(0.5)),
        dendritic_inhibition=0.0,
    )
    assert other.as_json() == CONFIG.as_json()
    assert hash(other) != hash(dataclasses.replace(other, coupling=1))
    with pytest.raises(TypeError, match="`coupling` must be a number, a text"):
        GainCurveConfig(coupling=[None])


def test_arrays_have_named_axes(result):
    dataset = result.to_xarray("Id=800,gd=0,gs=0")
    assert dataset.spikes.dims == ("coupling", "somatic_current_pA", "repeat")
    one = dataset.spikes.sel(coupling=0.5, somatic_current_pA=1000, repeat=2)
    table = result.to_dataframe("spikes")
    row = table.query(
        "part == 'Id=800,gd=0,gs=0' and coupling == 0.5 and somatic_current_pA == 1000 "
        "and repeat == 2"
    )
    assert row.spikes.item() == one.item()
    assert len(table) == 2 * 30


def test_a_notebook_shows_a_few_lines_and_a_picture(result):
    assert len(repr(result).splitlines()) <= 4
    assert result.plot()._repr_png_().startswith(b"\x89PNG")
    figure = result.figure("gain")
    axes = figure.axes[0]
    assert result.plot(ax=axes) is figure


def made_up():
    """Return counts over 2 s with a known line: 20 Hz/nA from 800 pA on, one burst in four."""
    current = np.array([600.0, 700.0, 800.0, 900.0, 1000.0])
    spikes = np.array([[0, 0], [0, 0], [8, 8], [12, 12], [16, 16]])
    return current, Curves(spikes, spikes / 4, 0 * spikes)


def test_measures_of_made_up_counts():
    current, counts = made_up()
    config = GainCurveConfig(duration=2000.0, gain_range=(600.0, 1000.0))
    found = gain_curve.measure(config, current, counts)
    assert found["rate_hz"] == [0, 0, 4, 6, 8]
    assert found["rheobase_pA"] == 800
    assert found["gain_range_pA"] == [800, 1000]  # silent points below the rheobase don't count
    assert found["gain_hz_per_nA"] == pytest.approx(20)
    assert found["gain_hz_per_nA_ci"] == pytest.approx([20, 20])
    assert found["calcium_burst_fraction"] == [None, None, 0.25, 0.25, 0.25]
    assert found["isi_burst_fraction"] == [None, None, 0, 0, 0]


def test_silence_has_no_rheobase_and_no_gain():
    found = gain_curve.measure(
        GainCurveConfig(), np.array([1.0, 2.0]), Curves(*np.zeros((3, 2, 1)))
    )
    assert found["rheobase_pA"] is None
    assert found["rate_hz_ci"] == [[None, None]] * 2  # one repeat
    assert found["gain_hz_per_nA"] is None


def test_summary_has_the_published_keys(result):
    summary = result.metrics
    assert summary["schema_version"] == 1
    assert summary["config"]["somatic_current"] == [600, 700, 800, 900, 1000]
    assert len(summary["curves"]) == 4
    keys = {
        *("dendritic_current_pA", "coupling", "dendritic_inhibition_nS", "somatic_inhibition_nS"),
        *("somatic_current_pA", "rate_hz", "calcium_burst_fraction", "isi_burst_fraction"),
        *("gain_hz_per_nA", "rheobase_pA"),
    }
    for curve in summary["curves"]:
        assert keys <= set(curve)
        assert len(curve["rate_hz"]) == len(curve["isi_burst_fraction"]) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repeats": 0}, "`repeats` must be a whole number of at least 1"),
        ({"seed": -1}, "`seed` must be in"),
        ({"coupling": ("1.2",)}, r"in \[0, 1\], the probability"),
        ({"somatic_inhibition": ("-1",)}, "at least 0 nS"),
        ({"duration": 100.05}, "multiple of dt = 0.1 ms"),
        ({"dt": 0.6}, "half the shortest time constant"),
        ({"gain_range": (2.0, 1.0)}, "low, then high, in pA"),
        ({"burst_window": 0.0}, "`burst_window` must be at least dt"),
        ({"somatic_current": ("x",)}, "numbers or ranges"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        gain_curve.run(dataclasses.replace(CONFIG, **change))
