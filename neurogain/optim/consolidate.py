"""Slow weights that follow the trained ones and act in their place: the second timescale."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain._types import AnyArray
from neurogain.optim import _scope, _weights
from neurogain.optim._gains import find, refuse_lost
from neurogain.optim._nodes import check_state, own_state
from neurogain.optim.keywords import update_with
from neurogain.optim.modulate import check_inner
from neurogain.optim.source import Hyperparameter, check_precision, value_at


class ConsolidateState(NamedTuple):
    """State of `consolidate`."""

    slow: PyTree  # S, at least float32; MaskedNode where a leaf is left out
    weight: Float[Array, ""]  # 1 - product of all decays so far, in [0, 1): 0 before any update
    step: Array | None  # updates so far; only where a hyperparameter is a schedule
    inner_state: optax.OptState


def _start(leaf: _weights.Leaf) -> PyTree:
    """Return the slow weights of one leaf before the first update: a copy of it."""
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        raise TypeError(
            f"a consolidated leaf must be of a floating dtype; got {leaf.dtype}, shape "
            f"{leaf.shape}. Leave it out with `mask`."
        )
    wide = _weights.widened(leaf, _weights.at_least_float32(leaf.dtype))
    return wide if _weights.is_abstract(wide) else jnp.array(wide)


def _find_gain(inner_state: optax.OptState) -> PyTree:
    """Return the only gain in the state."""
    nodes = find(inner_state)
    if len(nodes) != 1:
        raise ValueError(
            f"`follow_gain` needs exactly one gain in the state of `inner`; found {len(nodes)}: "
            f"{sorted(nodes)}. Wrap modulate_by_gain(...), or pass follow_gain=False."
        )
    return next(iter(nodes.values())).gain


def check_decay(name: str, value: object, usual: str = "0.97") -> None:
    """Raise a ValueError if a concrete decay of the slow weights is outside [0, 1)."""
    _checks.in_range(name, value, "in [0, 1), per update", lambda x: (x >= 0) & (x < 1), usual)


def _check_constants(decay: Hyperparameter, baseline: Hyperparameter) -> None:
    """Raise a ValueError if a constant is no single number or out of range."""
    for name, value in (("decay", decay), ("baseline", baseline)):
        check_precision(name, value)
        _checks.single(name, value)
    check_decay("decay", decay)
    _checks.in_range(
        "baseline", baseline, "a finite gain of at least 1", lambda x: (x >= 1) & (x < np.inf), "1"
    )


def _moved(param: AnyArray, update: AnyArray | None) -> AnyArray:
    """Return a leaf behind an update."""
    if update is None:
        raise ValueError(
            "each leaf must have a gradient, since optax.apply_updates adds no None; got None for "
            f"one of shape {param.shape}. Pass zeros for it."
        )
    return optax.apply_updates(param, update)


def consolidate(
    inner: optax.GradientTransformation,
    *,
    decay: Hyperparameter = 0.97,
    follow_gain: bool = False,
    baseline: Hyperparameter = 1.0,
    mask: _scope.Mask = None,
) -> optax.GradientTransformationExtraArgs:
    """Let slow weights S follow the weights E that `inner` trains; S is what acts.

    The updates are those of `inner`, unchanged: E learns at full speed, and S hides its
    transients. With E' the parameters after update t,

        S' = S + a_t (E' - S),    a_t = (1 - beta_t) / (1 - beta_1 beta_2 ... beta_t)

    so S is the exponential average of E' whose weights sum to 1 from the first update on, where
    a_1 = 1 and S = E'. With `follow_gain` the rate falls as the gain g_t rises above its tonic
    level g0, so what is learned in uncertainty is consolidated once it has settled:

        1 - beta_t = (1 - decay) g0 / g_t, at most 1; g_t after the update, mean over its groups

    Read S with `get_acting(opt_state, params)`; before the first update it is the parameters, and
    also as long as a schedule keeps beta at 1, which weighs no update.
    Make this the outermost transformation, or the last of a chain: S follows the parameters plus
    the update returned here. It steps with every call of `update`, so accumulate gradients around
    it, not inside. Costs one more copy of the weights, in at least float32.

    Args:
      inner: any optax optimizer; extra arguments reach it.
      decay: beta in [0, 1), per update; 0: S is E. This and `baseline` are numbers, traced scalars
        (so also `optax.inject_hyperparams`, with static_args=("inner", "mask")), or schedules of
        the update count.
      follow_gain: whether the rate follows the one gain in the state of `inner`.
      baseline: g0 >= 1, as given to that gain; used with `follow_gain` alone.
      mask: tree of bools like the parameters, a prefix of one, or a function from parameters to
        one; of leaves marked False no average is kept, and they act as they are.

    Returns:
      A transformation whose state is a `ConsolidateState`.

    Raises:
      ValueError: if a constant is outside its range; at `init` if the mask does not match or, with
        `follow_gain`, if the state of `inner` has no gain or more than one; at `update` if `params`
        are missing, or the state is of another inner optimizer.
      TypeError: if `inner` is no optimizer, or `follow_gain` no bool; at `init` if a leaf is not
        floating.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from neurogain.optim import get_acting
      >>> tx = consolidate(optax.sgd(0.5), decay=0.5)
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for _ in range(2):
      ...     updates, state = tx.update({"w": jnp.ones(2)}, state, params)
      ...     params = optax.apply_updates(params, updates)
      >>> params["w"], get_acting(state, params)["w"]  # 0.5, then 0: (0.5 * 0.5 + 0) / 1.5
      (Array([0., 0.], dtype=float32), Array([0.16666666, 0.16666666], dtype=float32))

    Source: Soutif-Cormerais, Carta & van de Weijer, arXiv 2306.16817 (temporal ensembles); the
      correction at the start is that of Adam (arXiv 1412.6980); following the gain is ours.
    """
    constants = {"decay": decay, "baseline": baseline}
    _check_constants(**constants)
    _checks.flag("follow_gain", follow_gain)
    check_inner(inner)
    inner = optax.with_extra_args_support(inner)
    scheduled = any(callable(value) for value in constants.values())

    def at(name: str, state: ConsolidateState) -> ArrayLike:
        return value_at(name, constants[name], state.step)

    def init_fn(params: PyTree) -> ConsolidateState:
        params = _weights.arrays(params)
        scope = _scope.build(params, mask)
        slow = _scope.map_modulated(_start, scope, params, otherwise=_weights.left_out)
        dtypes = (_weights.gain_dtype(s) for s in jax.tree.leaves(slow))
        weight = jnp.zeros([], _checks.widest(jnp.float32, *dtypes))
        # Some optimizers keep the parameters they are given, and a donated buffer needs one owner.
        inner_state = inner.init(_weights.copy_shared(params, params))
        if follow_gain:
            _find_gain(inner_state)
        return ConsolidateState(
            slow, weight, jnp.zeros([], jnp.int32) if scheduled else None, inner_state
        )

    def update_fn(
        updates: PyTree,
        state: ConsolidateState,
        params: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ConsolidateState]:
        check_state(state, ConsolidateState, "consolidate")
        if params is None:
            raise ValueError(
                "`params` must be passed to update: the slow weights follow them. "
                "Write tx.update(grads, state, params)."
            )
        refuse_lost("consolidate", extra_args, state.inner_state)
        params, updates = _weights.arrays(params), _weights.arrays(updates, "gradients")
        with own_state(inner, state.inner_state, params, "consolidate"):
            updates, inner_state = update_with(
                inner, updates, state.inner_state, params, extra_args
            )
        share = jnp.asarray(1 - at("decay", state), state.weight.dtype)  # 1 - beta_t
        if follow_gain:
            gains = [g.ravel() for g in jax.tree.leaves(_find_gain(inner_state))]
            tonic = jnp.asarray(at("baseline", state), share.dtype)
            level = jnp.concatenate(gains).astype(share.dtype)
            level = jnp.mean(level) if level.size else tonic  # of axes of no units alone
            share = jnp.minimum(share * tonic / level, 1)
        weight = state.weight + share * (1 - state.weight)

        def follow(slow: _weights.Held, param: PyTree, update: PyTree) -> _weights.Held:
            if isinstance(slow, _scope.MaskedNode):
                return slow
            new = _moved(param, update)
            if new.dtype != slow.dtype:  # rounded like the caller's, which the compiler would skip
                kind = jnp.finfo(new.dtype)
                new = jax.lax.reduce_precision(new, kind.nexp, kind.nmant).astype(slow.dtype)
            rate = jnp.where(weight == 0, 1, share / jnp.where(weight == 0, 1, weight))
            rate = rate.astype(_weights.gain_dtype(slow))
            return jnp.where(rate == 1, new, slow + rate * (new - slow))

        slow = jax.tree.map(follow, state.slow, params, updates, is_leaf=_scope.is_mark)
        step = None if state.step is None else optax.safe_increment(state.step)
        return updates, ConsolidateState(slow, weight, step, inner_state)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
