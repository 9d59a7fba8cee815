"""The Yin-Yang data set: which part of the symbol a point lies in.

Source: Kriener, Göltz & Petrovici, The Yin-Yang dataset, NICE 2022 (arXiv 2102.08211).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from neurogain import _checks
from neurogain.tasks.spikes.coding import at_times

CLASSES = ("yin", "yang", "dot")
_BIG, _SMALL = 0.5, 0.1  # radii of the symbol and of its dots


class Points(NamedTuple):
    """Points of the symbol."""

    values: Float[Array, "n 4"]  # x, y, 1 - x, 1 - y, each in [0, 1]
    labels: Int[Array, " n"]  # in CLASSES

    def spikes(self, steps: int) -> Float[Array, "n steps 4"]:
        """Return one spike a channel, the later the larger the value, within the steps."""
        return at_times(jnp.minimum(self.values, 1 - 1e-6), steps)


def which_class(x: Float[Array, " n"], y: Float[Array, " n"]) -> Int[Array, " n"]:
    """Return the class of points within the symbol, by number.

    Example:
      >>> which_class(jnp.array([0.5, 0.5, 0.75]), jnp.array([0.1, 0.9, 0.5])).tolist()
      [0, 1, 2]
    """
    right, left = (jnp.hypot(x - share * _BIG, y - _BIG) for share in (1.5, 0.5))
    dot = (right < _SMALL) | (left < _SMALL)
    other = (right <= _SMALL) | ((left > _SMALL) & (left <= 0.5 * _BIG))
    other = other | ((y > _BIG) & (right > 0.5 * _BIG))
    return jnp.where(dot, 2, other.astype(jnp.int32))


def yin_yang(key: Key[Array, ""], n: int) -> Points:
    """Return points whose class is uniform, each uniform within its class.

    Args:
      key: a jax.random.key.
      n: number of points.

    Raises:
      ValueError: if n is no whole number of at least 1.

    Example:
      >>> points = yin_yang(jax.random.key(0), 6)
      >>> points.values.shape, points.spikes(30).shape
      ((6, 4), (6, 30, 4))
    """
    _checks.key("key", key)
    _checks.whole("n", n, 1)
    of_class, of_points = jax.random.split(key)
    wanted = jax.random.randint(of_class, (n,), 0, len(CLASSES))

    def again(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        xy, found, key = carry
        own, key = jax.random.split(key)
        new = jax.random.uniform(own, (2, n))
        inside = jnp.hypot(new[0] - _BIG, new[1] - _BIG) <= _BIG
        right = ~found & inside & (which_class(*new) == wanted)
        return jnp.where(right, new, xy), found | right, key

    start = (jnp.zeros((2, n)), jnp.zeros(n, bool), of_points)
    xy, _, _ = jax.lax.while_loop(lambda carry: ~jnp.all(carry[1]), again, start)
    return Points(jnp.concatenate([xy, 1 - xy]).T, wanted.astype(np.int32))
