"""Closed loop in float64: the transformation against the literal algorithm, written in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import modulate_by_gain
from neurogain.uncertainty import batch_mean, entropy

STEPS = 200


def _data():
    rng = np.random.default_rng(3)
    return rng.normal(size=(16, 3)), rng.integers(0, 3, size=16)


def _start():
    rng = np.random.default_rng(4)
    shapes = {"w1": (3, 5), "b1": (5,), "w2": (5, 3), "b2": (3,)}
    return {k: 0.5 * rng.normal(size=s) for k, s in shapes.items()}


def _evaluate(E, t):
    """Gradient of the cross-entropy and the batch entropy of a tanh network, by hand."""
    del t
    x, y = _data()
    h = np.tanh(x @ E["w1"] + E["b1"])
    z = h @ E["w2"] + E["b2"]
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dz = (p - np.eye(3)[y]) / len(y)
    dh = (dz @ E["w2"].T) * (1 - h**2)
    dE = {"w1": x.T @ dh, "b1": dh.sum(0), "w2": h.T @ dz, "b2": dz.sum(0)}
    u = -(p * np.log(p)).sum(-1).mean()
    return dE, dict.fromkeys(E, u)


def _logits(E, x):
    return jnp.tanh(x @ E["w1"] + E["b1"]) @ E["w2"] + E["b2"]


def _train(tx, E):
    x, y = _data()

    def loss(E):
        logits = _logits(E, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    def step(carry, _):
        E, state = carry
        grads, logits = jax.grad(loss, has_aux=True)(E)
        updates, state = tx.update(grads, state, E, uncertainty=batch_mean(entropy(logits)))
        E = optax.apply_updates(E, updates)
        return (E, state), (E, state.gain)

    return jax.jit(lambda E: jax.lax.scan(step, (E, tx.init(E)), length=STEPS)[1])(E)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_two_hundred_steps_equal_the_literal_algorithm(name, oracle):
    make, reference = oracle.bases[name]
    start = _start()
    wanted = list(oracle.literal(reference(), start, 1.0, _evaluate, STEPS, set(start)))[1:]
    with jax.enable_x64():
        E, gains = _train(modulate_by_gain(make()), jax.tree.map(jnp.asarray, start))
    assert gains.dtype == np.float64
    np.testing.assert_allclose(gains, [g["w1"] for _, g in wanted], rtol=1e-10)
    for k in start:
        np.testing.assert_allclose(E[k], np.stack([e[k] for e, _ in wanted]), rtol=1e-10)


def test_the_drive_matters_in_that_loop(oracle):
    _, reference = oracle.bases["sgd"]
    start = _start()
    (E, g), (plain, _) = (
        list(oracle.literal(reference(), start, 1.0, _evaluate, 50, set(start), sensitivity=s))[-1]
        for s in (0.4, 0.0)
    )
    assert g["w1"] > 1.5
    assert np.abs(E["w2"] - plain["w2"]).max() > 0.1
