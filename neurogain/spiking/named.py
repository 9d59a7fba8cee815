"""Values by name in an order of their own, as a pytree; the names are static."""

from collections.abc import Iterator
from typing import Any, TypeVar

import jax

T = TypeVar("T", bound="Named")


class Named:
    """Values with names, read as attributes: a NamedTuple whose names are chosen by the caller.

    Subclasses are registered with `jax.tree_util.register_pytree_with_keys_class`.
    """

    def __init__(self, **values: Any) -> None:
        """Keep the values under their names, in the order given."""
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        """Raise AttributeError: Python calls this for names that are not there."""
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}, only {', '.join(self.__dict__) or 'nothing'}."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        """Raise AttributeError: values are replaced by `_replace`."""
        raise AttributeError(f"Pass {name}=... to _replace, which returns another one.")

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.__dict__)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a value of this name."""
        return name in self.__dict__

    def __getitem__(self, name: str) -> Any:
        """Return the value of a name."""
        return self.__dict__[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, or the default."""
        return self.__dict__.get(name, default)

    def _asdict(self) -> dict[str, Any]:
        """Return the values by name."""
        return dict(self.__dict__)

    def _replace(self: T, **changes: Any) -> T:
        """Return the same with other or with more values."""
        values = self.__dict__ | changes
        return self.tree_unflatten(tuple(values), values.values())

    def __eq__(self, other: object) -> bool:
        """Return whether names, their order and values are equal."""
        if type(self) is not type(other):
            return NotImplemented
        return list(self.__dict__.items()) == list(other.__dict__.items())

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        """Return the call that makes it."""
        values = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({values})"

    def tree_flatten_with_keys(self) -> tuple[Any, tuple[str, ...]]:
        """Return the values with their keys, and the names."""
        keys = jax.tree_util.GetAttrKey
        return [(keys(name), value) for name, value in self.__dict__.items()], tuple(self.__dict__)

    @classmethod
    def tree_unflatten(cls: type[T], names: tuple[str, ...], values: Any) -> T:
        """Return what has these values, whatever they are."""
        new = object.__new__(cls)
        new.__dict__.update(zip(names, values, strict=True))
        return new
