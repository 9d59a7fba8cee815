"""The annotations of the package are checked at run time while the tests run."""

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

# An int does for a float, as for type checkers; NumPy's numbers do for Python's.
_REAL = float | int | np.floating | np.integer
_NUMBERS = {
    bool: bool | np.bool_,
    int: int | np.integer,
    float: _REAL,
    complex: complex | np.complexfloating | _REAL,
}
_CONF = BeartypeConf(hint_overrides=FrozenDict(_NUMBERS))
_KNOWN: dict[object, Callable[..., Any]] = {}


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check arguments and result by beartype, once a call has returned.

    jaxtyping hands over two stubs of each function: one with the arguments, called before the
    function, and one that takes the result too, called after it. Only the second is checked. So a
    function that raises an error of its own about an argument of a wrong type is heard. Dataclasses
    are left out: their fields are documentation, as those of a NamedTuple are.

    beartype writes the check at the first call; most functions are not called by most tests. A
    function inside a function is made anew at each call of the outer one, and its stubs too: those
    of one name and equal annotations share one check.
    """
    arguments = function.__code__.co_varnames
    takes_result = any(re.fullmatch(r"ret\d+", name) for name in arguments)
    hints = tuple(function.__annotations__.items())
    unchecked = all(hint is Any for _, hint in hints)
    if not takes_result or unchecked or function.__name__ == "__init__":
        return function
    key = function.__module__, function.__qualname__, arguments, hints
    return _KNOWN.setdefault(key, _at_first_call(function))


def _at_first_call(function: Callable[..., Any]) -> Callable[..., Any]:
    check = functools.cache(lambda: beartype(conf=_CONF)(function))
    return lambda *args, **kwargs: check()(*args, **kwargs)
