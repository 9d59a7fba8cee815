"""Noise on examples in spikes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurogain.tasks.spikes.noise import jitter, thinned, with_background

KEY = jax.random.key(0)


@given(st.floats(0, 20), st.integers(0, 99))
def test_jitter_keeps_every_spike_in_its_channel(sd, seed):
    spikes = jax.random.bernoulli(jax.random.key(seed), 0.3, (3, 10, 4)).astype(jnp.float32)
    found = jitter(spikes, jax.random.key(seed + 1), sd)
    np.testing.assert_array_equal(found.sum(1), spikes.sum(1))
    if sd == 0:
        np.testing.assert_array_equal(found, spikes)


def test_jitter_is_normal_in_steps():
    spikes = jnp.zeros((4000, 101, 1)).at[:, 50].set(1)
    at = jitter(spikes, KEY, 4.0)[:, :, 0].argmax(1) - 50
    assert abs(float(at.mean())) < 0.3
    assert float(at.std()) == pytest.approx(np.sqrt(16 + 1 / 12), rel=0.05)  # and rounding


def test_shares_are_those_asked_for():
    spikes = jnp.ones((100, 50, 4))
    assert float(thinned(spikes, KEY, 0.2).mean()) == pytest.approx(0.8, abs=0.01)
    assert float(with_background(0 * spikes, KEY, 0.05).mean()) == pytest.approx(0.05, abs=0.005)
    assert float(with_background(spikes, KEY, 0.05).mean()) == pytest.approx(1.05, abs=0.005)


def test_of_several_spikes_in_a_step_each_is_lost_alone():
    spikes = jnp.full((40, 50, 4), 3, jnp.uint8)
    found = thinned(spikes, KEY, 0.2)
    assert found.dtype == jnp.uint8
    expected = [0.2**3, 3 * 0.8 * 0.2**2, 3 * 0.8**2 * 0.2, 0.8**3]
    np.testing.assert_allclose(np.bincount(np.ravel(found)) / found.size, expected, atol=0.015)
    few = jnp.array([[[0, 255, 1]]], jnp.uint8)
    np.testing.assert_array_equal(thinned(few, KEY, 0.0), few)
    np.testing.assert_array_equal(thinned(few, KEY, 1.0), 0 * few)
    np.testing.assert_allclose(thinned(few, KEY, 0.2)[0, 0, 1], 204, atol=25)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: jitter(x, KEY, -1.0), "`sd` must be finite, at least 0 steps"),
        (lambda x: jitter(x, KEY, np.inf), "`sd` must be finite, at least 0 steps"),
        (lambda x: jitter(x[0], KEY, 1.0), r"`spikes` must have shape \(n, steps, channels\)"),
        (lambda x: with_background(x[0], KEY, 0.1), r"`spikes` must have shape"),
        (lambda x: thinned(x, KEY, 1.1), r"`lost` must be in \[0, 1\]"),
        (lambda x: with_background(x, KEY, -0.1), r"`rate` must be in \[0, 1\]"),
    ],
)
def test_what_is_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.ones((1, 2, 3)))


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int8])
def test_numbers_of_few_bits_do_not_wrap(dtype):
    most = jnp.iinfo(dtype).max
    full = jnp.full((1, 2, 1), most, dtype)
    assert with_background(full, KEY, 1.0).tolist() == [[[most], [most]]]
    ends = jnp.array([[[most], [0], [most]]], dtype)
    found = [jitter(ends, jax.random.key(i), 3.0) for i in range(20)]
    assert {x.dtype for x in found} == {jnp.dtype(dtype)}
    assert {int(x.max()) for x in found} == {int(most)}  # also where both are in one step
    assert min(int(x.sum()) for x in found) == most


def test_jitter_of_any_size_ends_at_the_ends():
    spikes = jnp.zeros((200, 11, 1)).at[:, 5].set(1)
    found = np.asarray(jitter(spikes, KEY, 1e30)).sum((0, 2))
    assert found[0] + found[-1] == 200
    assert min(found[0], found[-1]) > 60
