"""Sums and counts of long runs, where float32 alone stops at 2^24."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurogain.spiking import PoissonSource, simulate, sums
from neurogain.spiking.models.sources import SpikeListSource, SpikeListState, spike_list
from neurogain.spiking.recorders import Intervals, Mean, Total

pytestmark = pytest.mark.optimized  # which may not take the compensation away

MANY = 2**24 + 1001
EPS = np.finfo(np.float32).eps


def after(recorder, value, steps):
    """Return the result of a recorder after many steps with the same value."""
    info = SimpleNamespace(spike=jnp.asarray(value))

    @jax.jit
    def run():
        first = recorder.init(None, info)
        body = lambda k, carry: recorder.update(carry, None, info, step=k, dt=0.1)  # noqa: E731
        return jax.lax.fori_loop(0, steps, body, first)

    return recorder.finish(jax.tree.map(np.asarray, run()), None, first_step=0, dt=0.1)


def as_it_is(state, info):
    return info.spike


def above(state, info):
    return info.spike > 0


def test_spikes_are_counted_beyond_what_float32_counts():
    count = after(Total(), [1.0, 0.0], MANY)
    assert count.dtype == np.int64
    np.testing.assert_array_equal(count, [MANY, 0])
    np.testing.assert_array_equal(after(Total(above), [1.0, 0.0], MANY), [MANY, 0])


@pytest.mark.parametrize("value", [-60.0, 0.1, 1e-3])
def test_the_mean_of_a_constant_is_the_constant(value):
    single = np.float64(np.float32(value))
    np.testing.assert_allclose(after(Mean(as_it_is), [value], MANY), single, rtol=2 * EPS)
    np.testing.assert_allclose(after(Total(as_it_is), [value], MANY), single * MANY, rtol=2 * EPS)


def test_intervals_of_a_spike_in_each_step():
    record = after(Intervals(burst_window=1.0), [1.0], MANY)
    assert record.spikes == record.in_burst == MANY
    np.testing.assert_allclose(record.mean_ms, 0.1, rtol=1e-6)


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=50))
def test_integers_add_up_in_64_bits(values):
    total = sums.start(jnp.zeros((), jnp.int32))
    for value in values:
        total = _add(total, jnp.int32(value))
    assert sums.total_of(jax.tree.map(np.asarray, total)) == sum(values)


_add = jax.jit(sums.add)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=200))
def test_floats_add_up_as_in_64_bits(values):
    x = np.asarray(values, np.float32)
    padded = np.pad(x, (0, 200 - len(x)))
    total = jax.tree.map(np.asarray, _add_all(padded))
    wide = x.astype(np.float64)
    assert abs(sums.total_of(total) - wide.sum()) <= 2 * EPS * np.abs(wide).sum()


@jax.jit
def _add_all(x):
    return jax.lax.scan(lambda total, x: (sums.add(total, x), None), sums.start(x[0]), x)[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, np.inf, 2.0], np.inf), ([3e38, 3e38, 1.0], np.inf), ([1.0, np.nan, 2.0], np.nan)],
)
def test_what_is_not_finite_stays_so(values, expected):
    total = jax.tree.map(np.asarray, _add_all(np.asarray(values, np.float32)))
    np.testing.assert_array_equal(sums.total_of(total), expected)


def test_the_gradient_of_a_sum_is_one():
    gradient = jax.grad(lambda x: sums.total_of(_add_all(x)))(
        np.linspace(-3, 5, 7, dtype=np.float32)
    )
    np.testing.assert_array_equal(gradient, np.ones(7))


def test_sources_count_on_behind_what_float32_counts():
    run = simulate(PoissonSource(), (), 1e4, n=1, duration=1.0, dt=0.1, key=jax.random.key(0))
    start = run.state._replace(spikes=jnp.array([2**24], jnp.int32))
    on = simulate(PoissonSource(), (), 1e4, n=1, duration=1.0, dt=0.1, key=jax.random.key(0),
                  state=start)  # fmt: skip
    assert on.state.spikes - 2**24 == run.state.spikes == 10
    listed = spike_list([0.1, 0.2], [0, 0], n=1, dt=0.1)
    state = SpikeListSource().init(listed, 1)
    state = SpikeListState(jnp.array([2**24], jnp.int32), *state[1:])
    on = simulate(SpikeListSource(), listed, 0.0, n=1, duration=1.0, dt=0.1, state=state)
    assert on.state.spikes == 2**24 + 2
