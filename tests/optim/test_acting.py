"""The weights that act, found in any state."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    consolidate,
    get_acting,
    get_fast_slow,
    get_weights,
    has_acting,
    modulate_by_gain,
    ngm_sgd,
)


def _equal(actual, expected):
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_leaves_left_out_act_as_they_are(params):
    params = {**params, "count": jnp.arange(3), "nothing": None}
    tx = consolidate(
        optax.masked(optax.sgd(0.1), {**dict.fromkeys(params, True), "count": False}),
        mask={**dict.fromkeys(params, True), "count": False, "bias": False, "nothing": None},
    )
    state, E = tx.init(params), params
    grads = {**params, "count": jnp.zeros(3, jnp.int32)}
    for _ in range(2):
        updates, state = jax.jit(tx.update)(grads, state, E)
        E = optax.apply_updates(E, updates)
    acting = get_acting(state, E)
    assert len(jax.tree.leaves(state.slow)) == 2
    _equal(acting["count"], params["count"])
    _equal(acting["bias"], E["bias"])
    assert np.all(acting["out"] != E["out"])
    assert acting["nothing"] is None


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tx: tx,
        lambda tx: optax.chain(optax.clip(1.0), tx),
        lambda tx: optax.apply_if_finite(optax.chain(tx), 3),
        lambda tx: optax.MultiSteps(tx, 1),
        lambda tx: optax.inject_hyperparams(lambda scale: optax.chain(optax.clip(scale), tx))(1.0),
    ],
    ids=["bare", "chain", "apply_if_finite", "MultiSteps", "inject_hyperparams"],
)
def test_the_schedule_free_average_is_found(wrap, params, train):
    tx = optax.contrib.schedule_free_sgd(0.1)
    inner = optax.chain(optax.clip(1.0), tx)
    theirs, plain = train(optax.with_extra_args_support(inner), params)
    ours, states = train(optax.with_extra_args_support(wrap(inner)), params)
    expected = optax.contrib.schedule_free_eval_params(plain[-1][1], theirs[-1])
    acting = get_acting(states[-1], ours[-1])
    for k in params:
        np.testing.assert_allclose(acting[k], expected[k], rtol=1e-5, atol=1e-6)
    assert has_acting(states[-1])


def test_each_leaf_has_its_own_way_to_act(params, oracle, train):
    free = optax.contrib.schedule_free_sgd(0.1)
    tx = optax.partition(
        {
            "free": free,
            "slow": consolidate(optax.sgd(0.1), decay=0.5),
            "held": optax.sgd(0.1),
        },
        {"bias": "held", "hidden": "free", "out": "slow"},
    )
    history, states = train(tx, params)
    acting = get_acting(states[-1], history[-1])
    _equal(acting["bias"], history[-1]["bias"])
    expected = oracle.average([p["out"] for p in history], 0.5)
    np.testing.assert_allclose(acting["out"], expected, rtol=1e-5)
    alone = optax.with_extra_args_support(free)
    theirs, plain = train(alone, params)
    expected = optax.contrib.schedule_free_eval_params(plain[-1], theirs[-1])
    np.testing.assert_allclose(acting["hidden"], expected["hidden"], rtol=1e-5)


@pytest.mark.parametrize(
    "tx",
    [
        optax.adam(0.1),
        ngm_sgd(0.1),
        optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.1), opaque_mode=True),
    ],
)
def test_without_an_average_the_held_weights_act(tx, params):
    state = tx.init(params)
    assert not has_acting(state)
    _equal(get_acting(state, params), params)


@pytest.mark.parametrize(
    "tx",
    [
        optax.chain(consolidate(optax.sgd(0.1)), consolidate(optax.sgd(0.1))),
        consolidate(consolidate(optax.sgd(0.1))),
        consolidate(optax.contrib.schedule_free_sgd(0.1)),
        optax.contrib.schedule_free(consolidate(optax.sgd(0.1)), 0.1),
    ],
)
def test_two_averages_of_one_leaf_are_refused(tx, params):
    with pytest.raises(ValueError, match=r"averages leaf 0 of the parameters twice, at .* and at"):
        get_acting(tx.init(params), params)


@pytest.mark.parametrize(
    "inner", [consolidate(optax.sgd(0.1)), optax.contrib.schedule_free_sgd(0.1)]
)
def test_an_average_inside_the_gain_is_refused(inner, params):
    state = optax.chain(modulate_by_gain(inner)).init(params)
    with pytest.raises(ValueError, match=r"inside the gain at \[0\].*consolidate\(modulate_by"):
        get_acting(state, params)


def test_parameters_of_another_structure_are_refused(params):
    state = consolidate(optax.sgd(0.1)).init(params)
    with pytest.raises(ValueError, match="must be the tree that the optimizer was initialised"):
        get_acting(state, {"other": jnp.ones(3)})


@pytest.mark.parametrize("get", [get_acting, get_weights, get_fast_slow])
@pytest.mark.parametrize("tx", [ngm_sgd(0.1), consolidate(optax.adam(0.1)), optax.adam(0.1)])
def test_arguments_in_the_other_order(get, tx, params):
    with pytest.raises(TypeError, match=r"`params` must be parameters; got the state"):
        get(params, tx.init(params))
