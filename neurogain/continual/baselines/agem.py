"""A-GEM: no step uphill on the loss of what is rehearsed."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain.continual.baselines import _arrays
from neurogain.optim.modulate import check_inner


def project_gradients(grads: PyTree, reference_grads: PyTree) -> PyTree:
    """Return the gradients without their part against the reference gradients r.

        g' = g                          if g . r >= 0
        g' = g - (g . r) / (r . r) r    if g . r < 0

    so g' . r >= 0. The products are over all leaves together, in float32 or wider. Where r = 0
    nothing changes, and the derivative is finite. What is not finite in r makes g' NaN.

    Args:
      grads: g, the gradients of the batch, a tree of floating arrays.
      reference_grads: r, those of a batch from the buffer, a tree of the same shapes.

    Returns:
      g', in the dtypes of `grads`.

    Raises:
      TypeError: if a leaf is not floating.
      ValueError: if the trees differ in structure or shapes.

    Example:
      >>> import jax.numpy as jnp
      >>> print(project_gradients(jnp.array([1.0, -2.0]), jnp.array([0.0, 3.0])))
      [1. 0.]

    Source: Chaudhry, Ranzato, Rohrbach & Elhoseiny 2019 (arXiv 1812.00420), eq. 11.
    """
    grads = _floating("grads", grads)
    reference_grads = _floating("reference_grads", reference_grads)
    _arrays.check_alike("reference_grads", reference_grads, "grads", grads)
    leaves = jax.tree.leaves(grads)
    if not leaves:
        return grads
    dtype = _checks.widest(jnp.float32, *(x.dtype for x in leaves))
    # g' does not depend on the size of r: with a largest entry of 1 no product vanishes.
    references = [x.astype(dtype) for x in jax.tree.leaves(reference_grads)]
    tops = [jnp.max(jnp.abs(x), initial=0) for x in references]
    top = jax.lax.stop_gradient(jnp.max(jnp.stack(tops)))
    references = [x / jnp.where(top > 0, top, 1) for x in references]
    along = _product([x.astype(dtype) for x in leaves], references)
    square = _product(references, references)
    factor = jnp.where(along >= 0, 0, along / jnp.where(square > 0, square, 1))
    projected = [
        (g.astype(dtype) - factor * r).astype(g.dtype)
        for g, r in zip(leaves, references, strict=True)
    ]
    return jax.tree.unflatten(jax.tree.structure(grads), projected)


def _floating(name: str, tree: PyTree) -> PyTree:
    """Return a tree of arrays; raise a TypeError if one is not floating."""

    def checked(leaf: Any) -> Array:
        array = jnp.asarray(leaf)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(
                f"`{name}` must be of floating dtypes; got {array.dtype}, shape {array.shape}. "
                "Leave the leaf out by optax.masked."
            )
        return array

    return jax.tree.map(checked, tree)


def _product(left: list[Array], right: list[Array]) -> Float[Array, ""]:
    return sum(
        (jnp.vdot(a, b) for a, b in zip(left, right, strict=True)), jnp.zeros([], left[0].dtype)
    )


def agem(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Let `inner` follow the gradients as `project_gradients` leaves them.

    Its `update` takes the keyword `reference_grads`, a tree like the gradients: those of the loss
    on a batch from the buffer. While the buffer is empty, pass zeros. Make this the outermost
    transformation, where gradients and reference gradients are both those of the parameters held.

    Args:
      inner: any optax optimizer; other extra arguments reach it.

    Returns:
      A transformation with the state of `inner`.

    Raises:
      TypeError: if `inner` is no optimizer, and at `update` if `reference_grads` is missing or
        `project_gradients` raises it.
      ValueError: at `update`, if the trees differ in structure or shapes.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = agem(optax.sgd(1.0))
      >>> params = {"w": jnp.zeros(2)}
      >>> grads, old = {"w": jnp.array([1.0, -2.0])}, {"w": jnp.array([0.0, 3.0])}
      >>> updates, state = tx.update(grads, tx.init(params), params, reference_grads=old)
      >>> print(updates["w"])
      [-1. -0.]

    Source: Chaudhry, Ranzato, Rohrbach & Elhoseiny 2019 (arXiv 1812.00420), algorithm 2.
    """
    check_inner(inner)
    inner = optax.with_extra_args_support(inner)

    def update_fn(
        updates: PyTree,
        state: optax.OptState,
        params: PyTree | None = None,
        *,
        reference_grads: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, optax.OptState]:
        if reference_grads is None:
            raise TypeError(
                "`reference_grads` must be passed to update, a tree like the gradients. Write "
                "tx.update(grads, state, params, reference_grads=...), with zeros while nothing "
                "is rehearsed."
            )
        return inner.update(
            project_gradients(updates, reference_grads), state, params, **extra_args
        )

    return optax.GradientTransformationExtraArgs(inner.init, update_fn)
