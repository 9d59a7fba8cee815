"""Gradient accumulation that averages the uncertainty of the micro-batches as well."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PyTree

from neurogain import _checks
from neurogain.optim import _drive
from neurogain.optim._gains import refuse_lost
from neurogain.optim._nodes import check_state, own_state
from neurogain.optim.keywords import update_with
from neurogain.optim.modulate import check_inner


class MultiStepsState(NamedTuple):
    """State of `multi_steps`."""

    uncertainty: PyTree  # mean over the micro-batches so far that gave one, by their weights
    given: Float[Array, ""]  # weight of these micro-batches together
    weight: Float[Array, ""]  # of all micro-batches so far, with those that gave a gain
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

    Micro-batches count equally, or by the `weight` that each update is given, such as its number of
    tokens that are no padding: both means, of gradients and uncertainties, are then weighted, as
    those of one large batch are.

    Args:
      tx: the whole optimizer, with its gain nodes.
      every_k_schedule: k, or a schedule of k, as for `optax.MultiSteps`.
      uncertainty_like: zeros in the structure and shapes of the drive, where that is a tree; a
        scalar or per-example drive needs none.
      **options: further arguments of `optax.MultiSteps`.

    Returns:
      A transformation that needs the keyword `uncertainty`, or `gain`, of which the last of k
      counts; it takes the keyword `weight`, a number >= 0, and composes, in chains too.

    Raises:
      TypeError: if `tx` is no optimizer; at trace time, if `update` is called without `uncertainty`
        or with `gain` and no gain in `tx`.
      ValueError: if k is no whole number of at least 1, `uncertainty` has another structure or
        other last axes than `uncertainty_like`, a weight is negative or not finite, or the state is
        of another `tx`; at `init` if parameters are complex and `accumulator_dtype` is not.

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
    check_inner(tx, "tx")
    if not callable(every_k_schedule):
        _checks.whole("every_k_schedule", every_k_schedule, 1)
        every_k_schedule = int(every_k_schedule)  # optax calls what is no int
    accumulator = optax.MultiSteps(tx, every_k_schedule, **options)
    summed = options.get("use_grad_mean", True) is False

    def init_fn(params: PyTree) -> MultiStepsState:
        kept = options.get("accumulator_dtype", jnp.float32)
        if not jnp.issubdtype(kept, jnp.complexfloating) and any(
            jnp.issubdtype(jnp.result_type(x), jnp.complexfloating) for x in jax.tree.leaves(params)
        ):
            raise ValueError(
                "`accumulator_dtype` must be complex for complex parameters, whose gradients would "
                f"lose their imaginary part; got {jnp.dtype(kept)}. Pass "
                "accumulator_dtype=jnp.complex64."
            )
        zeros = jax.tree.map(lambda x: jnp.zeros(jnp.shape(x), jnp.float32), uncertainty_like)
        given, weight = jnp.zeros([], jnp.float32), jnp.zeros([], jnp.float32)  # may be donated
        return MultiStepsState(zeros, given, weight, accumulator.init(params))

    def update_fn(
        updates: PyTree,
        state: MultiStepsState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        weight: ArrayLike | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, MultiStepsState]:
        check_state(state, MultiStepsState, "multi_steps")
        inner = state.inner_state
        refuse_lost("multi_steps", extra_args, inner)
        own = _weight(1.0 if weight is None else weight)
        before = inner.mini_step
        sofar = tuple(state[:3])
        mean, given, total = jax.tree.map(lambda x: jnp.where(before == 0, 0, x), sofar)
        total += own
        updates = jax.tree.map(
            lambda g, acc: _to_add(g, acc, before, own, total, summed), updates, inner.acc_grads
        )
        if extra_args.get("gain") is None or uncertainty is not None:
            given += own
            mean = _running_mean(mean, uncertainty, _share(own, given))
            extra_args |= {"uncertainty": mean}
        with own_state(accumulator, inner, params, "multi_steps"):
            updates, new = update_with(accumulator, updates, inner, params, extra_args)
        # A micro-batch that `should_skip_update_fn` skipped leaves no trace here either.
        skipped = (new.mini_step == inner.mini_step) & (new.gradient_step == inner.gradient_step)
        mean, given, total = jax.tree.map(
            lambda x, y: jnp.where(skipped, x, y), sofar, (mean, given, total)
        )
        return updates, MultiStepsState(mean, given, total, new)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _to_add(
    gradient: ArrayLike,
    sofar: Array,
    before: Array,
    own: Array,
    total: Array,
    summed: bool,
) -> Array:
    """Return what MultiSteps, which takes plain means, must add for the mean by weights.

    It is the gradient itself, bit for bit, as long as all weights are 1. A micro-batch of weight 0
    leaves no trace, whatever its gradient.

    Args:
      gradient: of a micro-batch.
      sofar: what MultiSteps has of those before, `before` in number; its sum if `summed`.
      before: number of micro-batches before in this window.
      own: weight of this one.
      total: of all so far.
      summed: whether MultiSteps sums instead.
    """
    given = jnp.asarray(gradient)
    full = jnp.promote_types(given.dtype, jnp.float32)  # complex stays complex
    n = before.astype(jnp.float32)
    old = jnp.where(before == 0, 0, sofar.astype(full))
    mean = old / jnp.maximum(n, 1) if summed else old
    change = jnp.where(own == 0, 0, _share(own, total) * (given.astype(full) - mean))
    added = mean + (n + 1) * change
    plain = own * (n + 1) == total  # it has the share of a plain mean
    return jnp.where(plain & (own > 0), given, added.astype(given.dtype))


def _weight(value: ArrayLike) -> Float[Array, ""]:
    """Return the weight of a micro-batch; what is none is NaN, or an error where it is known."""
    _checks.single("weight", value)
    _checks.in_range("weight", value, "finite and >= 0", lambda x: (x >= 0) & (x < np.inf), "1.0")
    weight = jnp.asarray(value, jnp.float32)
    return jnp.where((weight >= 0) & (weight < jnp.inf), weight, jnp.nan)


def _share(own: Array, total: Array) -> Array:
    """Return the share of a weight in those so far; NaN stays."""
    return jnp.where(total == 0, 0, own / jnp.where(total == 0, 1, total))


def _running_mean(mean: PyTree, uncertainty: PyTree, share: Array) -> PyTree:
    """Return the mean of drives with one more, which has this share of the weights so far."""
    _drive.is_missing(uncertainty, "raise", "multi_steps")
    given: jax.tree_util.PyTreeDef = jax.tree.structure(uncertainty)
    wanted: jax.tree_util.PyTreeDef = jax.tree.structure(mean)
    if given != wanted:
        raise ValueError(
            f"`uncertainty` must have the structure of `uncertainty_like`, {wanted}; got {given}. "
            "Pass multi_steps(..., uncertainty_like=zeros in that structure)."
        )

    def one(mean: Array, value: ArrayLike) -> Array:
        drive = _drive.checked(value, mean.dtype)
        if drive.shape[max(drive.ndim - mean.ndim, 0) :] != mean.shape:
            raise ValueError(
                f"`uncertainty` must have the last axes of `uncertainty_like`, {mean.shape}; got "
                f"shape {drive.shape}. Pass multi_steps(..., uncertainty_like=zeros like it)."
            )
        if drive.shape != mean.shape:
            drive = jnp.mean(drive, axis=tuple(range(drive.ndim - mean.ndim)))
        return mean + jnp.where(share == 0, 0, share * (drive - mean))

    return jax.tree.map(one, mean, uncertainty)
