"""The triplet rule: frequency-dependent through a second, slow trace on each side."""

import dataclasses

import jax
from jax.typing import ArrayLike

from neurogain.spiking.plasticity.rule import check_constants
from neurogain.spiking.plasticity.traces import Traces


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TripletSTDP:
    """All-to-all triplet rule: a second, slow trace on each side.

        postsynaptic spike:         w += x (Aplus + Aplus_triplet y_slow)
        arriving presynaptic spike: w -= y (Aminus + Aminus_triplet x_slow)

    then w is kept in [0, Wmax]; the slow trace does not hold the spike itself. The defaults are
    the source's all-to-all fit of the full rule to visual cortex, for weights around 1 nS.

    Source: Pfister & Gerstner, J Neurosci 26:9673 (2006), eqs. 3-4, table 4.

    Example:
      >>> import jax.numpy as jnp
      >>> one = jnp.ones(())
      >>> rule = TripletSTDP(Aplus=0.25, Aplus_triplet=0.5)
      >>> float(rule.potentiation(0.5 * one, pre=(one, one), post=(one, 0.5 * one)))
      0.5
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

    def scaled(self, factor: ArrayLike) -> "TripletSTDP":
        """Return the rule with all four amplitudes times `factor`."""
        return dataclasses.replace(
            self,
            Aplus=self.Aplus * factor,
            Aplus_triplet=self.Aplus_triplet * factor,
            Aminus=self.Aminus * factor,
            Aminus_triplet=self.Aminus_triplet * factor,
        )

    def check(self, name: str) -> None:
        """Raise ValueError if a constant has the wrong sign."""
        taus = ("tau_plus", "tau_plus_triplet", "tau_minus", "tau_minus_triplet")
        amplitudes = ("Aplus", "Aplus_triplet", "Aminus", "Aminus_triplet")
        check_constants(
            self,
            name,
            positive=dict.fromkeys(taus, "ms") | {"Wmax": "nS"},
            at_least_0=dict.fromkeys(amplitudes, "nS"),
        )
