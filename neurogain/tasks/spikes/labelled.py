"""Examples with one label each."""

from typing import NamedTuple

from jaxtyping import Array, Int, Num


class Labelled(NamedTuple):
    """Examples with one label each."""

    spikes: Num[Array, "n steps channels"]
    labels: Int[Array, " n"]
