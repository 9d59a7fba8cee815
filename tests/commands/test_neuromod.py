"""`neurogain neuromod`: what it writes, and what it refuses."""

import json

import numpy as np
import pytest

from neurogain import cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("neuromod") / "run"
    cli.main(["neuromod", "--out", str(path)])
    return path


def test_metrics_arrays_and_figures_are_written(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["dose_response_largest_error"] < 1e-5
    on, off = (metrics["extremes"][kind]["concentration_nM"] for kind in ("on", "off"))
    assert off["noradrenaline"] == on["noradrenaline"]  # nothing acts on it
    assert on["dopamine"] != off["dopamine"]
    assert off["dopamine"]["lowest"] < metrics["tonic_nM"]["dopamine"] < off["dopamine"]["highest"]
    assert all(metrics["sources"].values())
    with np.load(folder / "curves" / "interactions=on.npz") as arrays:
        assert arrays["concentration"].shape == (4, 6000)
        assert arrays["amount"].shape == (len(arrays["target"]), 6000)
    for name in ("courses", "dose_response"):
        assert (folder / f"{name}.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--surprise", "0:1:2"], "`surprise` must be in"),
        (["--surprise", "0:1"], "`surprise` must be pulses start:end:height"),
        (["--aversion", "5:1:1"], "0 <= start < end"),
        (["--opponent", "hunger:dopamine:1"], "`opponent` must be acting:acted-on:strength"),
        (["--cell", "granule"], "`cell` must be l5_pyramidal"),
        (["--dt", "0"], "`dt` must be positive"),
        (["--duration", "1e9"], "a million steps"),
    ],
)
def test_bad_input_ends_in_one_line(tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        cli.main(["neuromod", *arguments, "--out", str(tmp_path / "x")])
    assert not (tmp_path / "x").exists()


def test_a_folder_with_results_is_written_again_on_request_alone(folder):
    before = json.loads((folder / "metrics.json").read_text())
    with pytest.raises(SystemExit, match="Pass --resume"):
        cli.main(["neuromod", "--out", str(folder)])
    cli.main(["neuromod", "--out", str(folder), "--resume"])
    after = json.loads((folder / "metrics.json").read_text())
    assert after["extremes"] == before["extremes"]
