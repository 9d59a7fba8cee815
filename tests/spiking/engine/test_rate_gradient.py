"""The gradient of the mean rate against finite differences of the stochastic cell's mean rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    PyramidalCell,
    PyramidalDrive,
    cells,
    rollout,
    simulate,
    surrogate,
)

DURATION, REPEATS = 2000.0, 12
AXES = ("somatic current", "dendritic current", "coupling")
GRID = np.stack(
    np.meshgrid(
        np.arange(500.0, 1501.0, 100.0),
        np.arange(0.0, 1001.0, 100.0),
        np.linspace(0.0, 1.0, 5),
        indexing="ij",
    ),
    axis=-1,
).reshape(-1, 3)
HALF_STEPS = (50.0, 50.0, 0.125)


def mean_rates(points, seed):
    soma, dendrite, p = np.repeat(points, REPEATS, axis=0).astype(np.float32).T
    run = simulate(
        PyramidalCell(),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(Drive(soma), Drive(dendrite), p),
        n=p.size,
        duration=DURATION,
        key=jax.random.key(seed),
    )
    rates = run.recorded["spikes"].reshape(-1, REPEATS) / (DURATION / 1000)
    return rates.mean(axis=1), rates.var(axis=1, ddof=1) / REPEATS


@pytest.fixture(scope="module")
def differences():
    """Return the signs by axis, 0 where the difference is below 3 standard errors."""
    signs = []
    for axis, half in enumerate(HALF_STEPS):
        ends = []
        for i, sign in enumerate((-1, 1)):
            points = GRID.copy()
            points[:, axis] += sign * half
            points[:, 2] = points[:, 2].clip(0, 1)
            ends.append(mean_rates(points, seed=2 * axis + i))
        (low, low_variance), (high, high_variance) = ends
        difference = high - low
        clear = np.abs(difference) > 3 * np.sqrt(low_variance + high_variance)
        signs.append(np.where(clear, np.sign(difference), 0))
    return signs


def gradients(model):
    def total_rate(soma, dendrite, p):
        drive = PyramidalDrive(Drive(soma), Drive(dendrite), p)
        run = rollout(
            model,
            cells.L5_PYRAMIDAL,
            drive,
            n=len(GRID),
            duration=DURATION,
            key=jax.random.key(9),
        )
        return run.recorded["spikes"].sum() / (DURATION / 1000)

    arguments = (jnp.asarray(x, jnp.float32) for x in GRID.T)
    return [np.asarray(g) for g in jax.jit(jax.grad(total_rate, (0, 1, 2)))(*arguments)]


@pytest.mark.parametrize(
    "kind", [surrogate.Sigmoid, surrogate.FastSigmoid, surrogate.Arctan, surrogate.Triangular]
)
def test_mean_field_gradient_has_the_sign_of_the_difference(differences, kind):
    found = gradients(PyramidalCell("mean-field", surrogate=kind(20.0)))
    for axis, gradient, sign in zip(AXES, found, differences, strict=True):
        assert np.isfinite(gradient).all(), axis
        clear = sign != 0
        if kind is surrogate.Triangular:  # blind to cells that stay far below their peak
            clear &= gradient != 0
        assert clear.sum() > 50, axis
        assert np.mean(np.sign(gradient) == sign, where=clear) >= 0.95, axis


def test_straight_through_gradient_has_the_sign_of_the_difference(differences):
    # one draw a point in place of an expectation: a few points more are wrong
    for axis, gradient, sign in zip(AXES, gradients(PyramidalCell()), differences, strict=True):
        assert np.isfinite(gradient).all(), axis
        assert np.mean(np.sign(gradient) == sign, where=sign != 0) >= 0.9, axis
