"""Which leaves a gain modulates: the mask, evaluated at each update as `optax.masked` does."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
import optax
from jaxtyping import PyTree

from neurogain import _checks

MaskedNode: TypeAlias = optax.MaskedNode  # optax's own mark for a leaf that is left out
# bools in the structure of the parameters, or a function to them; None: all leaves
Mask: TypeAlias = PyTree | Callable[[PyTree], PyTree] | None


class Modulated(NamedTuple):
    """Stands where a leaf of the parameters is modulated, and holds nothing.

    `optax.MaskedNode` stands where a leaf is left out.
    """


def _is_function(mask: Mask) -> bool:
    """Return whether a mask is a function from parameters; a module of bools may be callable too.

    So does `optax.masked`.
    """
    return callable(mask) and all(callable(leaf) for leaf in jax.tree.leaves(mask))


def is_placeholder(params: PyTree) -> bool:
    """Return whether `optax.tree_map_params` asks for the places of parameters in a state.

    What it passes has no leaves, as an empty tree has none, and a private type.
    """
    return type(params).__name__ == "_ParamsPlaceholder"


def build(params: PyTree, mask: Mask) -> PyTree:
    """Return the scope of `params` under `mask`, a tree of bools or a prefix of one.

    Raises:
      ValueError: if the structure of the mask is no prefix of that of the parameters, or no leaf is
        kept.
      TypeError: if a leaf of the mask is no bool.
    """
    everything = jax.tree.map(lambda _: Modulated(), params)
    if mask is None or not jax.tree.leaves(params):
        return everything
    tree = mask(params) if _is_function(mask) else mask
    for leaf in jax.tree.leaves(tree):
        if not (
            _checks.is_concrete(leaf) and np.asarray(leaf).dtype == bool and np.ndim(leaf) == 0
        ):
            raise TypeError(
                "`mask` must hold one bool a leaf, known before tracing (True: modulate it); got "
                f"{leaf!r}. Pass for instance mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)."
            )
    try:
        whole = jax.tree.broadcast(tree, params)
    except ValueError as error:
        raise ValueError(
            "`mask` must have the structure of the parameters, or be a prefix of it; got "
            f"{jax.tree.structure(tree)} for parameters {jax.tree.structure(params)}. "
            "Pass a callable, mask=lambda params: ..., to derive it from them."
        ) from error
    scope = jax.tree.map(lambda keep, _: Modulated() if keep else MaskedNode(), whole, params)
    if jax.tree.leaves(whole) and not any(jax.tree.leaves(whole)):
        raise ValueError(
            "`mask` must keep at least one leaf; it is False for every one of "
            f"{jax.tree.structure(params)}. Pass mask=None to modulate all, or use the inner "
            "optimizer alone."
        )
    return scope


def is_mark(node: object) -> bool:
    """Return whether the node marks one leaf of the parameters."""
    return isinstance(node, Modulated | MaskedNode)


def kept(scope: PyTree) -> PyTree:
    """Return whether each leaf is modulated."""
    return jax.tree.map(lambda mark: isinstance(mark, Modulated), scope, is_leaf=is_mark)


def count(scope: PyTree) -> int:
    """Return the number of modulated leaves."""
    return sum(jax.tree.leaves(kept(scope)))


def map_modulated(
    function: Callable[..., PyTree], scope: PyTree, *trees: PyTree, otherwise: Callable[..., PyTree]
) -> PyTree:
    """Map `function` over the modulated leaves of `trees` and `otherwise` over the rest."""
    return jax.tree.map(
        lambda mark, *xs: (function if isinstance(mark, Modulated) else otherwise)(*xs),
        scope,
        *trees,
        is_leaf=is_mark,
    )


def check_positive(gain: PyTree) -> None:
    """Raise a ValueError if a gain of a state is known and not > 0; a bad drive makes it NaN."""
    for leaf in jax.tree.leaves(gain):
        if _checks.is_concrete(leaf) and np.any(np.asarray(leaf) <= 0):
            raise ValueError(
                f"the gain of `state` must be > 0, since W = E / g; got {leaf}. Restore the state "
                "that was saved, or call init."
            )


@jax.tree_util.register_pytree_node_class
class Watched:
    """A gain that also reports, while its update is traced, what of it arrives.

    `audit` puts it in place of the gain; `log` is static, so tracing alone calls it.
    """

    def __init__(self, gain: PyTree, log: Callable[[bool, int], None]):
        self.gain, self.log = gain, log

    def around(self, gain: PyTree) -> "Watched":
        """Return another gain that reports to the same log."""
        return Watched(gain, self.log)

    def tree_flatten(self) -> tuple[tuple[PyTree], Callable[[bool, int], None]]:
        return (self.gain,), self.log

    @classmethod
    def tree_unflatten(cls, log: Callable[[bool, int], None], children: tuple[PyTree]) -> "Watched":
        return cls(*children, log)
