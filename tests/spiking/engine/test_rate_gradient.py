"""The gradient of the mean rate against finite differences of the stochastic cell's mean rate."""

import functools
from typing import NamedTuple

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

pytestmark = pytest.mark.optimized  # its runs cost more than what it compiles

REPEATS = 12
AXES = ("somatic current", "dendritic current", "coupling")


class Grid(NamedTuple):
    """Points (somatic current, dendritic current, coupling) and the duration of a run, ms."""

    points: np.ndarray
    duration: float
    enough: int  # points with a clear difference, so that their share says something


def grid(soma, dendrite, coupling, **options):
    axes = np.meshgrid(soma, dendrite, coupling, indexing="ij")
    return Grid(np.stack(axes, axis=-1).reshape(-1, 3), **options)


COARSE = grid(
    *(np.arange(500.0, 1501.0, 200.0), np.arange(0.0, 1001.0, 200.0), np.linspace(0.0, 1.0, 5)),
    duration=1000.0,
    enough=12,
)
FINE = grid(
    *(np.arange(500.0, 1501.0, 100.0), np.arange(0.0, 1001.0, 100.0), np.linspace(0.0, 1.0, 5)),
    duration=2000.0,
    enough=50,
)
GRIDS = {"coarse": COARSE, "fine": FINE}
HALF_STEPS = (50.0, 50.0, 0.125)


def mean_rates(points, duration, seed):
    soma, dendrite, p = np.repeat(points, REPEATS, axis=0).astype(np.float32).T
    run = simulate(
        PyramidalCell(),
        cells.L5_PYRAMIDAL,
        PyramidalDrive(Drive(soma), Drive(dendrite), p),
        n=p.size,
        duration=duration,
        key=jax.random.key(seed),
    )
    rates = run.recorded["spikes"].reshape(-1, REPEATS) / (duration / 1000)
    return rates.mean(axis=1), rates.var(axis=1, ddof=1) / REPEATS


@functools.cache
def differences(name):
    """Return the signs by axis, 0 where the difference is below 3 standard errors."""
    signs, one = [], GRIDS[name]
    for axis, half in enumerate(HALF_STEPS):
        ends = []
        for i, sign in enumerate((-1, 1)):
            points = one.points.copy()
            points[:, axis] += sign * half
            points[:, 2] = points[:, 2].clip(0, 1)
            ends.append(mean_rates(points, one.duration, seed=2 * axis + i))
        (low, low_variance), (high, high_variance) = ends
        difference = high - low
        clear = np.abs(difference) > 3 * np.sqrt(low_variance + high_variance)
        signs.append(np.where(clear, np.sign(difference), 0))
    return signs


def gradients(model, one):
    def total_rate(soma, dendrite, p):
        drive = PyramidalDrive(Drive(soma), Drive(dendrite), p)
        run = rollout(
            model,
            cells.L5_PYRAMIDAL,
            drive,
            n=len(one.points),
            duration=one.duration,
            key=jax.random.key(9),
        )
        return run.recorded["spikes"].sum() / (one.duration / 1000)

    arguments = (jnp.asarray(x, jnp.float32) for x in one.points.T)
    return [np.asarray(g) for g in jax.jit(jax.grad(total_rate, (0, 1, 2)))(*arguments)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (surrogate.Sigmoid, "coarse"),
        *(
            pytest.param(kind, "fine", marks=pytest.mark.slow)
            for kind in (
                *(surrogate.Sigmoid, surrogate.FastSigmoid),
                *(surrogate.Arctan, surrogate.Triangular),
            )
        ),
    ],
)
def test_mean_field_gradient_has_the_sign_of_the_difference(kind, name):
    one = GRIDS[name]
    found = gradients(PyramidalCell("mean-field", surrogate=kind(20.0)), one)
    for axis, gradient, sign in zip(AXES, found, differences(name), strict=True):
        assert np.isfinite(gradient).all(), axis
        clear = sign != 0
        if kind is surrogate.Triangular:  # blind to cells that stay far below their peak
            clear &= gradient != 0
        assert clear.sum() >= one.enough, axis
        assert np.mean(np.sign(gradient) == sign, where=clear) >= 0.95, axis


@pytest.mark.parametrize("name", ["coarse", pytest.param("fine", marks=pytest.mark.slow)])
def test_straight_through_gradient_has_the_sign_of_the_difference(name):
    # one draw a point in place of an expectation: a few points more are wrong
    found = gradients(PyramidalCell(), GRIDS[name])
    for axis, gradient, sign in zip(AXES, found, differences(name), strict=True):
        assert np.isfinite(gradient).all(), axis
        assert np.mean(np.sign(gradient) == sign, where=sign != 0) >= 0.9, axis
