"""What recorders select of the state and the info of a step, and its checks."""

import functools
from collections.abc import Callable, Mapping
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


def selected(recorder: Any, state: Any, info: Any, name: str = "") -> Any:
    """Return what a recorder selects; `name` is the recorder's, for errors.

    Raises:
      TypeError: if `select` fails, or what it returns is no array, and no tree of arrays.
    """
    try:
        values = recorder.select(state, info)
    except Exception as error:
        of = f"{type(recorder).__name__}" + (f", the recorder {name!r}," if name else "")
        raise TypeError(
            f"`select` of {of} must take the state and the info of this model; it raised "
            f"{_checks.said(error)}. Here {_parts('state', state)}; {_parts('info', info)}."
        ) from error
    leaves = jax.tree.leaves(values, is_leaf=lambda x: x is None)
    if not leaves or not all(hasattr(x, "dtype") and hasattr(x, "ndim") for x in leaves):
        raise TypeError(
            f"`select` of {type(recorder).__name__} must return an array of shape (n,), or a tree "
            f"of them; got {values!r:.200}. Write for instance lambda state, info: state.v."
        )
    return values


def _parts(name: str, tree: Any) -> str:
    """Return which arrays a tree has, by the expressions that select them, up to 12 places."""
    places: dict[str, list[str]] = {}
    for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]:
        place, key = (jax.tree_util.keystr(part) for part in (path[:-1], path[-1:]))
        places.setdefault(name + place, []).append(key.lstrip("."))
    texts = [f"{place} has {', '.join(fields)}" for place, fields in places.items()]
    return "; ".join(texts[:12]) + ("; and so on" if texts[12:] else "")


def check_selections(recorders: Mapping[str, Any], state: Any, info: Any) -> None:
    """Raise TypeError, with the recorder's name, if what one selects can't be selected."""
    for name, recorder in recorders.items():
        if isinstance(recorder, Selects):
            jax.eval_shape(functools.partial(selected, recorder, name=name), state, info)


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
