"""Checks of a state that a run starts from: whose it is, its shapes and dtypes, its counters."""

from typing import Any

import jax
import numpy as np
from jax.typing import DTypeLike

from neurogain.spiking.engine import drives, step_checks
from neurogain.spiking.engine.times import LAST_STEP

COUNTERS = ("step", "spikes")
"""Names of integer fields of a state that grow by one a step at most."""

_WAY_OUT = "Pass the state of a run of this model, or none to start from rest."


def check(model: Any, params: Any, n: int, state: Any, dtype: DTypeLike) -> None:
    """Check that a state is one of this model, for this number of cells and this dtype.

    Raises:
      TypeError: if it is another model's, no state at all, or of another dtype.
      ValueError: if it has other shapes. Both name the first part that differs.
    """
    if drives.is_result(state):
        raise TypeError(
            "`state` must be the state that a Result holds, not the Result. Pass "
            "state=run.state, first_step=run.step, where run is that Result."
        )
    leaves = jax.tree.leaves(state)
    if not all(map(_is_array, leaves)):
        raise TypeError(
            f"`state` must be a tree of arrays, as a run returns it; got {type(state).__name__}. "
            f"{_WAY_OUT}"
        )
    wrong = [x.shape for x in leaves if x.shape and x.shape[0] != n]
    if wrong and not hasattr(model, "size"):
        raise ValueError(
            f"`state` must hold n = {n} cells along the first axis; got shape {wrong[0]}."
        )
    _compare("state", jax.eval_shape(lambda: step_checks.initial(model, params, n, dtype)), state)


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _compare(name: str, wanted: Any, given: Any) -> None:
    """Raise an error for the first part of a state that differs from what is wanted."""
    if _is_array(wanted) and _is_array(given):
        _compare_arrays(name, wanted, given)
        return
    if type(wanted) is not type(given):
        kinds = ["an array" if _is_array(x) else type(x).__name__ for x in (wanted, given)]
        raise TypeError(f"`{name}` must be {kinds[0]} in this model; got {kinds[1]}. {_WAY_OUT}")
    own, others = _children(wanted), _children(given)
    for child in own:
        if child not in others:
            raise TypeError(f"`{name}` must have `{name}{child}`, which is missing. {_WAY_OUT}")
    for child in others:
        if child not in own:
            raise TypeError(f"`{name}` has `{name}{child}`, which this model has not. {_WAY_OUT}")
    for child, part in own.items():
        _compare(name + child, part, others[child])


def _children(node: Any) -> dict[str, Any]:
    """Return the parts of a node of a tree by the text that selects them; of None, none."""
    if node is None:
        return {}
    parts, _ = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)
    return {jax.tree_util.keystr(path): part for path, part in parts}


def _compare_arrays(name: str, wanted: Any, given: Any) -> None:
    if given.shape != wanted.shape:
        raise ValueError(
            f"`{name}` must have shape {wanted.shape} in this model; got {given.shape}. {_WAY_OUT}"
        )
    if given.dtype != wanted.dtype:
        raise TypeError(
            f"`{name}` must have the dtype of the run, {wanted.dtype}; got {given.dtype}. "
            f"Pass dtype=jnp.{given.dtype} to continue this one."
        )


def check_counters(state: Any, steps: int) -> None:
    """Raise ValueError if a counter, an integer field of COUNTERS, could wrap in the run."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        is_counter = getattr(path[-1] if path else None, "name", "") in COUNTERS
        if not is_counter or isinstance(leaf, jax.core.Tracer) or leaf.dtype.kind not in "iu":
            continue
        so_far = int(np.max(np.asarray(leaf), initial=0))
        if so_far + steps > LAST_STEP:
            name = jax.tree_util.keystr(path).lstrip(".")
            raise ValueError(
                f"`state` must not count beyond {LAST_STEP}, since it counts in 32 bits; "
                f"`{name}` got {so_far}, and the run has {steps} steps. Start a new run without "
                "`state`, or take a longer dt."
            )
