"""The annotations of the package are checked at run time while the tests run."""

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


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check arguments and result by beartype, once a call has returned.

    jaxtyping hands over two stubs of each function: one with the arguments, called before the
    function, and one that takes the result too, called after it. Only the second is checked. So a
    function that raises an error of its own about an argument of a wrong type is heard. Dataclasses
    are left out: their fields are documentation, as those of a NamedTuple are.
    """
    arguments = function.__code__.co_varnames
    takes_result = any(re.fullmatch(r"ret\d+", name) for name in arguments)
    if not takes_result or function.__name__ == "__init__":
        return function
    return beartype(conf=_CONF)(function)
