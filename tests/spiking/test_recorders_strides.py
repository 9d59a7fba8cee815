"""Recorders of different `every` sample in one run what each samples alone, and only then."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import Drive, IzhikevichCell, TimeSeries, cells, rollout, simulate
from neurogain.spiking.recorders import Spikes, Total, Traces

N = 3
DT = 0.1
CURRENT = TimeSeries(300 + 200 * np.sin(np.arange(6000)[:, None] / 70 + np.arange(N)))
STRIDES = [(1, 20, 30), (7,), (4, 4), (1, 2, 6, 9), (8, 4, 2)]


@dataclasses.dataclass(frozen=True)
class Sums:
    """The sum of all steps' numbers so far, and of `v`; `seen` is called at each emission."""

    every: int
    seen: Callable[[Any], None] | None = None

    def init(self, state, info):
        return jnp.zeros((), jnp.int32), jnp.zeros_like(state.v)

    def update(self, carry, state, info, *, step, dt):
        return carry[0] + step, carry[1] + state.v

    def emit(self, carry, state, info):
        if self.seen is not None:
            jax.debug.callback(self.seen, carry[0])
        return {"steps": carry[0][None], "v": carry[1], "now": state.v, "spike": info.spike}

    def finish(self, carry, emitted, *, first_step, dt):
        return {"last": carry, "emitted": emitted}


def potential(state, info):
    return state.v


def run(record, steps, *, runner=simulate, **options):
    return runner(
        *(IzhikevichCell(), cells.PV, Drive(CURRENT)),
        **{"n": N, "duration": steps * DT, "dt": DT, "record": record, **options},
    )


def lengths(strides):
    """Two times the steps that all recorders sample together after, and a number of such."""
    two_periods = 2 * int(np.lcm.reduce(strides))
    return two_periods, two_periods * -(-250 // two_periods)


def recorders(strides):
    record = {str(i): Sums(every) for i, every in enumerate(strides)}
    record |= {f"traces {i}": Traces(potential, every) for i, every in enumerate(strides)}
    record |= {"events": Spikes()} if 1 in strides else {}
    return record | {"count": Total()}


@pytest.fixture(scope="module")
def states():
    """State and spikes after every step, by the plainest means."""
    model = IzhikevichCell()

    def body(state, current):
        state, info = model.step(cells.PV, state, Drive(current), dt=DT, key=None)
        return state, (state, info.spike)

    start = model.init(cells.PV, N, jnp.float32)
    series = jnp.asarray(CURRENT.values, jnp.float32)
    out = jax.jit(lambda s: jax.lax.scan(body, s, series)[1])(start)
    return jax.tree.map(np.asarray, out)


@pytest.fixture(scope="module")
def whole(states):
    state, spike = states
    assert spike[:250].any()
    return state.v, spike


def check(emitted, every, steps, whole, first_step=0):
    v, spike = whole
    last = np.arange(every - 1, steps, every)
    numbers = np.cumsum(first_step + np.arange(steps))
    np.testing.assert_array_equal(emitted["steps"][:, 0], numbers[last])
    np.testing.assert_array_equal(emitted["spike"], spike[last])
    np.testing.assert_allclose(emitted["now"], v[last], rtol=1e-3)
    np.testing.assert_allclose(emitted["v"], np.cumsum(v[:steps], axis=0)[last], rtol=1e-3)


@pytest.mark.parametrize("strides", STRIDES, ids=str)
def test_each_recorder_samples_in_a_simulation_as_if_alone(strides, whole):
    two_periods, steps = lengths(strides)
    chunk = 1 if strides == STRIDES[0] else two_periods  # the former becomes one period
    together = run(recorders(strides), steps, chunk=chunk).recorded
    np.testing.assert_array_equal(together["count"], whole[1][:steps].sum(axis=0))
    for i, every in enumerate(strides):
        ours = together[str(i)]
        assert ours["last"][0] == steps * (steps - 1) // 2
        check(ours["emitted"], every, steps, whole)
        traces = together[f"traces {i}"]
        np.testing.assert_allclose(traces.time_ms, DT * np.arange(every, steps + 1, every))
        np.testing.assert_array_equal(traces.values, ours["emitted"]["now"])
    if 1 in strides:
        step, cell = np.nonzero(whole[1][:steps])
        np.testing.assert_allclose(together["events"].time_ms, DT * (step + 1))
        np.testing.assert_array_equal(together["events"].cell, cell)


def test_each_recorder_samples_in_a_rollout_that_goes_on_as_if_alone(states, whole):
    strides, before = STRIDES[3], 90
    _, steps = lengths(strides)
    record = {str(i): Sums(every) for i, every in enumerate(strides)}
    options = {"runner": rollout, "segment": 70, "first_step": before}  # 72; then a shorter one
    start = jax.tree.map(lambda x: x[before - 1], states[0])
    together = jax.jit(lambda state: run(record, steps, state=state, **options).recorded)(start)
    later = tuple(x[before:] for x in whole)
    for i, every in enumerate(strides):
        check(together[str(i)], every, steps, later, first_step=before)


def test_a_run_that_goes_on_keeps_its_strides(whole):
    strides = STRIDES[0]
    record, period = recorders(strides), 60
    first = run(record, 2 * period, chunk=period)
    options = {"state": first.state, "first_step": first.step}
    second = run(record, 3 * period, chunk=period, **options)
    later = tuple(x[2 * period :] for x in whole)
    for i, every in enumerate(strides):
        emitted = second.recorded[str(i)]["emitted"]
        check(emitted, every, 3 * period, later, first_step=2 * period)


@pytest.mark.parametrize(("runner", "strides"), [(simulate, (1, 10, 100)), (rollout, (25, 100))])
def test_nothing_is_emitted_but_what_is_kept(strides, runner):
    seen = {every: [] for every in strides}
    record = {str(every): Sums(every, seen[every].append) for every in strides}
    result = run(record, 300, runner=runner)
    jax.block_until_ready(result.state)
    jax.effects_barrier()
    for every in strides:
        assert len(seen[every]) == 300 // every
        numbers = np.cumsum(np.arange(300))[every - 1 :: every]
        np.testing.assert_array_equal(np.sort(np.asarray(seen[every])), numbers)


def test_memory_is_counted_as_it_is_stacked():
    record = {"fast": Traces(potential), "slow": Traces(potential, 100)}
    bytes_kept = 4 * N * (300 + 3)
    run(record, 300, max_recorded_bytes=bytes_kept)
    with pytest.raises(ValueError, match=r"`record` must keep at most .* of them in 'fast'"):
        run(record, 300, max_recorded_bytes=bytes_kept - 1)


def test_runs_that_end_between_samples_are_refused():
    record = {"a": Traces(potential, 20), "b": Traces(potential, 30)}
    message = r"`duration` must be a multiple of 6 ms, the shortest time after which all"
    for runner in (simulate, rollout):
        with pytest.raises(ValueError, match=message):
            run(record, 100, runner=runner)
        with pytest.raises(ValueError, match=message):
            run(record, 120, runner=runner, first_step=20)
