"""Closed loop in float64: the transformation against the literal algorithm, written in NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import modulate_by_gain
from neurogain.uncertainty import batch_mean, entropy

STEPS = 200


@functools.cache
def _data():
    rng = np.random.default_rng(3)
    return rng.normal(size=(16, 3)), rng.integers(0, 3, size=16)


def _start():
    rng = np.random.default_rng(4)
    shapes = {"w1": (3, 5), "b1": (5,), "w2": (5, 3), "b2": (3,)}
    return {k: 0.5 * rng.normal(size=s) for k, s in shapes.items()}


def _evaluate(E, t=0, unit_drives=False):
    """Gradient of the cross-entropy and the drives of a tanh network, by hand.

    The drives are the batch entropy, or, leaf by leaf and unit by unit, a function of the gradient.
    """
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
    if unit_drives:
        return dE, {k: u * np.abs(d).reshape(-1, d.shape[-1]).sum(0) for k, d in dE.items()}
    return dE, dict.fromkeys(E, u)


def _logits(E, x):
    return jnp.tanh(x @ E["w1"] + E["b1"]) @ E["w2"] + E["b2"]


def _train(tx, E, drive_of=lambda u, grads: u):
    x, y = _data()

    def loss(E):
        logits = _logits(E, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    def step(carry, _):
        E, state = carry
        grads, logits = jax.grad(loss, has_aux=True)(E)
        drive = drive_of(batch_mean(entropy(logits)), grads)
        updates, state = tx.update(grads, state, E, uncertainty=drive)
        E = optax.apply_updates(E, updates)
        return (E, state), (E, state.gain)

    return jax.jit(lambda E: jax.lax.scan(step, (E, tx.init(E)), length=STEPS)[1])(E)


NAMES = ["sgd", "momentum", "adam", "adamw"]


@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_steps_equal_the_literal_algorithm(name, oracle):
    make, reference = oracle.bases[name]
    start = _start()
    wanted = list(oracle.literal(reference(), start, 1.0, _evaluate, STEPS, set(start)))[1:]
    with jax.enable_x64():
        E, gains = _train(modulate_by_gain(make()), jax.tree.map(jnp.asarray, start))
    assert gains.dtype == np.float64
    np.testing.assert_allclose(gains, [g["w1"] for _, g in wanted], rtol=1e-10)
    for k in start:
        np.testing.assert_allclose(
            E[k], np.stack([e[k] for e, _ in wanted]), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize(
    ("name", "per", "masked"),
    [  # any two of the three meet
        ("sgd", "leaf", ("w1", "b1")),
        ("sgd", "unit", ()),
        ("momentum", "leaf", ("b1", "b2")),
        ("momentum", "unit", ("w1", "b1")),
        ("adam", "leaf", ("w1", "b1")),
        ("adam", "unit", ("b1", "b2")),
        ("adamw", "leaf", ()),
        ("adamw", "unit", ("b1", "b2")),
    ],
)
def test_gains_of_leaves_and_units_with_and_without_a_mask(name, per, masked, oracle):
    def evaluate(E, t):
        dE, u = _evaluate(E, t, unit_drives=True)
        return dE, (u if per == "unit" else {k: np.mean(v) for k, v in u.items()})

    def drive_of(u, grads):
        return jax.tree.map(lambda d: u * jnp.abs(d).reshape(-1, d.shape[-1]).sum(0), grads)

    make, reference = oracle.bases[name]
    start = _start()
    kept = set(start) - set(masked)
    wanted = list(oracle.literal(reference(), start, 1.0, evaluate, STEPS, kept))[1:]
    with jax.enable_x64():
        tx = modulate_by_gain(make(), per=per, mask={k: k in kept for k in start})
        E, gains = _train(tx, jax.tree.map(jnp.asarray, start), drive_of)
    for k in start:
        np.testing.assert_allclose(
            E[k], np.stack([e[k] for e, _ in wanted]), rtol=1e-10, atol=1e-12
        )
    for k in kept:
        expected = np.stack([g[k] for _, g in wanted])
        assert expected.max() > 1.05
        np.testing.assert_allclose(gains[k].reshape(expected.shape), expected, rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_global_gain_with_a_mask(name, oracle):
    make, reference = oracle.bases[name]
    start = _start()
    wanted = list(oracle.literal(reference(), start, 1.0, _evaluate, STEPS, {"w2", "b2"}))[1:]
    with jax.enable_x64():
        tx = modulate_by_gain(make(), mask={k: k.endswith("2") for k in start})
        E, _ = _train(tx, jax.tree.map(jnp.asarray, start))
    for k in start:
        np.testing.assert_allclose(
            E[k], np.stack([e[k] for e, _ in wanted]), rtol=1e-10, atol=1e-12
        )


def test_the_drive_matters_in_that_loop(oracle):
    _, reference = oracle.bases["sgd"]
    start = _start()
    (E, g), (plain, _) = (
        list(oracle.literal(reference(), start, 1.0, _evaluate, 50, set(start), sensitivity=s))[-1]
        for s in (0.4, 0.0)
    )
    assert g["w1"] > 1.5
    assert np.abs(E["w2"] - plain["w2"]).max() > 0.1
