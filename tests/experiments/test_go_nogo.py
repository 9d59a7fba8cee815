"""Measures by hand, what a configuration refuses, and one small run of every kind."""

import dataclasses

import numpy as np
import pytest

from neurogain.experiments import go_nogo, go_nogo_summary
from neurogain.experiments import go_nogo_measures as measures
from neurogain.experiments.go_nogo import GoNoGoConfig, Unit
from neurogain.experiments.go_nogo_conditions import CONDITIONS

PAIRS = np.tile(np.arange(4), (1, 25))


def test_learned_needs_every_pair():
    correct = np.ones((3, 100))
    correct[1, np.flatnonzero(PAIRS[0] == 2)[:7]] = 0  # 93 % correct, 72 % with one pair
    correct[2, np.flatnonzero(PAIRS[0] == 2)[:6]] = 0  # 94 %, 76 %
    found = measures.learned(correct, np.tile(PAIRS, (3, 1)))
    assert found.tolist() == [True, False, True]
    mostly = np.ones((1, 100))
    mostly[0, :16] = 0
    assert not measures.learned(mostly, PAIRS).any()


def test_trials_to_criterion_is_the_first_good_window():
    correct = np.ones((2, 100))
    correct[0, :60] = 0
    correct[1] = 0
    found = measures.trials_to_criterion(correct, np.tile(PAIRS, (2, 1)))
    assert found[0] == 60 + 34  # 85 % of 40; at most 2 of 10 wrong ones are with one pair
    assert np.isnan(found[1])


def test_entropies_by_hand():
    action = np.tile([1, 0, 1, 1], (1, 10))
    pair = np.tile([0, 0, 1, 1], (1, 10))
    go = (pair == 0).astype(int)
    assert measures.entropy_given_go(action, go) == pytest.approx(1.0)
    assert measures.entropy_given_pair(action, pair) == pytest.approx(0.5)
    assert measures.entropy_bits(np.array([0.0, 1.0, 0.25])) == pytest.approx([0, 0, 0.8112781])


def test_detection_counts_what_it_says():
    trigger = np.zeros((3, 300))
    trigger[0, [20, 60, 110]] = 1
    trigger[1, 220] = 1
    found = measures.detection(trigger, 100)
    np.testing.assert_array_equal(found["latency"], [11, np.nan, np.nan])
    np.testing.assert_array_equal(found["misses"], [0, 1, 1])
    np.testing.assert_array_equal(found["false_alarms"], [2, 0, 0])


def test_the_median_of_many_holds_the_median():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        low, high = go_nogo_summary.median_interval(rng.normal(size=30))
        held += low <= 0 <= high
    assert 0.93 <= held / 400 <= 0.99
    assert np.isnan(go_nogo_summary.median_interval(np.zeros(3))).all()


SMALL = GoNoGoConfig(
    conditions=("na-yoked", "da+na", "na-random", "na-late", "da"), validity=("1",),
    overtraining=("0", "40"), trials=200, seeds=2,
)  # fmt: skip


def test_what_another_is_yoked_to_comes_first():
    units = list(SMALL.units())
    assert units[0] == Unit("da+na", 1.0, 0)
    assert len(units) == len(set(units)) == 5 + 2
    assert {u.condition for u in units if u.overtraining} == {"da", "da+na"}


def test_bursts_from_outside():
    yoke = {"trigger": np.arange(2 * 400).reshape(2, 400)}
    given = go_nogo.given_bursts(SMALL, Unit("na-yoked", 1.0, 0), yoke)
    np.testing.assert_array_equal(given, yoke["trigger"][::-1])
    random = go_nogo.given_bursts(SMALL, Unit("na-random", 1.0, 0), None)
    late = go_nogo.given_bursts(SMALL, Unit("na-late", 1.0, 0), None)
    assert (random.sum(axis=1) == 1).all()
    assert (late.sum(axis=1) == 1).all()
    assert not random[:, :40].any()
    assert not late[:, :200].any()
    assert not go_nogo.given_bursts(SMALL, Unit("da+na", 1.0, 0), None).any()


@pytest.fixture(scope="module")
def results():
    found = {}
    for unit in dataclasses.replace(SMALL, overtraining=("0",)).units():
        yoke = found.get(Unit("da+na", 1.0, 0))
        found[unit] = go_nogo.run_unit(SMALL, unit, None if yoke is None else yoke._asdict())
    return found


def test_conditions_share_everything_but_their_numbers(results):
    da, na = results[Unit("da", 1.0, 0)], results[Unit("da+na", 1.0, 0)]
    np.testing.assert_array_equal(da.pair, na.pair)
    np.testing.assert_array_equal(da.go, na.go)
    first = int(np.argmax(na.trigger.any(axis=0))) if na.trigger.any() else da.correct.shape[1]
    np.testing.assert_array_equal(da.action[:, :first], na.action[:, :first])
    again = go_nogo.run_unit(SMALL, Unit("da", 1.0, 0))
    np.testing.assert_array_equal(again.value, da.value)


def test_the_first_rule_is_being_learned(results):
    correct = results[Unit("da", 1.0, 0)].correct
    assert correct[:, 150:200].mean() > correct[:, :50].mean() + 0.1


def test_the_summary_holds_every_condition_and_pair(results):
    metrics = go_nogo_summary.summarize(SMALL, results)
    assert set(metrics["conditions"]) == set(SMALL.conditions)
    one = metrics["conditions"]["da+na"]
    assert set(one["detector"]) == {"latency", "misses", "false_alarms"}
    assert len(one["performance"]["mean"]) == 400 // 20
    correct = results[Unit("da+na", 1.0, 0)].correct
    np.testing.assert_allclose(one["performance"]["per_trial"], correct.mean(axis=0))
    assert len(one["trials_to_criterion"]["per_seed"]) == 2
    (row,) = metrics["ablations"]
    assert row["removed"] == "NA"
    assert row["only_whole"] - row["only_ablated"] == round(2 * (row["whole"] - row["second"]))
    assert metrics["differences"]["da+na - da"]["only"].keys() == {"first", "second", "p"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conditions": ("dopamine",)}, "`conditions` must be of da, da.na, .* got 'dopamine'"),
        ({"conditions": ()}, "`conditions` must name at least one"),
        ({"conditions": ("na-yoked",)}, "must have da.na, whose bursts it gets"),
        ({"conditions": ("na-yoked", "da+na"), "seeds": 1}, "`seeds` must be at least 2"),
        ({"seeds": 0}, "`seeds` must be a whole number"),
        ({"seed": -1}, "`seed` must be in"),
        ({"validity": ("1.2",)}, "`validity` must be probabilities above 0.5"),
        ({"validity": ("x",)}, "`validity` must be numbers"),
        ({"trials": 60}, "`trials` must be a whole number of at least 100"),
        ({"trials": 130}, "`trials` must be a multiple of 20 trials.* got 130. Pass 140"),
        ({"overtraining": ("8",)}, "`overtraining` must be a multiple of 20"),
        ({"overtraining": ("4.7",)}, "`overtraining` must be whole numbers of trials"),
        ({"shifts": 0}, "`shifts` must be a whole number of at least 1; got 0"),
        ({"shift": "none"}, "`shift` must be extra"),
        ({"cells": "hh"}, "`cells` must be lif, izhikevich, pyramidal; got 'hh'"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change).check()


def test_every_condition_has_words_of_its_own():
    words = [c.summary for c in CONDITIONS.values()]
    assert len(set(words)) == len(words)
