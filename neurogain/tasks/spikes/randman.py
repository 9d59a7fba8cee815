"""Randman: classes are smooth random manifolds in the space of spike times.

Source: Zenke & Vogels, Neural Computation 33:899 (2021), as in the authors' public NumPy code.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from neurogain import _checks
from neurogain.tasks.spikes.coding import at_times

_PRECISION, _MODES = 1e-3, 1000


class TimedExamples(NamedTuple):
    """Examples in which every unit spikes once."""

    times: Float[Array, "n units"]  # in [0, 1) of the whole
    labels: Int[Array, " n"]

    def spikes(self, steps: int) -> Float[Array, "n steps units"]:
        """Return the spikes in steps."""
        return at_times(self.times, steps)


def modes(alpha: float) -> int:
    """Return the number of modes of a function: those of an amplitude above 0.001, 1,000 at most.

    Example:
      >>> modes(1.0), modes(2.0)
      (1000, 32)
    """
    if alpha * np.log(_MODES) <= -np.log(_PRECISION):  # where the power may be infinite
        return _MODES
    return int(np.ceil(_PRECISION ** (-1 / alpha)))


def manifold(
    coordinates: Float[Array, "n dims"], theta: Float[Array, "units dims 3 modes"], alpha: float
) -> Float[Array, "n units"]:
    """Return points of a manifold by their coordinates.

        f_i(x) = product over j of  sum over k = 0, 1, ... of
                 A_ijk / (k + 1)^alpha  sin(2 pi (k x_j B_ijk + C_ijk))

    Args:
      coordinates: x, in [0, 1).
      theta: A, B and C, in [0, 1).
      alpha: smoothness; larger is smoother.
    """
    k = jnp.arange(theta.shape[-1])
    amplitude, stretch, phase = jnp.moveaxis(theta, 2, 0)

    def unit(amplitude: Array, stretch: Array, phase: Array) -> Array:
        angle = 2 * jnp.pi * (k * coordinates[:, :, None] * stretch + phase)
        waves = amplitude / (k + 1) ** alpha * jnp.sin(angle)
        return jnp.prod(jnp.sum(waves, axis=-1), axis=-1)

    return jax.lax.map(lambda own: unit(*own), (amplitude, stretch, phase)).T


def randman(
    key: Key[Array, ""],
    *,
    classes: int = 10,
    units: int = 20,
    samples: int = 1000,
    dims: int = 1,
    alpha: float = 2.0,
) -> TimedExamples:
    """Return examples of random manifolds, in random order; every unit spikes once in each.

    A unit's times are scaled to [0, 1) over the samples of a class, so counts tell nothing.
    Training and test examples must be parts of one call's, since the key draws the manifolds.

    Args:
      key: a jax.random.key.
      classes: number of manifolds.
      units: dimensions of the space, each a unit's spike time.
      samples: of each class.
      dims: dimensions of a manifold.
      alpha: smoothness, > 0; larger is smoother, and easier.

    Returns:
      `classes` x `samples` examples.

    Raises:
      ValueError: if a number is out of range, or the manifolds are too small for float32: their
        size falls as 2^(-alpha dims).

    Example:
      >>> found = randman(jax.random.key(0), classes=3, units=5, samples=4)
      >>> found.spikes(100).shape, sorted(set(found.labels.tolist()))
      ((12, 100, 5), [0, 1, 2])
    """
    _checks.key("key", key)
    for name, value, least in (
        ("classes", classes, 1), ("units", units, 1), ("samples", samples, 2), ("dims", dims, 1),
    ):  # fmt: skip
        _checks.whole(name, value, least)
    _checks.one_number("alpha", alpha, "positive", lambda x: (x > 0) & (x < np.inf), "2.0")
    of_classes, of_order = jax.random.split(key)

    def one(key: Array) -> tuple[Array, Array]:
        of_theta, of_points = jax.random.split(key)
        theta = jax.random.uniform(of_theta, (units, dims, 3, modes(alpha)))
        theta = theta.at[:, :, 0, 0].set(0)  # no offset
        y = manifold(jax.random.uniform(of_points, (samples, dims)), theta, alpha)
        span = y.max(0) - y.min(0)
        # the authors add 1e-6; of a smaller span that would be too large a share
        return (y - y.min(0)) / (span + jnp.minimum(1e-6, 1e-4 * span)), span.min()

    times, spans = jax.lax.map(one, jax.random.split(of_classes, classes))
    if _checks.is_concrete(spans) and not np.all(np.asarray(spans) > np.finfo(np.float32).tiny):
        raise ValueError(
            f"`alpha` and `dims` must leave the manifolds a range that single precision has; got "
            f"{alpha!r} and {dims!r}. Pass a smaller alpha, or fewer dims."
        )
    times = times.reshape(-1, units)
    labels = jnp.repeat(jnp.arange(classes), samples)
    order = jax.random.permutation(of_order, len(labels))
    return TimedExamples(jnp.minimum(times[order], np.float32(1 - 1e-6)), labels[order])
