import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    find_gains,
    get_gain,
    modulate_by_gain,
    reset_on_switch,
    scale_by_gain,
    scale_by_uncertainty,
)

DRIVES = (0.5, 1.0, 0.0, 0.75)


@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_scale_by_gain_over_sgd_steps_by_the_product_of_both_gains(wrap, params, grads, oracle):
    tx = optax.chain(scale_by_gain(decay=0.8, baseline=1.5, sensitivity=0.3), optax.sgd(0.1))
    update, state, g = wrap(tx.update), tx.init(params), 1.5
    for drive in DRIVES:
        updates, state = update(grads, state, params, uncertainty=np.array([drive, drive]))
        g_new = oracle.gain_step(g, drive, decay=0.8, baseline=1.5, sensitivity=0.3)
        for k in grads:
            np.testing.assert_allclose(updates[k], -0.1 * g * g_new * grads[k], rtol=1e-5)
        g = g_new
    np.testing.assert_allclose(get_gain(state), g, rtol=1e-6)


def test_scale_by_gain_is_the_gradient_part_of_the_modulated_update(params, grads):
    ours = modulate_by_gain(optax.sgd(0.1))
    control = optax.chain(scale_by_gain(), optax.sgd(0.1))
    zeros = jax.tree.map(jnp.zeros_like, grads)
    a, b = ours.init(params), control.init(params)
    for drive in DRIVES:
        whole, new = ours.update(grads, a, params, uncertainty=drive)
        rescaling, _ = ours.update(zeros, a, params, uncertainty=drive)
        part, b = control.update(grads, b, params, uncertainty=drive)
        for k in grads:
            np.testing.assert_allclose(whole[k] - rescaling[k], part[k], rtol=1e-4, atol=1e-6)
        a = new


def test_scale_by_uncertainty(params, grads):
    tx = optax.chain(scale_by_uncertainty(sensitivity=0.3), optax.sgd(0.1))
    state = tx.init(params)
    for drive in DRIVES:
        updates, state = tx.update(grads, state, params, uncertainty=drive)
        for k in grads:
            np.testing.assert_allclose(updates[k], -0.1 * (1 + 0.3 * drive) * grads[k], rtol=1e-5)
    assert find_gains(state) == {}


@pytest.mark.parametrize("make", [scale_by_gain, scale_by_uncertainty])
def test_scalings_need_the_drive_unless_told_to_hold(make, params, grads):
    with pytest.raises(TypeError, match=f"`{make.__name__}` did not receive `uncertainty`"):
        make().update(grads, make().init(params), params)
    hold = make(on_missing="hold")
    updates, _ = hold.update(grads, hold.init(params), params)
    for k in grads:
        np.testing.assert_array_equal(updates[k], grads[k])
    with pytest.raises(ValueError, match='`on_missing` must be "raise" or "hold"'):
        make(on_missing="ignore")
    with pytest.raises(ValueError, match=r"`sensitivity` must be finite and >= 0; got -1"):
        make(sensitivity=-1.0)


@pytest.mark.parametrize("make", [scale_by_gain, scale_by_uncertainty])
def test_scalings_keep_low_precision(make, grads):
    grads = jax.tree.map(lambda g: g.astype(jnp.bfloat16), grads)
    updates, _ = make().update(grads, make().init(grads), grads, uncertainty=0.5)
    assert {str(x.dtype) for x in jax.tree.leaves(updates)} == {"bfloat16"}


def test_scale_by_gain_can_be_injected_and_donated(params, grads):
    tx = optax.inject_hyperparams(scale_by_gain)(sensitivity=0.4)
    state = tx.init(params)
    update = jax.jit(lambda s: tx.update(grads, s, params, uncertainty=0.5)[1], donate_argnums=0)
    np.testing.assert_allclose(get_gain(update(state)), 1.2, rtol=1e-6)


@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_reset_on_switch_equals_starting_anew_by_hand(wrap, params, grads, assert_close):
    inner = modulate_by_gain(optax.adam(0.1))
    tx = reset_on_switch(inner)
    update, state, ours = wrap(tx.update), tx.init(params), params
    by_hand, theirs = inner.init(params), params
    for t, switch in enumerate([False, False, True, False]):
        g = jax.tree.map(lambda x, t=t: x + t, grads)
        updates, state = update(g, state, ours, uncertainty=0.5, task_switch=jnp.asarray(switch))
        ours = optax.apply_updates(ours, updates)
        by_hand = inner.init(theirs) if switch else by_hand
        updates, by_hand = inner.update(g, by_hand, theirs, uncertainty=0.5)
        theirs = optax.apply_updates(theirs, updates)
    assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(get_gain(state), 1.0 + 0.2 + 0.18, rtol=1e-6)


def test_reset_on_switch_says_what_it_needs(params, grads):
    tx = reset_on_switch(optax.adam(0.1))
    with pytest.raises(TypeError, match="needs params and `task_switch`"):
        tx.update(grads, tx.init(params), params)
    with pytest.raises(TypeError, match="needs params and `task_switch`"):
        tx.update(grads, tx.init(params), task_switch=True)
