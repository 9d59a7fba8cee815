"""Gain modulation is learning with fast and slow weights, shown on a linear problem."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from neurogain import analysis


class FastSlow(NamedTuple):
    """The demonstration of fast and slow weights, both ways."""

    modulated_slow: Float[np.ndarray, "update weight"]  # g0 W, before any update and after each
    modulated_fast: Float[np.ndarray, "update weight"]  # (g - g0) W
    modulated_gain: Float[np.ndarray, " update"]
    explicit_slow: Float[np.ndarray, "update weight"]
    explicit_fast: Float[np.ndarray, "update weight"]
    explicit_gain: Float[np.ndarray, " update"]


def linear_problem() -> analysis.Problem:
    """Return a regression in five weights whose targets change halfway, in float64 or narrower."""
    rng = np.random.default_rng(0)
    inputs, solutions = rng.normal(size=(50, 5)), rng.normal(size=(2, 5))
    targets = np.repeat(solutions @ inputs.T, 100, axis=0)
    return analysis.Problem(
        inputs=jnp.asarray(inputs),
        targets=jnp.asarray(targets),
        start=jnp.asarray(rng.normal(size=5)),
        learning_rate=0.03,
        decay=0.9,
        baseline=1.2,
        sensitivity=0.1,
    )


def run_fast_slow() -> FastSlow:
    """Train a linear problem with a gain, and with explicit fast and slow weights, in float64."""
    with jax.enable_x64():
        problem = linear_problem()
        both = (analysis.gain_modulated(problem), analysis.explicit_fast_slow(problem))
        return FastSlow(*(np.asarray(x) for course in both for x in course))
