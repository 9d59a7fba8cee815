"""Gain-modulated optimisation in the effective-weight form, over any optax optimizer."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int, PyTree

from neurogain import _checks
from neurogain import gain as dynamics
from neurogain.optim import _drive, _scope

Per = Literal["global", "leaf", "unit"]
Hyperparameter = float | Array | Callable[[Int[Array, ""]], Any]


class ModulateByGainState(NamedTuple):
    """State of `modulate_by_gain`: one number per gain group, and the inner state."""

    gain: PyTree  # scalar; or per leaf, in a shape that multiplies it; MaskedNode where left out
    scope: PyTree  # which leaves are modulated; no arrays
    weights: PyTree  # W in float32 for leaves of lower precision, MaskedNode for the others
    step: Array | None  # updates so far; only where a hyperparameter is a schedule
    inner_state: optax.OptState


def _gain_dtype(leaf: Any) -> Any:
    return _checks.widest(jnp.finfo(leaf.dtype).dtype, jnp.float32)


def _check_leaf(leaf: Any) -> None:
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        raise TypeError(
            f"a modulated leaf must be of a floating dtype; got {leaf.dtype}, shape {leaf.shape}. "
            "Leave it out with `mask`."
        )


def per_leaf(gain: PyTree, scope: PyTree, params: PyTree) -> PyTree:
    """Return the gain that multiplies each leaf; MaskedNode where left out."""
    if jax.tree_util.all_leaves([gain]):
        return _scope.map_modulated(
            lambda p: gain.astype(_gain_dtype(p)), scope, params, otherwise=_left_out
        )
    return gain


def effective_to_underlying(effective: Array, gain: Array, held: Any) -> Array:
    """Return W of one leaf: as held in the state, or else E / g."""
    if not _absent(held):
        return held
    return (effective.astype(_up(effective, gain)) / gain).astype(effective.dtype)


def modulate_by_gain(
    inner: optax.GradientTransformation,
    *,
    decay: Hyperparameter = 0.9,
    baseline: Hyperparameter = 1.0,
    sensitivity: Hyperparameter = 0.4,
    initial_gain: float | None = None,
    per: Per = "global",
    unit_axis: int = -1,
    mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    axis_name: Any = None,
    on_missing: _drive.OnMissing = "raise",
    keep_weights: bool | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Modulate the weights that `inner` trains by a gain that rises with uncertainty.

    The parameters that the caller holds are the effective weights E = g W: evaluate the loss, its
    gradient and the model at them, as always. With the gradient dL/dE, and Delta the update that
    `inner` makes of W = E / g for the gradient dL/dW = g dL/dE,

        g' = g0 + decay (g - g0) + sensitivity u
        E' = g' (W + Delta),    returned: E' - E = g' Delta + (g'/g - 1) E

    With sensitivity 0 and baseline 1, as Python numbers, the update is that of `inner`, bit for
    bit. Weight decay inside `inner` sees W.
    Make this the outermost transformation, or the last of a chain: one that rescales its update
    rescales the underlying weights with it.

    The drive u is the keyword `uncertainty` of `update`: a scalar; a per-example array, whose mean
    is taken; or, for `per="leaf"` and `"unit"`, a tree like the parameters of such values, whose
    last axis counts the units for "unit". Without it `update` raises at trace time. A value
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
        lower precision alone, where g'/g rounds small changes away. `inner` then works in float32.

    Returns:
      A transformation whose state is a `ModulateByGainState`.

    Raises:
      ValueError: a constant outside its range, an unknown `per` or `on_missing`; at `init` a mask
        that does not match.
      TypeError: at `init` a modulated leaf that is not floating; at `update` no `uncertainty`.

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
    dynamics.check_parameters(**constants)
    if initial_gain is not None:
        _checks.in_range("initial_gain", initial_gain, "> 0", lambda x: x > 0, "1.0")
    _drive.check_on_missing(on_missing)
    if per not in ("global", "leaf", "unit"):
        raise ValueError(f'`per` must be "global", "leaf" or "unit"; got {per!r}.')
    inner = optax.with_extra_args_support(inner)
    scheduled = any(callable(value) for value in constants.values())
    unity = all(
        _checks.is_concrete(value) and np.all(np.asarray(value) == still)
        for value, still in ((sensitivity, 0), (baseline, 1), (initial_gain or 1, 1))
    )

    def at(count: Any, dtype: Any) -> dict[str, Array]:
        values = {k: v(count) if callable(v) else v for k, v in constants.items()}
        return {k: jnp.asarray(v, dtype) for k, v in values.items()}

    def kept(leaf: Any) -> bool:
        narrow = jnp.finfo(leaf.dtype).dtype != _gain_dtype(leaf)
        return narrow if keep_weights is None else keep_weights

    def underlying(params: PyTree, gains: PyTree, scope: PyTree, weights: PyTree) -> PyTree:
        return _scope.map_modulated(
            effective_to_underlying, scope, params, gains, weights, otherwise=_first
        )

    def init_fn(params: PyTree) -> ModulateByGainState:
        scope = _scope.build(params, mask)
        count = jnp.zeros([], jnp.int32) if scheduled else None

        def start(shape: tuple[int, ...], dtype: Any) -> Array:
            value = at(count, dtype)["baseline"] if initial_gain is None else initial_gain
            return jnp.array(jnp.full(shape, value, dtype))  # a copy, so that it can be donated

        _scope.map_modulated(_check_leaf, scope, params, otherwise=_left_out)
        if per == "global":
            modulated = _scope.map_modulated(lambda p: p, scope, params, otherwise=_left_out)
            dtypes = [_gain_dtype(p) for p in jax.tree.leaves(modulated)]
            gain = start((), _checks.widest(jnp.float32, *dtypes))
        else:

            def shape(p: Array) -> tuple[int, ...]:
                if per == "leaf" or p.ndim == 0:
                    return ()
                units = range(p.ndim)[unit_axis]
                return tuple(n if axis == units else 1 for axis, n in enumerate(p.shape))

            gain = _scope.map_modulated(
                lambda p: start(shape(p), _gain_dtype(p)),
                scope,
                params,
                otherwise=_left_out,
            )
        gains = per_leaf(gain, scope, params)
        weights = _scope.map_modulated(
            lambda p, g: p.astype(_up(p, g)) / g if kept(p) else _scope.MaskedNode(),
            scope,
            params,
            gains,
            otherwise=_left_out,
        )
        # Some optimizers keep the parameters they are given, and a donated buffer needs one owner.
        latent = jax.tree.map(jnp.copy, underlying(params, gains, scope, weights))
        inner_state = inner.init(latent)
        return ModulateByGainState(gain, scope, weights, count, inner_state)

    def update_fn(
        updates: PyTree,
        state: ModulateByGainState,
        params: PyTree | None = None,
        *,
        uncertainty: Any = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ModulateByGainState]:
        if params is None:
            raise ValueError(
                "`params` must be passed to update: the gain acts on the weights. "
                "Write tx.update(grads, state, params, uncertainty=...)."
            )
        gain, scope, weights = state.gain, state.scope, state.weights
        policy = on_missing
        if isinstance(scope, _scope.Watched):
            scope.log(uncertainty is not None)
            scope, policy = scope.scope, "hold"
        if _drive.is_missing(uncertainty, policy, "modulate_by_gain"):
            new_gain = gain
        else:
            if per == "global":
                drive = _drive.scalar(uncertainty, gain.dtype, axis_name)
            else:
                drive = _drive.per_group(uncertainty, gain, scope, axis_name)
            new_gain = jax.tree.map(
                lambda g, u: dynamics.step(g, u, **at(state.step, g.dtype)), gain, drive
            )

        if unity:  # multiplying by 1 would let the compiler round otherwise
            scope = _scope.map_modulated(
                lambda w: _scope.MaskedNode() if _absent(w) else _scope.Modulated(),
                scope,
                weights,
                otherwise=_left_out,
            )
        old, new = per_leaf(gain, scope, params), per_leaf(new_gain, scope, params)
        latent = underlying(params, old, scope, weights)
        latent_grads = _scope.map_modulated(
            lambda d, g, w: (g * d.astype(_up(d, g))).astype(d.dtype if _absent(w) else w.dtype),
            scope,
            updates,
            old,
            weights,
            otherwise=_first,
        )
        delta, inner_state = inner.update(
            latent_grads, state.inner_state, latent, uncertainty=uncertainty, **extra_args
        )

        new_weights = _scope.map_modulated(
            lambda w, d: w if _absent(w) else w + d.astype(w.dtype),
            scope,
            weights,
            delta,
            otherwise=_first,
        )

        def one(d: Array, p: Array, g: Array, g_new: Array, w_new: Any) -> Array:
            wide = _up(p, g)
            if _absent(w_new):
                change = g_new * d.astype(wide) + (g_new / g - 1) * p.astype(wide)
            else:
                change = g_new * w_new - p.astype(wide)
            return change.astype(p.dtype)

        new_updates = _scope.map_modulated(
            one, scope, delta, params, old, new, new_weights, otherwise=_first
        )
        count = None if state.step is None else optax.safe_increment(state.step)
        return new_updates, ModulateByGainState(
            new_gain, state.scope, new_weights, count, inner_state
        )

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _left_out(*_: Any) -> _scope.MaskedNode:
    return _scope.MaskedNode()


def _first(x: Any, *_: Any) -> Any:
    return x


def _absent(weight: Any) -> bool:
    return isinstance(weight, _scope.MaskedNode)


def _up(leaf: Array, gain: Array) -> Any:
    """Return the dtype to compute in: the leaf's own or, if that is lower, the gain's."""
    return _checks.widest(leaf.dtype, gain.dtype)
