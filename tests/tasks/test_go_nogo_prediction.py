"""The predictive network against a one-sided CUSUM test written in plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.tasks.go_nogo import prediction
from neurogain.tasks.go_nogo.prediction import PredictionParams

TRIALS = 240


@jax.jit
def predict(params, pairs, actions, rewards):
    def step(state, outcome):
        state, told = prediction.step(params, state, *outcome)
        return state, (told, state.surprise)

    outcomes = (pairs, actions, rewards, jnp.arange(len(pairs)))
    return jax.lax.scan(step, prediction.init(), outcomes)


def cusum(params, pairs, actions, rewards):
    """Return expectations, calls, sums and entropies: Page, Biometrika 41:100 (1954)."""
    expected, total = np.full((4, 2), 0.5), 0.0
    calls, totals, entropies, margins = [], [], [], []
    for pair, action, reward in zip(pairs, actions, rewards, strict=True):
        q = expected[pair, action]
        entropies.append(-q * np.log(q) - (1 - q) * np.log(1 - q))
        called = False
        if reward:
            positive = reward > 0
            excess = -np.log(q if positive else 1 - q) - entropies[-1]
            total = max(0.0, total + excess - params.drift)  # the drift takes off
            margins.append(abs(total - params.bound))
            called = total > params.bound
            total = 0.0 if called else total
            moved = q + params.rate * (float(positive) - q)
            expected[pair, action] = min(max(moved, params.floor), 1 - params.floor)
        calls.append(called)
        totals.append(total)
    assert min(margins) > 1e-4  # single precision takes the same decisions
    return expected, np.array(calls), np.array(totals), np.array(entropies)


def outcomes(seed, valid):
    """Draw pairs and actions, and feedback whose rule is reversed half-way."""
    rng = np.random.default_rng(seed)
    pairs, actions = rng.integers(4, size=TRIALS), rng.integers(2, size=TRIALS)
    right = (pairs // 2 == 0) == (actions == 1)
    right[TRIALS // 2 :] = ~right[TRIALS // 2 :]
    told = right == (rng.random(TRIALS) < valid)
    rewards = np.where(told, 1.0, -1.0) * (rng.random(TRIALS) < 0.8)  # 0: tells nothing
    return pairs, actions, rewards.astype(np.float32)


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, 1.0),
        ({"rate": 0.1, "bound": 2.0}, 0.9),
        ({"rate": 0.1, "bound": 2.0, "drift": 0.0}, 0.9),
        ({"rate": 0.1, "bound": 1.0, "drift": 0.4, "floor": 0.1}, 0.8),
    ],
)
def test_it_is_a_one_sided_cusum_test(change, valid):
    params = PredictionParams(settled=0.0)._replace(**change)
    seen = outcomes(0, valid)
    expected, calls, totals, entropies = cusum(params, *seen)
    state, (told, surprise) = predict(params, *seen)
    np.testing.assert_allclose(state.positive, expected, rtol=1e-5)
    np.testing.assert_array_equal(told.trigger, calls)
    np.testing.assert_allclose(surprise, totals, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(told.uncertainty, entropies, rtol=1e-4)


def test_calls_count_from_the_trial_on_in_which_it_is_settled():
    """What is summed up before does not change, only whether a burst is called for."""
    params = PredictionParams(rate=0.1, bound=2.0, settled=0.0)
    seen = outcomes(0, 0.9)
    calls = np.flatnonzero(cusum(params, *seen)[1])
    assert len(calls) >= 3
    for settled, left in ((calls[1], calls[1:]), (calls[1] + 1, calls[2:])):
        _, (told, surprise) = predict(params._replace(settled=float(settled)), *seen)
        np.testing.assert_array_equal(np.flatnonzero(told.trigger), left)
        np.testing.assert_allclose(surprise, cusum(params, *seen)[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("reward", "kept"), [(1.0, 0.9), (-1.0, 0.1)])
def test_no_outcome_is_ever_certain(reward, kept):
    params = PredictionParams(rate=0.1, floor=0.1)
    seen = np.zeros(TRIALS, int), np.ones(TRIALS, int), np.full(TRIALS, reward, np.float32)
    state, (told, _) = predict(params, *seen)
    np.testing.assert_allclose(state.positive[0, 1], kept, rtol=1e-6)
    np.testing.assert_allclose(told.uncertainty[-1], -0.9 * np.log(0.9) - 0.1 * np.log(0.1), 1e-5)
