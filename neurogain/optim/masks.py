"""Masks that choose leaves of the parameters by name."""

from collections.abc import Callable, Hashable

import jax
from jax.tree_util import KeyPath, tree_leaves_with_path, tree_map_with_path
from jaxtyping import PyTree


def _keys(path: KeyPath) -> list[Hashable]:
    """Return the keys, attribute names and indices along a path."""
    fields = ("key", "name", "idx")
    return [next(getattr(key, f) for f in fields if hasattr(key, f)) for key in path]


def only(*names: str | int) -> Callable[[PyTree], PyTree]:
    """Return a mask of the leaves below any of these keys, for `mask=` of the gain.

    Args:
      *names: keys, attribute names or indices, at any depth of the parameters.

    Returns:
      A function from parameters to a tree of bools. It raises a ValueError for a name that is not
      there.

    Raises:
      TypeError: if a name is neither str nor int.
      ValueError: if there is no name; from the mask, if it is called with parameters without keys.

    Example:
      >>> import jax.numpy as jnp
      >>> params = {"hidden": {"kernel": jnp.ones(2)}, "output": {"kernel": jnp.ones(2)}}
      >>> only("output")(params)
      {'hidden': {'kernel': False}, 'output': {'kernel': True}}
    """
    if not names:
        raise ValueError('`only` needs at least one name; pass for instance only("output").')
    for name in names:
        if not isinstance(name, str | int):
            raise TypeError(
                f"`only` takes names, each a str or an int; got {name!r:.200}. Write "
                'only("hidden", "output").'
            )

    def mask(params: PyTree) -> PyTree:
        if jax.tree_util.all_leaves([params]):
            raise ValueError(
                f"`only` must be called with parameters that have keys; got {params!r:.200}. In "
                'optax.inject_hyperparams, which calls every function, pass static_args="mask".'
            )
        there = dict.fromkeys(k for path, _ in tree_leaves_with_path(params) for k in _keys(path))
        for name in names:
            if name not in there:
                raise ValueError(
                    f"`only` must name keys of the parameters; got {name!r}, and there are "
                    f"{', '.join(map(repr, there)) or 'none'}."
                )
        return tree_map_with_path(lambda path, _: not set(names).isdisjoint(_keys(path)), params)

    return mask
