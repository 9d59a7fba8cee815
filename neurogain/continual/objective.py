"""What a trainer minimizes, and what drives the gain: functions of logits and labels."""

import inspect
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from neurogain import _checks, uncertainty

Loss: TypeAlias = Callable[[Array, Array], Array]
"""From logits, (n, classes), and labels, (n,), to the losses of n examples, or to one number."""

CROSS_ENTROPY: Loss = optax.softmax_cross_entropy_with_integer_labels

Uncertainty: TypeAlias = Callable[..., Array]
"""From logits, (n, classes), and, where it takes them, labels, (n,), to the drives of n examples.

It takes labels if it has a parameter of that name, or a second one without a default."""


def takes_labels(function: Uncertainty) -> bool:
    """Return whether a measure of uncertainty is called with labels.

    Example:
      >>> takes_labels(uncertainty.surprise), takes_labels(uncertainty.entropy)
      (True, False)
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # of a builtin, whose arguments are not known
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return any(p.name == "labels" or p.default is p.empty for p in places[1:])


def mean_loss(
    loss: Loss, logits: Array, labels: Array, counted: Bool[Array, " n"] | None
) -> Float[Array, ""]:
    """Return the mean loss over the examples that count; None: all."""
    return jnp.asarray(loss(logits, labels)).mean(where=counted)


def drive(
    function: Uncertainty, logits: Array, labels: Array, counted: Bool[Array, " n"] | None
) -> Float[Array, ""]:
    """Return the mean drive over the examples that count; None: all."""
    values = function(logits, labels) if takes_labels(function) else function(logits)
    return uncertainty.batch_mean(values, where=counted)


def check_objective(
    loss: Loss,
    function: Uncertainty,
    logits: jax.ShapeDtypeStruct,
    labels: jax.ShapeDtypeStruct,
    *,
    some_left_out: Sequence[str],
) -> None:
    """Check a loss and a measure of uncertainty with a batch of n examples.

    `some_left_out` are the reasons why single examples of a batch may not count; empty: all count.

    Raises:
      TypeError, ValueError: if one can't be called, or returns no real numbers of these shapes.
    """
    n = labels.shape[0]
    shapes: list[tuple[int, ...]] = [(n,)] if some_left_out else [(n,), ()]
    wanted = f"one loss for each example, ({n},), "
    wanted += f"since {' and '.join(some_left_out)}" if some_left_out else "or one number"
    _check("loss", loss, (logits, labels), shapes, wanted)
    if not callable(function):
        raise TypeError(f"`uncertainty` must be a function of logits; got {function!r:.200}.")
    wanted = f"one drive for each example, ({n},)"
    given = (logits, labels) if takes_labels(function) else (logits,)
    _check("uncertainty", function, given, [(n,)], wanted)


def _check(
    name: str,
    function: Callable[..., Array],
    given: tuple[jax.ShapeDtypeStruct, ...],  # logits, or logits and labels
    shapes: list[tuple[int, ...]],
    wanted: str,
) -> None:
    takes = ", ".join(("logits", "labels")[: len(given)])
    if not callable(function):
        raise TypeError(f"`{name}` must be a function of ({takes}); got {function!r:.200}.")
    try:
        found = jax.eval_shape(function, *given)
    except Exception as error:  # whatever a user's function raises
        raise _checks.kind_of(error)(
            f"`{name}` must be a function of ({takes}) that JAX can trace; with shapes "
            f"{', '.join(str(x.shape) for x in given)} it raised {_checks.said(error)}."
        ) from error
    single = isinstance(found, jax.ShapeDtypeStruct)
    if not single or found.shape not in shapes or not jnp.issubdtype(found.dtype, jnp.floating):
        got = f"{found.dtype} of shape {found.shape}" if single else f"{found!r:.200}"
        raise ValueError(f"`{name}` must return floats: {wanted}; got {got}.")
