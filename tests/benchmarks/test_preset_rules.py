"""The rule that chooses the preset, and the goals that it is held to."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from benchmarks.continual import _search_space as space
from benchmarks.continual import preset_acceptance as acceptance
from benchmarks.continual import preset_search as search
from neurogain import optim
from neurogain.stats import summary

NAMES = ("avg_sg", "avg_acc", "avg_anytime_acc")


def found(**streams):
    """Return a search that measured candidates 0, 1, ... of each stream: (SG, ACC, AAA)."""
    args = SimpleNamespace()
    rows = {
        (stream.replace("_", "-"), i): [dict(zip(NAMES, one, strict=True))]
        for stream, ones in streams.items()
        for i, one in enumerate(ones)
    }
    return search.Search(args, None, rows)


def row(one, number, *, last=True, adams=(0, 1)):
    """Return a candidate's row; Adam tuned for AAA is number 0, for its gap number 1."""
    streams = dict.fromkeys(stream for stream, _ in one.found)
    tuned = {stream: dict(zip(acceptance.OPPONENTS, adams, strict=True)) for stream in streams}
    return search.row_of(one, number, ("plain", {}), tuned, last=last)


ADAMS = [(0.2, 0.95, 0.94), (0.1, 0.95, 0.90)]


@pytest.mark.parametrize(
    ("own", "order"),
    [
        ((0.009, 0.951, 0.93), (0.0, -0.93)),  # a tenth of both
        ((0.019, 0.951, 0.93), (1.0, -0.93)),  # of the Adam tuned for AAA alone
        ((0.030, 0.951, 0.93), (2.0, 0.5)),  # of neither: by how much
        ((0.009, 0.945, 0.93), (2.0, 0.5)),  # less accurate by 0.005
        ((np.nan, np.nan, np.nan), (3.0,)),  # diverged
    ],
)
def test_candidates_are_ordered_by_the_rule(own, order):
    one = found(split_digits=[*ADAMS, own])
    assert search.rank(row(one, 2)) == pytest.approx(order)


def test_every_stream_counts_and_rotated_ones_have_a_wider_limit():
    one = found(split_digits=[*ADAMS, (0.009, 0.95, 0.9)], rotated_digits=[*ADAMS, (0.03, 0.95, 1)])
    assert search.rank(row(one, 2)) == pytest.approx((0.0, -0.95))
    one = found(split_digits=[*ADAMS, (0.009, 0.95, 0.9)], rotated_digits=[*ADAMS, (0.12, 0.95, 1)])
    assert search.rank(row(one, 2)) == pytest.approx((2.0, 1.0))


def test_the_limits_are_wider_before_the_last_rung():
    one = found(split_digits=[*ADAMS, (0.015, 0.945, 0.9)])
    assert search.rank(row(one, 2, last=False)) == pytest.approx((0.0, -0.9))
    assert search.rank(row(one, 2))[0] == 2


def test_adam_is_tuned_for_anytime_accuracy_and_for_its_gap():
    inaccurate, diverged = (0.01, 0.90, 0.85), (np.nan,) * 3
    one = found(split_digits=[*ADAMS, inaccurate, diverged])
    assert search.tuned(one, "split-digits", range(4)) == {"for AAA": 0, "for its gap": 1}
    with pytest.raises(ValueError, match="every configuration of Adam diverged"):
        search.tuned(one, "split-digits", [3])


def test_both_contenders_have_as_many_configurations():
    adams, presets = space.adams(), space.presets(160, 1000)
    assert len(adams) == len(presets) == search.Arguments.candidates
    assert len({(how, *sorted(c.items())) for how, c in presets}) == 160
    assert presets == space.presets(160, 1000)
    assert {how for how, _ in presets} | {"adam"} == set(space.BUILT)


def test_both_contenders_have_as_many_neighbours_that_are_in_range():
    own, adam = space.presets(1, 0)[0], space.adams()[-1][1]
    assert len(space.around(own)) == search.NEIGHBOURS == 2 * len(space.around_adam(adam))
    for _, constants in space.around(own):
        assert 0 <= constants["consolidation"] < 1
        assert constants["b1"] == own[1]["b1"]
    assert {c["b1"] for _, c in space.around_adam(adam | {"b1": 0.0})} == {0.0, 0.2}


def test_the_search_goes_on_around_the_best_that_nearly_meets_the_rule():
    rows = [
        {"number": i, "anytime": anytime, "missed": {"for AAA": missed}}
        for i, (anytime, missed) in enumerate([(0.9, 0.0), (0.95, 0.07), (0.97, 0.4)])
    ]
    assert search.refined(rows) == 1
    assert search.refined(rows[2:]) == 2


def test_an_average_of_the_average_by_its_definition():
    tx = space.averaged_twice(optax.sgd)(learning_rate=1.0, consolidation=0.5)
    params = jnp.zeros(1)
    state, held, once, twice = tx.init(params), 0.0, 0.0, 0.0
    for step in range(1, 4):
        updates, state = tx.update(jnp.full(1, -1.0), state, params)
        params = optax.apply_updates(params, updates)
        held, rate = held + 1, 0.5 / (1 - 0.5**step)
        once += rate * (held - once)
        twice += rate * (once - twice)
        np.testing.assert_allclose(optim.get_acting(state, params), twice, rtol=1e-6)


def entry(sg, anytime, new=0.9, acc=0.95):
    """Return figures of two seeds that differ by 0.02 around the means."""
    both = {"avg_sg": sg, "avg_anytime_acc": anytime, "new_task": new, "avg_acc": acc}
    return {name: summary([x - 0.01, x + 0.01]) for name, x in both.items()}


def test_the_gains_part_is_measured_at_the_same_mean_gap():
    own = entry(0.03, 0.95)
    others = [entry(0.05, 0.94), entry(0.02, 0.91), entry(0.1, 0.99)]
    change = acceptance.matched(own, others, (0.8, 0.95, 0.7))
    assert change["bracketed"]
    assert change["consolidations"] == [0.95, 0.8]
    assert change["avg_sg"]["mean"] == pytest.approx(0)
    assert change["avg_anytime_acc"]["mean"] == pytest.approx(0.95 - 0.92)


def test_a_gap_that_no_two_controls_enclose_is_compared_with_the_nearest():
    change = acceptance.matched(entry(0.3, 0.9), [entry(0.05, 0.9), entry(0.1, 0.9)], (0.9, 0.8))
    assert not change["bracketed"]
    assert change["consolidations"] == [0.8, 0.8]
    assert change["avg_sg"]["mean"] == pytest.approx(0.2)


def test_a_seed_that_diverged_is_refused(monkeypatch):
    found = {"avg_sg": 0, "avg_anytime_acc": 0, "avg_acc": 0, "diverged": [False, True]}
    monkeypatch.setattr(acceptance.stability_gap, "measure", lambda curves: found)
    with pytest.raises(ValueError, match="no seed may diverge here; got 1 of 2"):
        acceptance.figures(None)


def test_goals_are_of_means_and_say_by_how_much_they_are_missed():
    own = entry(0.015, 0.95, new=0.88, acc=0.94)
    line = {"stream": "split-mnist", "preset": own, "adam": {"for AAA": entry(0.1, 0.94)}}
    goals = acceptance.goals(line, "for AAA")
    missed = {name: goal["missed"] for name, goal in goals.items()}
    assert missed == pytest.approx(
        {"avg_sg": 0.05, "avg_anytime_acc": 0, "new_task": 0.01, "avg_acc": 0.01}
    )
