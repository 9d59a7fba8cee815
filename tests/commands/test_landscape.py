import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import landscape, landscape_complexity, landscape_switch

FIGURES = {
    f"{name}.png" for name in ("curvature", "loss", "accuracy", "plane", "fast_slow", "complexity")
}
ARRAYS = {f"curves/{name}.npz" for name in ("ngm", "fast-slow", "classes", "domains")}


def arguments(out, *more):
    return [
        *("landscape", "--out", str(out), "--optimizers", "ngm", "--seeds", "2"),
        *("--iterations", "8", "--batch-size", "16", "--hidden", "5", "--top", "1"),
        *("--every", "4", "--products", "20", "--images", "20", "--window", "4"),
        *("--points", "5", *more),
    ]


def made_up(config, kind):
    """Stand in for what tests/experiments trains in earnest."""
    rng = np.random.default_rng(len(kind))
    shape = (2, 2, config.seeds, 5, config.iterations)
    return landscape_complexity.Complexity(*rng.uniform(1, 3, (2, *shape)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("landscape") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscape_complexity, "run_complexity", made_up)
        cli.main(arguments(out))
    return out


def test_metrics_arrays_and_figures_are_written(folder):
    found = {str(p.relative_to(folder)) for p in folder.rglob("*.*")}
    assert found == FIGURES | ARRAYS | {"config.json", "metrics.json"}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s"} < metrics.keys()
    assert metrics["methods"].keys() == {"ngm"}
    assert metrics["fast_slow"]["largest_difference"]["effective"] < 1e-6
    with np.load(folder / "curves" / "ngm.npz") as arrays:
        assert arrays["curvature_update"].tolist() == [0, 4, 8]
        assert arrays["path_update"].tolist() == list(range(-4, 5))
        assert arrays["seed"].tolist() == [0, 1]


def test_finished_parts_are_not_run_again(folder, monkeypatch, capsys):
    before = json.loads((folder / "metrics.json").read_text())
    monkeypatch.setattr(landscape_switch, "run_method", None)
    monkeypatch.setattr(landscape_complexity, "run_complexity", None)
    monkeypatch.setattr(landscape, "run_fast_slow", None)
    (folder / "metrics.json").unlink()
    cli.main(arguments(folder, "--resume"))
    assert json.loads((folder / "metrics.json").read_text()) == before
    shown = capsys.readouterr().out
    assert "largest eigenvalue at E" in shown
    assert "ngm: eigenvalue at W = g^2 x eigenvalue at E" in shown


def test_a_missing_part_alone_is_run_again(folder, monkeypatch):
    monkeypatch.setattr(landscape_switch, "run_method", None)
    monkeypatch.setattr(landscape_complexity, "run_complexity", None)
    (folder / "curves" / "fast-slow.npz").unlink()
    cli.main(arguments(folder, "--resume"))
    assert (folder / "curves" / "fast-slow.npz").exists()


def test_another_configuration_is_not_continued(folder):
    with pytest.raises(SystemExit, match=r"it differs in window: 4 there, 3 here"):
        cli.main(arguments(folder, "--window", "3", "--resume"))
    with pytest.raises(SystemExit, match=r"holds results. Pass --resume"):
        cli.main(arguments(folder))


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"^neurogain: `seeds` must be a whole number"):
        cli.main(arguments(tmp_path / "run", "--seeds", "0"))
    assert not (tmp_path / "run").exists()
