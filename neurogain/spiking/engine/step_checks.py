"""What a step of a model or of a kind of cell returns, by its shapes."""

from typing import Any

import jax


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
