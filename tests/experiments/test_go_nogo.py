"""What a configuration refuses, and one small run."""

import dataclasses
import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import go_nogo
from neurogain.experiments.go_nogo import (
    CONDITIONS,
    GoNoGoConfig,
    Unit,
    figures,
)
from neurogain.stats import median_interval
from neurogain.tasks.go_nogo import conditions


def test_the_median_of_many_holds_the_median():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        low, high = median_interval(rng.normal(size=30))
        held += low <= 0 <= high
    assert 0.93 <= held / 400 <= 0.99
    assert np.isnan(median_interval(np.zeros(3))).all()


SMALL = GoNoGoConfig(
    conditions=("na-yoked", "da+na", "da"), validity=1, overtraining=0, trials=100, seeds=2
)
DA, NA = Unit("da", 1.0, 0), Unit("da+na", 1.0, 0)


def test_what_another_is_yoked_to_comes_first():
    units = list(dataclasses.replace(SMALL, overtraining=("0", "40")).units())
    assert units[0] == NA
    assert len(units) == len(set(units)) == 3 + 2
    assert {u.condition for u in units if u.overtraining} == {"da", "da+na"}
    parts = {part.label: part for part in go_nogo.EXPERIMENT.parts(SMALL)}
    assert parts["na-yoked,validity=1,overtraining=0"].needs == (NA.label,)
    assert not parts[NA.label].needs


def test_grids_and_names_are_texts_numbers_lists_or_arrays():
    text = GoNoGoConfig(conditions=("da",), validity=("1", "0.85"), overtraining=("0:40:20",))
    given = GoNoGoConfig(conditions="da", validity=[1, 0.85], overtraining=np.linspace(0, 40, 3))
    assert given.conditions == text.conditions
    assert given.levels() == text.levels() == ((1.0, 0.85), (0, 20, 40))
    assert hash(given)


def test_bursts_from_outside():
    def given(name, **more):
        task = SMALL.agent().task
        return conditions.given_bursts(CONDITIONS[name], task, 2, seed=SMALL.seed, **more)

    yoke = np.arange(2 * 200).reshape(2, 200)
    np.testing.assert_array_equal(given("na-yoked", yoke=yoke), yoke[::-1])
    random, late = given("na-random"), given("na-late")
    assert (random.sum(axis=1) == 1).all()
    assert (late.sum(axis=1) == 1).all()
    assert not random[:, :40].any()
    assert not late[:, :100].any()
    assert not given("da+na").any()


def test_the_sign_of_every_effect_on_the_agent():
    """Mei et al., arXiv 2501.06762, section 6: noradrenaline raises gain, bursts and plasticity and
    resets weights; acetylcholine raises the rate of learning; serotonin opposes dopamine. There
    serotonin lengthens the horizon; here tuning chose that it shortens it.
    """
    whole = go_nogo.parameters(CONDITIONS["da+na+5ht"], 1.0)
    learns = go_nogo.parameters(CONDITIONS["da+ach"], 1.0)
    signs = {
        (e.receptor, e.target): float(np.sign(e.strength)) + float(np.sign(other.strength))
        for e, other in zip(whole.effects, learns.effects, strict=True)
    }
    assert signs == {
        ("alpha1", "gain"): 1, ("alpha1", "bursts"): 1, ("beta", "learning_rate"): 1,
        ("beta", "reset"): 1, ("m1", "learning_rate"): 1, ("5ht1a", "horizon"): -1,
    }  # fmt: skip
    (link,) = whole.neuromod.interactions
    assert (link.acting, link.onto) == ("serotonin", "dopamine")
    assert link.opponent > 0
    assert conditions.OPPONENT < 1


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return go_nogo.run(SMALL, out=tmp_path_factory.mktemp("go_nogo") / "run")


def test_conditions_share_everything_but_their_numbers(result):
    da, na = result.parts[DA.label], result.parts[NA.label]
    np.testing.assert_array_equal(da.pair, na.pair)
    np.testing.assert_array_equal(da.go, na.go)
    first = int(np.argmax(na.trigger.any(axis=0))) if na.trigger.any() else da.correct.shape[1]
    for of_da, of_na in ((da.action, na.action), (da.value, na.value)):
        np.testing.assert_array_equal(of_da[:, :first], of_na[:, :first])


def test_the_first_rule_is_being_learned(result):
    correct = result.parts[DA.label].correct
    assert correct[:, 60:100].mean() > correct[:, :40].mean() + 0.1


def test_the_summary_holds_every_condition_and_pair(result):
    metrics = result.metrics
    assert list(metrics["conditions"]) == ["da+na", "na-yoked", "da"]
    one = metrics["conditions"]["da+na"]
    assert set(one["detector"]) == {"latency", "misses", "false_alarms"}
    assert set(one["entropy_go_bits"]) == set(one["entropy_pair_bits"]) == {"before", "at", "after"}
    for field in ("pre_shift_success", "post_shift_success"):
        low, high = one[field]["ci"]
        assert 0 <= low <= one[field]["mean"] <= high <= 1
    assert len(one["performance"]["mean"]) == 200 // 20
    correct = result.parts[NA.label].correct
    np.testing.assert_allclose(one["performance"]["per_trial"], correct.mean(axis=0))
    assert len(one["trials_to_criterion"]["per_seed"]) == 2
    (row,) = metrics["ablations"]
    assert row["removed"] == "NA"
    assert row["only_whole"] - row["only_ablated"] == round(2 * (row["whole"] - row["second"]))
    assert metrics["differences"]["da+na - da"]["only"].keys() == {"first", "second", "p"}


def test_metrics_arrays_and_figures_are_on_disk(result):
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert metrics == json.loads(json.dumps(result.metrics))
    assert metrics["config"]["seeds"] == 2
    assert metrics["versions"]["neurogain"]
    with np.load(result.out / "curves" / f"{DA.label}.npz") as arrays:
        assert arrays["correct"].shape == (2, 200)
        assert arrays["seed"].tolist() == [go_nogo.FIRST_SEED, go_nogo.FIRST_SEED + 1]
    for name in ("performance", "success", "entropies", "noradrenaline", "lucky", "trial"):
        assert (result.out / f"{name}.png").stat().st_size > 5000


def test_conditions_are_added_to_a_finished_folder_and_seeds_are_not(result, capsys, monkeypatch):
    monkeypatch.setattr(figures, "figures", lambda *of: {})  # they are there already
    options = ("--validity", "1", "--overtraining", "0", "--trials", "100", "--resume")
    command = ["go-nogo", "--out", str(result.out), *options]
    names = ("--conditions", *SMALL.conditions, "na-random")
    cli.main([*command, "--seeds", "2", *names])
    ran = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert [line.split(": ")[0] for line in ran] == ["[1/1] na-random,validity=1,overtraining=0"]
    metrics = json.loads((result.out / "metrics.json").read_text())
    old = result.metrics["conditions"]
    assert {name: metrics["conditions"][name] for name in old} == json.loads(json.dumps(old))
    assert set(metrics["conditions"]) == {*SMALL.conditions, "na-random"}
    with pytest.raises(SystemExit, match="it differs in seeds: 2 there, 3 here"):
        cli.main([*command, "--seeds", "3", *names])


def test_bad_input_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match="neurogain: `--conditions` must be one of da"):
        cli.main(["go-nogo", "--conditions", "x", "--out", str(tmp_path / "x")])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conditions": ("dopamine",)}, "`conditions` must be one of da, da.na, .* got 'dopamine'"),
        ({"conditions": ()}, "`conditions` must name at least one"),
        ({"conditions": ("na-yoked",)}, "must have da.na, whose bursts na-yoked gets"),
        ({"conditions": ("na-yoked", "da+na"), "seeds": 1}, "`seeds` must be at least 2"),
        ({"seeds": 0}, "`seeds` must be a whole number"),
        ({"seed": -1}, "`seed` must be in"),
        ({"validity": ("1.2",)}, "`validity` must be probabilities above 0.5"),
        ({"validity": ("x",)}, "`validity` must be numbers"),
        ({"trials": 60}, "`trials` must be a whole number of at least 100"),
        ({"trials": 130}, "`trials` must be a multiple of 20 trials.* got 130. Pass trials=140"),
        ({"overtraining": ("8",)}, "`overtraining` must be a multiple of 20"),
        ({"overtraining": ("4.7",)}, "`overtraining` must be whole numbers of trials"),
        ({"shifts": 0}, "`shifts` must be a whole number of at least 1; got 0"),
        ({"shift": "none"}, "`shift` must be extra"),
        ({"cells": "hh"}, "`cells` must be one of lif, izhikevich, pyramidal; got 'hh'"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change).check()


def test_every_condition_has_words_of_its_own():
    words = [c.summary for c in CONDITIONS.values()]
    assert len(set(words)) == len(words)
