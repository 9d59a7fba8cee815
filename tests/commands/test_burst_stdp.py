import json

import pytest

from neurogain import cli
from neurogain.experiments import burst_stdp

FIGURES = {f"{name}.png" for name in ("courses", "ratios", "pulse", "map")}
ARRAYS = {f"curves/{name}.npz" for name in (*burst_stdp.REGIMES, "map")}


def arguments(out, *more):
    return [
        *("burst-stdp", "--out", str(out), "--pre", "10", "--post", "4", "--seeds", "2"),
        *("--warm-up", "500", "--duration", "1500", "--early", "500", "--pulse", "500", "1000"),
        *("--map-current", "700", "--map-noise", "1000", "--map-seeds", "2", *more),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("burst") / "run"
    cli.main(arguments(out))
    return out


def test_metrics_arrays_and_figures_are_written(folder):
    found = {str(p.relative_to(folder)) for p in folder.rglob("*.*")}
    assert found == FIGURES | ARRAYS | {"config.json", "metrics.json"}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s"} < metrics.keys()
    for name in ("speed_ratio", "speed_ratio_per_spike"):
        assert metrics[name].keys() == {"mean", "ci", "per_seed"}
        assert len(metrics[name]["per_seed"]) == 2
    assert metrics["bursting"]["burst_fraction"]["mean"] > 0.9


def test_finished_regimes_are_not_run_again(folder, monkeypatch, capsys):
    before = json.loads((folder / "metrics.json").read_text())
    monkeypatch.setattr(burst_stdp, "run_regime", None)
    (folder / "metrics.json").unlink()
    cli.main(arguments(folder, "--resume"))
    after = json.loads((folder / "metrics.json").read_text())
    assert before == after
    assert "bursting over regular" in capsys.readouterr().out


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"^neurogain: `seeds` must be a whole number"):
        cli.main(arguments(tmp_path / "run", "--seeds", "0"))
    assert not (tmp_path / "run").exists()
