"""Optax transformations under neuromodulators: amounts scale updates, and keep their traces.

    dopamine        scale_by_amount(dopamine(), signed=True)   third factor of a policy gradient
    noradrenaline   optim.with_gain_source(inner, gain_of(noradrenaline()))             gain
    acetylcholine   scale_by_amount(acetylcholine())                           learning rate
    serotonin       trace_by_amount(0.9, serotonin())               how far credit goes back

Each has a clock, `ms_per_update`, on which concentrations and receptors of `neuromod.systems`
advance. What is read reaches `update` as the keyword `uncertainty` or `reward`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks
from neurogain.neuromod import amounts as amounts_
from neurogain.neuromod import effects
from neurogain.neuromod.amounts import AmountSource


class ScaleByAmountState(NamedTuple):
    """State of `scale_by_amount`."""

    amount: Float[Array, ""]  # behind the last update
    source: PyTree  # of the amounts


class TraceByAmountState(NamedTuple):
    """State of `trace_by_amount`."""

    trace: PyTree  # like the parameters
    amount: Float[Array, ""]  # behind the last update
    source: PyTree  # of the amounts


def scale_by_amount(
    amounts: AmountSource, *, signed: bool = False
) -> optax.GradientTransformationExtraArgs:
    """Scale updates by exp(amount), or by the amount itself.

    Put it behind what normalises updates, as Adam does, which would take the factor away.

    Args:
      amounts: of `neuromod.amounts`, or one of your own.
      signed: whether the factor is the amount, of any sign, and 0 at tonic levels: then what is
        scaled learns where the amount is not 0 alone. Of the gradient of -log p(action) it makes a
        policy gradient by its third factor, for one action an update.

    Returns:
      A transformation whose `update` takes the keyword that `amounts` reads, a number or an array,
      whose mean is taken.

    Raises:
      TypeError: if `amounts` is no source of amounts, or `signed` no bool; at `update` if the
        keyword is missing or no number.
      ValueError: at `update` if a reading is empty, or a concrete one not finite, or an uncertainty
        negative.

    Example:
      >>> from neurogain.neuromod.amounts import acetylcholine, dopamine
      >>> tx = optax.chain(scale_by_amount(acetylcholine()), optax.sgd(0.1))
      >>> params = {"w": jnp.ones(2)}
      >>> updates, _ = tx.update(params, tx.init(params), params, uncertainty=1.0)
      >>> bool(jnp.all(updates["w"] < -0.1))  # faster than SGD
      True
      >>> tx = optax.chain(scale_by_amount(dopamine(), signed=True), optax.sgd(0.1))
      >>> state = tx.init(params)
      >>> for reward in (0.0, 1.0):
      ...     updates, state = tx.update(params, state, params, reward=reward)
      >>> bool(jnp.all(updates["w"] < -0.08))  # towards the action that was rewarded
      True

    Source: arXiv 2501.06762; Yu & Dayan, Neuron 46:681 (2005), for the rate; Williams, Mach Learn
      8:229 (1992), for the policy gradient.
    """
    amounts_.check(amounts)
    _checks.flag("signed", signed)

    def init_fn(params: PyTree) -> ScaleByAmountState:
        del params
        return ScaleByAmountState(jnp.zeros(()), amounts.init())

    def update_fn(
        updates: PyTree,
        state: ScaleByAmountState,
        params: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, ScaleByAmountState]:
        del params
        reading = _reading("scale_by_amount", amounts, extra_args)
        amount, after = amounts.update(state.source, reading)
        factor = amount if signed else jnp.exp(amount)
        scaled = jax.tree.map(lambda d: (factor * d).astype(d.dtype), updates)
        return scaled, ScaleByAmountState(amount, after)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def trace_by_amount(decay: float, amounts: AmountSource) -> optax.GradientTransformationExtraArgs:
    """Return the trace of updates, whose decay an amount changes: e' = d e + update.

    d is the decay whose odds, d / (1 - d), are those of `decay` times exp(amount), so it stays in
    (0, 1): a higher amount lets credit go further back. At tonic levels it is
    `optax.trace(decay)`.

    Args:
      decay: in (0, 1), per update, at tonic levels.
      amounts: of `neuromod.amounts`, or one of your own.

    Returns:
      A transformation whose `update` takes the keyword that `amounts` reads, a number or an array,
      whose mean is taken.

    Raises:
      ValueError: if `decay` is out of range; at `update` as for `scale_by_amount`.
      TypeError: as for `scale_by_amount`.

    Example:
      >>> from neurogain.neuromod.amounts import serotonin
      >>> tx = trace_by_amount(0.9, serotonin())
      >>> params = {"w": jnp.ones(2)}
      >>> state = tx.init(params)
      >>> for reward in (0.0, -1.0):
      ...     updates, state = tx.update(params, state, params, reward=reward)
      >>> bool(jnp.all(updates["w"] > 1.9))
      True

    Source: Doya, Neural Netw 15:495 (2002): serotonin sets the time scale of credit.
    """
    _checks.one_number("decay", decay, "in (0, 1), per update", lambda x: (x > 0) & (x < 1), "0.9")
    amounts_.check(amounts)

    def init_fn(params: PyTree) -> TraceByAmountState:
        trace = jax.tree.map(jnp.zeros_like, params)
        return TraceByAmountState(trace, jnp.zeros(()), amounts.init())

    def update_fn(
        updates: PyTree,
        state: TraceByAmountState,
        params: PyTree | None = None,
        **extra_args: Any,
    ) -> tuple[PyTree, TraceByAmountState]:
        del params
        reading = _reading("trace_by_amount", amounts, extra_args)
        amount, after = amounts.update(state.source, reading)
        kept = effects.odds(decay, amount)
        trace = jax.tree.map(lambda e, d: (kept * e + d).astype(e.dtype), state.trace, updates)
        return trace, TraceByAmountState(trace, amount, after)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


_RULES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "uncertainty": ("finite and >= 0", lambda x: (x >= 0) & (x < np.inf)),
    "reward": ("finite", np.isfinite),
}


def _reading(owner: str, amounts: AmountSource, given: dict[str, Any]) -> Array:
    """Return the mean of what is read; raise an error where it is missing or none."""
    name = amounts.reads
    value: ArrayLike | None = given.get(name)
    if value is None:
        raise TypeError(
            f"`{owner}` did not receive `{name}`. Write tx.update(grads, state, params, "
            f"{name}=...)."
        )
    if not jax.tree_util.all_leaves([value]):
        raise TypeError(f"`{name}` must be a number or an array; got {value!r:.200}.")
    _checks.broadcast(**{name: value})
    if not np.size(value):
        raise ValueError(
            f"`{name}` must hold at least one value; got shape {np.shape(value)}. Leave an empty "
            "batch out."
        )
    rule, holds = _RULES[name]
    _checks.in_range(name, value, rule, holds, "0.0")
    return jnp.mean(jnp.asarray(value, jnp.float32))
