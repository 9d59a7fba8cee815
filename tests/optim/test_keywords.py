"""Each optimizer gets the keywords that it takes, whatever stands around it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    consolidate,
    get_gain,
    modulate_by_gain,
    multi_steps,
    reset_on_switch,
    update_with,
)

PARAMS = {"w": jnp.array([1.0, -2.0])}


def loss(params):
    return jnp.sum((params["w"] - 3.0) ** 2)


def keywords():
    value, grad = jax.value_and_grad(loss)(PARAMS)
    return grad, {
        "sam": {"grad_fn": lambda params, _: jax.grad(loss)(params)},
        "lbfgs": {"value": value, "grad": grad, "value_fn": loss},
    }


INNER = {
    "sam": lambda: optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.1), opaque_mode=True),
    "lbfgs": optax.lbfgs,
}
AROUND = {
    "consolidate": consolidate,
    "reset_on_switch": reset_on_switch,
    "multi_steps": lambda inner: multi_steps(inner, 1),
    "all": lambda inner: multi_steps(consolidate(reset_on_switch(inner)), 1),
    "chain": lambda inner: reset_on_switch(optax.chain(optax.identity(), inner)),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("inner", INNER)
def test_drives_do_not_reach_an_optimizer_that_takes_none(inner, around):
    grad, known = keywords()
    plain, tx = INNER[inner](), AROUND[around](INNER[inner]())
    wanted, _ = plain.update(grad, plain.init(PARAMS), PARAMS, **known[inner])
    given = known[inner] | {"uncertainty": 0.5, "task_switch": False}
    found, _ = tx.update(grad, tx.init(PARAMS), PARAMS, **given)
    np.testing.assert_allclose(found["w"], wanted["w"], rtol=1e-6)


def test_a_keyword_that_is_not_optional_is_not_dropped():
    grad, known = keywords()
    sam = INNER["sam"]()
    with pytest.raises(TypeError, match="unexpected keyword argument 'value'"):
        update_with(sam, grad, sam.init(PARAMS), PARAMS, known["sam"] | {"value": 1.0})
    some = known["sam"] | {"value": 1.0}
    update_with(sam, grad, sam.init(PARAMS), PARAMS, some, optional=("value",))
    with pytest.raises(ValueError, match="grad_fn must be provided"):
        update_with(sam, grad, sam.init(PARAMS), PARAMS, {})


def test_a_drive_that_is_taken_arrives():
    tx = optax.chain(optax.clip(1.0), modulate_by_gain(optax.sgd(0.1)))
    _, state = update_with(tx, PARAMS, tx.init(PARAMS), PARAMS, {"uncertainty": 0.5})
    np.testing.assert_allclose(get_gain(state), 1.2, rtol=1e-6)
    with pytest.raises(TypeError, match="a line search or SAM beside it in a chain does"):
        update_with(tx, PARAMS, tx.init(PARAMS), PARAMS, {"uncertainty": None})


@pytest.mark.parametrize("switch", ["x", 2, 1.0, [True], np.array([True, False]), jnp.int32(1)])
def test_a_switch_that_is_no_bool(switch):
    tx = reset_on_switch(optax.sgd(0.1))
    with pytest.raises(TypeError, match="`task_switch` must be one bool"):
        tx.update(PARAMS, tx.init(PARAMS), PARAMS, task_switch=switch)


@pytest.mark.parametrize("drive", [True, np.array([True, False]), jnp.array(False)])
def test_a_drive_of_bools(drive):
    tx = modulate_by_gain(optax.sgd(0.1))
    with pytest.raises(TypeError, match=r"`uncertainty` must be numbers.*astype\(float\)"):
        tx.update(PARAMS, tx.init(PARAMS), PARAMS, uncertainty=drive)
