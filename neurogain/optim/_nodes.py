"""Search an optimizer state for the nodes of some classes, however optax or Flax nest it."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import optax
from jax.tree_util import keystr, tree_leaves_with_path
from jaxtyping import PyTree

from neurogain.optim import _scope


def pure(tree: PyTree) -> PyTree:
    """Return the tree with the values of its `flax.nnx` variables in their place."""

    def is_variable(x: Any) -> bool:
        return hasattr(x, "get_metadata")

    def value(x: Any) -> Any:
        if not is_variable(x):
            return x
        return x.get_value() if hasattr(x, "get_value") else x.value  # Flax 0.12.0: `value`

    return jax.tree.map(value, tree, is_leaf=is_variable)


def _named(tree: PyTree, kinds: tuple[type[Any], ...]) -> PyTree:
    """Return a tree of mappings with those that hold the fields of a NamedTuple as such.

    `flax.nnx.state` turns NamedTuples into mappings, without fields that have no leaves.
    """
    if not isinstance(tree, Mapping):
        return tree
    fields = {key: _named(value, kinds) for key, value in tree.items()}
    for kind in kinds:
        if set(kind._fields[:2]) <= fields.keys() <= set(kind._fields):
            return kind(**dict.fromkeys(kind._fields) | fields)
    return fields


def check_state(state: object, kind: type[Any], owner: str) -> None:
    """Raise a TypeError if a state is not of the transformation that updates it."""
    if not isinstance(state, kind):
        raise TypeError(
            f"`state` must be the {kind.__name__} that `{owner}` made; got a "
            f"{type(state).__name__}. Pass what its init or its last update returned."
        )


@contextlib.contextmanager
def own_state(inner: Any, state: optax.OptState, params: PyTree, owner: str) -> Iterator[None]:
    """Turn any error of an inner optimizer's update into one about its state, where that is wrong.

    What the state should be is asked only then, since it means tracing `init`.
    """
    try:
        yield
    except Exception as error:
        try:
            expected = jax.eval_shape(inner.init, params)
        except Exception:  # then nothing is known, and the update's own error counts
            expected = state
        state = jax.tree.map(_without_log, state, is_leaf=_is_watched)
        found, wanted = (jax.tree.map(_shape, tree) for tree in (state, expected))
        if str(jax.tree.structure(state)) == str(jax.tree.structure(expected)) and found == wanted:
            raise
        raise ValueError(
            f"`state` must be that of `{owner}` around this inner optimizer, whose own state has "
            f"the form {wanted!s:.300}; got {found!s:.300}. Call init, or build the optimizer that "
            "the state is of."
        ) from error


def _is_watched(node: object) -> bool:
    return isinstance(node, _scope.Watched)


def _without_log(node: Any) -> Any:
    return node.gain if _is_watched(node) else node


def _shape(leaf: Any) -> tuple[int, ...]:
    return tuple(getattr(leaf, "shape", ()))


def _refuse_restored(opt_state: optax.OptState, kinds: tuple[type[Any], ...]) -> None:
    """Raise a TypeError for a state whose nodes are dicts of their fields.

    So Orbax restores a state that it is given no target for; what a node's marks say is lost then.
    """
    if isinstance(opt_state, Mapping) and not hasattr(opt_state, "to_pure_dict"):
        for kind in kinds:
            if opt_state.keys() == set(kind._fields) and len(kind._fields) > 1:
                raise TypeError(
                    f"`opt_state` must be the state of an optimizer; got a dict of the fields of "
                    f"{kind.__name__}. Restore it into the state that `tx.init(params)` gives: "
                    "checkpointer.restore(path, tx.init(params)) of Orbax does."
                )
        opt_state = tuple(opt_state.values())
    if isinstance(opt_state, list | tuple) and not hasattr(opt_state, "_fields"):
        for node in opt_state:
            _refuse_restored(node, kinds)


def find_nodes(
    opt_state: optax.OptState, kinds: type[Any] | tuple[type[Any], ...], path: str = ""
) -> dict[str, Any]:
    """Return every node of these NamedTuple classes by its path in the state, outer before inner.

    A found node's own fields, its inner state among them, are searched as well.
    """
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not path:
        _refuse_restored(opt_state, kinds)
    if hasattr(opt_state, "to_pure_dict"):  # of flax.nnx
        opt_state = _named(opt_state, kinds)
    found = {}
    for keys, node in tree_leaves_with_path(opt_state, is_leaf=lambda x: isinstance(x, kinds)):
        if isinstance(node, kinds):
            here = path + keystr(keys)
            found[here] = node
            for field, value in node._asdict().items():
                found |= find_nodes(value, kinds, f"{here}.{field}")
    return found
