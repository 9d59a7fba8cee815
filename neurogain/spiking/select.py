"""What recorders select of the state and the info of a step, and its checks."""

from collections.abc import Callable
from typing import Any

import jax

from neurogain import _checks

Select = Callable[[Any, Any], Any]


def spikes_of(state: Any, info: Any) -> jax.Array:
    """Select the spikes.

    Example:
      >>> from neurogain.spiking.recorders import Total
      >>> Total().select is spikes_of
      True
    """
    del state
    return info.spike


def selected(recorder: Any, state: Any, info: Any) -> Any:
    """Return what a recorder selects.

    Raises:
      TypeError: if that is no array, and no tree of arrays.
    """
    values = recorder.select(state, info)
    leaves = jax.tree.leaves(values, is_leaf=lambda x: x is None)
    if not leaves or not all(hasattr(x, "dtype") and hasattr(x, "ndim") for x in leaves):
        raise TypeError(
            f"`select` of {type(recorder).__name__} must return an array of shape (n,), or a tree "
            f"of them; got {values!r:.200}. Write for instance lambda state, info: state.v."
        )
    return values


class Selects:
    """What recorders that select have in common."""

    select: Select

    def check(self, model: Any) -> None:
        """Raise TypeError unless `select` can be called with a state and an info."""
        del model
        if isinstance(self.select, type):
            raise TypeError(
                f"`select` of {type(self).__name__} must be a function of (state, info); got "
                f"{self.select!r}. Write for instance lambda state, info: state.v."
            )
        if error := _checks.why_not(self.select, None, None):
            raise TypeError(
                f"`select` of {type(self).__name__} must be a function of (state, info); got "
                f"{self.select!r:.200}. Write for instance lambda state, info: state.v."
            ) from error
