"""How spikes reach synapses: what each way holds, and what it does in a step.

fixed:   all sparse projections with fixed weights as one table, with a row of targets and weights
         for each cell of the network; only rows of cells that spiked are read.
plastic: a table of its own for each sparse plastic projection, and the same synapses by column, of
         which those of postsynaptic cells that spiked are read.
dense:   a matrix, multiplied by the vector of all spikes; differentiable, and quick while small.

Arrays of tables have the shard as first axis: shard s holds the synapses onto the s-th part of the
postsynaptic cells. All functions here are for one shard, without that axis. Long rows are read in
parts of `width` synapses.
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
class ProjectionLayout:
    """What is known of a projection when it is compiled."""

    name: str
    source: str
    target: str
    inbox: int  # where its spikes arrive
    path: Literal["dense", "sparse"]
    n_pre: int
    n_post: int  # of one shard
    delays: tuple[int, ...]  # steps, all that occur
    plastic: bool
    synapses: tuple[int, ...]  # number of each shard
    width: int = 0  # synapses of a row that are read at once (sparse and plastic)
    column_width: int = 0  # the same, of a column

    @property
    def past(self) -> int:
        """Number of steps whose spikes are kept."""
        held_back = self.plastic or self.path == "dense"
        return max(self.delays) if max(self.delays) > 1 and held_back else 0


class Rows(NamedTuple):
    """Synapses in rows, one for each presynaptic cell; padded by the width."""

    start: Int[Array, "shards n_pre_2"]  # of the cell's row in the others; n_pre has none
    target: Int[Array, "shards synapses"]  # number in the shard
    weight: Float[Array, "shards synapses"]  # nS; the initial one, if plastic
    delay: Int[Array, "shards synapses"] | None  # steps; None: one step, or held back


class Columns(NamedTuple):
    """The same synapses in columns, one for each postsynaptic cell; padded by the width."""

    start: Int[Array, "shards n_post_2"]
    place: Int[Array, "shards synapses"]  # in the rows
    source: Int[Array, "shards synapses"]


class PlasticParams(NamedTuple):
    """A sparse plastic projection."""

    rows: Rows
    columns: Columns
    rule: Plasticity


class DenseParams(NamedTuple):
    """Synapses as matrices."""

    weight: Float[Array, "delays n_pre n_post"]  # nS, one matrix for each delay
    place: Int[Array, " synapses"]  # of those that exist, in all matrices, flat
    exists: Bool[Array, "n_pre n_post"] | None  # plastic
    rule: Plasticity | None


class ProjectionState(NamedTuple):
    """What a dense or plastic projection carries; None where it needs none."""

    synapse_state: Any = None  # of the rule: (shards, synapses) or (n_pre, n_post)
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


def trace(rule: Plasticity, state: ProjectionState, post_spike: Any, *, dt: float):
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


def arriving(
    layout: ProjectionLayout, state: ProjectionState, spike: Any, step: Any
) -> tuple[list, ProjectionState]:
    """Return the spikes that act next, for each delay, and the state that keeps them."""
    if not layout.past:
        return [spike], state
    past = state.past.at[step % layout.past].set(spike)  # type: ignore[union-attr]
    delayed = [past[(step + 1 - delay) % layout.past] for delay in layout.delays]
    return delayed, state._replace(past=past)


# rows and columns


def count_parts(start: jax.Array, cells: jax.Array, width: int) -> jax.Array:
    """Return in how many parts the rows of cells are read."""
    return (start[cells + 1] - start[cells] + width - 1) // width


def part_of(start: Any, cells: Any, part: Any, width: int) -> tuple[jax.Array, jax.Array]:
    """Return where a part of each row starts, and which of `width` entries belong to it.

    Shapes are (cells,) and (cells, width).
    """
    first = jnp.minimum(start[cells] + part * width, start[-1])
    place = first[:, None] + jnp.arange(width, dtype=jnp.int32)
    return first, place < start[cells + 1][:, None]


def cut(array: jax.Array, first: jax.Array, width: int) -> jax.Array:
    """Return `width` entries from each of `first` on, shape (cells, width)."""
    if first.shape == (1,):
        return jax.lax.dynamic_slice_in_dim(array, first[0], width)[None]
    return pick(array, first[:, None] + jnp.arange(width, dtype=jnp.int32))


def paste(array: jax.Array, first: jax.Array, values: jax.Array, own: jax.Array) -> jax.Array:
    """Return the array with `values`, (cells, width), written from each of `first` on where own."""
    if first.shape == (1,):
        old = jax.lax.dynamic_slice_in_dim(array, first[0], values.shape[1])
        new = plasticity.choose(own[0], values[0], old)
        return jax.lax.dynamic_update_slice_in_dim(array, new, first[0], axis=0)
    place = first[:, None] + jnp.arange(values.shape[1], dtype=jnp.int32)
    place = jnp.where(own, place, array.shape[0])
    return array.at[place].set(values, mode="drop")


def pick(array: jax.Array, places: jax.Array) -> jax.Array:
    """Return entries that are known to be there, which spares the check."""
    return array.at[places].get(mode="promise_in_bounds")


def of_cells(traces: Traces, cells: jax.Array) -> Traces:
    """Return the traces of cells, shape (cells, 1)."""
    return tuple(pick(x, jnp.minimum(cells, x.shape[0] - 1))[:, None] for x in traces)


@jax.custom_jvp
def without_gradient(x: jax.Array) -> jax.Array:
    """Return x, refusing to be differentiated: a loop over spikes has no derivative to give."""
    return x


@without_gradient.defjvp
def _without_gradient_jvp(primals, tangents):
    raise TypeError(
        "Gradients don't pass through event-driven synapses: got a derivative with respect to "
        'spikes or weights on the sparse path. Build the network with path="dense".'
    )


def deliver(
    rows: Rows, width: int, mask: jax.Array, ring: jax.Array, step: jax.Array, *, at_once: int
) -> jax.Array:
    """Return the ring of arrivals, (steps, slots), with the rows of the cells of the mask added."""

    def parts(cells, constants):
        return count_parts(constants[0].start, cells, width)

    def body(cells, part, flat, constants):
        rows, step = constants
        first, own = part_of(rows.start, cells, part, width)
        slot = cut(rows.target, first, width)
        if rows.delay is not None:
            acts = step + cut(rows.delay, first, width).astype(jnp.int32)
            slot = acts % ring.shape[0] * ring.shape[1] + slot
        slot = jnp.where(own, slot, flat.shape[0])
        return flat.at[slot].add(cut(rows.weight, first, width), mode="drop")

    flat = for_each(mask, body, parts, ring.reshape(-1), (rows, step), at_once=at_once)
    return flat.reshape(ring.shape)


def arrive(
    layout: ProjectionLayout,
    table: PlasticParams,
    synapse_state: Any,
    signal: Any,
    traced: Traced,
    mask: Any,
    *,
    at_once: int,
) -> tuple[Any, jax.Array]:
    """Depress the rows of the cells whose spikes arrive, and add them up.

    Returns what the synapses hold, and the weights that arrive at each postsynaptic cell.
    """
    width = layout.width

    def parts(cells, constants):
        return count_parts(constants[0].rows.start, cells, width)

    def body(cells, part, carry, constants):
        synapse_state, arrived = carry
        table, signal, traced = constants
        first, own = part_of(table.rows.start, cells, part, width)
        target = cut(table.rows.target, first, width)
        before = jax.tree.map(lambda x: cut(x, first, width), synapse_state)
        fall = plasticity.inner(table.rule).depression(
            plasticity.read(table.rule, before, signal),
            of_cells(traced.pre_next, cells),
            tuple(pick(y, target) for y in traced.post_next),
        )
        after = plasticity.add(table.rule, before, signal, -fall)
        synapse_state = jax.tree.map(lambda x, a: paste(x, first, a, own), synapse_state, after)
        # read again where it was written: XLA would copy an array that is read before, too
        written = jax.tree.map(lambda x: cut(x, first, width), synapse_state)
        slot = jnp.where(own, target, layout.n_post)
        weight = plasticity.read(table.rule, written, signal)
        return synapse_state, arrived.at[slot].add(weight, mode="drop")

    arrived = jnp.zeros((layout.n_post,), jax.tree.leaves(synapse_state)[0].dtype)
    constants = (table, signal, traced)
    return for_each(mask, body, parts, (synapse_state, arrived), constants, at_once=at_once)


def potentiate(
    layout: ProjectionLayout,
    table: PlasticParams,
    synapse_state: Any,
    signal: Any,
    traced: Traced,
    mask: Any,
    *,
    at_once: int,
) -> Any:
    """Return what synapses hold after the spikes of postsynaptic cells."""
    width = layout.column_width

    def parts(cells, constants):
        return count_parts(constants[0].columns.start, cells, width)

    def body(cells, part, synapse_state, constants):
        table, signal, traced = constants
        first, own = part_of(table.columns.start, cells, part, width)
        place, source = (cut(x, first, width) for x in table.columns[1:])
        before = jax.tree.map(lambda x: pick(x, place), synapse_state)
        rise = plasticity.inner(table.rule).potentiation(
            plasticity.read(table.rule, before, signal),
            tuple(pick(x, source) for x in traced.pre_now),
            of_cells(traced.post_now, cells),
        )
        after = plasticity.add(table.rule, before, signal, rise)
        slot = jnp.where(own, place, jax.tree.leaves(synapse_state)[0].shape[0])
        return jax.tree.map(lambda x, a: x.at[slot].set(a, mode="drop"), synapse_state, after)

    return for_each(mask, body, parts, synapse_state, (table, signal, traced), at_once=at_once)


# matrices


def multiply(table: DenseParams, delayed: list, weight: Any) -> jax.Array:
    """Return what arrives at each postsynaptic cell, nS."""
    matrices = table.weight if weight is None else weight[None]
    products = [
        jnp.matmul(spike, matrix, precision=jax.lax.Precision.HIGHEST)
        for spike, matrix in zip(delayed, matrices, strict=True)
    ]
    return functools.reduce(jnp.add, products)


def pair_up(
    table: DenseParams, synapse_state: Any, signal: Any, traced: Traced, post_spike: Any, acts: Any
) -> Any:
    """Return what the matrix holds after this step's postsynaptic spikes, then the arrivals."""
    rule: Any = table.rule
    pair = plasticity.inner(rule)
    exists: Any = table.exists

    def wide(pre: Traces, post: Traces) -> tuple[Traces, Traces]:
        return tuple(x[:, None] for x in pre), tuple(y[None, :] for y in post)

    def changed(synapse_state, where, change):
        after = plasticity.add(rule, synapse_state, signal, change)
        return plasticity.choose(where, after, synapse_state)

    now, following = wide(traced.pre_now, traced.post_now), wide(traced.pre_next, traced.post_next)
    rise = pair.potentiation(plasticity.read(rule, synapse_state, signal), *now)
    synapse_state = changed(synapse_state, exists & (post_spike > 0)[None, :], rise)
    fall = pair.depression(plasticity.read(rule, synapse_state, signal), *following)
    return changed(synapse_state, exists & (acts > 0)[:, None], -fall)
