"""What `init` and a step of a model or of a kind of cell return, by its shapes."""

from typing import Any

import jax
import numpy as np
from jax.typing import DTypeLike


def initial(model: Any, params: Any, n: int, dtype: DTypeLike) -> Any:
    """Return the state of `n` cells at rest.

    Raises:
      TypeError: if it has no names, which errors and recorders need.
      ValueError: if the first axis of an array is not the cell; a network checks its cells itself.
    """
    state = model.init(params, n, dtype)
    if state is None or type(state) in (list, tuple):
        raise TypeError(
            f"`init` of {model!r:.100} must return the state of {n} cells, a NamedTuple of arrays; "
            f"got {type(state).__name__}."
        )
    leaves = [] if hasattr(model, "size") else jax.tree_util.tree_flatten_with_path(state)[0]
    for path, leaf in leaves:
        if np.shape(leaf)[:1] != (n,):
            name = jax.tree_util.keystr(path).lstrip(".") or "state"
            raise ValueError(
                f"`init` of {model!r:.100} must return arrays whose first axis is the cell, of "
                f"length {n}; `{name}` is {_shape(leaf)}."
            )
    return state


def pair(model: Any, result: Any) -> tuple[Any, Any]:
    """Return state and info that a step returned; raise TypeError unless there are two."""
    if not isinstance(result, list | tuple) or len(result) != 2:
        count = f", {len(result)} values" if type(result) in (list, tuple) else ""
        raise TypeError(
            f"`step` of {model!r:.100} must return (state, info); got {_kind(result)}{count}."
        )
    return result[0], result[1]


def check(model: Any, before: Any, after: Any, info: Any, n: int) -> None:
    """Check a step's results; nothing is computed.

    Args:
      model: for the error.
      before: state that the step got.
      after: state that it returned.
      info: that it returned.
      n: number of cells.

    Raises:
      TypeError: if the state is not like that which the step got, or the info has no spikes.
      ValueError: if there is not one spike for each cell.
    """
    (old, _), (new, _) = (jax.tree_util.tree_flatten_with_path(x) for x in (before, after))
    structures: list[Any] = [jax.tree.structure(x) for x in (before, after)]
    if structures[0] != structures[1]:
        raise TypeError(
            f"`step` of {model!r:.100} must return (state, info), with a state like the one that "
            f"it got, {_kind(before)}; got {_kind(after)}."
        )
    for (path, one), (_, other) in zip(old, new, strict=True):
        if _shape(one) != _shape(other):
            name = jax.tree_util.keystr(path).lstrip(".") or "state"
            raise TypeError(
                f"`step` of {model!r:.100} must return a state like the one that it got; `{name}` "
                f"was {_shape(one)} and is {_shape(other)}. Keep the dtype of the state, for "
                "instance by neurogain.spiking.cell.like."
            )
    if not hasattr(info, "spike"):
        raise TypeError(
            f"`step` of {model!r:.100} must return an info with a field `spike`, 1.0 where a cell "
            f"spiked; got {_kind(info)}. Return a NamedTuple with it."
        )
    if getattr(info.spike, "shape", ()) != (n,):
        raise ValueError(
            f"`spike` that a step of {model!r:.100} returns must have shape ({n},), one value per "
            f"cell; got {_shape(info.spike)}."
        )


def check_potential(cell: Any, compartment: str, v: Any, n: int) -> None:
    """Raise ValueError unless a potential is an array of one value per cell."""
    if getattr(v, "shape", ()) != (n,):
        raise ValueError(
            f"`potential` of {cell!r:.100} must return shape ({n},), the mV of each cell in "
            f"{compartment!r}; got {_shape(v)}."
        )


def _kind(value: Any) -> str:
    fields = getattr(value, "_fields", None)
    return f"{type(value).__name__}{fields or ''}"


def _shape(x: Any) -> str:
    """Return dtype and shape, as in float32[3]."""
    if not hasattr(x, "dtype"):
        return repr(x)[:100]
    return f"{x.dtype}[{','.join(map(str, x.shape))}]"
