"""Surrogate gradients of a threshold: the value is a step, the derivative a bump of area 1.

    value(x) = 1 where x >= 0, else 0;   d value / dx = slope(x), for instance around a spike's peak

`width` has the unit of x (mV for a membrane potential). An Izhikevich cell moves about 20 mV in
the last 0.1 ms before its peak, so a much narrower bump meets some spikes and misses others.
"""

import abc
import dataclasses
import functools

import jax
import jax.numpy as jnp

from neurogain import _checks


@dataclasses.dataclass(frozen=True)
class Surrogate(abc.ABC):
    """A step function with a made-up derivative; subclasses say which.

    Example:
      One of your own needs a `slope`:

      >>> class Box(Surrogate):
      ...     def slope(self, x):
      ...         return jnp.where(jnp.abs(x) < self.width, 0.5 / self.width, 0.0)
      >>> float(jax.grad(Box(2.0))(1.0))
      0.25
    """

    width: float = 20.0  # unit of x

    def __post_init__(self) -> None:
        """Raise an error for a width that is not positive."""
        _checks.one_number(
            "width",
            self.width,
            "positive, in the unit of x",
            lambda w: (w > 0) & (w < 1e30),
            "20.0",
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return 1.0 where x >= 0, else 0.0, in the dtype of x."""
        return _step(self, jnp.asarray(x))

    @abc.abstractmethod
    def slope(self, x: jax.Array) -> jax.Array:
        """Return the derivative used in place of the step's."""


class Sigmoid(Surrogate):
    """Derivative of the logistic function of x / width: exponential tails.

    Example:
      >>> value, slope = jax.value_and_grad(Sigmoid(2.0))(1.0)
      >>> float(value), round(float(slope), 3)
      (1.0, 0.118)
    """

    def slope(self, x: jax.Array) -> jax.Array:
        """Return s (1 - s) / width, s = 1 / (1 + exp(-x / width))."""
        s, rest = jax.nn.sigmoid(x / self.width), jax.nn.sigmoid(-x / self.width)
        return s * rest / self.width


class FastSigmoid(Surrogate):
    """SuperSpike (Zenke & Ganguli 2018): heavy tails, so that silent cells learn too.

    Example:
      >>> value, slope = jax.value_and_grad(FastSigmoid(2.0))(1.0)
      >>> float(value), round(float(slope), 3)
      (1.0, 0.111)
    """

    def slope(self, x: jax.Array) -> jax.Array:
        """Return 1 / (2 width (1 + |x| / width)^2)."""
        return 0.5 / (self.width * (1 + jnp.abs(x) / self.width) ** 2)


class Arctan(Surrogate):
    """Derivative of an arc tangent (Fang et al. 2021).

    Example:
      >>> value, slope = jax.value_and_grad(Arctan(2.0))(1.0)
      >>> float(value), round(float(slope), 3)
      (1.0, 0.144)
    """

    def slope(self, x: jax.Array) -> jax.Array:
        """Return 1 / (width (1 + (pi x / width)^2))."""
        return 1 / (self.width * (1 + (jnp.pi * x / self.width) ** 2))


class Triangular(Surrogate):
    """A triangle (Bellec et al. 2018): zero beyond `width`, so that distant cells learn nothing.

    Example:
      >>> value, slope = jax.value_and_grad(Triangular(2.0))(1.0)
      >>> float(value), round(float(slope), 3)
      (1.0, 0.25)
    """

    def slope(self, x: jax.Array) -> jax.Array:
        """Return max(0, 1 - |x| / width) / width."""
        return jnp.maximum(0, 1 - jnp.abs(x) / self.width) / self.width


SPIKE = Sigmoid(20.0)  # mV
CALCIUM = Sigmoid(6.0)  # mV, as wide as the activation of the calcium current


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _step(surrogate: Surrogate, x: jax.Array) -> jax.Array:
    return (x >= 0).astype(x.dtype)


@_step.defjvp
def _step_jvp(
    surrogate: Surrogate, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (dx,) = primals, tangents
    return _step(surrogate, x), surrogate.slope(x) * dx


@jax.custom_jvp
def straight_through(outcome: jax.Array, probability: jax.Array) -> jax.Array:
    """Return a random outcome (0 or 1, or a count) that has the gradient of its mean.

    The derivative of the mean, taken along one realisation (Bengio, Leonard & Courville 2013).
    """
    return jnp.broadcast_to(outcome, jnp.broadcast_shapes(outcome.shape, probability.shape))


@straight_through.defjvp
def _straight_through_jvp(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    value = straight_through(*primals)
    return value, jnp.broadcast_to(tangents[1], value.shape)
