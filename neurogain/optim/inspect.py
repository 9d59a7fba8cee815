"""Find the gain, the underlying weights and their fast and slow parts in any optimizer state.

The state may be nested however optax, Flax or the user nest it: every helper searches it, and takes
`flax.nnx` variables for their values (`params` is then nnx.state(model, nnx.Param)). All are pure
and run under jit.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import keystr, tree_leaves_with_path
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

from neurogain import _checks
from neurogain import gain as dynamics
from neurogain.optim import _scope, _weights
from neurogain.optim.controls import ScaleByGainState
from neurogain.optim.modulate import ModulateByGainState


def _pure(tree: PyTree) -> PyTree:
    """Return the tree with the values of its `flax.nnx` variables in their place."""
    return jax.tree.map(
        lambda x: x.get_value() if hasattr(x, "get_value") else x,
        tree,
        is_leaf=lambda x: hasattr(x, "get_value"),
    )


def find_nodes(opt_state: optax.OptState, kinds: Any, path: str = "") -> dict[str, Any]:
    """Return every node of these classes by its path in the state, outer before inner."""
    found = {}
    for keys, node in tree_leaves_with_path(opt_state, is_leaf=lambda x: isinstance(x, kinds)):
        if isinstance(node, kinds):
            here = path + keystr(keys)
            found[here] = node
            inner = getattr(node, "inner_state", None)
            found |= find_nodes(inner, kinds, here + ".inner_state")
    return found


def find_gains(opt_state: optax.OptState) -> dict[str, PyTree]:
    """Return every gain in the state by the path of its node ("" for the state itself)."""
    nodes = find_nodes(_pure(opt_state), (ModulateByGainState, ScaleByGainState))
    return {path: node.gain for path, node in nodes.items()}


def get_gain(opt_state: optax.OptState) -> PyTree:
    """Return the only gain in the state: a scalar, or a tree of one gain per leaf or unit.

    Raises:
      ValueError: there is none, or more than one.
    """
    gains = find_gains(opt_state)
    if len(gains) != 1:
        raise ValueError(
            f"`opt_state` must hold exactly one gain; found {len(gains)}: {sorted(gains)}. "
            "Use find_gains(opt_state), which returns all of them by path."
        )
    return next(iter(gains.values()))


def _leaves(prefix: PyTree, params: PyTree) -> list[Any]:
    """Return the node of `prefix` that stands for each leaf of the parameters."""
    is_leaf = _scope.is_mark
    try:
        return jax.tree.leaves(jax.tree.broadcast(prefix, params, is_leaf=is_leaf), is_leaf=is_leaf)
    except ValueError as error:
        raise ValueError(
            "`params` must be the tree that the optimizer was initialised with; it has the "
            f"structure {jax.tree.structure(params)}, the gain knows {jax.tree.structure(prefix)}."
        ) from error


def _unfold(opt_state: optax.OptState, params: PyTree) -> tuple[list[Array], list[list[Array]]]:
    """Return for each leaf its underlying weights, and the gains on it, outer before inner."""
    opt_state = _pure(opt_state)
    weights = jax.tree.leaves(params)
    gains: list[list[Array]] = [[] for _ in weights]
    owner = [""] * len(weights)
    for path, node in find_nodes(opt_state, ModulateByGainState).items():
        parts = [_leaves(part, params) for part in (node.scope, node.gain, node.weights)]
        for i, (mark, gain, kept) in enumerate(zip(*parts, strict=True)):
            if not isinstance(mark, _scope.Modulated):
                continue
            if gains[i] and not path.startswith(owner[i]):
                raise ValueError(
                    f"`opt_state` modulates leaf {i} of the parameters twice, at {owner[i]} and "
                    f"{path}: its weights are not defined. Nest the two, or mask one of them."
                )
            owner[i] = path
            gains[i].append(gain)
            weights[i] = _weights.effective_to_underlying(weights[i], gain, kept)
    return weights, gains


def get_weights(opt_state: optax.OptState, params: PyTree) -> PyTree:
    """Return the underlying weights W = E / g, or those held in the state for low precision.

    Args:
      opt_state: state of the optimizer of `params`, however nested.
      params: the effective weights E, as the training loop holds them.

    Raises:
      ValueError: `params` of another structure, or a leaf modulated by two nodes side by side.
    """
    params = _pure(params)
    return jax.tree.unflatten(jax.tree.structure(params), _unfold(opt_state, params)[0])


def get_fast_slow(
    opt_state: optax.OptState, params: PyTree, *, baseline: ArrayLike = 1.0
) -> dynamics.FastSlow:
    """Return slow = g0 W and fast = (g - g0) W, each a tree like the parameters; they sum to E.

    A leaf without a gain is all slow.

    Args:
      opt_state: state of the optimizer of `params`, however nested.
      params: the effective weights E.
      baseline: g0, as given to the optimizer.

    Raises:
      ValueError: as for `get_weights`.
    """
    params = _pure(params)
    structure = jax.tree.structure(params)
    slow, fast = [], []
    for leaf, gains in zip(jax.tree.leaves(params), _unfold(opt_state, params)[1], strict=True):
        part = dynamics.FastSlow(slow=leaf, fast=jnp.zeros_like(leaf))
        if gains:
            gain = functools.reduce(jnp.multiply, gains)
            wide = leaf.astype(_checks.widest(leaf.dtype, gain.dtype))
            part = dynamics.fast_slow(wide, gain, baseline=baseline)
        slow.append(part.slow.astype(leaf.dtype))
        fast.append(part.fast.astype(leaf.dtype))
    return dynamics.FastSlow(
        slow=jax.tree.unflatten(structure, slow), fast=jax.tree.unflatten(structure, fast)
    )
