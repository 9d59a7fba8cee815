"""The two ways in which spikes reach synapses: what each holds, and what it does in a step.

sparse: a row of targets and weights for each presynaptic cell; only the rows of cells that spiked
        are read, and for plasticity the columns of cells that did.
dense:  a matrix, multiplied by the vector of all spikes; differentiable, and quick while small.

Arrays of the sparse way have the shard as first axis: shard s holds the synapses onto the s-th part
of the postsynaptic cells. All functions here are for one shard, without that axis.
"""

import dataclasses
import functools
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from neurogain.spiking import plasticity
from neurogain.spiking.network.events import for_each
from neurogain.spiking.plasticity import Plasticity, Signal, Traces


@dataclasses.dataclass(frozen=True)
class Wire:
    """What is known of a projection when it is compiled."""

    name: str
    source: str
    target: str
    inbox: int  # where its spikes arrive
    path: Literal["dense", "sparse"]
    n_pre: int
    n_post: int  # of one shard
    delays: tuple[int, ...]  # steps; all that occur (dense), the longest (sparse)
    plastic: bool
    synapses: tuple[int, ...]  # number of each shard
    width: int = 0  # most synapses of a presynaptic cell in a shard
    width_in: int = 0  # most synapses of a postsynaptic cell

    @property
    def lag(self) -> int:
        """Steps by which spikes are held back before they meet the synapses."""
        return self.delays[0] - 1 if self.plastic else 0

    @property
    def past(self) -> int:
        """Number of steps whose spikes are kept."""
        longest = max(self.delays)
        return longest if longest > 1 and (self.plastic or self.path == "dense") else 0


class Columns(NamedTuple):
    """The synapses of each postsynaptic cell, for plasticity."""

    start: Int[Array, " n_post_2"]  # of the cell's part of the others
    place: Int[Array, " synapses"]  # in the rows
    source: Int[Array, " synapses"]


class SparseParams(NamedTuple):
    """Synapses in rows; the last rows are padded to the width."""

    start: Int[Array, "shards n_pre_2"]  # of the cell's row in the others; n_pre has none
    target: Int[Array, "shards synapses"]  # number in the shard
    weight: Float[Array, "shards synapses"]  # nS; the initial one, if plastic
    delay: Int[Array, "shards synapses"] | None  # steps; None: all the same
    columns: Columns | None  # plastic
    rule: Plasticity | None


class DenseParams(NamedTuple):
    """Synapses as matrices."""

    weight: Float[Array, "delays n_pre n_post"]  # nS, one matrix for each delay
    place: Int[Array, " synapses"]  # of those that exist, in the flat matrix
    exists: Bool[Array, "n_pre n_post"] | None  # plastic
    rule: Plasticity | None


class WireState(NamedTuple):
    """What a projection carries; None where it needs none."""

    held: Any = None  # of the rule: (shards, synapses) or (n_pre, n_post)
    signal: Signal | None = None  # of a three-factor rule
    pre: Traces = ()  # (n_pre,) each, without the spikes that act now
    post: Traces = ()  # (n_post,) each
    acting: Float[Array, " n_pre"] | None = None  # spikes that act in the coming step
    past: Float[Array, "steps n_pre"] | None = None  # the last steps' spikes, at step modulo steps


class Traced(NamedTuple):
    """Traces at the two moments at which spikes meet them."""

    pre_now: Traces  # at this step's postsynaptic spikes, without those that acted with them
    post_now: Traces
    pre_next: Traces  # at the arrivals of the next step, without them
    post_next: Traces


def trace(wire: Wire, rule: Plasticity, state: WireState, post_spike: Any, *, dt: float):
    """Return the traces, and the projection's state with them advanced by one step."""
    pair = plasticity.inner(rule)
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


def arriving(wire: Wire, state: WireState, spike: Any, step: Any) -> tuple[list, WireState]:
    """Return the spikes that act in the next step, for each delay, and the state that keeps them.

    For sparse projections with fixed weights these are the spikes as they are: delays are added
    where they arrive.
    """
    if not wire.past:
        return [spike], state
    past = state.past.at[step % wire.past].set(spike)  # type: ignore[union-attr]
    delayed = [past[(step + 1 - delay) % wire.past] for delay in wire.delays]
    return delayed, state._replace(past=past)


# sparse


def row(table: SparseParams, width: int, cell: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return where the row of a cell starts, and which of `width` entries are its own."""
    start = table.start[cell]
    return start, jnp.arange(width, dtype=jnp.int32) < table.start[cell + 1] - start


def deliver(wire: Wire, table: SparseParams, cell: Any, out: Any, step: Any, weight: Any) -> Any:
    """Add a cell's weights (its row's, (width,)) to the ring of arrivals, (steps, n_post)."""
    start, own = row(table, wire.width, cell)
    target = jax.lax.dynamic_slice(table.target, (start,), (wire.width,))
    if out.shape[0] == 1:
        slot = target
    else:
        delay = (
            jnp.int32(wire.delays[0])
            if table.delay is None or wire.plastic
            else jax.lax.dynamic_slice(table.delay, (start,), (wire.width,)).astype(jnp.int32)
        )
        acts = step + (1 if wire.plastic else delay)
        slot = acts % out.shape[0] * wire.n_post + target
    flat = out.reshape(-1)
    slot = jnp.where(own, slot, flat.shape[0])
    return flat.at[slot].add(weight, mode="drop").reshape(out.shape)


def arrive(wire: Wire, table: SparseParams, state: Any, traced: Traced, cell: Any):
    """Depress the synapses of a cell whose spike arrives; return what they hold, and weights."""
    held, signal = state
    rule: Any = table.rule
    start, own = row(table, wire.width, cell)
    size = (wire.width,)
    before = jax.tree.map(lambda x: jax.lax.dynamic_slice(x, (start,), size), held)
    target = jax.lax.dynamic_slice(table.target, (start,), size)
    fall = plasticity.inner(rule).depression(
        plasticity.read(rule, before, signal),
        tuple(x[cell] for x in traced.pre_next),
        tuple(y[target] for y in traced.post_next),
    )
    after = plasticity.add(rule, before, signal, -fall)
    after = jax.tree.map(lambda a, b: jnp.where(own, a, b), after, before)
    held = jax.tree.map(lambda x, a: jax.lax.dynamic_update_slice(x, a, (start,)), held, after)
    # read again where it was written: an array that is read before, too, XLA would copy as a whole
    place = start + jnp.arange(wire.width, dtype=jnp.int32)
    return held, plasticity.read(rule, jax.tree.map(lambda x: x[place], held), signal)


def potentiate(wire: Wire, table: SparseParams, state: Any, traced: Traced, spike: Any) -> Any:
    """Return what synapses hold after the spikes of the postsynaptic cells of this shard."""
    rule: Any = table.rule

    def body(cell, held, constants):
        columns, rule, signal, traced = constants
        start = columns.start[cell]
        own = jnp.arange(wire.width_in, dtype=jnp.int32) < columns.start[cell + 1] - start
        place, source = (
            jax.lax.dynamic_slice(x, (start,), (wire.width_in,))
            for x in (columns.place, columns.source)
        )
        before = jax.tree.map(lambda x: x[place], held)
        rise = plasticity.inner(rule).potentiation(
            plasticity.read(rule, before, signal),
            tuple(x[source] for x in traced.pre_now),
            tuple(y[cell] for y in traced.post_now),
        )
        after = plasticity.add(rule, before, signal, rise)
        size = jax.tree.leaves(held)[0].shape[0]
        slot = jnp.where(own, place, size)
        return jax.tree.map(lambda x, a: x.at[slot].set(a, mode="drop"), held, after)

    held, signal = state
    return for_each(spike > 0, body, held, (table.columns, rule, signal, traced))


# dense


def multiply(wire: Wire, table: DenseParams, delayed: list, weight: Any) -> jax.Array:
    """Return what arrives at each postsynaptic cell, nS."""
    matrices = table.weight if weight is None else weight[None]
    products = [
        jnp.matmul(spike, matrix, precision=jax.lax.Precision.HIGHEST)
        for spike, matrix in zip(delayed, matrices, strict=True)
    ]
    return functools.reduce(jnp.add, products)


def pair_up(
    wire: Wire, table: DenseParams, state: WireState, traced: Traced, post_spike: Any, acts: Any
) -> Any:
    """Return what the matrix holds after this step's postsynaptic spikes, then the arrivals."""
    rule: Any = table.rule
    held, signal = state.held, state.signal

    def wide(pre: Traces, post: Traces) -> tuple[Traces, Traces]:
        return tuple(x[:, None] for x in pre), tuple(y[None, :] for y in post)

    def changed(held, where, change):
        after = plasticity.add(rule, held, signal, change)
        return jax.tree.map(lambda a, b: jnp.where(where, a, b), after, held)

    pair = plasticity.inner(rule)
    exists: Any = table.exists
    rise = pair.potentiation(
        plasticity.read(rule, held, signal), *wide(traced.pre_now, traced.post_now)
    )
    held = changed(held, exists & (post_spike > 0)[None, :], rise)
    fall = pair.depression(
        plasticity.read(rule, held, signal), *wide(traced.pre_next, traced.post_next)
    )
    return changed(held, exists & (acts > 0)[:, None], -fall)
