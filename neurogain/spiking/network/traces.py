"""What dense and plastic projections carry from step to step: traces and delayed spikes."""

from typing import Any, NamedTuple

import jax

from neurogain.spiking import plasticity
from neurogain.spiking.network.arrays import ProjectionState
from neurogain.spiking.network.structure import ProjectionLayout
from neurogain.spiking.plasticity import Plasticity, Traces, rule_state


class Traced(NamedTuple):
    """Traces at the two moments at which spikes meet them."""

    pre_now: Traces  # at this step's postsynaptic spikes, without those that acted with them
    post_now: Traces
    pre_next: Traces  # at the arrivals of the next step, without them
    post_next: Traces


def advance(
    rule: Plasticity, state: ProjectionState, post_spike: jax.Array, *, dt: float
) -> tuple[Traced, ProjectionState]:
    """Return the traces, and the projection's state with them advanced by one step."""
    pair = rule_state.inner(rule)
    pre = plasticity.decay(state.pre, pair.tau_pre, dt=dt)
    post = plasticity.decay(state.post, pair.tau_post, dt=dt)
    acting: Any = state.acting
    new_pre = tuple(x + acting for x in pre)
    new_post = tuple(y + post_spike for y in post)
    traced = Traced(
        pre,
        post,
        plasticity.decay(new_pre, pair.tau_pre, dt=dt),
        plasticity.decay(new_post, pair.tau_post, dt=dt),
    )
    return traced, state._replace(pre=new_pre, post=new_post)


def arriving(
    layout: ProjectionLayout, state: ProjectionState, spike: jax.Array, step: jax.Array
) -> tuple[list[jax.Array], ProjectionState]:
    """Return the spikes that act next, for each delay, and the state that keeps them."""
    if not layout.past:
        return [spike], state
    past = state.past.at[step % layout.past].set(spike)  # type: ignore[union-attr]
    delayed = [past[(step + 1 - delay) % layout.past] for delay in layout.delays]
    return delayed, state._replace(past=past)
