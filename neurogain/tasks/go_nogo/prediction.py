"""What the agent expects of its actions, and how surprised it is when that fails.

For each pair of cues and action a unit learns the probability of positive feedback. The surprise of
an outcome, less the surprise that is expected, is added up; at a bound the sum calls for a burst of
the locus coeruleus and starts anew (a one-sided CUSUM test: Page, Biometrika 41:100, 1954).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from neurogain.tasks.go_nogo.environment import PAIRS


class PredictionParams(NamedTuple):
    """Constants; rate, drift and bound were chosen by `benchmarks/agents/go_nogo_detector.py`."""

    rate: ArrayLike = 0.02  # of learning, per outcome
    floor: ArrayLike = 0.02  # probabilities are kept in [floor, 1 - floor]
    drift: ArrayLike = 0.05  # nats that are taken off the sum at each outcome
    bound: ArrayLike = 6.0  # nats
    settled: ArrayLike = 40.0  # trials before which nothing is called for


class PredictionState(NamedTuple):
    """What is expected, and the surprise so far."""

    positive: Float[Array, "4 2"]  # probability of positive feedback, by pair of cues and action
    surprise: Float[Array, ""]  # nats, in excess of what is expected


class Predicted(NamedTuple):
    """What an outcome meant."""

    trigger: Float[Array, ""]  # 1 where a burst is called for, else 0
    uncertainty: Float[Array, ""]  # nats, expected: the entropy of the prediction


def init() -> PredictionState:
    """Return an agent that expects nothing."""
    return PredictionState(jnp.full((PAIRS, 2), 0.5), jnp.zeros(()))


def step(
    params: PredictionParams,
    state: PredictionState,
    pair: jax.Array,
    action: jax.Array,
    reward: jax.Array,
    number: jax.Array,
) -> tuple[PredictionState, Predicted]:
    """Learn from one outcome; a reward of 0 tells nothing and changes nothing.

    Args:
      params: constants.
      state: before the outcome.
      pair: of cues, 0 to 3.
      action: 1: Go.
      reward: its sign is what counts.
      number: of the trial.

    Returns:
      The state behind the outcome, and what it meant.

    Example:
      >>> after, meant = step(PredictionParams(), init(), *map(jnp.asarray, (0, 1, 1.0, 0)))
      >>> round(float(after.positive[0, 1]), 5), float(meant.trigger)
      (0.51, 0.0)
    """
    p = params
    told = reward != 0
    q = state.positive[pair, action]
    entropy = -(q * jnp.log(q) + (1 - q) * jnp.log(1 - q))
    found = -jnp.log(jnp.where(reward > 0, q, 1 - q))
    total = jnp.maximum(state.surprise + found - entropy - p.drift, 0)
    total = jnp.where(told, total, state.surprise)
    called = total > p.bound
    moved = jnp.clip(q + p.rate * ((reward > 0) - q), p.floor, 1 - p.floor)
    positive = state.positive.at[pair, action].set(jnp.where(told, moved, q))
    after = PredictionState(positive, jnp.where(called, 0, total))
    trigger = (called & (number >= p.settled)).astype(total.dtype)
    return after, Predicted(trigger, entropy)
