"""Every constructor checks its constants, and an optimizer where it needs one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    audit,
    consolidate,
    get_acting,
    leaky_integrator,
    modulate_by_gain,
    multi_steps,
    ngm_adam,
    ngm_adamw,
    ngm_sgd,
    reset_on_switch,
    scale_by_gain,
    scale_by_uncertainty,
    two_timescale,
    with_gain_source,
)

BAD = {
    "k of 0": (lambda: multi_steps(optax.sgd(0.1), 0), ValueError, "`every_k_schedule` must be a"),
    "k of 1.5": (lambda: multi_steps(optax.sgd(0.1), 1.5), ValueError, "whole number"),
    "steps of a factory": (lambda: multi_steps(optax.sgd, 2), TypeError, "`tx` must be an optax"),
    "audit of a factory": (lambda: audit(optax.sgd, {}), TypeError, "`tx` must be an optax"),
    "reset of a factory": (lambda: reset_on_switch(optax.sgd), TypeError, "`inner` must be an opt"),
    "slow of a factory": (lambda: consolidate(optax.sgd), TypeError, "`inner` must be an optax"),
    "gain of a factory": (lambda: modulate_by_gain(optax.sgd), TypeError, "`inner` must be an op"),
    "source of a factory": (lambda: with_gain_source(optax.sgd, leaky_integrator()), TypeError,
                            "`inner` must be an optax"),
    "two baselines": (lambda: scale_by_gain(baseline=[1, 2]), ValueError, "`baseline` must be one"),
    "two decays": (lambda: scale_by_gain(decay=[0.5, 0.6]), ValueError, "`decay` must be one"),
    "two rates": (lambda: scale_by_uncertainty(sensitivity=[1.0, 2.0]), ValueError, "must be one"),
    "source's baselines": (lambda: leaky_integrator(baseline=[1, 2]), ValueError, "must be one"),
    "initial gains": (lambda: modulate_by_gain(optax.sgd(0.1), initial_gain=[1.0, 2.0]), ValueError,
                      "`initial_gain` must be one"),
    "b1 of 1": (lambda: two_timescale(b1=1.0), ValueError, r"`b1` must be in \[0, 1\)"),
    "b2 of 1": (lambda: ngm_adam(0.1, b2=1.0), ValueError, r"`b2` must be in \[0, 1\)"),
    "eps below 0": (lambda: ngm_adamw(0.1, eps=-1.0), ValueError, "`eps` must be finite and >= 0"),
    "weight decay": (lambda: ngm_adamw(0.1, weight_decay=-1.0), ValueError, "`weight_decay` must"),
    "momentum of 1": (lambda: ngm_sgd(0.1, momentum=1.0), ValueError, "`momentum` must be in"),
    "rate of NaN": (lambda: two_timescale(float("nan")), ValueError, "`learning_rate` must be fin"),
    "rate below 0": (lambda: ngm_sgd(-0.1), ValueError, "`learning_rate` must be finite and >= 0"),
    "norm of 0": (lambda: two_timescale(max_norm=0.0), ValueError, "`max_norm` must be finite and"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_constant(name):
    make, error, message = BAD[name]
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("make", [ngm_sgd, ngm_adam, ngm_adamw, two_timescale])
def test_an_unknown_option_is_named(make):
    with pytest.raises(TypeError, match="sensitivty"):
        make(0.1, sensitivty=0.4)


def slow_weights(decay, params, steps=4, **inject):
    make = lambda decay: consolidate(optax.sgd(0.1), decay=decay)  # noqa: E731
    tx = optax.inject_hyperparams(make, **inject)(decay=decay) if inject else make(decay)
    state, path = tx.init(params), []
    for _ in range(steps):
        updates, state = tx.update(params, state, params)
        params = optax.apply_updates(params, updates)
        path.append((params["w"], get_acting(state, params)["w"]))
    return path


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_decay_of_1_weighs_no_update(dtype):
    """The first updates that count set the average; until then the weights act as they are."""
    params = {"w": jnp.ones(3, dtype)}
    path = slow_weights(lambda n: jnp.where(n < 2, 1.0, 0.5), params)
    for held, acts in path[:3]:
        np.testing.assert_array_equal(held, acts)
    third, last = (np.float32(path[i][0]) for i in (2, 3))
    np.testing.assert_allclose(
        np.float32(path[3][1]), (third + 2 * last) / 3, rtol=1e-6 if dtype == jnp.float32 else 4e-3
    )


def test_hyperparameters_of_narrow_parameters_keep_single_precision():
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    path = slow_weights(0.999, params, hyperparam_dtype=jnp.float32)
    held = np.stack([np.float32(h) for h, _ in path])
    np.testing.assert_allclose(np.float32(path[-1][1]), held.mean(axis=0), rtol=5e-3)
    with pytest.raises(TypeError, match=r"`decay` must have at least single.*hyperparam_dtype=jnp"):
        slow_weights(0.999, params, static_args=())
    gain = optax.inject_hyperparams(modulate_by_gain, static_args=("inner", "mask", "unit_axis"))
    with pytest.raises(TypeError, match="must have at least single precision; got bfloat16"):
        gain(optax.sgd(0.1), decay=0.999).init(params)


def test_micro_batches_count_by_their_weights():
    """Two tokens against forty: drive and gradient are those of the 42 tokens together."""
    drives, weights = (1.525, 0.9161905), (2.0, 40.0)
    grads = ({"w": jnp.array([1.0, 2.0])}, {"w": jnp.array([-1.0, 0.5])})
    params = {"w": jnp.ones(2)}
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    whole = modulate_by_gain(optax.sgd(0.1))
    mean = lambda a, b: (2 * a + 40 * b) / 42  # noqa: E731
    expected, after = whole.update(
        jax.tree.map(mean, *grads), whole.init(params), params, uncertainty=mean(*drives)
    )
    for update in (tx.update, jax.jit(tx.update)):
        state = tx.init(params)
        for _ in range(2):  # the second cycle begins anew
            for grad, drive, weight in zip(grads, drives, weights, strict=True):
                state = state._replace(inner_state=_at_start(state.inner_state, tx, params))
                updates, state = update(grad, state, params, uncertainty=drive, weight=weight)
        np.testing.assert_allclose(updates["w"], expected["w"], rtol=1e-6)
        np.testing.assert_allclose(state.inner_state.inner_opt_state.gain, after.gain, rtol=1e-6)


def _at_start(inner, tx, params):
    """Return the accumulator with the gain's state before its first update."""
    return inner._replace(inner_opt_state=tx.init(params).inner_state.inner_opt_state)


def test_weights_of_0_and_bad_ones():
    params = {"w": jnp.ones(2)}
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    state = tx.init(params)
    for weight, drive in ((0.0, 9.0), (1.0, 0.5)):
        updates, state = tx.update(params, state, params, uncertainty=drive, weight=weight)
    np.testing.assert_allclose(state.inner_state.inner_opt_state.gain, 1.2, rtol=1e-6)
    np.testing.assert_allclose(updates["w"], 1.2 * 0.9 - 1, rtol=1e-5)
    for weight in (0.0, 0.0):
        updates, state = tx.update(params, state, params, uncertainty=1.0, weight=weight)
    assert np.all(np.isfinite(updates["w"]))
    for bad in (-1.0, np.nan, [1.0, 2.0]):
        with pytest.raises(ValueError, match="`weight` must be"):
            tx.update(params, state, params, uncertainty=0.5, weight=bad)
