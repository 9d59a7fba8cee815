"""Spike-timing dependent plasticity: what a pair of spikes does to a weight.

Traces x (of a presynaptic cell) and y (of a postsynaptic one) jump by 1 at a spike and decay, so
all pairs count. Delays are axonal: a presynaptic spike meets the synapse, with its trace and its
conductance, in the step in which it acts; a postsynaptic spike meets it in its own step. A pair in
the same step changes nothing, since each spike sees the other side's trace from before. A
presynaptic spike depresses first and is transmitted with the depressed weight. Names of parameters
are those of NEST (stdp_synapse, stdp_triplet_synapse, stdp_dopamine_synapse).
"""

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks

Traces = tuple[Any, ...]
_SMALL = float(np.exp(-2))


@runtime_checkable
class Rule(Protocol):
    """How much a spike changes a weight; all arrays broadcast against each other."""

    Wmax: ArrayLike

    @property
    def tau_pre(self) -> tuple[ArrayLike, ...]:
        """Time constants of the presynaptic traces, ms."""

    @property
    def tau_post(self) -> tuple[ArrayLike, ...]:
        """Time constants of the postsynaptic traces, ms."""

    def potentiation(self, weight: ArrayLike, pre: Traces, post: Traces) -> jax.Array:
        """Return the rise at a postsynaptic spike, nS; traces from before it."""

    def depression(self, weight: ArrayLike, pre: Traces, post: Traces) -> jax.Array:
        """Return the fall at the arrival of a presynaptic spike, nS; traces from before it."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PairSTDP:
    """All-to-all pair rule, additive (both mu 0), multiplicative (both mu 1) or between.

        postsynaptic spike:         w += lambda_ Wmax (1 - w / Wmax)^mu_plus  x
        arriving presynaptic spike: w -= alpha lambda_ Wmax (w / Wmax)^mu_minus  y

    then w is kept in [0, Wmax]. A_plus of Morrison et al. is lambda_, A_minus is alpha lambda_.

    Source: Morrison, Diesmann & Gerstner, Biol Cybern 98:459 (2008); Guetig et al., J Neurosci
    23:3697 (2003) for mu; NEST's stdp_synapse for the names.
    """

    tau_plus: ArrayLike = 20.0  # ms, of x
    tau_minus: ArrayLike = 20.0  # ms, of y
    lambda_: ArrayLike = 0.01  # dimensionless, step of potentiation over Wmax
    alpha: ArrayLike = 1.05  # dimensionless, depression over potentiation
    Wmax: ArrayLike = 1.0  # nS
    mu_plus: float = dataclasses.field(default=0.0, metadata={"static": True})
    mu_minus: float = dataclasses.field(default=0.0, metadata={"static": True})

    @property
    def tau_pre(self) -> tuple[ArrayLike, ...]:
        """Time constant of x."""
        return (self.tau_plus,)

    @property
    def tau_post(self) -> tuple[ArrayLike, ...]:
        """Time constant of y."""
        return (self.tau_minus,)

    def potentiation(self, weight: ArrayLike, pre: Traces, post: Traces) -> jax.Array:
        """Return the rise at a postsynaptic spike, nS."""
        del post
        return self.lambda_ * self.Wmax * _power(1 - weight / self.Wmax, self.mu_plus) * pre[0]

    def depression(self, weight: ArrayLike, pre: Traces, post: Traces) -> jax.Array:
        """Return the fall at the arrival of a presynaptic spike, nS."""
        del pre
        step = self.alpha * self.lambda_ * self.Wmax
        return step * _power(weight / self.Wmax, self.mu_minus) * post[0]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TripletSTDP:
    """All-to-all triplet rule: a second, slow trace on each side.

        postsynaptic spike:         w += x (Aplus + Aplus_triplet y_slow)
        arriving presynaptic spike: w -= y (Aminus + Aminus_triplet x_slow)

    then w is kept in [0, Wmax]; the slow trace does not hold the spike itself. The defaults are
    the source's all-to-all fit of the full rule to visual cortex, for weights around 1 nS.

    Source: Pfister & Gerstner, J Neurosci 26:9673 (2006), eqs. 3-4, table 4.
    """

    tau_plus: ArrayLike = 16.8  # ms
    tau_plus_triplet: ArrayLike = 101.0  # ms
    tau_minus: ArrayLike = 33.7  # ms
    tau_minus_triplet: ArrayLike = 125.0  # ms
    Aplus: ArrayLike = 5e-10  # nS
    Aplus_triplet: ArrayLike = 6.2e-3  # nS
    Aminus: ArrayLike = 7e-3  # nS
    Aminus_triplet: ArrayLike = 2.3e-4  # nS
    Wmax: ArrayLike = 1.0  # nS

    @property
    def tau_pre(self) -> tuple[ArrayLike, ...]:
        """Time constants of the fast and the slow trace."""
        return (self.tau_plus, self.tau_plus_triplet)

    @property
    def tau_post(self) -> tuple[ArrayLike, ...]:
        """Time constants of the fast and the slow trace."""
        return (self.tau_minus, self.tau_minus_triplet)

    def potentiation(self, weight: ArrayLike, pre: Traces, post: Traces) -> jax.Array:
        """Return the rise at a postsynaptic spike, nS."""
        del weight
        return pre[0] * (self.Aplus + self.Aplus_triplet * post[1])

    def depression(self, weight: ArrayLike, pre: Traces, post: Traces) -> jax.Array:
        """Return the fall at the arrival of a presynaptic spike, nS."""
        del weight
        return post[0] * (self.Aminus + self.Aminus_triplet * pre[1])


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ThreeFactor:
    """A rule whose changes go into an eligibility trace, which a modulator turns into weight.

        tau_c de/dt = -e;  e += potentiation, e -= depression at spikes;  dw/dt = M(t) e

    M, in 1/ms, is a drive of the simulation under the projection's name. In every step the trace
    decays by exp(-dt / tau_c), the weight moves by M e dt, then the spikes add to the trace. The
    weight is kept in [0, Wmax] whenever a spike reads or changes the synapse, at the latest after
    2 tau_c; between, it follows the signal beyond the bounds without being seen there.

    No step touches all synapses: each holds the two numbers that stay constant between its spikes,
    h = e / D and k = w - h P, with D the decay and P the integral of M D since a common start.

    Source: Fremaux & Gerstner, Front Neural Circuits 9:85 (2016); tau_c as in NEST's
    stdp_dopamine_synapse (Izhikevich, Cereb Cortex 17:2443, 2007).
    """

    stdp: PairSTDP | TripletSTDP = PairSTDP()
    tau_c: ArrayLike = 500.0  # ms

    @property
    def Wmax(self) -> ArrayLike:
        """Bound of the weight, nS."""
        return self.stdp.Wmax


Plasticity = PairSTDP | TripletSTDP | ThreeFactor


class Fixed(NamedTuple):
    """What plastic synapses hold under a rule that changes weights at once."""

    weight: jax.Array  # nS


class Eligible(NamedTuple):
    """What synapses hold under a three-factor rule: w = k + h P, e = h D.

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


def _eligible(k: jax.Array, h: jax.Array) -> Eligible:
    return Eligible(jnp.stack([k, h], axis=-1))


class Signal(NamedTuple):
    """What all synapses of a three-factor rule share."""

    D: jax.Array  # dimensionless, decay of the eligibility since the common start
    P: jax.Array  # dimensionless, integral of the modulator times D since then


def scaled(rule: Plasticity, factor: ArrayLike) -> Plasticity:
    """Return the rule with all its changes times `factor`."""
    if isinstance(rule, ThreeFactor):
        stdp: Any = scaled(rule.stdp, factor)
        return dataclasses.replace(rule, stdp=stdp)
    names = [f.name for f in dataclasses.fields(rule) if f.name.startswith("A")] or ["lambda_"]
    return dataclasses.replace(rule, **{name: getattr(rule, name) * factor for name in names})


def inner(rule: Plasticity) -> PairSTDP | TripletSTDP:
    """Return the rule that pairs spikes."""
    return rule.stdp if isinstance(rule, ThreeFactor) else rule


def start(rule: Plasticity, weight: jax.Array) -> tuple[Fixed | Eligible, Signal | None]:
    """Return what synapses of these weights hold at first."""
    if not isinstance(rule, ThreeFactor):
        return Fixed(weight), None
    one = jnp.ones((), weight.dtype)
    return _eligible(weight, jnp.zeros_like(weight)), Signal(one, 0 * one)


def read(rule: Plasticity, state: Any, signal: Signal | None) -> jax.Array:
    """Return the weights, nS."""
    if signal is None:
        return state.weight
    return jnp.clip(state.k + state.h * signal.P, 0, jnp.asarray(rule.Wmax, state.both.dtype))


def put(rule: Plasticity, state: Any, signal: Signal | None, weight: jax.Array) -> Any:
    """Return what synapses of other weights hold, with the eligibility that they have."""
    if signal is None:
        return Fixed(weight)
    return _eligible(weight - state.h * signal.P, state.h)


def add(rule: Plasticity, state: Any, signal: Signal | None, change: jax.Array) -> Any:
    """Return what synapses hold after `change` (nS) of the weight, or of its eligibility."""
    if signal is None:
        bound = jnp.asarray(rule.Wmax, state.weight.dtype)
        return Fixed(jnp.clip(state.weight + change, 0, bound))
    h = state.h + change / signal.D
    return _eligible(read(rule, state, signal) - h * signal.P, h)


def advance(rule: Plasticity, signal: Signal | None, modulator: Any, *, dt: float) -> Signal | None:
    """Return the signal after a step: decay, then the integral of the modulator (1/ms)."""
    if signal is None:
        return None
    decay = _decayed(signal.D, rule.tau_c, dt)  # type: ignore[union-attr]
    return Signal(decay, signal.P + jnp.asarray(modulator, decay.dtype) * dt * decay)


def rebase(
    rule: Plasticity, state: Any, signal: Signal | None, *, smooth: bool = False
) -> tuple[Any, Signal | None]:
    """Return the same from a new common start once D is small, every 2 tau_c: D would vanish.

    `smooth`: by a selection, which reverse mode can differentiate and which touches all synapses.
    """
    if signal is None:
        return state, None

    def anew(both):
        state, signal = both
        start = Signal(jnp.ones_like(signal.D), jnp.zeros_like(signal.P))
        return _eligible(read(rule, state, signal), state.h * signal.D), start

    if smooth:
        due = signal.D < _SMALL
        return jax.tree.map(
            lambda a, b: jnp.where(due, a, b), anew((state, signal)), (state, signal)
        )
    # a loop of no or one round: XLA would copy what a conditional may leave as it is
    return jax.lax.while_loop(lambda both: both[1].D < _SMALL, anew, (state, signal))


def choose(where: jax.Array, one: Any, other: Any) -> Any:
    """Return what synapses hold: `one` where the mask says so, else `other`."""

    def pick(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(where.reshape(where.shape + (1,) * (a.ndim - where.ndim)), a, b)

    return jax.tree.map(pick, one, other)


def decay(traces: Traces, taus: tuple[ArrayLike, ...], *, dt: float) -> Traces:
    """Return traces after `dt` ms without a spike."""
    return tuple(_decayed(x, tau, dt) for x, tau in zip(traces, taus, strict=True))


def _decayed(x: jax.Array, tau: ArrayLike, dt: float) -> jax.Array:
    """Return x exp(-dt / tau), as a small change of x: a rounded factor's error would add up."""
    return x + x * jnp.expm1(-dt / jnp.asarray(tau, x.dtype))


def _power(x: ArrayLike, exponent: float) -> ArrayLike:
    if exponent == 0:
        return 1.0
    return x if exponent == 1 else jnp.maximum(jnp.asarray(x), 0) ** exponent


def check(rule: Plasticity, name: str) -> None:
    """Refuse a rule that is none, and constants of the wrong sign.

    Raises:
      TypeError, ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    if not isinstance(rule, Plasticity):
        raise TypeError(
            f"`plasticity` of {name} must be PairSTDP, TripletSTDP or ThreeFactor; got {rule!r}."
        )
    if isinstance(rule, ThreeFactor):
        check(rule.stdp, name)
    for field in dataclasses.fields(rule):
        value = getattr(rule, field.name)
        label = f"{field.name} of {name}"
        if field.name.startswith("tau"):
            holds, words = (lambda x: (x > 0) & (x < np.inf)), "positive, in ms"
        elif field.name == "Wmax":
            holds, words = (lambda x: (x > 0) & (x < np.inf)), "positive, in nS"
        elif field.name == "stdp":
            continue
        else:
            holds, words = (lambda x: (x >= 0) & (x < np.inf)), "at least 0"
        _checks.single(label, value)
        _checks.in_range(label, value, words, holds, f"See {type(rule).__name__}().")
