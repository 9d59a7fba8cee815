"""Examples with one label each, and which of a set are drawn."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key, Num


class Labelled(NamedTuple):
    """Examples with one label each."""

    spikes: Num[Array, "n steps channels"]
    labels: Int[Array, " n"]


def chosen(key: Key[Array, ""], available: int, n: int, *, what: str, of: str) -> np.ndarray:
    """Return the places of `n` examples among those available, none twice.

    Args:
      key: a jax.random.key.
      available: number of examples.
      n: number of those that are drawn.
      what: name of the argument that says `n`, for the error.
      of: where they are, for the error.

    Raises:
      ValueError: if there are fewer.

    Example:
      >>> chosen(jax.random.key(0), 3, 3, what="test", of="the set").shape
      (3,)
    """
    if n > available:
        raise ValueError(
            f"`{what}` must be at most the {available} {what} examples of {of}; got {n}. Pass "
            f"{what}={available}."
        )
    return np.asarray(jax.random.permutation(key, available)[:n])
