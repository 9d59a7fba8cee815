"""The three-factor rule: eligibility, which a modulator turns into weight."""

import dataclasses

import jax
from jax.typing import ArrayLike

from neurogain.spiking.plasticity.pair import PairSTDP
from neurogain.spiking.plasticity.rule import PairRule, check_constants, check_pair_rule


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ThreeFactor:
    """Any pair rule around an eligibility trace, which a modulator turns into weight.

        tau_c de/dt = -e;  e += potentiation, e -= depression at spikes;  dw/dt = M(t) e

    M, in 1/ms, is a drive of the simulation under the projection's name. In every step the trace
    decays by exp(-dt / tau_c), the weight moves by M e dt, then the spikes add to the trace. The
    weight is kept in [0, Wmax] whenever a spike reads or changes the synapse, at the latest after
    2 tau_c; between, it follows the signal beyond the bounds without being seen there.

    No step touches all synapses: each holds the two numbers that stay constant between its spikes,
    h = e / D and k = w - h P, with D the decay and P the integral of M D since a common start.

    Source: Fremaux & Gerstner, Front Neural Circuits 9:85 (2016); tau_c as in NEST's
    stdp_dopamine_synapse (Izhikevich, Cereb Cortex 17:2443, 2007).

    Example:
      >>> ThreeFactor(PairSTDP(Wmax=2.0), tau_c=200.0).Wmax
      2.0
    """

    stdp: PairRule = dataclasses.field(default_factory=PairSTDP)
    tau_c: ArrayLike = 500.0  # ms

    @property
    def Wmax(self) -> ArrayLike:
        """Bound of the weight, nS."""
        return self.stdp.Wmax

    def scaled(self, factor: ArrayLike) -> "ThreeFactor":
        """Return the rule with all changes of the eligibility times `factor`."""
        return dataclasses.replace(self, stdp=self.stdp.scaled(factor))

    def check(self, name: str) -> None:
        """Raise TypeError if `stdp` is no pair rule, ValueError if a constant is out of range."""
        check_pair_rule(self.stdp, f"`stdp` of the ThreeFactor of {name}", name)
        check_constants(self, name, positive={"tau_c": "ms"})
