import json

import pytest

from neurogain import cli
from neurogain.experiments import bac_firing


def arguments(out, *more):
    return [
        *("bac-firing", "--out", str(out), "--delay", "-16", "0", "16", "--coupling", "0", "1"),
        *("--dendritic-pulse", "600", "--repeats", "3", *more),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("bac") / "run"
    cli.main(arguments(out))
    return out


def test_metrics_arrays_and_figures_are_written(folder):
    found = {str(p.relative_to(folder)) for p in folder.rglob("*.*")}
    figures = {f"{name}.png" for name in ("example", "maps", "probabilities", "sustained")}
    arrays = {"curves/pairing.npz", "curves/sustained.npz"}
    assert found == figures | arrays | {"config.json", "metrics.json"}


def test_metrics_tell_where_events_are(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    rows = {m["coupling"]: m for m in metrics["pairing"]}
    assert rows[1.0]["event_probability"] == [0, 1, 0]
    assert rows[1.0]["window_ms"] == [0, 0]
    assert rows[0.0]["event_probability"] == [0, 0, 0]
    assert rows[0.0]["window_ms"] is None
    assert rows[1.0]["pulse_alone_peak_mV"] < metrics["calcium_threshold_mV"]


def test_finished_parts_are_not_run_again(folder, monkeypatch, capsys):
    before = json.loads((folder / "metrics.json").read_text())
    monkeypatch.setattr(bac_firing, "run_pairing", None)
    monkeypatch.setattr(bac_firing, "run_sustained", None)
    cli.main(arguments(folder, "--resume"))
    after = json.loads((folder / "metrics.json").read_text())
    assert before["pairing"] == after["pairing"]
    assert "0 to 0 ms" in capsys.readouterr().out


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"^neurogain: `repeats` must be a whole number"):
        cli.main(arguments(tmp_path / "run", "--repeats", "0"))
