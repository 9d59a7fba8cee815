"""Which leaves a gain modulates, recorded in the optimizer state as a tree without arrays."""

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
    """Stands in the scope where a leaf of the parameters is modulated; holds nothing.

    `optax.MaskedNode` stands where a leaf is left out.
    """


def build(params: PyTree, mask: Mask) -> PyTree:
    """Return the scope of `params` under `mask`, a tree of bools or a prefix of one.

    Raises:
      ValueError: if the structure of the mask is no prefix of that of the parameters, or no leaf is
        kept.
      TypeError: if a leaf of the mask is no bool.
    """
    everything = jax.tree.map(lambda _: Modulated(), params)
    if mask is None or not jax.tree.leaves(params):  # optax.tree_map_params has no leaves to mask
        return everything
    tree = mask(params) if callable(mask) else mask
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


@jax.tree_util.register_pytree_node_class
class Watched:
    """A scope that also reports, while its update is traced, whether the drive arrived.

    `audit` puts it in place of the scope; `log` is static, so tracing alone calls it.
    """

    def __init__(self, scope: PyTree, log: Callable[[bool], None]):
        self.scope, self.log = scope, log

    def tree_flatten(self) -> tuple[tuple[PyTree], Callable[[bool], None]]:
        return (self.scope,), self.log

    @classmethod
    def tree_unflatten(cls, log: Callable[[bool], None], children: tuple[PyTree]) -> "Watched":
        return cls(*children, log)
