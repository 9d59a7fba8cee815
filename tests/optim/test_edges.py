"""Cases between the features: injected, skipped, audited, held for good."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    audit,
    modulate_by_gain,
    multi_steps,
    ngm_sgd,
    reset_on_switch,
    scale_by_gain,
    scale_by_uncertainty,
)

PARAMS = {"w": jnp.ones((3, 2)), "b": jnp.ones(2)}


def test_initial_gain_may_be_injected_under_jit():
    build = optax.inject_hyperparams(ngm_sgd, static_args=("mask", "unit_axis"))
    tx = build(
        learning_rate=0.1, initial_gain=2.0, per="unit", mask=lambda p: {"w": True, "b": 0 > 1}
    )
    state = jax.jit(tx.init)(PARAMS)
    _, state = jax.jit(tx.update)(PARAMS, state, PARAMS, uncertainty=0.0)
    np.testing.assert_allclose(state.inner_state.gain["w"], np.full((1, 2), 1.9), rtol=1e-6)


def test_a_skipped_micro_batch_leaves_no_trace_in_the_drive():
    tx = multi_steps(ngm_sgd(0.1), 2, should_skip_update_fn=optax.skip_not_finite)
    bad = jax.tree.map(lambda p: p * jnp.nan, PARAMS)
    update, state = jax.jit(tx.update), tx.init(PARAMS)
    for grads, drive in ((PARAMS, 0.2), (bad, jnp.nan), (PARAMS, 0.4)):
        _, state = update(grads, state, PARAMS, uncertainty=jnp.float32(drive))
    gain = state.inner_state.inner_opt_state.gain
    np.testing.assert_allclose(gain, 1 + 0.4 * 0.3, rtol=1e-6)


def test_audit_sees_through_a_reset_at_the_switch():
    tx = reset_on_switch(modulate_by_gain(optax.adam(0.1)))
    (report,) = audit(tx, PARAMS, task_switch=jnp.array(True))
    assert report.received
    assert report.leaves == 2


def test_a_gain_of_one_for_good_ignores_a_bad_drive_under_jit():
    tx = modulate_by_gain(optax.sgd(0.1), sensitivity=0.0)
    updates, state = jax.jit(tx.update)(PARAMS, tx.init(PARAMS), PARAMS, uncertainty=jnp.nan)
    assert state.gain == 1
    np.testing.assert_array_equal(updates["b"], np.full(2, -0.1, np.float32))


@pytest.mark.parametrize("name", ["decay", "baseline", "sensitivity"])
def test_array_constants_are_refused(name):
    value = {"decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}[name]
    with pytest.raises(ValueError, match=rf"`{name}` must be one number, or a schedule"):
        modulate_by_gain(optax.sgd(0.1), **{name: np.full(4, value)})


@pytest.mark.parametrize("axis", [1, -2])
def test_unit_axis_outside_a_leaf_is_refused(axis):
    tx = modulate_by_gain(optax.sgd(0.1), per="unit", unit_axis=axis)
    with pytest.raises(
        ValueError, match=rf"`unit_axis` must be an axis of .*got {axis} for .*\(2,\)"
    ):
        tx.init(PARAMS)


@pytest.mark.parametrize("control", [scale_by_gain, scale_by_uncertainty])
def test_controls_refuse_schedules(control):
    with pytest.raises(TypeError, match="`sensitivity` must be a number, not a schedule"):
        control(sensitivity=optax.constant_schedule(0.4))
