"""What reaches the inner optimizer of a gain: everything that is said of E, said of W = E / g."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import PyTree

from neurogain.optim import _weights

VALUES = ("value_fn", "obj_fn")  # functions from parameters to a number, by optax's names
GRADIENTS = ("grad_fn",)  # functions from parameters to gradients


def _in_latent(function: Callable[..., Any], effective: Callable[[PyTree], PyTree]) -> Any:
    """Return a function of E as one of W; further arguments pass, and its signature stays."""

    @functools.wraps(function)
    def of_latent(latent: PyTree, *args: Any, **kwargs: Any) -> Any:
        return function(effective(latent), *args, **kwargs)

    return of_latent


def extra_args(
    given: Mapping[str, Any], params: PyTree, gains: PyTree, scope: PyTree, weights: PyTree
) -> dict[str, Any]:
    """Return extra arguments for the inner optimizer.

    `value_fn` and `obj_fn` become functions of W, `grad_fn` one of W to dL/dW, and the gradient
    `grad` becomes dL/dW.

    Raises:
      TypeError: for any other function, since it may be one of the parameters.
    """

    def effective(latent: PyTree) -> PyTree:
        return _weights.effective(latent, params, gains, scope)

    def gradients(grads: PyTree) -> PyTree:
        return _weights.latent_gradients(grads, gains, scope, weights)

    result: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            result[name] = None
        elif name == "grad":
            result[name] = gradients(value)
        elif name in VALUES:
            result[name] = _in_latent(value, effective)
        elif name in GRADIENTS:
            of_latent = _in_latent(value, effective)
            result[name] = lambda *args, f=of_latent, **kwargs: gradients(f(*args, **kwargs))
        elif callable(value):
            raise TypeError(
                f"`{name}` must be no function: the inner optimizer works on W = E / g, and of "
                f"functions of the parameters only {', '.join(VALUES + GRADIENTS)} are known and "
                "become functions of W. Bind it in the inner optimizer, as a function of W."
            )
        else:
            result[name] = value
    return result
