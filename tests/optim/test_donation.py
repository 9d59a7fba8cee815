"""Parameters and states whose buffers are given away give the same results, bit for bit."""

import jax
import jax.numpy as jnp
import optax
import pytest

from neurogain.optim import consolidate, modulate_by_gain, two_timescale


@pytest.mark.parametrize(
    "build",
    [
        lambda: modulate_by_gain(optax.adam(0.1)),
        lambda: modulate_by_gain(optax.adam(0.1), per="unit"),
        lambda: modulate_by_gain(optax.adam(0.1), keep_weights=True),
        lambda: consolidate(optax.adam(0.1)),
        lambda: consolidate(optax.contrib.mechanize(optax.sgd(0.1))),
        lambda: two_timescale(consolidation=lambda count: 0.9 - 0.1 * count, follow_gain=True),
    ],
)
def test_parameters_and_state_can_be_donated(build, params, grads, assert_close):
    tx = build()
    state = tx.init(params)
    keep = jax.tree.map(jnp.copy, (params, state))

    def step(params, state):
        updates, state = tx.update(grads, state, params, uncertainty=0.5)
        return optax.apply_updates(params, updates), state

    wanted = jax.jit(step)(*keep)
    donated = jax.jit(step, donate_argnums=(0, 1))(params, state)
    assert_close(donated, wanted, rtol=0)
    assert all(x.is_deleted() for x in jax.tree.leaves((params, state)))
