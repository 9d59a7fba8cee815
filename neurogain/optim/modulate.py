"""Gain-modulated optimisation in the effective-weight form, over any optax optimizer."""

import functools
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, PyTree

from neurogain import _checks
from neurogain import gain as dynamics
from neurogain._types import AnyArray
from neurogain.optim import _drive, _scope, _weights

Per = Literal["global", "leaf", "unit"]
Hyperparameter: TypeAlias = float | Array | optax.Schedule


class ModulateByGainState(NamedTuple):
    """State of `modulate_by_gain`: one number per gain group, and the inner state."""

    gain: PyTree  # scalar; or per leaf, in a shape that multiplies it; MaskedNode where left out
    scope: PyTree  # which leaves are modulated; no arrays
    weights: PyTree  # W in float32 for leaves of lower precision, MaskedNode for the others
    step: Array | None  # updates so far; only where a hyperparameter is a schedule
    inner_state: optax.OptState


def check_inner(inner: object) -> None:
    """Raise a TypeError if `inner` is no optimizer."""
    if not (hasattr(inner, "init") and hasattr(inner, "update")):
        raise TypeError(
            f"`inner` must be an optax optimizer; got {inner!r}. "
            "Pass optax.adam(1e-3), not optax.adam."
        )


def _check_leaf(leaf: AnyArray) -> None:
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        raise TypeError(
            f"a modulated leaf must be of a floating dtype; got {leaf.dtype}, shape {leaf.shape}. "
            "Leave it out with `mask`."
        )


def _unit_shape(leaf: AnyArray, unit_axis: int | Array) -> tuple[int, ...]:
    """Return the shape of one gain per unit, which multiplies the leaf."""
    if leaf.ndim == 0:
        return ()
    if not -leaf.ndim <= unit_axis < leaf.ndim:
        raise ValueError(
            f"`unit_axis` must be an axis of every modulated leaf; got {unit_axis} for one of "
            f"shape {leaf.shape}. Leave it out with `mask`."
        )
    units = unit_axis % leaf.ndim
    return tuple(n if axis == units else 1 for axis, n in enumerate(leaf.shape))


def _check_options(
    constants: Mapping[str, Hyperparameter], initial_gain: ArrayLike | None, per: str, missing: str
) -> None:
    """Raise a ValueError if a constant is out of range or a choice is unknown."""
    for name, value in constants.items():
        _checks.single(name, value)
    dynamics.check_parameters(**constants)
    if initial_gain is not None:
        _checks.in_range(
            "initial_gain", initial_gain, "finite and > 0", lambda x: (x > 0) & (x < np.inf), "1.0"
        )
    _drive.check_on_missing(missing)
    if per not in ("global", "leaf", "unit"):
        raise ValueError(f'`per` must be "global", "leaf" or "unit"; got {per!r}.')


def _is_unity(
    sensitivity: Hyperparameter, baseline: Hyperparameter, initial_gain: ArrayLike | None
) -> bool:
    """Return whether the gain is 1 for good, as far as is known before tracing."""
    start = 1.0 if initial_gain is None else initial_gain
    return all(
        _checks.is_concrete(value) and bool(np.all(np.asarray(value) == still))
        for value, still in ((sensitivity, 0), (baseline, 1), (start, 1))
    )


def _values(
    constants: Mapping[str, Hyperparameter], count: Array | None, dtype: DTypeLike
) -> dict[str, Array]:
    """Return the constants at this update; schedules are called with its count."""
    values = {k: v(count) if callable(v) else v for k, v in constants.items()}
    return {k: jnp.asarray(v, dtype) for k, v in values.items()}


def modulate_by_gain(
    inner: optax.GradientTransformation,
    *,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    initial_gain: ArrayLike | None = None,
    per: Per = "global",
    unit_axis: int | Array = -1,
    mask: _scope.Mask = None,
    axis_name: _drive.AxisName = None,
    on_missing: _drive.OnMissing = "raise",
    keep_weights: bool | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Modulate the weights that `inner` trains by a gain that rises with uncertainty.

    The parameters that the caller holds are the effective weights E = g W: evaluate the loss, its
    gradient and the model at them, as always. With the gradient dL/dE, and Delta the update that
    `inner` makes of W = E / g for the gradient dL/dW = g dL/dE,

        g' = g0 + decay (g - g0) + sensitivity u
        E' = g' (W + Delta),    returned: E' - E = g' Delta + (g'/g - 1) E

    With sensitivity 0 and baseline 1, known when it is built, the gain is 1 for good and the update
    is that of `inner`, bit for bit. Weight decay inside `inner` sees W.
    Make this the outermost transformation, or the last of a chain: one that rescales its update
    rescales the underlying weights with it.

    The drive u is the keyword `uncertainty` of `update`: a scalar; an array of one value per
    example (or token), whose mean is taken; or, for `per="leaf"` and `"unit"`, a tree like the
    parameters of such values, whose last axis counts the units for "unit" (parameters that are one
    bare array take an array for per-example values; put them in a dict). Without it `update` raises
    at trace time. A value
    that is negative, infinite or NaN raises where it is concrete; under jit it turns the gain, and
    with it the update, into NaN. `optax.apply_if_finite` skips steps whose gradients are not
    finite: it helps where the logits are NaN, not where the drive alone is bad.

    Args:
      inner: any optax optimizer; extra arguments reach it.
      decay: in (0, 1), per update. This and the next two are numbers, traced scalars (so also
        `optax.inject_hyperparams`, with static_args=("inner", "mask", "unit_axis")), or schedules
        of the update count.
      baseline: g0 >= 1, the tonic gain.
      sensitivity: eta >= 0, gain per unit of drive; published: 0.4 Split-MNIST, 0.5 Rotated-MNIST,
        0.2 Split-CIFAR-10, 0.1 Domain-CIFAR-100.
      initial_gain: gain before the first update; `baseline` (at update 0) by default.
      per: one gain for all ("global"), one per leaf, or one per output unit of each leaf.
      unit_axis: the axis of a leaf that counts its output units, for per="unit".
      mask: tree of bools like the parameters, a prefix of one, or a function from parameters to
        one; leaves marked False are left to `inner` as they are.
      axis_name: mapped axis or axes (pmap, shard_map, vmap) to average the drive over. Averaging
        the gradients stays with the caller.
      on_missing: "raise", or "hold" to let the gain keep its value when no drive is passed.
      keep_weights: whether to hold W in float32 in the state; by default for modulated leaves of
        lower precision alone, where g'/g rounds small changes away. `inner` then works in float32,
        and the held W is what counts: a change of the parameters from elsewhere (a transformation
        behind this one, a projection) does not reach it.

    Returns:
      A transformation whose state is a `ModulateByGainState`.

    Raises:
      ValueError: if a constant is outside its range, or `per` or `on_missing` is unknown; at `init`
        if the mask does not match.
      TypeError: at `init` if a modulated leaf is not floating; at `update` if `uncertainty` is
        missing.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> tx = modulate_by_gain(optax.sgd(0.1), sensitivity=0.4)
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> updates, state = tx.update(params, state, params, uncertainty=0.5)
      >>> optax.apply_updates(params, updates)["w"], float(state.gain)
      (Array([1.08, 1.08], dtype=float32), 1.2000000476837158)

    Source: arXiv 2507.14056, eqs. 2-4, rewritten for the effective weights.
    """
    constants = {"decay": decay, "baseline": baseline, "sensitivity": sensitivity}
    _check_options(constants, initial_gain, per, on_missing)
    check_inner(inner)
    inner = optax.with_extra_args_support(inner)
    scheduled = any(callable(value) for value in constants.values())
    unity = _is_unity(sensitivity, baseline, initial_gain)
    at = functools.partial(_values, constants)

    def init_fn(params: PyTree) -> ModulateByGainState:
        scope = _scope.build(params, mask)
        _scope.map_modulated(_check_leaf, scope, params, otherwise=_weights.left_out)
        count = jnp.zeros([], jnp.int32) if scheduled else None

        def first(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
            value = at(count, dtype)["baseline"] if initial_gain is None else initial_gain
            return jnp.array(jnp.full(shape, value, dtype))  # a copy, so that it can be donated

        # One gain per leaf; where all share one, it has the widest dtype among them.
        gain = _scope.map_modulated(
            lambda p: first(
                _unit_shape(p, unit_axis) if per == "unit" else (), _weights.gain_dtype(p)
            ),
            scope,
            params,
            otherwise=_weights.left_out,
        )
        if per == "global":
            gain = first((), _checks.widest(jnp.float32, *(g.dtype for g in jax.tree.leaves(gain))))
        gains = _weights.per_leaf(gain, scope, params)
        weights = _weights.hold(params, gains, scope, keep_weights)
        # Some optimizers keep the parameters they are given, and a donated buffer needs one owner.
        latent = jax.tree.map(jnp.copy, _weights.underlying(params, gains, scope, weights))
        return ModulateByGainState(gain, scope, weights, count, inner.init(latent))

    def update_fn(
        updates: PyTree,
        state: ModulateByGainState,
        params: PyTree | None = None,
        *,
        uncertainty: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ModulateByGainState]:
        if params is None:
            raise ValueError(
                "`params` must be passed to update: the gain acts on the weights. "
                "Write tx.update(grads, state, params, uncertainty=...)."
            )
        gain, scope, policy = state.gain, state.scope, on_missing
        if isinstance(scope, _scope.Watched):
            scope.log(uncertainty is not None)
            scope, policy = scope.scope, "hold"
        new_gain = gain
        if not _drive.is_missing(uncertainty, policy, "modulate_by_gain"):
            drive = _drive.like(uncertainty, gain, scope, axis_name)
            if not unity:
                new_gain = jax.tree.map(
                    lambda g, u: dynamics.step(g, u, **at(state.step, g.dtype)), gain, drive
                )
        if unity:  # multiplying by 1 would let the compiler round otherwise
            scope = _weights.acting(scope, state.weights)

        old, new = (_weights.per_leaf(g, scope, params) for g in (gain, new_gain))
        delta, inner_state = inner.update(
            _weights.latent_gradients(updates, old, scope, state.weights),
            state.inner_state,
            _weights.underlying(params, old, scope, state.weights),
            uncertainty=uncertainty,
            **extra_args,
        )
        weights = _weights.advance(state.weights, delta, scope)
        new_updates = _weights.effective_update(delta, params, old, new, scope, weights)
        count = None if state.step is None else optax.safe_increment(state.step)
        return new_updates, ModulateByGainState(new_gain, state.scope, weights, count, inner_state)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
