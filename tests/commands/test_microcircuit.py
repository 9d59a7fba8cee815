import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import microcircuit

KNOBS = ("dendritic_drive", "coupling", "som_drive", "pv_drive")


def arguments(out, *more):
    return [
        *("microcircuit", "--out", str(out), "--pyramidal", "12", "--pv", "6", "--som", "6"),
        *("--somatic-current", "500", "800", "1100", "--dendritic-levels", "0", "800"),
        *("--coupling-levels", "0", "1", "--som-levels", "75", "--pv-levels", "75", "300"),
        *("--other-recurrences", "1", "--distance-bins", "3", "--warm-up", "20"),
        *("--duration", "100", "--reference-duration", "100", "--seeds", "2", *more),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("microcircuit") / "run"
    cli.main(arguments(out))
    return out


def test_metrics_arrays_and_figures_are_written(folder):
    names = ("raster", "traces", "weights", "inhibition", "pv_distance")
    figures = {f"{name}.png" for name in (*names, *(f"gain_{knob}" for knob in KNOBS))}
    assert {p.name for p in folder.iterdir()} == figures | {"config.json", "metrics.json", "curves"}
    for name in figures:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    units = {p.stem for p in (folder / "curves").iterdir()}
    assert "reference" in units
    assert "r=0.2,Id=800,p=0.75,som=75,pv=75,sector=75" in units
    assert len(units) == 1 + 5 + 5 + 1  # reference, levels at both recurrences, sector


def test_metrics_have_header_reference_conditions_and_distances(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s"} < set(metrics)
    assert metrics["config"]["somatic_current"] == [500, 800, 1100]
    rates = metrics["reference"]["rates_hz"]
    assert set(rates) == {"pyramidal", "pv", "som"}
    assert all(set(r) == {"mean", "ci", "per_seed"} for r in rates.values())
    levels = [(c["knob"], c["level"]) for c in metrics["conditions"]]
    both = [(knob, x) for knob, ends in zip(KNOBS, ((0, 800), (0, 1)), strict=False) for x in ends]
    assert levels == [*both, ("som_drive", 75), ("pv_drive", 75), ("pv_drive", 300)]
    for condition in metrics["conditions"]:
        assert len(condition["rate_hz"]["mean"]) == len(condition["rate_hz"]["ci"]) == 3
        for field in ("slope_hz_per_nA", "threshold_pA", "slope_change_percent"):
            assert len(condition[field]["per_seed"]) == 2
    assert [o["recurrence"] for o in metrics["other_recurrences"]] == [1]
    assert len(metrics["pv_distance"]["threshold_change_pA"]) == 3


def test_arrays_are_on_disk(folder):
    with np.load(folder / "curves" / "r=0.2,Id=800,p=0.75,som=75,pv=75,sector=0.npz") as arrays:
        assert set(arrays) == {"spikes", "somatic_current_pA", "seed", "wall_time_s"}
        assert arrays["spikes"].shape == (2, 3, 24)
    with np.load(folder / "curves" / "reference.npz") as arrays:
        assert arrays["weights_nS_pv_to_pyramidal"].shape == (6, 12)
        assert arrays["trace"].shape == (1000, 4)


def test_an_interrupted_run_ends_as_if_it_had_not_been(folder, tmp_path, monkeypatch, capsys):
    broken = tmp_path / "broken"
    run_unit, runs = microcircuit.run_unit, []

    def interrupted(config, unit, progress=None):
        runs.append(unit.label)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return run_unit(config, unit, progress)

    monkeypatch.setattr(microcircuit, "run_unit", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments(broken))
    assert stop.value.code == 130
    assert "continue with --resume" in capsys.readouterr().err
    cli.main(arguments(broken, "--resume"))
    assert runs[2] == runs[3]
    assert len(runs) == len(set(runs)) + 1
    found, whole = (json.loads((p / "metrics.json").read_text()) for p in (broken, folder))
    assert found.pop("wall_time_s") > 0
    whole.pop("wall_time_s")
    assert found == whole
    printed = capsys.readouterr().out
    assert printed.startswith("Reference (650 pA, recurrence 1): pyramidal")
    assert len([line for line in printed.splitlines() if line.startswith(("0.2 ", "1 "))]) == 14
    assert f"Written: {broken / 'metrics.json'}" in printed


def test_a_folder_with_results_is_not_overwritten(folder):
    with pytest.raises(SystemExit, match="holds results"):
        cli.main(arguments(folder))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--coupling-levels", "1.5"), r"in \[0, 1\], the probability"),
        (("--seeds", "0"), "`seeds` must be a whole number"),
        (("--duration", "10.05"), "positive multiple of 0.1 ms"),
    ],
)
def test_bad_input_ends_in_one_line_and_makes_no_folder(tmp_path, more, message):
    with pytest.raises(SystemExit, match=f"^neurogain: .*{message}"):
        cli.main(arguments(tmp_path / "run", *more))
    assert not (tmp_path / "run").exists()
