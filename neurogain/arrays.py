"""Results as arrays with named axes: a NamedTuple whose annotations say axes and dtypes.

    class Curves(NamedTuple):
        spikes: Float[np.ndarray, "seed coupling current"]
        time_ms: Float[np.ndarray, " sample"]

Whoever reads such a result back can check it, and label its axes, by these annotations alone.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neurogain._extras import extra

if TYPE_CHECKING:
    import pandas
    import xarray

SEED = "seed"  # the axis along which results of several seeds are divided


class Field(NamedTuple):
    """What an annotation says of an array."""

    axes: tuple[str, ...]
    dtypes: Collection[str] | None  # names of NumPy's dtypes; None: any


def fields_of(kind: type) -> dict[str, Field]:
    """Return the fields of a result type.

    Raises:
      TypeError: if an annotation is not one of jaxtyping's, with named axes.

    Example:
      >>> from jaxtyping import Float
      >>> class Curve(NamedTuple):
      ...     rate: Float[np.ndarray, "seed current"]
      >>> fields_of(Curve)["rate"].axes
      ('seed', 'current')
    """
    found = {}
    for name, annotation in kind.__annotations__.items():
        axes = getattr(annotation, "dim_str", None)
        if axes is None:
            raise TypeError(
                f"`{name}` of {kind.__name__} must be annotated with its dtype and its axes; got "
                f'{annotation!r}. Write for instance Float[np.ndarray, "seed update"].'
            )
        dtypes = annotation.dtypes
        known = tuple(dtypes) if isinstance(dtypes, list | tuple) else None
        found[name] = Field(tuple(axes.split()), known)
    return found


def check(
    kind: type,
    arrays: Mapping[str, np.ndarray],
    axes: Mapping[str, np.ndarray],
    *,
    undefined: Collection[str] = (),
) -> None:
    """Check the arrays of a result against its type.

    Args:
      kind: the result type.
      arrays: by the names of its fields.
      axes: coordinates of named axes; other axes must have one length in all arrays.
      undefined: fields that may hold NaN or infinity.

    Raises:
      ValueError: if a field is missing or unknown, or has another shape or dtype, or is not finite.
    """
    fields = fields_of(kind)
    if arrays.keys() != fields.keys():
        odd = sorted(arrays.keys() ^ fields.keys())
        raise ValueError(f"has other arrays than {', '.join(fields)}: {', '.join(odd)}")
    lengths = {name: len(values) for name, values in axes.items()}
    for name, (own, dtypes) in fields.items():
        array = arrays[name]
        if array.ndim != len(own):
            raise ValueError(f"{name} has shape {array.shape}, not the axes ({', '.join(own)})")
        for axis, length in zip(own, array.shape, strict=True):
            wanted = int(axis) if axis.isdigit() else lengths.setdefault(axis, length)
            if wanted != length:
                raise ValueError(f"{name} has {length} along {axis}, not {wanted}")
        if dtypes is not None and array.dtype.name not in dtypes:
            raise ValueError(f"{name} has the dtype {array.dtype}, which is not of its kind")
        numeric = np.issubdtype(array.dtype, np.inexact)
        if numeric and name not in undefined and not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")


def whole(kind: type, result: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a result, by the names of its fields."""
    return {name: np.asarray(getattr(result, name)) for name in fields_of(kind)}


def divide(kind: type, result: Any, count: int) -> list[dict[str, np.ndarray]]:
    """Return the arrays of each seed of a result; those without the axis are in every one."""
    fields = fields_of(kind)
    return [
        {
            name: array[i : i + 1] if SEED in fields[name].axes[:1] else array
            for name, array in whole(kind, result).items()
        }
        for i in range(count)
    ]


def join(kind: type, each: Sequence[Mapping[str, np.ndarray]]) -> Any:
    """Return one result of the arrays of several seeds, in their order."""
    return kind(
        **{
            name: np.concatenate([one[name] for one in each])
            if SEED in field.axes[:1]
            else each[0][name]
            for name, field in fields_of(kind).items()
        }
    )


def to_xarray(result: Any, axes: Mapping[str, np.ndarray]) -> "xarray.Dataset":
    """Return a result as an xarray.Dataset."""
    with extra("export"):
        import xarray
    fields = fields_of(type(result))
    used = {axis for field in fields.values() for axis in field.axes}
    return xarray.Dataset(
        {name: (field.axes, np.asarray(getattr(result, name))) for name, field in fields.items()},
        {name: values for name, values in axes.items() if name in used},
    )


def to_dataframe(
    parts: Mapping[str, Any], axes: Mapping[str, Mapping[str, np.ndarray]], names: Sequence[str]
) -> "pandas.DataFrame":
    """Return fields of all parts that have them as one long pandas.DataFrame.

    Raises:
      ValueError: if no part has the fields, or they have different axes.
    """
    with extra("export"):
        import pandas
    if not names:
        fields = fields_of(type(next(iter(parts.values()))))
        first = next(iter(fields.values())).axes
        names = [name for name, field in fields.items() if field.axes == first]
    tables = []
    for label, result in parts.items():
        fields = fields_of(type(result))
        if not set(names) <= fields.keys():
            continue
        own = fields[names[0]].axes
        if any(fields[name].axes != own for name in names):
            raise ValueError(f"`fields` must have the same axes; got {', '.join(names)}.")
        shape = np.shape(getattr(result, names[0]))
        places = np.indices(shape).reshape(len(shape), int(np.prod(shape)))
        columns: dict[str, Any] = {"part": label}
        for axis, place in zip(own, places, strict=True):
            coordinates = axes[label].get(axis)
            columns[axis] = place if coordinates is None else np.asarray(coordinates)[place]
        columns |= {name: np.ravel(getattr(result, name)) for name in names}
        tables.append(pandas.DataFrame(columns, index=range(places.shape[1])))
    if not tables:
        known = dict.fromkeys(f for result in parts.values() for f in fields_of(type(result)))
        raise ValueError(
            f"`fields` must be of one of the parts, {', '.join(known)}; got {', '.join(names)}."
        )
    return pandas.concat(tables, ignore_index=True)
