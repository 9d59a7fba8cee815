"""Functions and gradients that an inner optimizer is given are those of W, not of E = g W."""

import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import consolidate, find_gains, modulate_by_gain

TARGET = {"a": np.array([1.0, -2.0, 0.5], np.float32), "b": np.float32(3.0)}
GAIN = 2.0
FIXED = {"sensitivity": 0.0, "baseline": GAIN}  # the gain is 2 for good


def loss(params, scale=1.0):
    return scale * sum(jnp.sum((params[k] - TARGET[k]) ** 2 * (1 + i)) for i, k in enumerate("ab"))


def latent_loss(latent, scale=1.0):
    return loss(jax.tree.map(lambda w: GAIN * w, latent), scale)


def start():
    return {"a": jnp.array([4.0, 1.0, -1.0]), "b": jnp.float32(-2.0)}


def trajectory(tx, params, function, extra, steps=4, **more):
    @jax.jit
    def step(params, state):
        value, grads = jax.value_and_grad(function)(params)
        updates, state = tx.update(grads, state, params, **extra(function, value, grads), **more)
        return optax.apply_updates(params, updates), state

    state, path = tx.init(params), []
    for _ in range(steps):
        params, state = step(params, state)
        path.append(params)
    return path


def of_line_search(function, value, grads):
    return {"value": value, "grad": grads, "value_fn": function}


def of_objective(function, value, grads):
    return {"obj_fn": function}


def of_sam(function, value, grads):
    return {"grad_fn": lambda params, _: jax.grad(function)(params)}


def none(function, value, grads):
    return {}


def sam(**options):
    return optax.contrib.sam(
        optax.sgd(0.05), optax.chain(optax.contrib.normalize(), optax.sgd(0.1)), **options
    )


CASES = {
    "lbfgs": (optax.lbfgs, of_line_search),
    "backtracking": (
        lambda: optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(8)),
        of_line_search,
    ),
    "sophia": (functools.partial(optax.contrib.sophia, 0.1), of_objective),
    "sam": (sam, none),
    "sam in one call": (functools.partial(sam, opaque_mode=True), of_sam),
    "sam in a chain": (lambda: optax.chain(optax.clip(5.0), sam()), none),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("keep_weights", [None, True])
def test_the_weights_are_those_of_the_inner_optimizer_on_the_loss_of_w(name, keep_weights):
    make, extra = CASES[name]
    tx = modulate_by_gain(make(), keep_weights=keep_weights, **FIXED)
    ours = trajectory(tx, start(), loss, extra, uncertainty=0.5)
    latent = jax.tree.map(lambda e: e / GAIN, start())
    theirs = trajectory(make(), latent, latent_loss, extra)
    for e, w in zip(ours, theirs, strict=True):
        jax.tree.map(lambda e, w: np.testing.assert_allclose(e, GAIN * w, rtol=2e-5), e, w)


def test_a_line_search_finds_the_minimum_under_a_fixed_gain():
    tx = modulate_by_gain(optax.lbfgs(), **FIXED)
    last = trajectory(tx, start(), loss, of_line_search, steps=12, uncertainty=0.5)[-1]
    assert loss(last) < 1e-9


def test_further_arguments_of_a_function_reach_it():
    tx = modulate_by_gain(optax.lbfgs(), **FIXED)

    def extra(function, value, grads):
        return of_line_search(function, value, grads) | {"scale": 1.0}

    last = trajectory(tx, start(), loss, extra, steps=12, uncertainty=0.5)[-1]
    assert loss(last) < 1e-9


def test_a_moving_gain_is_left_to_the_search_as_it_was():
    """The search sees g before the update: E' = g' (W + Delta) with Delta at g."""
    tx = modulate_by_gain(optax.lbfgs(), initial_gain=GAIN)
    e = trajectory(tx, start(), loss, of_line_search, steps=1, uncertainty=0.5)[0]
    latent = jax.tree.map(lambda e: e / GAIN, start())
    w = trajectory(optax.lbfgs(), latent, latent_loss, of_line_search, steps=1)[0]
    new_gain = 1 + 0.9 * (GAIN - 1) + 0.4 * 0.5
    jax.tree.map(lambda e, w: np.testing.assert_allclose(e, new_gain * w, rtol=2e-5), e, w)


def test_an_unknown_function_is_refused_by_its_name():
    tx = modulate_by_gain(optax.adam(0.1))
    params = start()
    with pytest.raises(TypeError, match=r"`hess_fn` must be no function.*value_fn, obj_fn, "):
        tx.update(params, tx.init(params), params, uncertainty=0.5, hess_fn=loss)


def recorder(take):
    """Return an inner optimizer that notes the keywords of its updates."""
    seen = []

    def with_drive(updates, state, params=None, *, uncertainty, **extra):
        seen.append({"uncertainty": uncertainty, **extra})
        return updates, state

    def without(updates, state, params=None, *, other=None):
        seen.append({"other": other})
        return updates, state

    update = with_drive if take else without
    return optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update), seen


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("take", [True, False])
def test_the_drive_reaches_those_who_take_it(take, nested):
    inner, seen = recorder(take)
    tx = modulate_by_gain(optax.chain(optax.clip(1.0), inner) if nested else inner)
    params = start()
    tx.update(params, tx.init(params), params, uncertainty=0.5, other=1)
    assert seen == [{"uncertainty": 0.5, "other": 1} if take else {"other": 1}]


def test_an_error_of_the_inner_optimizer_is_not_hidden():
    def update(updates, state, params=None, **extra):
        raise TypeError("`uncertainty` of another kind")

    inner = optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update)
    tx, params = modulate_by_gain(inner), start()
    with pytest.raises(TypeError, match="of another kind"):
        tx.update(params, tx.init(params), params, uncertainty=0.5)


AROUND = {
    "sam": lambda tx: optax.contrib.sam(tx, optax.sgd(0.1)),
    "lookahead": lambda tx: optax.lookahead(tx, 2, 0.5),
}


@pytest.mark.parametrize("name", AROUND)
def test_what_drops_the_drive_is_named_with_the_way_out(name, caplog):
    params = start()
    given = optax.LookaheadParams(params, params) if name == "lookahead" else params
    tx = AROUND[name](modulate_by_gain(optax.sgd(0.1)))
    with pytest.raises(TypeError, match=rf"(?s){name}.*(put the gain outside|use neurogain)"):
        tx.update(params, tx.init(given), given)
    tx = AROUND[name](modulate_by_gain(optax.sgd(0.1), on_missing="hold"))
    with caplog.at_level(logging.WARNING):
        _, state = tx.update(params, tx.init(given), given)
    assert "has received no `uncertainty` so far" in caplog.text
    assert [float(g) for g in find_gains(state).values()] == [1.0]


def test_a_gain_that_has_moved_may_be_held_in_silence(caplog):
    tx, params = modulate_by_gain(optax.sgd(0.1), on_missing="hold"), start()
    _, state = tx.update(params, tx.init(params), params, uncertainty=0.5)
    with caplog.at_level(logging.WARNING):
        tx.update(params, state, params)
    assert not caplog.text


def test_slow_weights_around_take_the_place_of_lookahead():
    tx, params = consolidate(modulate_by_gain(optax.sgd(0.1))), start()
    _, state = tx.update(params, tx.init(params), params, uncertainty=0.5)
    assert [float(g) for g in find_gains(state).values()] == [pytest.approx(1.2)]
