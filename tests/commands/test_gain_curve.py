import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import gain_curve


def arguments(out, *more):
    return [
        *("gain-curve", "--out", str(out), "--somatic-current", "700:1100:200"),
        *("--dendritic-current", "0", "800", "--coupling", "0", "1", "--duration", "100"),
        *("--repeats", "2", *more),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("gain") / "run"
    cli.main(arguments(out, "--dendritic-inhibition", "0", "10"))
    return out


def numbers(out):
    """Return the metrics without what differs from run to run."""
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics.pop("wall_time_s") > 0
    return metrics


def test_metrics_arrays_and_figures_are_written(folder):
    found = {str(p.relative_to(folder)) for p in folder.rglob("*.*")}
    units = {f"curves/Id={d},gd={g},gs=0.npz" for d in (0, 800) for g in (0, 10)}
    figures = {f"{name}.png" for name in ("fi_curves", "gain", "bursts", "inhibition")}
    assert found == units | figures | {"config.json", "metrics.json"}
    for name in figures:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_metrics_have_header_and_curves(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s", "curves"} == set(metrics)
    assert len(metrics["curves"]) == 8
    assert metrics["config"]["somatic_current"] == [700, 900, 1100]
    assert {"jax", "device"} <= set(metrics["versions"])


def test_counts_are_on_disk(folder):
    with np.load(folder / "curves" / "Id=800,gd=0,gs=0.npz") as arrays:
        counts, axes = {"spikes", "calcium_bursts", "isi_bursts"}, {"coupling", "repeat"}
        assert set(arrays) == counts | axes | {"somatic_current_pA", "wall_time_s"}
        np.testing.assert_array_equal(arrays["somatic_current_pA"], [700, 900, 1100])
        assert arrays["spikes"].shape == (2, 3, 2)


def test_the_table_and_the_progress_are_shown(tmp_path, capsys):
    cli.main(arguments(tmp_path / "run"))
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("Id (pA)  coupling")
    assert len([line for line in lines if line.strip().startswith(("0 ", "800 "))]) == 4
    assert f"Written: {tmp_path / 'run' / 'metrics.json'}" in printed.out
    assert "Id=800,gd=0,gs=0" in printed.err


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, monkeypatch, capsys):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    cli.main(arguments(whole))
    run_unit, runs = gain_curve.run_unit, []

    def interrupted(config, unit, progress=None):
        runs.append(unit)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return run_unit(config, unit, progress)

    monkeypatch.setattr(gain_curve, "run_unit", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments(broken))
    assert stop.value.code == 130
    assert "continue with --resume" in capsys.readouterr().err
    cli.main(arguments(broken, "--resume"))
    assert [unit.dendritic_current for unit in runs] == [0, 800, 800]
    assert numbers(broken) == numbers(whole)


def test_a_folder_with_results_is_not_overwritten(folder):
    with pytest.raises(SystemExit, match="holds results"):
        cli.main(arguments(folder, "--dendritic-inhibition", "0", "10"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--coupling", "1.5"), r"in \[0, 1\], the probability"),
        (("--dt", "0.7"), "half the shortest time constant"),
        (("--somatic-current", "1:2"), "numbers or ranges start:stop:step"),
    ],
)
def test_bad_input_ends_in_one_line_and_makes_no_folder(tmp_path, more, message):
    with pytest.raises(SystemExit, match=f"^neurogain: .*{message}"):
        cli.main(arguments(tmp_path / "run", *more))
    assert not (tmp_path / "run").exists()
