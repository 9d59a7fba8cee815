"""Gain modulation as fast and slow weights: the same trajectory, from explicit equations.

With the gain g, its tonic level g0 and underlying weights W, the effective weights are
E = g W = S + F with slow S = g0 W and fast F = (g - g0) W. From

    g' = decay g + (1 - decay) g0 + sensitivity u,    W' = W - rate g dL/dE

it follows that S and F obey equations of their own,

    S' = S - rate g g0 dL/dE                                                  (consolidates)
    F' = decay F + (sensitivity u / g0) S - rate g (g' - g0) dL/dE            (decays, is driven)

with dL/dE taken at S + F: fast weights are copied from slow ones as far as the network is
uncertain, fade with the gain, and learn the faster the higher it is.

Source: the split is that of arXiv 2507.14056; the two equations are its eqs. 2-4 rewritten.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from neurogain import _checks, optim
from neurogain import gain as dynamics


class Problem(NamedTuple):
    """Linear regression onto targets that may change from update to update, and its training."""

    inputs: Float[Array, "examples n"]
    targets: Float[Array, "updates examples"]
    start: Float[Array, " n"]  # effective weights before the first update, all of them slow
    learning_rate: float
    decay: float  # of the gain, per update
    baseline: float  # g0, tonic gain
    sensitivity: float  # gain per unit of drive


class Course(NamedTuple):
    """What is recorded before the first update and after each, over updates + 1 times."""

    slow: Float[Array, "times n"]  # g0 W
    fast: Float[Array, "times n"]  # (g - g0) W
    gain: Float[Array, " times"]


def check_problem(problem: Problem) -> None:
    """Raise a ValueError if shapes do not fit together or a constant is out of range."""
    inputs, targets, start = (jnp.shape(x) for x in problem[:3])
    if len(inputs) != 2 or len(targets) != 2 or targets[1] != inputs[0] or start != inputs[1:]:
        raise ValueError(
            "`inputs`, `targets` and `start` must be of shapes (examples, n), (updates, examples) "
            f"and (n,); got {inputs}, {targets} and {start}."
        )
    _checks.in_range(
        "learning_rate",
        problem.learning_rate,
        "positive and finite",
        lambda x: (x > 0) & (x < jnp.inf),
        "0.03",
    )
    dynamics.check_parameters(
        decay=problem.decay, baseline=problem.baseline, sensitivity=problem.sensitivity
    )


def least_squares(
    weights: Float[Array, " n"],
    inputs: Float[Array, "examples n"],
    targets: Float[Array, " examples"],
) -> tuple[Array, Array]:
    """Return the loss, half the mean squared error, and the drive, the root of the mean.

    Example:
      >>> loss, drive = least_squares(jnp.zeros(2), jnp.eye(2), jnp.array([2.0, 2.0]))
      >>> float(loss), float(drive)
      (2.0, 2.0)
    """
    mean_square = jnp.mean((inputs @ weights - targets) ** 2)
    return mean_square / 2, jnp.sqrt(mean_square)


def gain_modulated(problem: Problem) -> Course:
    """Train with `optim.modulate_by_gain` over SGD, and split its weights as it goes.

    Example:
      >>> problem = Problem(jnp.eye(2), jnp.ones((3, 2)), jnp.zeros(2), 0.1, 0.9, 1.0, 0.4)
      >>> course, other = gain_modulated(problem), explicit_fast_slow(problem)
      >>> bool(jnp.allclose(course.fast, other.fast, atol=1e-6)), course.fast.shape
      (True, (4, 2))
    """
    check_problem(problem)
    constants = {name: getattr(problem, name) for name in ("decay", "baseline", "sensitivity")}
    tx = optim.modulate_by_gain(optax.sgd(problem.learning_rate), **constants)

    def record(effective: Array, state: optax.OptState) -> Course:
        parts = optim.get_fast_slow(state, effective, baseline=problem.baseline)
        return Course(parts.slow, parts.fast, optim.get_gain(state))

    def update(
        carry: tuple[Array, optax.OptState], targets: Array
    ) -> tuple[tuple[Array, optax.OptState], Course]:
        effective, state = carry
        (_, drive), gradient = jax.value_and_grad(least_squares, has_aux=True)(
            effective, problem.inputs, targets
        )
        updates, state = tx.update(gradient, state, effective, uncertainty=drive)
        effective = optax.apply_updates(effective, updates)
        return (effective, state), record(effective, state)

    first = (problem.start, tx.init(problem.start))
    _, course = jax.lax.scan(update, first, problem.targets)
    return _with_first(record(*first), course)


def explicit_fast_slow(problem: Problem) -> Course:
    """Train slow and fast weights by their own equations, those at the head of this module.

    Example:
      >>> problem = Problem(jnp.eye(2), jnp.ones((3, 2)), jnp.zeros(2), 0.1, 0.9, 1.0, 0.4)
      >>> print(*(f"{g:.3f}" for g in explicit_fast_slow(problem).gain))
      1.000 1.400 1.732 1.979
    """
    check_problem(problem)
    _, _, _, rate, decay, baseline, sensitivity = problem

    def update(now: Course, targets: Array) -> tuple[Course, Course]:
        slow, fast, gain = now
        error = problem.inputs @ (slow + fast) - targets
        gradient = error @ problem.inputs / error.size
        drive = jnp.sqrt(jnp.mean(error**2))
        new_gain = decay * gain + (1 - decay) * baseline + sensitivity * drive
        new = Course(
            slow=slow - rate * gain * baseline * gradient,
            fast=decay * fast
            + sensitivity * drive / baseline * slow
            - rate * gain * (new_gain - baseline) * gradient,
            gain=new_gain,
        )
        return new, new

    start = jnp.asarray(problem.start)
    first = Course(start, jnp.zeros_like(start), jnp.asarray(baseline, start.dtype))
    _, course = jax.lax.scan(update, first, problem.targets)
    return _with_first(first, course)


def _with_first(first: Course, later: Course) -> Course:
    return Course(*(jnp.concatenate([a[None], b]) for a, b in zip(first, later, strict=True)))
