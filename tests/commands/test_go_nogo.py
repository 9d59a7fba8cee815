"""`neurogain go-nogo`: what it writes, and going on after an interruption."""

import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import go_nogo

ARGUMENTS = [
    "go-nogo", "--conditions", "da", "da+na", "--validity", "1", "0.9", "--overtraining", "0",
    "--trials", "200", "--seeds", "2",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("go_nogo") / "run"
    cli.main([*ARGUMENTS, "--out", str(path)])
    return path


def test_metrics_arrays_and_figures_are_written(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics["conditions"]) == ["da+na", "da", "da+na@0.9", "da@0.9"]
    one = metrics["conditions"]["da+na@0.9"]
    assert one["validity"] == 0.9
    for field in ("pre_shift_success", "post_shift_success"):
        low, high = one[field]["ci"]
        assert 0 <= low <= one[field]["mean"] <= high <= 1
    assert set(one["entropy_go_bits"]) == set(one["entropy_pair_bits"]) == {"before", "at", "after"}
    assert metrics["config"]["seeds"] == 2
    assert metrics["versions"]["neurogain"]
    with np.load(folder / "curves" / "da,validity=1,overtraining=0.npz") as arrays:
        assert arrays["correct"].shape == (2, 400)
        assert arrays["seed"].tolist() == [go_nogo.FIRST_SEED, go_nogo.FIRST_SEED + 1]
    for name in ("performance", "success", "entropies", "noradrenaline", "lucky", "trial"):
        assert (folder / f"{name}.png").stat().st_size > 5000


def test_finished_conditions_are_not_run_again(folder, monkeypatch):
    before = (folder / "metrics.json").read_text()
    gone = folder / "curves" / "da,validity=0.9,overtraining=0.npz"
    gone.unlink()
    ran = []
    run_unit = go_nogo.run_unit

    def counted(config, unit, yoke):
        ran.append(unit)
        return run_unit(config, unit, yoke)

    monkeypatch.setattr(go_nogo, "run_unit", counted)
    cli.main([*ARGUMENTS, "--out", str(folder), "--resume"])
    assert [unit.label for unit in ran] == ["da,validity=0.9,overtraining=0"]
    old, new = json.loads(before), json.loads((folder / "metrics.json").read_text())
    assert old["conditions"] == new["conditions"]


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match="neurogain: `conditions` must be of da"):
        cli.main(["go-nogo", "--conditions", "x", "--out", str(tmp_path / "x")])
    assert not (tmp_path / "x").exists()
