"""Schedules, rules and feedback, by counting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.tasks.go_nogo import Task, environment

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("shift", "shifts", "overtraining"),
    [("extra", 1, 0), ("reversal", 1, 0), ("intra", 1, 0), ("extra", 0, 2), ("intra", 2, 1)],
)
def test_every_four_trials_have_every_pair_once(shift, shifts, overtraining):
    task = Task(shift, trials=8, overtraining=4 * overtraining, shifts=shifts)
    trials = environment.schedule(task, KEY)
    assert len(trials.pair) == task.total == 8 * (shifts + 1) + 4 * overtraining
    blocks = np.sort(np.asarray(trials.pair).reshape(-1, 4), axis=1)
    assert (blocks == np.arange(4)).all()


@pytest.mark.parametrize(
    ("shift", "modality", "go", "exemplars"),
    [("extra", [0, 1, 0], [0] * 3, [0] * 3), ("reversal", [0] * 3, [0, 1, 0], [0] * 3),
     ("intra", [0] * 3, [0] * 3, [0, 1, 2])],
)  # fmt: skip
def test_shifts_change_what_they_are_named_for(shift, modality, go, exemplars):
    task = Task(shift, trials=8, overtraining=4, shifts=2)
    assert task.starts == (0, 12, 20)
    trials = environment.schedule(task, KEY)
    at = np.array(task.starts)
    for field, wanted in (("modality", modality), ("go", go), ("exemplars", exemplars)):
        values = np.asarray(getattr(trials, field))
        assert values[at].tolist() == wanted
        assert values[at[1:] - 1].tolist() == wanted[:-1]


def test_go_is_right_for_one_cue_of_the_modality_that_decides():
    task = Task(trials=8, shifts=1)
    trials = environment.schedule(task, KEY)
    right = np.asarray(jax.vmap(environment.is_go)(trials))
    pair = np.asarray(trials.pair)
    np.testing.assert_array_equal(right[:8], pair[:8] // 2 == 0)
    np.testing.assert_array_equal(right[8:], pair[8:] % 2 == 0)


def test_cues_are_sparse_and_shown_in_pairs():
    task = Task("intra", trials=8, inputs=20, active=5)
    cues = environment.patterns(task, KEY)
    assert cues.shape == (2, 2, 2, 20)
    assert (cues.sum(axis=-1) == 5).all()
    assert not np.array_equal(cues[0], cues[1])
    trials = environment.schedule(task, KEY)
    one = jax.tree.map(lambda x: x[0], trials)
    shown = environment.shown(cues, one)
    visual, auditory = divmod(int(one.pair), 2)
    np.testing.assert_array_equal(shown, np.concatenate([cues[0, 0, visual], cues[0, 1, auditory]]))


@pytest.mark.parametrize(("feedback", "no_go"), [("asymmetric", 0.0), ("symmetric", None)])
def test_feedback(feedback, no_go):
    task = Task(trials=8, feedback=feedback)
    trial = jax.tree.map(lambda x: x[0], environment.schedule(task, KEY))._replace(luck=0.9)
    right = int(environment.is_go(trial))
    for action in (0, 1):
        told = 1.0 if action == right else -1.0
        expected = no_go if action == 0 and no_go is not None else told
        assert environment.reward(task, trial, jnp.int32(action), 1.0) == expected
        assert environment.reward(task, trial, jnp.int32(action), 0.8) == -expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shift": "sideways"}, "`shift` must be extra, reversal, intra; got 'sideways'"),
        ({"feedback": "none"}, "`feedback` must be asymmetric, symmetric"),
        ({"trials": 6}, "`trials` must be a multiple of 4 .* got 6. Pass trials=8"),
        ({"trials": 0}, "`trials` must be a whole number of at least 4"),
        ({"shifts": -1}, "`shifts` must be a whole number of at least 0"),
        ({"overtraining": 2}, "`overtraining` must be a multiple of 4"),
        ({"active": 50}, "`active` must be below the 50 inputs"),
    ],
)
def test_bad_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Task(**change).check()
