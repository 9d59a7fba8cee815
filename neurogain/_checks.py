"""Host-side checks of concrete values (argument, rule with unit, value, way out) and of dtypes."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike


def is_function(value: object) -> bool:
    """Return whether a value can be called, and is not a class.

    Example:
      >>> is_function(len), is_function(dict), is_function(1.0)
      (True, False, False)
    """
    return callable(value) and not isinstance(value, type)


def is_concrete(value: object) -> bool:
    """Return whether the content of a value is known here and now.

    That of a schedule or a tracer is not, nor that of an array on devices of several processes.
    """
    if is_function(value) or isinstance(value, jax.core.Tracer):
        return False
    return bool(getattr(value, "is_fully_addressable", True))


def _quoted(name: str) -> str:
    """Return the name of an argument as errors show it; words of a text stay as they are."""
    return name if " " in name else f"`{name}`"


def unmasked(name: str, value: object) -> None:
    """Raise a TypeError for an array of numpy.ma, whose mask would be dropped."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{_quoted(name)} must be a plain array; got one of numpy.ma, whose mask would be "
            "dropped. Leave out what is masked, or pass x.filled(value)."
        )


def as_array(name: str, value: Any) -> np.ndarray:
    """Return a value as an array; raise a TypeError where it is none, as lists of two lengths."""
    unmasked(name, value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):  # lists of different lengths, keys
        array = np.asarray(None)
    if array.dtype == object:
        raise TypeError(
            f"{_quoted(name)} must be one array; got {_in_a_line(value)}. "
            f"{_as_numbers_again(value)}"
        )
    return array


def _in_a_line(value: object) -> str:
    """Return what is not an array as errors show it."""
    return " ".join(f"{value!r:.200}".split())


def _as_numbers_again(value: object) -> str:
    """Return how what is not an array becomes one of numbers."""
    if hasattr(value, "toarray"):  # of scipy.sparse
        return "Pass x.toarray()."
    if hasattr(value, "dtype") or hasattr(value, "dtypes"):  # of pandas, or of objects
        return (
            "Pass x.astype(float), or the codes of texts and categories, as pandas.factorize(x)[0]."
        )
    return "Give all rows the same length, and numbers alone."


def to_numbers(value: object) -> np.ndarray | None:
    """Return a value as an array of real numbers; None for anything else."""
    if isinstance(value, np.ma.MaskedArray):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):  # lists of different lengths, keys
        return None
    return array if array.dtype.kind in "iufV" else None  # low precisions have the kind V


def as_numbers(name: str, value: object) -> np.ndarray:
    """Return a value as an array of real numbers; raise a TypeError for anything else."""
    unmasked(name, value)
    array = to_numbers(value)
    if array is None:
        raise TypeError(f"`{name}` must be a number or an array of numbers; got {value!r:.200}.")
    return array


def several(name: str, value: object) -> None:
    """Raise a TypeError for one text where several names are meant."""
    if isinstance(value, str):
        raise TypeError(f"`{name}` must be several names; got {value!r}. Pass [{value!r}].")


def broadcast(**arrays: ArrayLike) -> tuple[int, ...]:
    """Return the shape that numbers and arrays broadcast to, traced ones too.

    Raises:
      TypeError: if one is neither a real number nor an array of them.
      ValueError: if the shapes do not fit.
    """
    shapes = {}
    for name, value in arrays.items():
        unmasked(name, value)
        dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
        if not any(jnp.issubdtype(dtype, kind) for kind in (np.floating, np.integer, np.bool_)):
            raise TypeError(
                f"`{name}` must be a real number or an array of them; got {value!r:.200}. "
                "Pass a float."
            )
        shapes[name] = np.shape(value)
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise ValueError(
            f"`{'`, `'.join(shapes)}` must have shapes that broadcast; got {got}. "
            "Pass numbers, or add axes of size 1 as x[:, None] does."
        ) from None


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
    array = as_numbers(name, value)
    if not np.all(holds(array)):
        got = repr(value)
        if array.size > 4:
            index = tuple(int(i) for i in np.argwhere(~np.asarray(holds(array)))[0])
            got = f"{array[index]} at index {index[0] if len(index) == 1 else index}"
        argument = "" if " " in name else f"{name}="  # "current, sd," is no argument
        way_out = suggestion if suggestion.endswith(".") else f"Pass {argument}{suggestion}."
        raise ValueError(f"`{name}` must be {rule}; got {got}. {way_out}")


def single(name: str, value: object) -> None:
    """Raise a ValueError for a concrete array of more than one number."""
    if is_concrete(value) and as_numbers(name, value).ndim > 0:
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
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(
            f"`{name}` must be a whole number of at least {least}; got {value!r:.200}."
        )


def one_number(
    name: str, value: object, rule: str, holds: Callable[[Any], Any], suggestion: str
) -> None:
    """Raise an error unless the value is one real number that is known now, and `holds`.

    It is for what is static: 64-bit arithmetic on the host, no arrays, no tracers.
    """
    if isinstance(value, jax.Array):
        known = ", known when a run is compiled" if not is_concrete(value) else ""
        raise TypeError(
            f"`{name}` must be one Python number, {rule}{known}; got {value!r:.200}. Pass a float."
        )
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(
            f"`{name}` must be one number, {rule}; got {value!r:.200}. Pass {name}={suggestion}."
        )
    in_range(name, value, rule, holds, suggestion)


def in_unit(unit: str) -> str:
    """Return a unit as rules end with it.

    Example:
      >>> in_unit("ms"), in_unit("dimensionless")
      ('in ms', 'dimensionless')
    """
    return unit if unit == "dimensionless" else f"in {unit}"


def positive(name: str, value: object, unit: str, suggestion: str) -> None:
    """Raise an error unless the value is one positive and finite number; see `one_number`."""
    rule = f"positive and finite, {in_unit(unit)}"
    one_number(name, value, rule, lambda x: (x > 0) & (x < np.inf), suggestion)


def flag(name: str, value: object) -> None:
    """Raise a TypeError unless the value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be True or False; got {value!r:.200}.")


def is_bool(value: object) -> bool:
    """Return whether a value is a bool or an array of bools, traced ones too."""
    return bool(jnp.issubdtype(getattr(value, "dtype", type(value)), np.bool_))


def key(name: str, value: Any) -> None:
    """Raise a TypeError unless the value is one key of jax.random."""
    try:
        raw = jnp.shape(jax.random.key_data(value))
        single = jnp.shape(value) in ((), raw) and len(raw) == 1  # those of PRNGKey are raw
    except (TypeError, ValueError, AttributeError):
        single = False
    if not single:
        raise TypeError(f"`{name}` must be one key; got {value!r:.200}. Pass jax.random.key(0).")


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


def said(error: Exception) -> str:
    """Return the kind of an error and the first line of its text, without a full stop."""
    line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {line:.300}".rstrip(".")


def kind_of(error: Exception) -> type[TypeError | ValueError]:
    """Return the kind of error that says more than this one; other kinds need more than a text."""
    return TypeError if isinstance(error, TypeError) else ValueError


def why_not(function: Any, *arguments: Any, **named: Any) -> TypeError | None:
    """Return why a function can't be called with these arguments; None if it can, or is builtin."""
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as error:
        return error
    except ValueError:  # of a builtin, whose arguments are not known
        return None
    return None


def members(what: str, value: Any, protocol: type) -> None:
    """Raise TypeError for a method that can't be called as that of a protocol, which it has.

    `what`: to whom it belongs, for the error.
    """
    for name, method in vars(protocol).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        _, *wanted = inspect.signature(method).parameters.values()
        named = [x.name for x in wanted if x.kind is x.KEYWORD_ONLY]
        places = [x.name for x in wanted if x.name not in named]
        own = getattr(value, name)
        if error := why_not(own, *places, **dict.fromkeys(named)):
            takes = ", ".join([*places, *(f"{x}={x}" for x in named)])
            got = f"{name}{inspect.signature(own)}" if callable(own) else repr(own)
            raise TypeError(
                f"`{name}` of {what} must be a method that takes ({takes}); got {got:.200}."
            ) from error
