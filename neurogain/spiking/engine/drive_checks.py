"""Checks of a drive before it runs: shape, length and values of each of its fields."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks
from neurogain.spiking.engine.drives import (
    MOST_COUNTS,
    SLACK,
    Noise,
    PoissonInput,
    Pulse,
    Rule,
    TimeSeries,
    check_array,
    check_is_array,
    check_shape,
    fields,
)

DRAWN_IN_TIME = {
    Noise: (
        "Pass a function that draws, for instance "
        "lambda step, key: mean[step] + sd[step] * jax.random.normal(key, ({n},))."
    ),
    PoissonInput: (
        "Pass a function that draws, for instance lambda step, key: "
        "weight * jax.random.poisson(key, rate_hz[step] * dt / 1000, ({n},))."
    ),
}
"""The way out where mean, sd, rate or weight change in time."""
SERIES = "For values in time pass TimeSeries(values), with steps as the first axis."


def check(
    drive: Any,
    *,
    n: int,
    first_step: int = 0,
    last_step: int,
    key: jax.Array | None,
    dt: float = 0.1,
    name: str = "drive",
) -> None:
    """Check shape, length and values of each field of a drive.

    `name` is what the error calls it.

    Raises:
      ValueError: if a field has the wrong shape, is too short or breaks its rule (not finite, a
        negative conductance); names the field, the rule with its unit, the value and a way out.
      TypeError: if a function of (step, key) does not return an array.
    """
    for path, field, rule in fields(drive, name):
        if isinstance(field, TimeSeries):
            _check_series(path, field, rule, n, range(first_step, last_step))
        elif isinstance(field, Pulse):
            _check_pulse(path, field, rule, n, dt)
        elif isinstance(field, Noise | PoissonInput):
            _check_drawn(path, field, rule, n, dt)
            if key is None:
                raise ValueError(
                    f"`key` must be a jax.random.key, since `{path}` is drawn; got None. Pass "
                    "key=jax.random.key(0)."
                )
        elif _checks.is_function(field):
            _check_function(path, field, n, key)
        else:
            check_is_array(path, field)
            check_shape(path, np.shape(field), n, SERIES)
            _check_values(path, field, rule)


def _check_series(name: str, series: TimeSeries, rule: Rule, n: int, steps: range) -> None:
    """Raise ValueError for a series that misses steps of the run, or of wrong shape or values."""
    _checks.whole(f"{name}, first,", series.first, 0)
    if not isinstance(series.values, jax.Array):
        _checks.as_numbers(name, series.values)
    shape = np.shape(series.values)
    after = series.first + (shape[0] if shape else 0)
    if not shape or series.first > steps.start or after < steps.stop:
        covered = f"values of steps {series.first} to {after - 1}" if shape else "one value"
        raise ValueError(
            f"`{name}` must have a value for each of the steps {steps.start} to {steps.stop - 1} "
            f"of the run; got {covered}, shape {shape}. Pass a longer series, or the `first` step "
            "of its values."
        )
    check_shape(name, shape[1:], n, SERIES)
    _check_values(name, series.values, rule)


def _check_pulse(name: str, pulse: Pulse, rule: Rule, n: int, dt: float) -> None:
    """Raise ValueError for a pulse of wrong shape, values or times."""
    for field, value in pulse._asdict().items():
        way_out = "Pass a TimeSeries, or a function of (step, key)."
        check_array(f"{name}, {field} of the pulse,", value, n, in_time=way_out)
    for time in (pulse.start, pulse.end):
        finite = "a pulse with finite times in ms"
        _checks.in_range(name, time, finite, np.isfinite, "Pass Pulse(height, 50.0, 450.0).")
    known = _checks.is_concrete(pulse.start) and _checks.is_concrete(pulse.end)
    if known and not np.all(np.asarray(pulse.start) <= np.asarray(pulse.end)):
        raise ValueError(
            f"`{name}` must be a pulse that starts before it ends (ms); got start "
            f"{pulse.start!r}, end {pulse.end!r}."
        )
    if known:
        first, after = (np.rint(np.asarray(time, float) / dt) for time in (pulse.start, pulse.end))
        if np.any((np.asarray(pulse.start) < np.asarray(pulse.end)) & (first == after)):
            raise ValueError(
                f"`{name}` must be a pulse of at least one step of dt = {dt:g} ms, since its times "
                f"are moved to the nearest step; got start {pulse.start!r}, end {pulse.end!r}. "
                "Take a longer pulse, or a shorter dt."
            )
    _check_values(name, pulse.height, rule)
    _check_values(name, pulse.base, rule)


def _check_function(name: str, function: Callable[..., Any], n: int, key: jax.Array | None) -> None:
    """Raise TypeError or ValueError for a function of (step, key) that fails, or returns no field.

    One that needs a key is found by giving it one.
    """
    if error := _checks.why_not(function, 0, key):
        raise TypeError(
            f"`{name}` must be a function of (step, key); got {function!r}: {error}. Write "
            "lambda step, key: ..."
        ) from error

    step = jax.ShapeDtypeStruct((), jnp.int32)
    try:
        result = jax.eval_shape(functools.partial(_called, function), step, key)
    except Exception as error:
        if key is None and _runs_with_a_key(function):
            raise ValueError(
                f"`key` must be a jax.random.key, since the function of `{name}` uses it; got "
                "None. Pass key=jax.random.key(0)."
            ) from error
        raise _checks.kind_of(error)(
            f"`{name}` must be a function of (step, key) that JAX can trace; it raised "
            f"{_checks.said(error)}. Write it with jax.numpy; `step` is not known when it is "
            "compiled."
        ) from error
    if isinstance(result, _NoArray):
        raise TypeError(
            f"`{name}`, a function of (step, key), must return one array; got {result.text}."
        )
    if jnp.issubdtype(result.dtype, jnp.complexfloating):
        raise TypeError(
            f"`{name}`, a function of (step, key), must return real numbers; got {result.dtype}. "
            "Return the real part."
        )
    check_shape(name, result.shape, n, f"Return one value, or {n}; `step` says when.")


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _NoArray:
    """What a function returned in place of an array."""

    text: str


def _called(function: Callable[..., Any], step: jax.Array, key: jax.Array | None) -> Any:
    value = function(step, key)
    is_field = hasattr(value, "shape") or isinstance(value, bool | int | float)
    return value if is_field else _NoArray(f"{value!r:.200}")


def _runs_with_a_key(function: Callable[..., Any]) -> bool:
    """Return whether a function of (step, key) does not fail once it gets a key."""
    try:
        jax.eval_shape(function, jax.ShapeDtypeStruct((), jnp.int32), jax.random.key(0))
    except Exception:
        return False
    return True


def _check_drawn(name: str, drawn: Noise | PoissonInput, rule: Rule, n: int, dt: float) -> None:
    """Raise ValueError for a draw with wrong constants, or that could break the field's rule."""
    for part, value in drawn._asdict().items():
        check_array(f"{name}, {part},", value, n, in_time=DRAWN_IN_TIME[type(drawn)].format(n=n))
        _checks.in_range(f"{name}, {part},", value, "finite", np.isfinite, "Choose a number.")
    check_draws(name, drawn, rule)
    if isinstance(drawn, Noise):
        text = "a standard deviation of at least 0"
        way_out = "Pass Noise(0.0, 100.0)."
        _checks.in_range(f"{name}, sd,", drawn.sd, text, lambda x: x >= 0, way_out)
    else:
        _check_values(f"{name}, weight,", drawn.weight, rule)
        _check_rate(name, drawn.rate_hz, dt)


def check_draws(name: str, drawn: Noise | PoissonInput, rule: Rule) -> None:
    """Raise ValueError for a draw that could break the field's rule, whatever its constants."""
    if type(drawn) not in rule.draws:
        others = " or ".join(kind.__name__ for kind in rule.draws) or "a TimeSeries"
        raise ValueError(
            f"`{rule.name or name}` must be {rule.text}, so it can't be drawn as "
            f"{type(drawn).__name__}; got {drawn!r}. Pass {others}."
        )


def _check_rate(name: str, rate_hz: ArrayLike, dt: float) -> None:
    """Raise ValueError for a rate of more spikes in a step than are counted."""
    most = MOST_COUNTS * 1000 / dt
    text = f"in [0, {most:g}] Hz, at most {MOST_COUNTS} spikes a step on average"
    way_out = "Take a shorter dt, or Noise of the same mean and variance."
    if _checks.is_concrete(rate_hz) and np.any(np.asarray(rate_hz) < 0):
        way_out = "Pass PoissonInput(0.0, weight) for no spikes."
    holds = lambda x: (x >= 0) & (x <= most * (1 + SLACK))  # noqa: E731
    _checks.in_range(f"{name}, rate_hz,", rate_hz, text, holds, way_out)


def _check_values(name: str, values: object, rule: Rule) -> None:
    """Raise ValueError for values that break the rule of their field."""
    _checks.in_range(rule.name or name, values, rule.text, rule.holds, rule.suggestion)
