"""Whether parameters, inputs and states belong to a layer, before anything is traced."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks

Shapes = Mapping[str, Any]  # of arrays by name; of some of them by name again


def check_given(layer: Any, params: Any, inputs: Any, key: Any = None) -> None:
    """Raise an error unless these are parameters and inputs of a `Layer`, and one key if any."""
    check_params(params, layer.shapes, "layer")
    check_inputs(inputs, layer.inputs)
    if key is not None:
        _checks.key("key", key)


def check_params(params: Any, shapes: Shapes, of: str, name: str = "params") -> None:
    """Raise an error unless parameters have these names and shapes.

    Args:
      params: what a user passed.
      shapes: those that `init` gives.
      of: whose parameters they are to be, in words.
      name: of the argument.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"`{name}` must be what init of the {of} returns; got {params!r:.200}.")
    if {*params} != {*shapes}:
        raise ValueError(
            f"`{name}` must be what init of the {of} returns, with {_listed(shapes)}; got "
            f"{_listed(params)}."
        )
    for own, shape in shapes.items():
        inner = f"{name}[{own!r}]"
        if isinstance(shape, Mapping):
            check_params(params[own], shape, of, inner)
        elif np.shape(params[own]) != shape:
            raise ValueError(
                f"`{inner}` must have shape {shape}, that of the {of}; got "
                f"{np.shape(params[own])}. Pass what its init returns."
            )


def _listed(names: Mapping[Any, Any]) -> str:
    return ", ".join(map(repr, names)) or "nothing"


def check_inputs(inputs: Any, channels: int, name: str = "inputs") -> None:
    """Raise an error unless inputs are real and finite, of the shape (steps, batch, channels)."""
    _checks.broadcast(**{name: inputs})
    shape = np.shape(inputs)
    if len(shape) != 3 or shape[2] != channels or 0 in shape:
        raise ValueError(
            f"`{name}` must have shape (steps, batch, {channels}), none of them 0; got {shape}."
        )
    if _checks.is_concrete(inputs) and not np.isfinite(np.asarray(inputs)).all():
        raise ValueError(
            f"`{name}` must be finite; got NaN or infinity. Pass 0 where there is no spike."
        )


def check_state(state: Any, expected: Any) -> None:
    """Raise an error unless a state has the structure and the shapes of `expected`."""
    structures: list[Any] = [jax.tree.structure(tree) for tree in (state, expected)]
    if structures[0] != structures[1]:
        raise TypeError(
            f"`state` must be one that `apply` of this layer returned; got a "
            f"{type(state).__name__} of the structure {structures[0]!r:.200}."
        )
    found, forms = (jax.tree.map(jnp.shape, tree) for tree in (state, expected))
    if found != forms:
        raise ValueError(
            "`state` must be one that `apply` of this layer returned for as many examples; got "
            f"the shapes {found!r:.200}, not {forms!r:.200}."
        )
