"""The protocol of a rule that pairs spikes, and the checks of its constants."""

import operator
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jax.typing import ArrayLike

from neurogain import _checks
from neurogain.spiking.plasticity.traces import Traces


@runtime_checkable
class PairRule(Protocol):
    """How much a spike changes a weight. A pytree of numbers: a NamedTuple or a registered class.

    All arrays that `potentiation` and `depression` take broadcast against each other; what they
    return does so too. Weights are kept in [0, Wmax].

    `PairSTDP` and `TripletSTDP` are two; `scripts/tutorials/extending.py` writes another.

    Example:
      >>> from neurogain.spiking.plasticity import PairSTDP
      >>> isinstance(PairSTDP(), PairRule), len(PairSTDP().tau_pre)
      (True, 1)
    """

    @property
    def Wmax(self) -> ArrayLike:
        """Largest weight, nS, > 0."""

    @property
    def tau_pre(self) -> tuple[ArrayLike, ...]:
        """Time constants of the presynaptic traces, ms, one for each trace."""

    @property
    def tau_post(self) -> tuple[ArrayLike, ...]:
        """Time constants of the postsynaptic traces, ms, one for each trace."""

    def potentiation(self, weight: jax.Array, pre: Traces, post: Traces) -> jax.Array:
        """Return the rise at a postsynaptic spike, nS; traces from before it."""

    def depression(self, weight: jax.Array, pre: Traces, post: Traces) -> jax.Array:
        """Return the fall at the arrival of a presynaptic spike, nS; traces from before it."""

    def scaled(self, factor: ArrayLike) -> "PairRule":
        """Return the rule with all its changes of weight times `factor`."""

    def check(self, name: str) -> None:
        """Raise ValueError if a constant is out of range, for instance a negative learning rate.

        `name` is the projection's, for the error. `check_constants` does it by the names of fields;
        that `Wmax` and the time constants of the traces are positive is checked without it.
        """


def check_pair_rule(rule: Any, what: str, name: str) -> None:
    """Check that `rule` has all members of `PairRule`, and its constants.

    Args:
      rule: any value.
      what: where it was given, for the error.
      name: of the projection.

    Raises:
      TypeError, ValueError: names the member or the constant, the rule with its unit, the value
        and a way out.
    """
    members = [member for member in vars(PairRule) if not member.startswith("_")]
    missing = [member for member in members if not hasattr(rule, member)]
    if isinstance(rule, type) or len(missing) == len(members):
        raise TypeError(f"{what} must be a rule, for instance PairSTDP(); got {rule!r}.")
    if missing:
        raise TypeError(
            f"{what} must have all members of neurogain.spiking.plasticity.PairRule; {rule!r} has "
            f"no {', '.join(missing)}."
        )
    if any(leaf is rule for leaf in jax.tree.leaves(rule)):
        raise TypeError(
            f"{what} must be a pytree of numbers; got {rule!r}. Write it as a NamedTuple, or "
            "register its dataclass with jax.tree_util.register_dataclass."
        )
    rule.check(name)
    traces = {"tau_pre": rule.tau_pre, "tau_post": rule.tau_post}
    for side, taus in traces.items():
        for i, tau in enumerate(taus):
            _check_constant(f"{side}[{i}] of {name}", tau, "positive, in ms", rule)
    _check_constant(f"Wmax of {name}", rule.Wmax, "positive, in nS", rule)


def check_constants(
    rule: Any,
    name: str,
    *,
    positive: Mapping[str, str] | None = None,
    at_least_0: Mapping[str, str] | None = None,
) -> None:
    """Check constants of a rule by the names of its fields; each is one number.

    Args:
      rule: has the fields.
      name: of the projection.
      positive: unit of each constant that must be positive; "" where it has none.
      at_least_0: the same, of those that may be 0.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.

    Example:
      >>> from neurogain.spiking.plasticity import PairSTDP
      >>> check_constants(PairSTDP(alpha=-1.0), "recurrent", at_least_0={"alpha": ""})
      Traceback (most recent call last):
      ...
      ValueError: `alpha of recurrent` must be at least 0; got -1.0. See PairSTDP().
    """
    for words, fields in (("positive", positive), ("at least 0", at_least_0)):
        for field, unit in (fields or {}).items():
            text = f"{words}, in {unit}" if unit else words
            _check_constant(f"{field} of {name}", getattr(rule, field), text, rule)


def _check_constant(what: str, value: Any, text: str, rule: Any) -> None:
    holds = operator.gt if text.startswith("positive") else operator.ge
    _checks.single(what, value)
    _checks.in_range(
        what, value, text, lambda x: holds(x, 0) & (x < np.inf), f"See {type(rule).__name__}()."
    )
