"""The pair rule: additive, multiplicative or between."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from neurogain.spiking.plasticity.rule import check_constants
from neurogain.spiking.plasticity.traces import Traces


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PairSTDP:
    """All-to-all pair rule, additive (both mu 0), multiplicative (both mu 1) or between.

        postsynaptic spike:         w += lambda_ Wmax (1 - w / Wmax)^mu_plus  x
        arriving presynaptic spike: w -= alpha lambda_ Wmax (w / Wmax)^mu_minus  y

    then w is kept in [0, Wmax]. A_plus of Morrison et al. is lambda_, A_minus is alpha lambda_.

    Source: Morrison, Diesmann & Gerstner, Biol Cybern 98:459 (2008); Guetig et al., J Neurosci
    23:3697 (2003) for mu; NEST's stdp_synapse for the names.

    Example:
      >>> one = jnp.ones(())
      >>> rise = PairSTDP(lambda_=0.25).potentiation(0.5 * one, pre=(one,), post=(0 * one,))
      >>> float(rise)
      0.25
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

    def scaled(self, factor: ArrayLike) -> "PairSTDP":
        """Return the rule with lambda_ times `factor`."""
        return dataclasses.replace(self, lambda_=self.lambda_ * factor)

    def check(self, name: str) -> None:
        """Raise ValueError if a constant has the wrong sign."""
        check_constants(
            self,
            name,
            positive={"tau_plus": "ms", "tau_minus": "ms", "Wmax": "nS"},
            at_least_0={"lambda_": "", "alpha": "", "mu_plus": "", "mu_minus": ""},
        )


def _power(x: ArrayLike, exponent: float) -> ArrayLike:
    if exponent == 0:
        return 1.0
    return x if exponent == 1 else jnp.maximum(jnp.asarray(x), 0) ** exponent
