"""Measures of Go/No-Go runs, by hand."""

import numpy as np
import pytest

from neurogain.tasks.go_nogo import measures

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
