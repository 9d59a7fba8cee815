import dataclasses
import json
import math

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import microcircuit
from neurogain.experiments.microcircuit import config as configs
from neurogain.experiments.microcircuit import figures
from neurogain.experiments.microcircuit.config import KNOBS, MicrocircuitConfig, Setting
from neurogain.experiments.microcircuit.run import (
    network_of,
    run_reference,
    run_unit,
    weights_of,
)

CONFIG = MicrocircuitConfig(
    pyramidal=12,
    pv=6,
    som=4,
    somatic_current=[600, 1200],
    other_recurrences=(0,),
    dendritic_levels=("0", "800"),
    coupling_levels=np.array([0.75]),
    som_levels=75,
    pv_levels=("75", "300"),
    distance_bins=3,
    warm_up=10.0,
    duration=20.0,
    reference_duration=50.0,
    seeds=2,
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return microcircuit.run(CONFIG, out=tmp_path_factory.mktemp("microcircuit") / "run")


def test_metrics_arrays_and_figures_are_on_disk(result):
    names = ("raster", "traces", "weights", "inhibition", "pv_distance")
    drawn = {f"{name}.png" for name in (*names, *(f"gain_{knob}" for knob in KNOBS))}
    written = {p.name for p in result.out.iterdir()} - {".lock"}
    assert written == drawn | {"config.json", "metrics.json", "curves"}
    units = {p.stem for p in (result.out / "curves").iterdir()}
    assert {"weights", "reference,seed=0", "reference,seed=1"} < units
    assert "r=0.2,Id=800,p=0.75,som=75,pv=75,sector=75,seed=0" in units
    assert len(units) == 1 + 2 * (1 + 3 + 3 + 1)  # reference, levels at both recurrences, sector
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert {"schema_version", "config", "versions", "wall_time_s"} < set(metrics)
    assert metrics["config"]["somatic_current"] == [600, 1200]


def test_metrics_have_reference_conditions_and_distances(result):
    metrics = result.metrics
    rates = metrics["reference"]["rates_hz"]
    assert set(rates) == {"pyramidal", "pv", "som"}
    assert all(set(r) == {"mean", "ci", "per_seed"} for r in rates.values())
    levels = [(c["knob"], c["level"]) for c in metrics["conditions"]]
    assert levels == [
        ("dendritic_drive", 0), ("dendritic_drive", 800), ("coupling", 0.75), ("som_drive", 75),
        ("pv_drive", 75), ("pv_drive", 300),
    ]  # fmt: skip
    for condition in metrics["conditions"]:
        assert len(condition["rate_hz"]["mean"]) == len(condition["rate_hz"]["ci"]) == 2
        for field in ("slope_hz_per_nA", "threshold_pA", "slope_change_percent"):
            assert len(condition[field]["per_seed"]) == 2
    assert [o["recurrence"] for o in metrics["other_recurrences"]] == [0]
    assert len(metrics["pv_distance"]["threshold_change_pA"]) == 3


def test_the_command_adds_a_seed_to_a_finished_folder(result, capsys, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are there already
    levels = ("--dendritic-levels", "0", "800", "--coupling-levels", "0.75", "--som-levels", "75")
    cli.main(
        [
            *("microcircuit", "--out", str(result.out), "--resume", "--seeds", "3"),
            *("--pyramidal", "12", "--pv", "6", "--som", "4", "--somatic-current", "600:1200:600"),
            *levels,
            *("--pv-levels", "75", "300", "--other-recurrences", "0", "--distance-bins", "3"),
            *("--warm-up", "10", "--duration", "20", "--reference-duration", "50"),
        ]
    )
    printed = capsys.readouterr()
    told = [line for line in printed.err.splitlines() if line.startswith("[")]
    assert len(told) == 8
    assert all("seed=2: " in line for line in told)
    lines = printed.out.splitlines()
    assert lines[1].startswith("  pyramidal ")
    assert len([line for line in lines if line.startswith(("0.2 ", "0  "))]) == 12
    assert max(map(len, lines[: lines.index("")])) <= 80
    assert max(map(len, result.table().splitlines())) <= 80
    metrics = json.loads((result.out / "metrics.json").read_text())
    rates = metrics["reference"]["rates_hz"]["pyramidal"]["per_seed"]
    assert rates[:2] == result.metrics["reference"]["rates_hz"]["pyramidal"]["per_seed"]
    assert len(rates) == 3


def test_weights_are_gaussians_of_the_distance_on_the_unit_circle():
    def place(i, n):
        return math.cos(2 * math.pi * i / n), math.sin(2 * math.pi * i / n)

    found = weights_of(MicrocircuitConfig())._asdict()
    published = {
        ("pyramidal", "pyramidal"): (90, 90, 3.5, 0.5),
        ("pyramidal", "pv"): (90, 45, 1.0, 2.0),
        ("pyramidal", "som"): (90, 45, 1.0, 2.0),
        ("pv", "pyramidal"): (45, 90, 5.0, 0.5),
        ("som", "pyramidal"): (45, 90, 5.0, 2.0),
    }
    assert set(found) == {f"{a}_to_{b}" for a, b in published}
    for (a, b), (n_pre, n_post, w, sigma) in published.items():
        matrix = found[f"{a}_to_{b}"]
        assert matrix.shape == (n_pre, n_post)
        for i, j in [(0, 0), (3, 3), (0, 1), (7, 30), (44, 2), (20, 44)]:
            d = math.dist(place(i, n_pre), place(j, n_post))
            expected = w / (sigma * math.sqrt(2 * math.pi)) * math.exp(-((d / sigma) ** 2) / 2)
            expected = 0 if a == b and i == j else expected
            assert matrix[i, j] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_synapses_reach_their_compartments_and_receptors():
    network, _ = network_of(CONFIG, 1.0)
    inboxes = {layout.name: network.inboxes[layout.inbox] for layout in network.layouts}
    recurrent = inboxes["pyramidal_to_pyramidal"]
    assert (recurrent.compartment, dict(recurrent.shares)) == ("soma", {"ampa": 1.75, "nmda": 0.35})
    assert dict(inboxes["pyramidal_to_pv"].shares) == {"ampa": 1.0, "nmda": 1.0}
    for source, compartment in (("pv", "soma"), ("som", "dendrite")):
        inbox = inboxes[f"{source}_to_pyramidal"]
        assert (inbox.compartment, inbox.shares) == (compartment, (("gaba_a", 1.0),))
    assert {layout.delays for layout in network.layouts} == {(1,)}


def test_recurrence_scales_what_pyramidal_cells_send_alone():
    network, params = network_of(CONFIG, 0.25)
    for name, full in weights_of(CONFIG)._asdict().items():
        total = network.synapses(params, name).weight.sum()
        factor = 0.25 if name.startswith("pyramidal") else 1
        assert total == pytest.approx(factor * full.sum(), rel=1e-5)


def test_units_are_all_levels_once_and_the_ends_at_other_recurrences():
    config = MicrocircuitConfig()
    units = list(config.units())
    assert len(units) == len({u.label for u in units})
    main = [u for u in units if u.recurrence == config.recurrence and not u.sector_drive]
    assert len(main) == 5 + 5 + 4 + 4 - 3  # the reference setting is in all four
    assert len([u for u in units if u.recurrence == 1]) == 4 * 2 - 1  # 75 pA is the lowest twice
    assert [u.sector_drive for u in units if u.sector_drive] == [75]
    reference = Setting(0.2, 800.0, 0.75, 75.0, 75.0)
    for unit in main:
        assert sum(a != b for a, b in zip(unit, reference, strict=True)) <= 1


def test_the_sector_lies_around_the_first_cell():
    np.testing.assert_allclose(configs.angle(6), [0, 60, 120, 180, 120, 60])
    driven = configs.in_sector(dataclasses.replace(CONFIG, sector=120.0))
    np.testing.assert_array_equal(driven, [1, 1, 0, 0, 0, 1])
    assert configs.in_sector(MicrocircuitConfig()).sum() == 9  # of 45, a fifth


def test_counts_repeat_and_drives_reach_their_cells():
    quiet = CONFIG.setting(0.0, pv_drive=-500.0, som_drive=-500.0)
    counts = np.stack([run_unit(CONFIG, quiet, seed) for seed in (0, 1)])
    assert counts.shape == (2, 2, 22)
    assert not counts[..., 12:].any()
    assert counts[:, 1, :12].sum() > counts[:, 0, :12].sum()
    assert not np.array_equal(counts[0], counts[1])  # seeds differ
    np.testing.assert_array_equal(run_unit(CONFIG, quiet, 1), counts[1])
    driven = run_unit(CONFIG, quiet._replace(sector_drive=1500.0), 0)
    active = driven[:, 12:18].sum(axis=0) > 0
    np.testing.assert_array_equal(active, configs.in_sector(CONFIG))
    assert not driven[..., 18:].any()


def test_the_reference_run_says_what_the_first_seed_did():
    run = run_reference(CONFIG, 0)
    assert run.rates.shape == (1, 3)
    first = np.bincount(run.spike_cell, minlength=22)
    np.testing.assert_allclose(run.rates[0, 0], first[:12].mean() / 0.05)
    np.testing.assert_allclose(run.binned_rate.mean(axis=1), run.rates[0])
    assert run.trace.shape == (500, 4)
    assert run.trace_time_ms[0] == pytest.approx(0.1)
    assert 0 < run.spike_time_ms.min() <= run.spike_time_ms.max() <= 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 0}, "`seeds` must be a whole number of at least 1"),
        ({"pyramidal": 1}, "`pyramidal` must be a whole number of at least 2"),
        ({"seed": -1}, "`seed` must be in"),
        ({"dt": 0.0}, "`dt` must be positive and below 1000, in ms"),
        ({"bin": 0.0}, "`bin` must be positive and below 1000, in ms"),
        ({"reference_current": float("nan")}, "`reference_current` must be finite, in pA"),
        ({"dt": 0.5}, "half the shortest time constant"),
        ({"w_ee": -1.0}, r"`w_ee` must be finite and at least 0 \(nS\); got -1.0"),
        ({"sigma_pv": 0.0}, "`sigma_pv` must be positive and finite, in radii"),
        ({"noise": -1.0}, r"`noise` must be finite and at least 0 \(pA\)"),
        ({"recurrence": float("nan")}, "`recurrence` must be finite"),
        ({"other_recurrences": ("-1",)}, "`other_recurrences` must be finite"),
        ({"somatic_current": ("600",)}, "at least two currents"),
        ({"somatic_current": ("x",)}, "numbers or ranges"),
        ({"coupling_levels": ("0", "1.5")}, r"in \[0, 1\], the probability"),
        ({"pv_drive": float("inf")}, "finite"),
        ({"slope_range": (5.0, 2.0)}, "low, then high, in Hz"),
        ({"criterion": 0.0}, "`criterion` must be positive and below 1000, in Hz"),
        ({"sector": 360.0}, "`sector` must be above 0 and below 360 degrees"),
        ({"distance_bins": 7}, "at most half the pyramidal cells, 6; got 7"),
        ({"duration": 80.05}, r"`duration` must be a positive multiple of 0.1 ms"),
        ({"reference_duration": 102.0}, "positive multiple of 5 ms"),
        ({"duration": 0.0}, "positive multiple"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        microcircuit.run(dataclasses.replace(CONFIG, **change))
