"""Steps are whole numbers that are right at any time of a run."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurogain.spiking import Drive, Pulse, rollout, simulate
from neurogain.spiking.engine.times import LAST_STEP, count_steps, nearest_step
from neurogain.spiking.recorders import Traces


class Info(NamedTuple):
    spike: Any


@dataclasses.dataclass(frozen=True)
class Echo:
    """Its state is the current of its last step."""

    compartments = ("soma",)
    empty_drive = Drive()

    def init(self, params, n, dtype):
        return jnp.zeros((n,), dtype)

    def step(self, params, state, drive, *, dt, key):
        state = jnp.zeros_like(state) + drive.current
        return state, Info(jnp.zeros_like(state))

    def check(self, params, drive, *, dt, n, key):
        """Refuse nothing."""


def shown(state, info):
    return state


RECORD = {"current": Traces(shown)}


def on(pulse, first_step, steps=6, dt=0.1, runner=simulate):
    """Return the steps in which a pulse acts, of those of a run."""
    run = runner(Echo(), (), Drive(pulse), n=1, duration=steps * dt, dt=dt, record=RECORD,
                 first_step=first_step)  # fmt: skip
    current = run.recorded["current"]
    values = current.values if runner is simulate else current
    return first_step + np.flatnonzero(np.asarray(values)[:, 0])


@given(st.integers(0, LAST_STEP), st.sampled_from([0.1, 0.05, 0.025, 1 / 3, 1.0]))
def test_the_time_of_a_step_is_that_step(step, dt):
    assert nearest_step(step * dt, dt) == step


@pytest.mark.parametrize("step", [3, 5_242_889, 18_000_001, 30_000_001, LAST_STEP - 3])
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_a_pulse_of_one_step_acts_in_it_alone(step, runner):
    pulse = Pulse(1.0, step * 0.1, (step + 1) * 0.1)
    np.testing.assert_array_equal(on(pulse, step - 3, runner=runner), [step])


def test_times_are_moved_to_the_nearest_step():
    np.testing.assert_array_equal(on(Pulse(1.0, 0.26, 0.54), 0), [3, 4])
    np.testing.assert_array_equal(on(Pulse(1.0, -1e12, 1e12), 0), np.arange(6))


def test_a_pulse_that_would_vanish_is_refused():
    with pytest.raises(ValueError, match=r"at least one step of dt = 0.1 ms.*start 0.32, end 0.34"):
        on(Pulse(1.0, 0.32, 0.34), 0)
    assert on(Pulse(1.0, 0.3, 0.3), 0).size == 0  # from the start to the start
    assert on(Pulse(1.0, 1e9, 1e9 + 10), 0).size == 0  # after all runs


def test_times_that_are_traced_are_steps_too():
    starts = np.arange(4) * 0.1

    def run(start):
        drive = Drive(Pulse(1.0, start, start + 0.2))
        return rollout(Echo(), (), drive, n=1, duration=0.6, record=RECORD).recorded["current"]

    values = np.asarray(jax.jit(jax.vmap(run))(starts))[..., 0]
    np.testing.assert_array_equal(values, [np.eye(6)[i] + np.eye(6)[i + 1] for i in range(4)])


def test_a_run_may_end_with_the_last_step():
    run = simulate(Echo(), (), Drive(), n=1, duration=1.0, first_step=LAST_STEP - 10)
    assert run.step == LAST_STEP


@pytest.mark.parametrize("first_step", [LAST_STEP - 9, 2**31, 2**40])
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_steps_beyond_the_counter_are_refused(first_step, runner):
    with pytest.raises(ValueError, match=rf"`first_step` \+ steps .* 32 bits; got {first_step} "):
        runner(Echo(), (), Drive(), n=1, duration=1.0, first_step=first_step)


@pytest.mark.parametrize(("duration", "dt"), [(1e30, 0.1), (10.0, 1e-30), (2.0**31, 1.0)])
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_runs_that_never_end_are_refused(duration, dt, runner):
    with pytest.raises(ValueError, match="`duration` must be at most 2147483646 steps of dt"):
        runner(Echo(), (), Drive(), n=1, duration=duration, dt=dt)


@pytest.mark.parametrize("dt", [0.1, 0.025, 0.2, 1 / 3])
def test_the_duration_that_is_advised_is_taken(dt):
    with pytest.raises(ValueError, match="32 bits") as refused:
        count_steps(1e30, dt)
    advised = float(str(refused.value).split("duration=")[1].split()[0])
    assert count_steps(advised, dt) == LAST_STEP


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.float32, jnp.float64])
def test_traced_times_of_all_dtypes_are_strict(dtype):
    with jax.enable_x64(), jax.numpy_dtype_promotion("strict"):
        step = jax.jit(lambda time: nearest_step(time, 0.5))(jnp.arange(3, dtype=dtype))
    assert step.dtype == jnp.int32
    np.testing.assert_array_equal(step, [0, 2, 4])


def test_a_day_is_counted():
    assert count_steps(24 * 3600e3, 0.1) == 864_000_000
