"""NumPy oracles, written from design equations with W and g held explicitly, and shared trees."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

SHAPES = {"bias": (4,), "hidden": (3, 4), "out": (4, 2)}


class Sgd:
    def __init__(self, rate, momentum=0.0):
        self.rate, self.momentum, self.trace = rate, momentum, {}

    def step(self, W, dW):
        new = {}
        for k in W:
            self.trace[k] = dW[k] + self.momentum * self.trace.get(k, 0.0)
            new[k] = W[k] - self.rate * self.trace[k]
        return new


class Adam:
    def __init__(self, rate, weight_decay=0.0, b1=0.9, b2=0.999, eps=1e-8):
        self.rate, self.weight_decay, self.eps = rate, weight_decay, eps
        self.b1, self.b2, self.t, self.m, self.v = b1, b2, 0, {}, {}

    def step(self, W, dW):
        self.t += 1
        new = {}
        for k in W:
            self.m[k] = self.b1 * self.m.get(k, 0.0) + (1 - self.b1) * dW[k]
            self.v[k] = self.b2 * self.v.get(k, 0.0) + (1 - self.b2) * dW[k] ** 2
            m, v = self.m[k] / (1 - self.b1**self.t), self.v[k] / (1 - self.b2**self.t)
            new[k] = W[k] - self.rate * (m / (np.sqrt(v) + self.eps) + self.weight_decay * W[k])
        return new


BASES = {
    "sgd": (lambda: optax.sgd(0.05), lambda: Sgd(0.05)),
    "momentum": (lambda: optax.sgd(0.02, 0.9), lambda: Sgd(0.02, 0.9)),
    "adam": (lambda: optax.adam(0.01), lambda: Adam(0.01)),
    "adamw": (lambda: optax.adamw(0.01, weight_decay=0.1), lambda: Adam(0.01, weight_decay=0.1)),
}


def gain_step(g, u, decay=0.9, baseline=1.0, sensitivity=0.4):
    return decay * g + (1 - decay) * baseline + sensitivity * u


def gain_after(drives, g=1.0, **constants):
    for u in drives:
        g = gain_step(g, u, **constants)
    return g


def literal(base, E, g, evaluate, steps, modulated, **constants):
    """Yield (E, g) before each step; `evaluate(E, t)` gives dL/dE and the drive, per leaf."""
    g = {k: np.asarray(g, np.float64) if k in modulated else np.float64(1) for k in E}
    W = {k: E[k] / g[k] for k in E}
    for t in range(steps):
        E = {k: g[k] * W[k] for k in W}
        yield E, g
        dE, u = evaluate(E, t)
        W = base.step(W, {k: g[k] * dE[k] for k in W})
        g = {k: gain_step(g[k], u[k], **constants) if k in modulated else g[k] for k in W}
    yield {k: g[k] * W[k] for k in W}, g


def average(history, decays):
    """Return the weighted mean of arrays: each counts (1 - its decay) times all later decays."""
    decays = np.broadcast_to(np.asarray(decays, np.float64), len(history))
    later = np.append(np.cumprod(decays[::-1])[::-1][1:], 1.0)
    stacked = np.stack([np.asarray(x, np.float64) for x in history])
    return np.average(stacked, axis=0, weights=(1 - decays) * later)


@pytest.fixture(scope="session")
def oracle():
    return SimpleNamespace(
        bases=BASES,
        gain_step=gain_step,
        gain_after=gain_after,
        literal=literal,
        average=average,
        shapes=SHAPES,
    )


def _tree(seed):
    rng = np.random.default_rng(seed)
    return {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in SHAPES.items()}


@pytest.fixture
def params():
    return _tree(0)


@pytest.fixture
def grads():
    return _tree(1)


@pytest.fixture(scope="session")
def assert_close():
    def check(actual, expected, **tolerance):
        assert jax.tree.structure(actual) == jax.tree.structure(expected)
        for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, **tolerance)

    return check
