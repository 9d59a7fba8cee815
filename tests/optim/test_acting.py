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


LEAVES = {
    "complex": jnp.array([2 + 4j, -6j], jnp.complex64),
    "8 bits": jnp.array([2.0, -6.0], jnp.float8_e4m3fn),
    "number": 2.0,
}


@pytest.mark.parametrize("name", LEAVES)
def test_leaves_of_any_kind_have_their_parts(name):
    params = {"w": LEAVES[name]}
    state = consolidate(ngm_sgd(0.1, initial_gain=4.0)).init(params)
    leaf = jnp.asarray(params["w"])
    wide = np.asarray(leaf, np.complex64 if name == "complex" else np.float32)
    slow, fast = get_fast_slow(state, params)
    np.testing.assert_array_equal(np.asarray(slow["w"], wide.dtype), wide / 4)
    np.testing.assert_array_equal(np.asarray(fast["w"], wide.dtype), wide * 3 / 4)
    np.testing.assert_array_equal(get_weights(state, params)["w"], wide / 4)
    np.testing.assert_array_equal(np.asarray(get_acting(state, params)["w"], wide.dtype), wide)


def test_states_of_several_runs_are_read_one_by_one():
    params = {"w": jnp.ones((4, 2, 3)), "b": jnp.ones((4, 3))}
    state = jax.vmap(ngm_sgd(0.1, initial_gain=2.0).init)(params)
    for read in (get_weights, get_fast_slow):
        with pytest.raises(ValueError, match=r"must be of one run; got a gain of shape \(4,\)"):
            read(state, params)
    _equal(jax.vmap(get_weights)(state, params), jax.tree.map(lambda x: x / 2, params))


READERS = (get_acting, get_weights, get_fast_slow)


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_state_is_refused(read, params):
    with pytest.raises(
        TypeError, match="`opt_state` must be the state of an optimizer; got the para"
    ):
        read(params, params)
