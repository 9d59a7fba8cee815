import json

import numpy as np
import pytest

from neurogain import cli


@pytest.mark.parametrize(("kind", "figures"), [("l5", ["dendrite", "traces"]), ("pv", ["traces"])])
def test_traces_numbers_and_figures_are_written(tmp_path, capsys, kind, figures):
    out = tmp_path / "run"
    cli.main(["cell", "--cell", kind, "--current", "900", "--duration", "300", "--out", str(out)])
    assert sorted(p.stem for p in out.glob("*.png")) == figures
    metrics = json.loads((out / "metrics.json").read_text())
    with np.load(out / "curves" / "traces.npz") as arrays:
        assert arrays["soma_v"].shape == (3000,)
        np.testing.assert_allclose(arrays["spike_time_ms"], metrics["spike_time_ms"])
    printed = capsys.readouterr().out
    assert printed.startswith(f"{kind}: {len(metrics['spike_time_ms'])} spikes")
    assert {"schema_version", "config", "versions", "wall_time_s"} <= set(metrics)


def test_a_silent_cell_is_drawn_too(tmp_path, capsys):
    cli.main(["cell", "--current", "0", "--dendritic-current", "0", "--out", str(tmp_path / "run")])
    assert "0 spikes" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["isi_mean_ms"] is None
    assert metrics["calcium_burst_fraction"] is None


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"^neurogain: `coupling` must be in \[0, 1\]"):
        cli.main(["cell", "--coupling", "2", "--out", str(tmp_path / "run")])


def test_each_kind_has_a_folder_and_a_current_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, current in (("rs", 100), ("ch", 250)):
        cli.main(["cell", "--cell", kind, "--duration", "100"])
        metrics = json.loads((tmp_path / f"runs/cell-{kind}" / "metrics.json").read_text())
        assert metrics["config"]["current"] == current
