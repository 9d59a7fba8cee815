"""Where a state stopped being finite."""

import re
from typing import Any

import jax
import numpy as np


class NonFiniteError(FloatingPointError):
    """A state stopped being a number; says where and when."""


def first(state: Any, step: int, *, dt: float, network: bool) -> NonFiniteError | None:
    """Return the error for the first number of a state that is not finite; None if all are.

    Args:
      state: after a step.
      step: its number.
      dt: ms.
      network: whether the state is a network's.
    """
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        values = np.asarray(leaf)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            name = jax.tree_util.keystr(path).lstrip(".")
            look = "Look for a drive that is too strong there, or take a shorter dt."
            if name.rpartition(".")[2] == "last":  # of a source, which has no potential
                look = (
                    f"A source's spikes are NaN from the step on in which its rate is NaN or "
                    f"outside [0, {1000 / dt:g}] Hz, 1000 / dt. Look for such a rate in its drive."
                )
            return NonFiniteError(
                f"`{name}` {_place(name, where, network)}is {values[where]} after step {step} "
                f"({(step + 1) * dt:g} ms). {look}"
            )
    return None


def _place(name: str, where: tuple[int, ...], network: bool) -> str:
    """Return which entry of a variable; cells come first but in what synapses hold."""
    if not where:
        return ""
    if not network or re.match(r"(network\.)?(cells|synapses)\[", name):
        return f"of cell {where[0]} "
    return f"at index {where[0] if len(where) == 1 else where} "
