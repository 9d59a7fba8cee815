"""Whether parameters, inputs and states belong to a layer, before anything is traced."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from neurogain import _checks
from neurogain.spiking.engine import drive_checks
from neurogain.spiking.engine.drives import Noise, PoissonInput, Pulse, TimeSeries, fields

Shapes = Mapping[str, Any]  # of arrays by name; of some of them by name again


def check_params(params: Any, shapes: Shapes, owner: str, name: str = "params") -> None:
    """Raise an error unless parameters are floats of these names and shapes.

    Args:
      params: what a user passed.
      shapes: those that `init` gives.
      owner: whose parameters they must be, in words.
      name: of the argument.
    """
    rule = f"`{name}` must be what init of the {owner} returns"
    if not isinstance(params, Mapping):
        raise TypeError(f"{rule}, a mapping; got {params!r:.200}. Call init.")
    if {*params} != {*shapes}:
        raise ValueError(f"{rule}, with {_listed(shapes)}; got {_listed(params)}. Call init.")
    for own, shape in shapes.items():
        inner, leaf = f"{name}[{own!r}]", params[own]
        if isinstance(shape, Mapping):
            check_params(leaf, shape, owner, inner)
            continue
        dtype = getattr(leaf, "dtype", None)
        if dtype is None or not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(
                f"`{inner}` must be an array of floats; got {leaf if dtype is None else dtype!r}. "
                "Pass jnp.asarray(x, jnp.float32)."
            )
        if leaf.shape != shape:
            raise ValueError(
                f"`{inner}` must have shape {shape}, as init of the {owner} returns it; got "
                f"{leaf.shape}. Pass the parameters that were made for it."
            )
        if _checks.is_concrete(leaf) and not _all_finite(leaf):
            raise ValueError(
                f"`{inner}` must be finite; got NaN or infinity. Lower the learning rate that made "
                "it."
            )


def _listed(names: Mapping[Any, Any]) -> str:
    return ", ".join(map(repr, names)) or "nothing"


def names(argument: str, value: Any) -> tuple[str, ...]:
    """Return names as a tuple; raise a TypeError for anything else."""
    _checks.several(argument, value)
    try:
        found = tuple(value)
    except TypeError:
        found = (None,)
    if not all(isinstance(name, str) for name in found):
        raise TypeError(f"`{argument}` must hold names; got {value!r:.200}. Pass () for none.")
    if len({*found}) < len(found):
        raise ValueError(f"`{argument}` must be different names; got {', '.join(found)}.")
    return found


def check_drive(drive: Any, n: int, dt: float) -> None:
    """Raise an error unless a drive is one of numbers that its fields may have, or of n each."""
    for path, field, _ in fields(drive, "drive"):
        if isinstance(field, TimeSeries | Pulse | Noise | PoissonInput) or callable(field):
            raise TypeError(
                f"`{path}` of a layer must be a number, or one value per cell; got {field!r:.100}. "
                "What changes in time goes through `inputs` or `levels`."
            )
    drive_checks.check(drive, n=n, last_step=1, key=None, dt=dt)


def check_levels(levels: Any, modulate: Any, axes: tuple[int, ...]) -> None:
    """Raise an error unless levels are arrays with these first axes, step and batch."""
    if modulate is None and levels is not None:
        raise ValueError(
            "`modulate` must be given with `levels`, which act through it; got None. Pass "
            "CellTypes(...).modulate(...)."
        )
    if modulate is not None and not callable(modulate):
        raise TypeError(
            f"`modulate` must be a function of constants, drive and level; got {modulate!r:.200}. "
            "Pass CellTypes(...).modulate(...)."
        )
    for leaf in jax.tree.leaves(levels):
        _checks.broadcast(levels=leaf)
        if np.shape(leaf)[:2] != axes:
            raise ValueError(
                f"`levels` must have the first axes {axes}, steps and batch, as the inputs; got "
                f"shape {np.shape(leaf)}. Write jnp.broadcast_to(level, {(*axes, 1)})."
            )
        floating = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        if floating and _checks.is_concrete(leaf) and not _all_finite(leaf):
            raise ValueError("`levels` must be finite; got NaN or infinity. Pass 0 for none.")


def check_inputs(inputs: Any, channels: int, name: str = "inputs") -> None:
    """Raise an error unless inputs are real and finite, of the shape (steps, batch, channels)."""
    try:
        dtype = inputs.dtype if hasattr(inputs, "dtype") else np.asarray(inputs).dtype
    except ValueError:  # lists of different lengths
        dtype = np.dtype(object)
    floating = jnp.issubdtype(dtype, jnp.floating)
    if not floating and not any(jnp.issubdtype(dtype, kind) for kind in (np.integer, np.bool_)):
        raise TypeError(
            f"`{name}` must be an array of real numbers; got {dtype}. Pass 1 where there is a "
            "spike, 0 elsewhere."
        )
    shape = np.shape(inputs)
    if len(shape) != 3 or shape[2] != channels or 0 in shape:
        raise ValueError(
            f"`{name}` must have shape (steps, batch, {channels}), none of them 0; got {shape}. "
            "The first axis is time: swap axes with jnp.swapaxes(x, 0, 1)."
        )
    if floating and _checks.is_concrete(inputs) and not _all_finite(inputs):
        raise ValueError(
            f"`{name}` must be finite; got NaN or infinity. Pass 0 where there is no spike."
        )


def _all_finite(inputs: Any) -> bool:
    """Return whether known numbers are finite, where they are: on the host or on a device."""
    if not isinstance(inputs, jax.Array):
        return bool(np.isfinite(inputs).all())
    with jax.ensure_compile_time_eval():
        return bool(jnp.isfinite(inputs).all())


def check_given(layer: Any, inputs: Any, key: Any = None) -> None:
    """Raise an error unless these are inputs of a `Layer`, and one key if any."""
    check_inputs(inputs, layer.inputs)
    if key is not None:
        _checks.key("key", key)


def state_or_rest(state: Any, rest: Callable[[], Any]) -> Any:
    """Return a state that goes on, or else the one at rest.

    Raises an error unless it has the structure, shapes and dtypes of that at rest.
    """
    if state is None:
        return rest()
    expected = jax.eval_shape(rest)
    structures: list[Any] = [jax.tree.structure(tree) for tree in (state, expected)]
    if structures[0] != structures[1]:
        raise TypeError(
            f"`state` must be what an earlier call returned; got a {type(state).__name__} of the "
            f"structure {structures[0]!r:.200}. Leave it out to begin at rest."
        )
    found, wanted = (
        [(jnp.shape(x), jnp.result_type(x)) for x in jax.tree.leaves(tree)]
        for tree in (state, expected)
    )
    for one, other in zip(found, wanted, strict=True):
        if one != other:
            raise ValueError(
                "`state` must be what an earlier call returned for as many examples, in the dtype "
                f"of the weights; got shape {one[0]} and {one[1]}, not {other[0]} and {other[1]}. "
                "Leave it out to begin at rest."
            )
    return state
