"""Conductance synapses of one compartment: AMPA, NMDA, GABA_A, slow adaptation, and your own.

Conductances jump by the weight at a spike and decay. Over a step they act with their mean, so that
the charge is exact at any dt: a jump of w opens w tau nS ms. They act through `Drive`, and the
compartment integrates them linearly implicitly, which is of order 1. A receptor of one's own is one
more value of `Receptor` under a name of its own; nothing else has a list of receptors.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from neurogain.spiking.cell import like
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.named import Named
from neurogain.spiking.receptor import Receptor as Receptor
from neurogain.spiking.receptor import ReceptorModel as ReceptorModel
from neurogain.spiking.receptor import check_receptor
from neurogain.spiking.receptor import nmda_gate as nmda_gate

STANDARD: Mapping[str, Receptor] = {
    "ampa": Receptor(tau=6.0, E=0.0),
    "nmda": Receptor(tau=100.0, E=0.0, gate=nmda_gate, ceiling=np.inf),
    "gaba_a": Receptor(tau=6.0, E=-75.0),
    "adaptation": Receptor(tau=2000.0, E=-80.0, jump=0.0),
}
"""Receptors of every compartment. Source: Whyte et al. 2025, 10.1371/journal.pcbi.1012951."""


@jax.tree_util.register_pytree_with_keys_class
class SynapseParams(Named):
    """Receptors of a compartment by name, read as attributes: the standard ones, and others.

    Where they are left out, the standard ones decay with tau and pull towards E:

        ampa        tau 6 ms     E   0 mV
        nmda        tau 100 ms   E   0 mV   gated by the potential, see `nmda_gate`
        gaba_a      tau 6 ms     E -75 mV
        adaptation  tau 2000 ms  E -80 mV   opened by the cell's own spikes, by 0 nS each

    Source: Whyte et al. 2025, 10.1371/journal.pcbi.1012951.

    Example:
      >>> params = SynapseParams(nmda_ceiling=85.0, gaba_b=Receptor(tau=150.0, E=-95.0))
      >>> [name for name in params]
      ['ampa', 'nmda', 'gaba_a', 'adaptation', 'gaba_b']
      >>> params._replace(ampa=Receptor(tau=2.0, E=0.0)).ampa.tau
      2.0
    """

    def __init__(
        self,
        *,
        nmda_ceiling: ArrayLike | None = None,
        adaptation_jump: ArrayLike | None = None,
        **receptors: ReceptorModel,
    ) -> None:
        """Take the standard receptors, with changes.

        Args:
          nmda_ceiling: nS, most that the gated NMDA conductance can reach; by default without end.
          adaptation_jump: nS a spike of the cell itself; by default 0.
          receptors: by name, others or in place of standard ones; the gate, the ceiling and the
            jump that a `Receptor` leaves out are those of the one that it replaces.
        """
        super().__init__(**_changed(STANDARD, nmda_ceiling, adaptation_jump, receptors))

    def _replace(
        self,
        *,
        nmda_ceiling: ArrayLike | None = None,
        adaptation_jump: ArrayLike | None = None,
        **receptors: Any,
    ) -> "SynapseParams":
        """Return the same with changes, as the constructor takes them."""
        values = _changed(self._asdict(), nmda_ceiling, adaptation_jump, receptors)
        return self.tree_unflatten(tuple(values), values.values())


def _changed(
    base: Mapping[str, Any],
    nmda_ceiling: ArrayLike | None,
    adaptation_jump: ArrayLike | None,
    receptors: Mapping[str, Any],
) -> dict[str, Any]:
    result = dict(base)
    for name, receptor in receptors.items():
        before = base.get(name)
        if isinstance(receptor, Receptor) and isinstance(before, Receptor):
            kept = {
                field: getattr(before, field)
                for field in ("gate", "ceiling", "jump")
                if getattr(receptor, field) is None
            }
            receptor = dataclasses.replace(receptor, **kept)
        result[name] = receptor
    if nmda_ceiling is not None:
        result["nmda"] = dataclasses.replace(result["nmda"], ceiling=nmda_ceiling)
    if adaptation_jump is not None:
        result["adaptation"] = dataclasses.replace(result["adaptation"], jump=adaptation_jump)
    return result


@jax.tree_util.register_pytree_with_keys_class
class SynapseState(Named):
    """Open conductances by receptor, read as attributes: nS before the gate, shape (n,).

    A receptor that a compartment of a network doesn't use is left out.
    """


def init(
    params: SynapseParams,
    n: int,
    dtype: DTypeLike = jnp.float32,
    *,
    receptors: Sequence[str] | None = None,
) -> SynapseState:
    """Return the synapses of `n` compartments, all closed.

    Args:
      params: constants.
      n: number of compartments.
      dtype: of the conductances.
      receptors: which; by default all.
    """
    names = tuple(params) if receptors is None else receptors
    return SynapseState(**{name: params[name].init(n, dtype) for name in names})


def drive(params: SynapseParams, state: SynapseState, v: Float[Array, " n"], *, dt: float) -> Drive:
    """Return what the open synapses do to a compartment in a step.

    Args:
      params: constants.
      state: nS, at t.
      v: mV, at t; gates are those at `v`.
      dt: step in ms; conductances are their means over it.
    """
    p = like(params, v)
    total = Drive()
    for name in state:
        g = p[name].conductance(state[name], v, dt=dt)
        pull = g * p[name].E
        total = Drive(0.0, total.conductance + g, total.reversal_current + pull)
    return total


def step(
    params: SynapseParams,
    state: SynapseState,
    jumps: Mapping[str, Array] | SynapseState,
    spike: Float[Array, " n"],
    *,
    dt: float,
) -> SynapseState:
    """Advance by one step: decay, then the jumps.

    Args:
      params: constants.
      state: nS, at t.
      jumps: nS by receptor, weights of the spikes that arrive at t + dt; those of receptors that
        nothing reaches can be left out.
      spike: 1 where the compartment's own cell spiked, which opens its adaptation.
      dt: step in ms; exact for any.
    """
    after = {name: params[name].step(state[name], jumps.get(name), spike, dt=dt) for name in state}
    return SynapseState(**after)


def open_to_spikes(params: SynapseParams) -> tuple[str, ...]:
    """Return the receptors that projections and inputs can open."""
    return tuple(name for name in params if params[name].jump is None)


def check(params: SynapseParams) -> None:
    """Check the receptors of a compartment.

    Raises:
      TypeError, ValueError: names the receptor and its constant, the rule with its unit, the value
        and a way out.
    """
    for name in params:
        check_receptor(name, params[name])


SOMA = SynapseParams(nmda_ceiling=85.0, adaptation_jump=0.065)
"""The pyramidal soma of Whyte et al. 2025."""

DENDRITE = SynapseParams()
"""An apical dendrite: no ceiling, no adaptation."""
