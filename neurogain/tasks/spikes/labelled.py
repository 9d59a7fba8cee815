"""Examples with one label each."""

from typing import NamedTuple

from jaxtyping import Array, Float, Int


class Labelled(NamedTuple):
    """Examples with one label each."""

    spikes: Float[Array, "n steps channels"]
    labels: Int[Array, " n"]
