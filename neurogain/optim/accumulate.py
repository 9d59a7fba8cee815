"""Gradient accumulation that averages the uncertainty of the micro-batches as well."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree

from neurogain.optim import _drive


class MultiStepsState(NamedTuple):
    """State of `multi_steps`."""

    uncertainty: PyTree  # mean over the micro-batches so far
    inner_state: optax.MultiStepsState


def multi_steps(
    tx: optax.GradientTransformation,
    every_k_schedule: int | Callable[[Int[Array, ""]], int | Array],
    *,
    uncertainty_like: PyTree = 0.0,
    **options: Any,
) -> optax.GradientTransformationExtraArgs:
    """Update once every k micro-batches, with the means of their gradients and uncertainties.

    `optax.MultiSteps` alone hands the optimizer the uncertainty of the last micro-batch and, inside
    a chain, none.

    Args:
      tx: the whole optimizer, with its gain nodes.
      every_k_schedule: k, or a schedule of k, as for `optax.MultiSteps`.
      uncertainty_like: zeros in the structure and shapes of the drive, where that is a tree; a
        scalar or per-example drive needs none.
      **options: further arguments of `optax.MultiSteps`.

    Returns:
      A transformation that needs the keyword `uncertainty` and composes, in chains too.

    Raises:
      TypeError: if `update` is called without `uncertainty`, at trace time.
      ValueError: if `uncertainty` has another structure than `uncertainty_like`.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import get_gain, ngm_sgd
      >>> tx = multi_steps(ngm_sgd(0.1), 2)
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for u in (0.0, 1.0):  # two micro-batches make one update, at their mean of 0.5
      ...     _, state = tx.update(params, state, params, uncertainty=u)
      >>> float(get_gain(state))
      1.2000000476837158
    """
    accumulator = optax.MultiSteps(optax.with_extra_args_support(tx), every_k_schedule, **options)

    def init_fn(params: PyTree) -> MultiStepsState:
        zeros = jax.tree.map(lambda x: jnp.zeros(jnp.shape(x), jnp.float32), uncertainty_like)
        return MultiStepsState(zeros, accumulator.init(params))

    def update_fn(
        updates: PyTree,
        state: MultiStepsState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, MultiStepsState]:
        _drive.is_missing(uncertainty, "raise", "multi_steps")
        given: jax.tree_util.PyTreeDef = jax.tree.structure(uncertainty)
        wanted: jax.tree_util.PyTreeDef = jax.tree.structure(state.uncertainty)
        if given != wanted:
            raise ValueError(
                f"`uncertainty` must have the structure of `uncertainty_like`, {wanted}; "
                f"got {given}. "
                "Pass multi_steps(..., uncertainty_like=zeros in that structure)."
            )
        inner = state.inner_state
        weight = 1 / (inner.mini_step + 1).astype(jnp.float32)

        def running_mean(mean: Array, value: ArrayLike) -> Array:
            drive = _drive.checked(value, mean.dtype)
            if drive.shape != mean.shape:
                drive = jnp.mean(drive, axis=tuple(range(drive.ndim - mean.ndim)))
            old = jnp.where(inner.mini_step == 0, 0, mean)
            return old + weight * (drive - old)

        mean = jax.tree.map(running_mean, state.uncertainty, uncertainty)
        updates, new = accumulator.update(updates, inner, params, uncertainty=mean, **extra_args)
        # A micro-batch that `should_skip_update_fn` skipped leaves no trace here either.
        skipped = (new.mini_step == inner.mini_step) & (new.gradient_step == inner.gradient_step)
        mean = jax.tree.map(lambda old, m: jnp.where(skipped, old, m), state.uncertainty, mean)
        return updates, MultiStepsState(mean, new)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
