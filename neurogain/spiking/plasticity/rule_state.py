"""What synapses hold under a rule, and how the rule's changes reach it.

A pair rule changes weights at once; a three-factor rule changes the eligibility, and its signal,
which all synapses share, the weights. Where a signal is passed, it is None under a pair rule.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain.spiking.plasticity.rule import PairRule, check_pair_rule
from neurogain.spiking.plasticity.three_factor import ThreeFactor
from neurogain.spiking.plasticity.traces import decayed

Plasticity = PairRule | ThreeFactor
_SMALL = float(np.exp(-2))


class WeightState(NamedTuple):
    """State of synapses under a rule that changes weights at once."""

    weight: jax.Array  # nS


class EligibilityState(NamedTuple):
    """State of synapses under a three-factor rule: w = k + h P, e = h D.

    One array, since XLA would copy two that are read and written together.
    """

    both: jax.Array  # (..., 2): k and h in nS

    @property
    def k(self) -> jax.Array:
        """The weight less what the modulator has added since the common start."""
        return self.both[..., 0]

    @property
    def h(self) -> jax.Array:
        """The eligibility as it would have been at the common start."""
        return self.both[..., 1]


def _eligible(k: jax.Array, h: jax.Array) -> EligibilityState:
    return EligibilityState(jnp.stack([k, h], axis=-1))


class Signal(NamedTuple):
    """What all synapses of a three-factor rule share."""

    D: jax.Array  # dimensionless, decay of the eligibility since the common start
    P: jax.Array  # dimensionless, integral of the modulator times D since then


def is_modulated(rule: Plasticity | None) -> bool:
    """Return whether a rule takes a modulator.

    Example:
      >>> from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
      >>> is_modulated(PairSTDP()), is_modulated(ThreeFactor())
      (False, True)
    """
    return isinstance(rule, ThreeFactor)


def inner(rule: Plasticity) -> PairRule:
    """Return the rule that pairs spikes."""
    return rule.stdp if isinstance(rule, ThreeFactor) else rule


def scaled(rule: Plasticity, factor: ArrayLike) -> Plasticity:
    """Return the rule with all its changes times `factor`.

    Example:
      >>> from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
      >>> scaled(ThreeFactor(PairSTDP(lambda_=0.02)), 2.0).stdp.lambda_
      0.04
    """
    return rule.scaled(factor)


def check(rule: Plasticity, name: str) -> None:
    """Check the rule of a projection.

    Raises:
      TypeError, ValueError: names the member or the constant, the rule with its unit, the value
        and a way out.
    """
    if isinstance(rule, ThreeFactor):
        rule.check(name)
    else:
        check_pair_rule(rule, f"`plasticity` of {name}", name)


def start(
    rule: Plasticity, weight: jax.Array
) -> tuple[WeightState | EligibilityState, Signal | None]:
    """Return the state of synapses of these weights before any spike."""
    if not isinstance(rule, ThreeFactor):
        return WeightState(weight), None
    one = jnp.ones((), weight.dtype)
    return _eligible(weight, jnp.zeros_like(weight)), Signal(one, 0 * one)


def read(rule: Plasticity, state: Any, signal: Signal | None) -> jax.Array:
    """Return the weights, nS."""
    if signal is None:
        return state.weight
    return jnp.clip(state.k + state.h * signal.P, 0, jnp.asarray(rule.Wmax, state.both.dtype))


def put(rule: Plasticity, state: Any, signal: Signal | None, weight: jax.Array) -> Any:
    """Return the state with other weights, and the eligibility as it is."""
    if signal is None:
        return WeightState(weight)
    return _eligible(weight - state.h * signal.P, state.h)


def add(rule: Plasticity, state: Any, signal: Signal | None, change: ArrayLike) -> Any:
    """Return the state after a change (nS) of the weights, or of the eligibility."""
    if signal is None:
        bound = jnp.asarray(rule.Wmax, state.weight.dtype)
        return WeightState(jnp.clip(state.weight + change, 0, bound))
    h = state.h + change / signal.D
    return _eligible(read(rule, state, signal) - h * signal.P, h)


def advance(rule: Plasticity, signal: Signal | None, modulator: Any, *, dt: float) -> Signal | None:
    """Return the signal after a step: decay, then the integral of the modulator (1/ms)."""
    if signal is None:
        return None
    decay = decayed(signal.D, rule.tau_c, dt)  # type: ignore[union-attr]
    return Signal(decay, signal.P + jnp.asarray(modulator, decay.dtype) * dt * decay)


def rebase(
    rule: Plasticity, state: Any, signal: Signal | None, *, smooth: bool = False
) -> tuple[Any, Signal | None]:
    """Return the same weights and eligibility, from a new common start once D is small.

    This happens every 2 tau_c; D would vanish otherwise.

    `smooth`: by a selection, which reverse mode can differentiate and which touches all synapses.
    """
    if signal is None:
        return state, None

    def anew(both: Any) -> tuple[EligibilityState, Signal]:
        state, signal = both
        start = Signal(jnp.ones_like(signal.D), jnp.zeros_like(signal.P))
        return _eligible(read(rule, state, signal), state.h * signal.D), start

    if smooth:
        due = signal.D < _SMALL
        return jax.tree.map(
            lambda a, b: jnp.where(due, a, b), anew((state, signal)), (state, signal)
        )
    # a loop of no or one iteration: XLA would copy what a conditional may leave as it is
    return jax.lax.while_loop(lambda both: both[1].D < _SMALL, anew, (state, signal))


def choose(where: jax.Array, one: Any, other: Any) -> Any:
    """Return the state `one` where the mask is true, else `other`."""

    def pick(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(where.reshape(where.shape + (1,) * (a.ndim - where.ndim)), a, b)

    return jax.tree.map(pick, one, other)
