"""Gain-modulated optimisation in the effective-weight form, over any optax optimizer."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array

from neurogain import _checks
from neurogain.optim import _drive, _scope
from neurogain.optim._core import ModulateByGainState, Options, Per, check_inner, modulated
from neurogain.optim.source import (
    FromSource,
    Hyperparameter,
    Integrator,
    check_constants,
    constants_at,
)

__all__ = ["ModulateByGainState", "Per", "check_inner", "modulate_by_gain", "with_gain_source"]


def _is_unity(
    sensitivity: Hyperparameter, baseline: Hyperparameter, initial_gain: ArrayLike | None
) -> bool:
    """Return whether the gain is 1 for good, as far as is known before tracing."""
    start = 1.0 if initial_gain is None else initial_gain
    return all(
        _checks.is_concrete(value) and bool(np.all(np.asarray(value) == still))
        for value, still in ((sensitivity, 0), (baseline, 1), (start, 1))
    )


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

    `update(..., gain=g)` prescribes the gain behind the update in place of the integrator: finite
    and > 0, below 1 too, one number or a tree like the state's gain. The integrator goes on from
    it.

    `inner` works on W, and so does what reaches it: the functions `value_fn` and `obj_fn` become
    functions of W, `grad_fn` and `grad` give dL/dW, all at the gain before the update; other
    functions are refused. It gets `uncertainty` if it takes it. Line searches keep value and
    gradient of W: `optax.value_and_grad_from_state` reads those, not the ones of E.

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
        one; leaves marked False are left to `inner` as they are. It is evaluated at each update;
        a state that was made with another mask or another `per` is refused.
      axis_name: mapped axis or axes (pmap, shard_map, vmap) to average the drive over. Averaging
        the gradients stays with the caller, or with `value_grad_and_uncertainty`.
      on_missing: "raise", or "hold" to let the gain keep its value when no drive is passed.
      keep_weights: whether to hold W, at least in float32, in the state; by default if a modulated
        leaf is of lower precision, where g'/g rounds small changes away. `inner` then works in
        float32, and the held W is what counts: a change of the parameters from elsewhere (a
        transformation behind this one, a projection) does not reach it. Pass True where
        `optax.tree_map_params` is to find W among the parameters before any `init` of this
        transformation.

    Returns:
      A transformation whose state is a `ModulateByGainState`. `optax.tree_map_params` knows states
      of the form that its last `init` made: build one for each set of parameters.

    Raises:
      ValueError: if a constant is outside its range, or `per` or `on_missing` is unknown; at `init`
        if the mask does not match; at `update` if gradients or the state are of other parameters,
        another mask, another `per` or another inner optimizer.
      TypeError: if `inner` is no optimizer, or `keep_weights` neither a bool nor None; at `init` if
        a modulated leaf is neither floating nor complex; at `update` if `uncertainty` is missing,
        or comes with `gain`, or `gain` is given where sensitivity 0 and baseline 1 fix it.

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
    check_constants(constants, initial_gain)
    integrator = Integrator(constants)

    def first(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        value = initial_gain
        if value is None:
            value = constants_at({"baseline": baseline}, integrator.init(), dtype)["baseline"]
        return jnp.full(shape, value, dtype)

    return modulated(
        inner,
        integrator,
        Options(per, unit_axis, mask, axis_name, on_missing, keep_weights),
        first,
        owner="modulate_by_gain",
        unity=_is_unity(sensitivity, baseline, initial_gain),
    )


def with_gain_source(
    inner: optax.GradientTransformation,
    source: Any,
    *,
    initial_gain: ArrayLike | None = None,
    mask: _scope.Mask = None,
    axis_name: _drive.AxisName = None,
    on_missing: _drive.OnMissing = "raise",
    keep_weights: bool | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Modulate the weights that `inner` trains by the gain of any pure source.

    It is `modulate_by_gain` with something else in place of the leaky integrator: a cell, a
    population, a table; its state is stepped inside the optimizer's. The source sees the drive,
    averaged over the batch and `axis_name`, once per update. An update that is given `gain=` or,
    with on_missing="hold", no drive leaves the source's state as it is.

    Args:
      inner: any optax optimizer; extra arguments reach it.
      source: a `GainSource`, or any object with its two functions: `init() -> S` and
        `update(S, drive) -> (gain, S)`; the gain is one number, finite and > 0. Its attribute
        `initial_gain`, if it has one, is the gain before the first update.
      initial_gain: gain before the first update, > 0; by default that of the source, or 1 where it
        has none.
      mask, axis_name, on_missing, keep_weights: as for `modulate_by_gain`.

    Returns:
      A transformation whose state is a `ModulateByGainState`; its `source` is S.

    Raises:
      ValueError, TypeError: as for `modulate_by_gain`; a TypeError if `source` has no such
        functions; a ValueError at `update` if its gain is no single number.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import GainSource
      >>> burst = GainSource(  # the gain is 1.5 for two updates behind a drive above 1
      ...     init=lambda: jnp.int32(0),
      ...     update=lambda left, drive: (
      ...         jnp.where(left > 0, 1.5, 1.0),
      ...         jnp.where(drive > 1, 2, jnp.maximum(left - 1, 0)),
      ...     ),
      ... )
      >>> tx = with_gain_source(optax.sgd(0.1), burst)
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for drive in (2.0, 0.0, 0.0, 0.0):
      ...     _, state = tx.update(params, state, params, uncertainty=drive)
      ...     print(state.gain)
      1.0
      1.5
      1.5
      1.0
    """
    for name, places in {"init": (), "update": (None, 1.0)}.items():
        if not isinstance(source, type) and callable(own := getattr(source, name, None)):
            if error := _checks.why_not(own, *places):
                raise TypeError(
                    f"`{name}` of `source` must be called as init() or update(S, drive); "
                    f"got {source!r:.200}: {error}. Bind what else it takes, as functools.partial "
                    "does."
                ) from error
        else:
            lacks = "a class" if isinstance(source, type) else f"which has no `{name}`"
            raise TypeError(
                f"`source` must have the functions init() -> S and update(S, drive) -> (gain, S); "
                f"got {source!r:.200}, {lacks}. Pass a GainSource, or an object that has both."
            )
    start = getattr(source, "initial_gain", 1.0) if initial_gain is None else initial_gain
    check_constants({}, start)
    return modulated(
        inner,
        FromSource(source),
        Options("global", -1, mask, axis_name, on_missing, keep_weights),
        lambda shape, dtype: jnp.full(shape, start, dtype),
        owner="with_gain_source",
    )
