"""Host-side checks of concrete values (argument, rule with unit, value, way out) and of dtypes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike


def is_concrete(value: object) -> bool:
    """Return whether the value is a number or array whose content is known now."""
    return not (callable(value) or isinstance(value, jax.core.Tracer))


def in_range(
    name: str,
    value: object,
    rule: str,
    holds: Callable[[np.ndarray], np.ndarray],
    suggestion: str,
) -> None:
    """Raise a ValueError unless `holds(value)` everywhere; skip schedules and tracers.

    `suggestion` is a value that would do, or a sentence that ends with a full stop.
    """
    if not is_concrete(value):
        return
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.number) and array.dtype.kind != "V":
        raise TypeError(f"`{name}` must be a number or an array of numbers; got {value!r}.")
    if not np.all(holds(array)):
        got = repr(value)
        if array.size > 4:
            index = tuple(int(i) for i in np.argwhere(~np.asarray(holds(array)))[0])
            got = f"{array[index]} at index {index[0] if len(index) == 1 else index}"
        way_out = suggestion if suggestion.endswith(".") else f"Pass {name}={suggestion}."
        raise ValueError(f"`{name}` must be {rule}; got {got}. {way_out}")


def single(name: str, value: object) -> None:
    """Raise a ValueError for a concrete array of more than one number."""
    if is_concrete(value) and np.ndim(np.asarray(value)) > 0:
        raise ValueError(f"`{name}` must be one number, or a schedule of them; got {value!r}.")


def no_schedule(name: str, value: object) -> None:
    """Raise a TypeError for a schedule, where only numbers can be used."""
    if callable(value):
        raise TypeError(
            f"`{name}` must be a number, not a schedule; got {value!r}. "
            "Wrap the whole transformation in optax.inject_hyperparams."
        )


def widest(*dtypes: DTypeLike) -> np.dtype:
    """Return the dtype that holds all of these; named by us, so strict promotion has no say."""
    with jax.numpy_dtype_promotion("standard"):
        return np.dtype(jnp.result_type(*dtypes))


def whole(name: str, value: object, least: int) -> None:
    """Raise a ValueError unless the value is an integer of at least `least`."""
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}; got {value!r}.")


def hashable(name: str, value: Any) -> None:
    """Raise TypeError unless a value can be a constant of a compiled program."""
    try:
        hash(value)
    except TypeError as error:
        raise TypeError(
            f"{name} must be hashable, since it is known when a run is compiled; got "
            f"{value!r:.200}. Write @dataclasses.dataclass(frozen=True), and keep arrays in the "
            "parameters."
        ) from error
