"""Times in ms become whole steps: on the host, in float64, so that long runs have right borders.

A time that has to be a step (the duration of a run, a delay, the spike of a list) may be off the
grid by `OFF_GRID` of a step, which is more than decimal numbers are; what is further off is
refused. The times of a pulse alone are moved to the nearest begin of a step.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LAST_STEP = 2**31 - 2
"""The last step that a run can end with: steps are counted in 32 bits."""
OFF_GRID = 1e-3
"""Of a step, by which a time that has to be one may be off."""


def as_float(x: Any) -> Any:
    """Return a NumPy number of less than 64 bits as the shortest decimal number that it stands for.

    Other values stay as they are. So np.float32(0.1) is 0.1 and not 0.10000000149, which would be a
    step off after a few million.

    >>> as_float(np.float32(0.1))
    0.1
    """
    return float(str(x)) if isinstance(x, np.floating) else x


def whole_steps(time_ms: Any, dt: float) -> tuple[Any, Any]:
    """Return the nearest numbers of steps, as float64, and whether these times are on the grid.

    Beyond 1e9 steps float64 can't tell times of the grid from others; it allows for its rounding.
    """
    exact = np.asarray(time_ms, np.float64) / dt
    steps = np.rint(exact)
    with np.errstate(invalid="ignore"):  # infinities are off the grid
        return steps, np.abs(exact - steps) <= OFF_GRID + 1e-12 * np.abs(exact)


def count_steps(duration: float, dt: float, first_step: int = 0) -> int:
    """Return duration / dt, both in ms.

    Raises:
      ValueError: if the duration is not a positive multiple of dt, or if the run from `first_step`
        ends behind `LAST_STEP`.
    """
    duration, dt = as_float(duration), as_float(dt)
    exact = duration / dt
    steps = round(exact) if math.isfinite(exact) else 0
    _, on_grid = whole_steps(duration, dt)
    if math.isfinite(duration) and not exact <= LAST_STEP + 0.5:
        raise ValueError(
            f"`duration` must be at most {LAST_STEP} steps of dt = {dt:g} ms, which are counted in "
            f"32 bits; got {duration!r}. Pass duration={LAST_STEP * dt:.15g} or less, or a longer "
            "dt."
        )
    if steps < 1 or not on_grid:
        near = max(1, steps) * dt
        raise ValueError(
            f"`duration` must be a positive multiple of dt = {dt:g} ms; got {duration!r}. "
            f"Pass duration={near:.15g}."
        )
    if first_step + steps > LAST_STEP:
        raise ValueError(
            f"`first_step` + steps must be at most {LAST_STEP}, since steps are counted in 32 bits;"
            f" got {first_step} + {steps}. Start a new run, or take a longer dt."
        )
    return steps


def nearest_step(time_ms: Any, dt: float) -> Any:
    """Return the number of the step that begins nearest to a time, as 32-bit integers.

    Known times are divided in float64, so the border is right at any time of a run; a time that is
    traced has the precision of its dtype. Times outside all runs are clipped to the ends of the
    counter.
    """
    if isinstance(time_ms, jax.core.Tracer):
        most = 2.0**31 - 2**7  # the largest float32 that is below 2^31
        time = jnp.asarray(time_ms)
        time = time if jnp.issubdtype(time.dtype, jnp.inexact) else time.astype(float)
        traced = jnp.round(time / dt)
        return jnp.clip(traced, -most, most).astype(jnp.int32)
    step = np.rint(np.asarray(time_ms, np.float64) / dt)
    return np.clip(step, -LAST_STEP - 1, LAST_STEP + 1).astype(np.int32)
