"""Whether functions are alike: the same text, and the same values of all that they refer to.

A run is compiled for its functions. By identity alone a lambda that is written anew would compile
again, and a function whose global has changed would not. Here a function is known by its code
(without file and line), its defaults, its closure and the globals that it names, if these are
numbers, strings, None, tuples of them, arrays, or what `jax`, `numpy` and `math` have. A function
that refers to anything else, which might change unseen, is known by its identity as well.
"""

import builtins
import dataclasses
import dis
import functools
import math
import sys
import types
from typing import Any, NamedTuple

import jax
import numpy as np

MAX_BYTES = 1 << 20  # of an array that is compared by its content
_ROOTS = ("jax", "math", "numpy")
_PURE_NUMPY = ("numpy", "numpy.linalg", "numpy.fft")
_PURE = frozenset({
    abs, all, any, bool, complex, divmod, enumerate, filter, float, int, isinstance, len, list, map,
    max, min, pow, range, reversed, round, set, slice, sorted, str, sum, tuple, zip,
})  # fmt: skip
_OUTSIDE = frozenset({  # what depends on files, devices, settings or the clock
    "DataSource", "config", "datetime64", "default_backend", "device_count", "devices", "fromfile",
    "fromregex", "genfromtxt", "get_printoptions", "getbufsize", "geterr", "lib", "load", "loadtxt",
    "local_devices", "memmap", "process_index", "save",
})  # fmt: skip
_BY_NAME = ("LOAD_GLOBAL", "LOAD_DEREF")
_ABSENT = object()


class _UnknownError(Exception):
    """A value can't be told by its content."""


class _Names(NamedTuple):
    """What a code, with the codes inside it, refers to by name."""

    of_globals: frozenset[str]
    of_attributes: frozenset[str]
    with_random: frozenset[str]  # of which `.random` is taken; "" for what has no name


def key_of(x: Any) -> Any:
    """Return what is equal for two functions, or frozen dataclasses of them, that act alike.

    A value of another kind is returned as it is, and compared by its own `==`.

    Example:
      >>> key_of(lambda x: 2 * x) == key_of(lambda x: 2 * x)
      True
      >>> key_of(lambda x: 2 * x) == key_of(lambda x: 2.0 * x)
      False
    """
    if isinstance(x, types.FunctionType):
        told, parts = _of_function(x)
    elif _is_plain(x):
        of_fields = [
            _of_function(value) if isinstance(value, types.FunctionType) else _told(value)
            for value in vars(x).values()
        ]
        told, parts = all(one[0] for one in of_fields), (type(x), *(one[1] for one in of_fields))
    else:
        return x
    return parts if told else (x, parts)


def _is_plain(x: Any) -> bool:
    """Return whether a value is a frozen dataclass that holds nothing but its fields."""
    if isinstance(x, type) or not dataclasses.is_dataclass(x) or not hasattr(x, "__dict__"):
        return False
    frozen: bool = type(x).__dataclass_params__.frozen  # type: ignore[union-attr]
    return frozen and vars(x).keys() == {field.name for field in dataclasses.fields(x)}


def _of_function(function: types.FunctionType) -> tuple[bool, Any]:
    """Return whether all that a function is made of can be told, and what can."""
    names = _names(function.__code__)
    if names is None or vars(function):
        return False, None
    known = {
        name: function.__globals__.get(name, getattr(builtins, name, _ABSENT))
        for name in sorted(names.of_globals)
    }
    held = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # not set yet
            held[name] = _ABSENT
    given = (function.__defaults__, tuple((function.__kwdefaults__ or {}).items()))
    values = [function.__code__, *given, *held.values(), *known.values()]
    told, parts = zip(*map(_told, values), strict=True)
    # NumPy's random numbers would be drawn once, when it is compiled
    by_key = all((known | held).get(name) is jax for name in names.with_random)
    return all(told) and by_key, parts


@functools.lru_cache(maxsize=1024)
def _names(code: types.CodeType) -> _Names | None:
    """Return the names of a code; None where it imports, sets globals or looks into libraries."""
    of_globals: set[str] = set()
    of_attributes: set[str] = set()
    with_random: set[str] = set()
    before = ""
    for one in dis.get_instructions(code):
        if one.opname.startswith(("IMPORT", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_BUILD_CLASS")):
            return None
        if "GLOBAL" in one.opname or one.opname == "LOAD_NAME":
            of_globals.add(one.argval)
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            of_attributes.add(one.argval)
            if one.argval == "random":
                with_random.add(before)
        before = str(one.argval) if one.opname in _BY_NAME else ""
    inside = [_names(x) for x in code.co_consts if isinstance(x, types.CodeType)]
    if of_attributes & _OUTSIDE or any(name.startswith("_") for name in of_attributes):
        return None
    for found in inside:
        if found is None:
            return None
        of_globals |= found.of_globals
        of_attributes |= found.of_attributes
        with_random |= found.with_random
    return _Names(frozenset(of_globals), frozenset(of_attributes), frozenset(with_random))


def _told(x: Any) -> tuple[bool, Any]:
    """Return whether a value can be told by its content, and what is equal for equal ones."""
    try:
        return True, _of_value(x)
    except _UnknownError:
        return False, None


def _of_value(x: Any) -> Any:
    """Return what is equal for equal values; raises _UnknownError where that can't be told."""
    kind = type(x)
    if kind in (bool, int, str, bytes, type(None), type(...)):
        return kind, x
    if kind in (float, complex):  # -0.0 is not 0.0, and nan is nan
        return kind, float(x.real).hex(), float(x.imag).hex()
    if kind is tuple:
        return kind, tuple(map(_of_value, x))
    if kind is frozenset:
        return kind, frozenset(map(_of_value, x))
    if kind is types.CodeType:
        return _of_code(x)
    if isinstance(x, np.ndarray | np.generic | jax.Array):
        return _of_array(x)
    return _of_library(x)


def _of_code(code: types.CodeType) -> tuple[Any, ...]:
    """Return all of a code but its name and where it stands."""
    return (
        types.CodeType,
        code.co_code,
        tuple(map(_of_value, code.co_consts)),
        (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_exceptiontable,
    )


def _of_array(x: Any) -> tuple[Any, ...]:
    """Return dtype, shape and content of an array, and where it lies."""
    if isinstance(x, jax.core.Tracer):
        raise _UnknownError
    if not isinstance(x, jax.Array):
        plain = type(x) is np.ndarray or isinstance(x, np.generic)
        if not plain or x.dtype.hasobject or x.nbytes > MAX_BYTES:
            raise _UnknownError
        return type(x), x.dtype, x.shape, x.tobytes()
    if x.is_deleted() or not x.is_fully_addressable or 8 * math.prod(x.shape) > MAX_BYTES:
        raise _UnknownError
    is_key = jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
    content = np.asarray(jax.random.key_data(x) if is_key else x).tobytes()
    return jax.Array, str(x.dtype), getattr(x, "weak_type", False), x.sharding, x.shape, content


def _root(x: Any) -> str:
    """Return the package that a module, or a function of a module, says it is from."""
    name = x.__name__ if isinstance(x, types.ModuleType) else getattr(x, "__module__", None)
    return name.partition(".")[0] if isinstance(name, str) else ""


def _of_library(x: Any) -> Any:
    """Return a module, function or type of the libraries whose functions depend on nothing else."""
    if isinstance(x, types.ModuleType):
        pure = _root(x) in _ROOTS and (_root(x) != "numpy" or x.__name__ in _PURE_NUMPY)
        if pure and sys.modules.get(x.__name__) is x:
            return types.ModuleType, x.__name__
        raise _UnknownError
    if isinstance(x, types.BuiltinFunctionType | type) and x in _PURE:
        return x
    name = getattr(x, "__name__", None)
    if isinstance(name, str) and name not in _OUTSIDE and not name.startswith("_"):
        for module in (getattr(x, "__module__", None), "numpy", "jax.numpy"):
            known = isinstance(module, str) and module.partition(".")[0] in _ROOTS
            if known and getattr(sys.modules.get(str(module)), name, None) is x:
                return x
    raise _UnknownError
