"""Drives that can't be drawn are refused by their name."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    PoissonInput,
    Pulse,
    PyramidalDrive,
    TimeSeries,
    cells,
    combine,
    rollout,
    simulate,
)
from neurogain.spiking.engine import drive_checks

KEY = jax.random.key(11)
NAN, INF = float("nan"), float("inf")
RATE = "`drive.current, rate_hz,` must be in [0, 1e+07] Hz, at most 1000 spikes a step on average"
SD = "`drive.current, sd,` must be a standard deviation of at least 0; got "


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (Drive(Noise(0.0, -1.0)), SD + "-1.0. Pass Noise(0.0, 100.0)."),
        (Drive(Noise(0.0, np.array([1.0, 2.0, -0.1]))), SD),
        (Drive(Noise(NAN, 1.0)), "`drive.current, mean,` must be finite; got nan"),
        (Drive(Noise(0.0, NAN)), "`drive.current, sd,` must be finite; got nan"),
        (Drive(Noise(0.0, INF)), "`drive.current, sd,` must be finite; got inf"),
        (
            Drive(conductance=Noise(5.0, 1.0)),
            "`drive.conductance` must be a finite cond",
        ),
        (Drive(Noise(np.ones(2), 1.0)), "`drive.current, mean,` must be one value, or one per c"),
        (Drive(Noise(0.0, np.ones((3, 1)))), "`drive.current, sd,` must be one value, or one per"),
        (Drive(PoissonInput(1.1e7, 1.0)), RATE + "; got 11000000.0. Take a shorter dt, or Noise"),
        (
            Drive(PoissonInput(-1.0, 1.0)),
            RATE + "; got -1.0. Pass PoissonInput(0.0, weight) for no spikes.",
        ),
        (Drive(PoissonInput(NAN, 1.0)), "`drive.current, rate_hz,` must be finite; got nan"),
        (Drive(PoissonInput(1.0, NAN)), "`drive.current, weight,` must be finite; got nan"),
        (Drive(PoissonInput(np.ones(4), 1.0)), "`drive.current, rate_hz,` must be one value, or"),
        (
            Drive(conductance=PoissonInput(10.0, -1.0)),
            "`drive.conductance, weight,` must be a finite conductance of at least 0 nS; got -1.0. "
            "Pass 0.0.",
        ),
    ],
)
def test_bad_noise_is_refused(drive, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        drive_checks.check(drive, n=3, last_step=10, key=KEY, dt=0.1)


SERIES = TimeSeries(np.ones(10))
CONSTANT = "must be a number or an array, constant in time; got "


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            PoissonInput(SERIES, 1.0),
            f"`drive.current, rate_hz,` {CONSTANT}TimeSeries. Pass a function that draws, for "
            "instance lambda step, key: weight * jax.random.poisson(key, rate_hz[step] * dt / 1000,"
            " (3,)).",
        ),
        (PoissonInput(1.0, lambda step, key: 1.0), f"weight,` {CONSTANT}a function. Pass a functi"),
        (
            Noise(SERIES, 1.0),
            f"`drive.current, mean,` {CONSTANT}TimeSeries. Pass a function that draws, for instance"
            " lambda step, key: mean[step] + sd[step] * jax.random.normal(key, (3,)).",
        ),
        (Pulse(SERIES, 0.0, 1.0), "of the pulse,` must be a number or an array, constant in time"),
    ],
)
def test_parts_that_change_in_time_are_refused(field, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        drive_checks.check(Drive(field), n=3, last_step=10, key=KEY, dt=0.1)


def test_the_function_that_errors_suggest_has_the_rate():
    rate_hz, weight, dt = jnp.full(100, 5000.0), 2.0, 0.1
    counts = Drive(
        lambda step, key: weight * jax.random.poisson(key, rate_hz[step] * dt / 1000, (3,))
    )
    drive_checks.check(counts, n=3, last_step=10, key=KEY, dt=dt)
    keys = jax.random.split(KEY, 1000)
    values = jax.vmap(lambda key: counts.current(3, key))(keys)
    assert values.mean() == pytest.approx(1.0, rel=0.1)  # 2 * 0.5


@pytest.mark.parametrize("coupling", [Noise(0.5, 1.0), PoissonInput(100.0, 2.0)])
def test_a_coupling_that_is_drawn_outside_zero_to_one_is_refused(coupling):
    with pytest.raises(ValueError, match="coupling"):
        drive_checks.check(PyramidalDrive(coupling=coupling), n=3, last_step=10, key=KEY, dt=0.1)


@pytest.mark.parametrize("runner", [simulate, rollout])
@pytest.mark.parametrize("drive", [Drive(Noise(0.0, 1.0)), Drive(0.0, PoissonInput(5.0, 1.0))])
def test_noise_without_a_key_is_refused(runner, drive):
    message = r"`key` must be a jax.random.key, since `drive\..*` is drawn; got None"
    with pytest.raises(ValueError, match=message):
        runner(IzhikevichCell(), cells.PV, drive, n=2, duration=1.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda step, key: 300 * jax.random.normal(key, (2,)),
        lambda step, key: jax.random.uniform(jax.random.fold_in(key, step)),
    ],
)
def test_a_function_that_draws_needs_a_key(function):
    message = (
        "`key` must be a jax.random.key, since the function of `drive.current` uses it; got None. "
        "Pass key=jax.random.key(0)."
    )
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        drive_checks.check(Drive(function), n=2, last_step=10, key=None)
    assert isinstance(caught.value.__cause__, TypeError)
    drive_checks.check(Drive(function), n=2, last_step=10, key=KEY)


def test_a_function_that_ignores_its_key_needs_none():
    drive_checks.check(Drive(lambda step, key: jnp.sin(step)), n=2, last_step=10, key=None)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize(
    ("function", "error", "cause", "message"),
    [
        (lambda step, key: {}["x"], ValueError, KeyError, "it raised KeyError: 'x'. Write it with"),
        (lambda step, key: float(step), TypeError, TypeError, "it raised ConcretizationTypeError"),
        (lambda step, key: jnp.ones(2) + jnp.ones(3), TypeError, TypeError, "it raised TypeError"),
    ],
)
def test_the_error_of_a_function_names_its_field(function, error, cause, message, key):
    rule = "`drive.current` must be a function of (step, key) that JAX can trace; "
    with pytest.raises(error, match=re.escape(rule + message)) as caught:
        drive_checks.check(Drive(function), n=2, last_step=10, key=key)
    assert isinstance(caught.value.__cause__, cause)


def test_rates_may_be_as_high_as_a_thousand_spikes_a_step():
    for dt in (0.1, 0.3, 1.0):
        drive_checks.check(Drive(PoissonInput(1e6 / dt, 1.0)), n=2, last_step=1, key=KEY, dt=dt)
        with pytest.raises(ValueError, match="rate_hz"):
            drive_checks.check(
                Drive(PoissonInput(1.001e6 / dt, 1.0)), n=2, last_step=1, key=KEY, dt=dt
            )


def test_drawn_fields_are_not_added_up():
    for varying in (Noise(0.0, 1.0), PoissonInput(1.0, 1.0), TimeSeries(np.ones(3))):
        with pytest.raises(TypeError, match="`combine` adds numbers and arrays"):
            combine(Drive(varying), Drive(1.0))
