"""Update by an optimizer with those keywords that it takes: not all take what they don't know."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import optax
from jaxtyping import PyTree

DRIVES = ("uncertainty", "task_switch")  # what a loop tells of its batch, for those who take it


def _refused(error: TypeError, names: Iterable[str]) -> str | None:
    """Return which of these keywords an update doesn't take, if that is what it raised."""
    text = str(error)
    if "nexpected keyword argument" not in text:
        return None
    return next((name for name in names if f"'{name}'" in text), None)


def update_with(
    tx: optax.GradientTransformation | optax.MultiSteps,
    grads: PyTree,
    state: optax.OptState,
    params: PyTree | None,
    keywords: Mapping[str, Any],
    *,
    optional: Collection[str] = DRIVES,
) -> tuple[PyTree, optax.OptState]:
    """Update by an optimizer with those of the optional keywords that it takes.

    A loop that serves any optimizer passes all that it knows. Line searches and SAM raise for
    keywords that they don't know, wherever in a chain they are; those are left out then.

    Args:
      tx: any optimizer.
      grads, state, params: as for its update.
      keywords: of the update, by name; an optional one that is None is left out.
      optional: names of those that may be left out.

    Returns:
      What `tx.update` returns.

    Raises:
      TypeError: if `tx` does not take a keyword that is not optional.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import ngm_sgd
      >>> params = {"w": jnp.ones(2)}
      >>> known = {"uncertainty": 0.0, "grad_fn": lambda params, step: params}
      >>> sam = optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.1), opaque_mode=True)
      >>> for tx in (sam, ngm_sgd(0.1)):
      ...     updates, _ = update_with(tx, params, tx.init(params), params, known)
      ...     print(f"{updates['w'][0]:.2f}")
      -0.11
      -0.10
    """
    if isinstance(tx, optax.GradientTransformation):  # optax.MultiSteps is none
        tx = optax.with_extra_args_support(tx)
    known = {name: x for name, x in keywords.items() if name not in optional or x is not None}
    while True:
        try:
            return tx.update(grads, state, params, **known)
        except TypeError as error:
            refused = _refused(error, (name for name in known if name in optional))
            if refused is None:
                raise
            del known[refused]
