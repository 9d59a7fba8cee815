"""Conductance synapses of one compartment: AMPA, NMDA, GABA_A and slow adaptation.

Conductances jump by the weight at a spike and decay exponentially, exactly over a step. They act
through `Drive`, so the compartment integrates them linearly implicitly.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float

from neurogain import _checks, gain
from neurogain.spiking.cell import like
from neurogain.spiking.engine.drives import Drive


class Receptor(NamedTuple):
    """One kind of synaptic conductance."""

    tau: ArrayLike  # ms, decay
    E: ArrayLike  # mV, reversal
    gain: ArrayLike | None = None  # dimensionless factor of the conductance, >= 0; None: 1


class SynapseParams(NamedTuple):
    """Receptors of a compartment. Source: Whyte et al. 2025, 10.1371/journal.pcbi.1012951."""

    ampa: Receptor = Receptor(tau=6.0, E=0.0)
    nmda: Receptor = Receptor(tau=100.0, E=0.0)
    gaba_a: Receptor = Receptor(tau=6.0, E=-75.0)
    adaptation: Receptor = Receptor(tau=2000.0, E=-80.0)
    nmda_ceiling: ArrayLike = np.inf  # nS, most that the gated NMDA conductance can reach
    adaptation_jump: ArrayLike = 0.0  # nS a spike of the cell itself


class SynapseState(NamedTuple):
    """Open conductances; also the jumps of one step, by receptor.

    None: a receptor that the compartment lacks, or that nothing reached.
    """

    ampa: Float[Array, " n"] | None = None  # nS
    nmda: Float[Array, " n"] | None = None  # nS, before the gate
    gaba_a: Float[Array, " n"] | None = None  # nS
    adaptation: Float[Array, " n"] | None = None  # nS


RECEPTORS = SynapseState._fields


def init(
    n: int, dtype: DTypeLike = jnp.float32, *, receptors: Sequence[str] = RECEPTORS
) -> SynapseState:
    """Return the synapses of `n` compartments, all closed, with these receptors."""
    return SynapseState(**{name: jnp.zeros((n,), dtype) for name in receptors})


def nmda_gate(v: ArrayLike) -> Array:
    """Return the share of NMDA channels that the magnesium block leaves open at `v` (mV).

        m / (1 + m),  m = ((v + 80) / 60)^2

    As published; below -80 mV it rises again.
    """
    m = ((jnp.asarray(v) + 80) / 60) ** 2
    return m / (1 + m)


def drive(params: SynapseParams, state: SynapseState, v: Float[Array, " n"]) -> Drive:
    """Return what the open synapses do to a compartment at `v` (mV); the gate is that at `v`."""
    p = like(params, v)
    total = Drive()
    for name in RECEPTORS:
        g = getattr(state, name)
        if g is None:
            continue
        factor = getattr(p, name).gain
        g = g if factor is None else g * factor
        if name == "nmda":
            g = jnp.minimum(g * nmda_gate(v), p.nmda_ceiling)
        pull = g * getattr(p, name).E
        total = Drive(0.0, total.conductance + g, total.reversal_current + pull)
    return total


def step(
    params: SynapseParams,
    state: SynapseState,
    jumps: SynapseState,
    spike: Float[Array, " n"],
    *,
    dt: float,
) -> SynapseState:
    """Advance by one step: decay by exp(-dt / tau), then the jumps.

    Args:
      params: constants.
      state: nS, at t.
      jumps: nS by receptor, weights of the spikes that arrive at t + dt.
      spike: 1 where the compartment's own cell spiked, which opens its adaptation.
      dt: step in ms; exact for any.
    """
    after: dict[str, Array | None] = {}
    for name in RECEPTORS:
        g, jump = getattr(state, name), getattr(jumps, name)
        if g is None:
            continue
        tau = jnp.asarray(getattr(params, name).tau, g.dtype)
        new = gain.relax(g, jnp.zeros_like(g), tau=tau, baseline=0, strength=0, dt=dt)
        new = new.astype(g.dtype) if jump is None else new.astype(g.dtype) + jump
        if name == "adaptation":
            new = new + jnp.asarray(params.adaptation_jump, g.dtype) * spike
        after[name] = new
    return SynapseState(**after)


def check(params: SynapseParams) -> None:
    """Refuse time constants that are not positive and ceilings or jumps that are negative.

    Raises:
      ValueError: names the constant, the rule with its unit, the value and a way out.
    """
    for name in SynapseState._fields:
        receptor: Receptor = getattr(params, name)
        _checks.in_range(
            f"{name}.tau", receptor.tau, "positive, in ms", lambda x: (x > 0) & (x < np.inf), "6.0"
        )
        _checks.in_range(f"{name}.E", receptor.E, "finite, in mV", np.isfinite, "0.0")
        if receptor.gain is not None:
            rule = "finite and at least 0, a factor"
            holds = lambda x: (x >= 0) & (x < np.inf)  # noqa: E731
            _checks.in_range(f"{name}.gain", receptor.gain, rule, holds, "1.0")
    for name in ("nmda_ceiling", "adaptation_jump"):
        _checks.in_range(name, getattr(params, name), "at least 0 nS", lambda x: x >= 0, "0.0")
    rule = "finite, in nS"
    _checks.in_range("adaptation_jump", params.adaptation_jump, rule, np.isfinite, "0.065")


SOMA = SynapseParams(nmda_ceiling=85.0, adaptation_jump=0.065)
"""The pyramidal soma of Whyte et al. 2025."""

DENDRITE = SynapseParams()
"""An apical dendrite: no ceiling, no adaptation."""
