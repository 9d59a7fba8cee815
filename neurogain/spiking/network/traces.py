"""What dense and plastic projections carry from step to step: traces and delayed spikes."""

from typing import Any, NamedTuple

import jax

from neurogain.spiking import plasticity
from neurogain.spiking.network.arrays import ProjectionState
from neurogain.spiking.network.structure import ProjectionLayout
from neurogain.spiking.plasticity import Plasticity, Traces, rule_state


class Traced(NamedTuple):
    """Traces at the end of a step, without the spikes of that moment."""

    pre: Traces
    post: Traces


def advance(
    rule: Plasticity,
    state: ProjectionState,
    pre_spike: jax.Array,
    post_spike: jax.Array,
    *,
    dt: float,
) -> tuple[Traced, ProjectionState]:
    """Return what spikes at the end of a step meet, and the state in which they are added."""
    pair = rule_state.inner(rule)
    pre = plasticity.decay(state.pre, pair.tau_pre, dt=dt)
    post = plasticity.decay(state.post, pair.tau_post, dt=dt)
    after = state._replace(
        pre=tuple(x + pre_spike for x in pre), post=tuple(y + post_spike for y in post)
    )
    return Traced(pre, post), after


def arriving(
    layout: ProjectionLayout, state: ProjectionState, spike: jax.Array, step: jax.Array
) -> tuple[list[jax.Array], ProjectionState]:
    """Return the spikes that arrive at the end of a step, for each delay, and the state after it.

    Args:
      layout: of the projection.
      state: with the spikes of the steps before.
      spike: of this step.
      step: its number.
    """
    past: Any = state.past
    if layout.past == 1:
        return [past[0]], state._replace(past=spike[None])
    arrived = [past[(step - delay) % layout.past] for delay in layout.delays]
    return arrived, state._replace(past=past.at[step % layout.past].set(spike))
