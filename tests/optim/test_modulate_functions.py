"""Optimizers that evaluate the loss themselves, under a gain: they work on L(g W)."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import modulate_by_gain

GAIN, START = 2.0, {"w": jnp.array([0.8, -0.5]), "b": jnp.array(0.3)}
MASK = {"w": True, "b": False}
INNER = {
    "line search": optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(30)),
    "sam": optax.contrib.sam(
        optax.sgd(0.1), optax.normalize_by_update_norm(-0.1), opaque_mode=True
    ),
}


def loss(params):
    return jnp.sum(params["w"] ** 4) + jnp.sum((params["w"] - params["b"]) ** 2)


def at_gain(latent):
    return loss({"w": GAIN * latent["w"], "b": latent["b"]})


def steps(tx, params, function, name, **others):
    def step(params, state):
        value, grad = jax.value_and_grad(function)(params)
        keywords = {"value": value, "grad": grad, "value_fn": lambda p, uncertainty=0: function(p)}
        if name == "sam":
            keywords = {"grad_fn": lambda p, *i: jax.grad(function)(p)}
        updates, state = tx.update(grad, state, params, **keywords, **others)
        return optax.apply_updates(params, updates), state

    step, state = jax.jit(step), tx.init(params)
    for _ in range(3):
        params, state = step(params, state)
    return params


@pytest.mark.parametrize("name", INNER)
def test_the_loss_and_its_gradient_are_those_of_the_underlying_weights(name):
    inner = INNER[name]
    if name == "sam":  # takes no other keyword

        def update(grads, state, params, *, grad_fn, **others):
            return INNER[name].update(grads, state, params, grad_fn=grad_fn)

        inner = optax.GradientTransformationExtraArgs(inner.init, update)
    tx = modulate_by_gain(inner, baseline=GAIN, sensitivity=0.0, mask=MASK)
    found = steps(tx, START, loss, name, uncertainty=0.0)
    latent = {"w": START["w"] / GAIN, "b": START["b"]}
    expected = steps(INNER[name], latent, at_gain, name)
    np.testing.assert_allclose(found["w"], GAIN * expected["w"], rtol=1e-5)
    np.testing.assert_allclose(found["b"], expected["b"], rtol=1e-5)
