"""The sparse path: only rows and columns of cells that spiked are read.

Long rows are read in parts of `width` synapses. All functions are for one shard, without that axis.
"""

from typing import Any

import jax
import jax.numpy as jnp

from neurogain.spiking.network.arrays import PlasticParams, Rows
from neurogain.spiking.network.events import for_each
from neurogain.spiking.network.structure import ProjectionLayout
from neurogain.spiking.network.traces import Traced
from neurogain.spiking.plasticity import Traces, rule_state


def count_parts(start: jax.Array, cells: jax.Array, width: int) -> jax.Array:
    """Return in how many parts the rows of cells are read; columns are read the same way."""
    return (start[cells + 1] - start[cells] + width - 1) // width


def part_of(start: Any, cells: Any, part: Any, width: int) -> tuple[jax.Array, jax.Array]:
    """Return where a part of each row starts, and which of `width` entries belong to it.

    Shapes are (cells,) and (cells, width).
    """
    first = jnp.minimum(start[cells] + part * width, start[-1])
    place = _places(first, width)
    return first, place < start[cells + 1][:, None]


def _places(first: jax.Array, width: int) -> jax.Array:
    """Return the numbers of `width` entries from each of `first` on, shape (cells, width)."""
    return first[:, None] + jnp.arange(width, dtype=jnp.int32)[None, :]


def cut(array: jax.Array, first: jax.Array, width: int) -> jax.Array:
    """Return `width` entries from each of `first` on, shape (cells, width)."""
    if first.shape == (1,):
        return jax.lax.dynamic_slice_in_dim(array, first[0], width)[None]
    return pick(array, _places(first, width))


def paste(array: jax.Array, first: jax.Array, values: jax.Array, own: jax.Array) -> jax.Array:
    """Return the array with `values`, (cells, width), written from each of `first` on where own."""
    if first.shape == (1,):
        old = jax.lax.dynamic_slice_in_dim(array, first[0], values.shape[1])
        new = rule_state.choose(own[0], values[0], old)
        return jax.lax.dynamic_update_slice_in_dim(array, new, first[0], axis=0)
    place = jnp.where(own, _places(first, values.shape[1]), array.shape[0])
    return array.at[place].set(values, mode="drop")


def pick(array: jax.Array, places: jax.Array) -> jax.Array:
    """Return entries that are known to be there, which spares the check."""
    return array.at[places].get(mode="promise_in_bounds")


def of_cells(traces: Traces, cells: jax.Array) -> Traces:
    """Return the traces of cells, shape (cells, 1)."""
    return tuple(pick(x, jnp.minimum(cells, x.shape[0] - 1))[:, None] for x in traces)


@jax.custom_jvp
def without_gradient(x: jax.Array) -> jax.Array:
    """Return x; raises TypeError where it is differentiated: such loops have no derivative."""
    return x


@without_gradient.defjvp
def _without_gradient_jvp(primals: Any, tangents: Any) -> Any:
    raise TypeError(
        "Gradients don't pass through event-driven synapses: got a derivative with respect to "
        "spikes or weights on the sparse path. `network.paths` has the path of each projection; "
        '`build` says which ones path="auto" makes sparse. Build the network with path="dense".'
    )


def add_rows(
    rows: Rows, width: int, mask: jax.Array, ring: jax.Array, step: jax.Array, *, at_once: int
) -> jax.Array:
    """Return the ring of arrivals, (steps, slots), with the rows of the cells of the mask added."""
    steps, slots = ring.shape  # the body must not hold the ring itself, see `for_each`

    def parts(cells: jax.Array, constants: Any) -> jax.Array:
        return count_parts(constants[0].start, cells, width)

    def body(cells: jax.Array, part: jax.Array, flat: jax.Array, constants: Any) -> jax.Array:
        rows, step = constants
        first, own = part_of(rows.start, cells, part, width)
        slot = cut(rows.target, first, width)
        delay = 1 if rows.delay is None else cut(rows.delay, first, width).astype(jnp.int32)
        slot = (step + delay) % steps * slots + slot
        slot = jnp.where(own, slot, flat.shape[0])
        return flat.at[slot].add(cut(rows.weight, first, width).astype(flat.dtype), mode="drop")

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

    def parts(cells: jax.Array, constants: Any) -> jax.Array:
        return count_parts(constants[0].rows.start, cells, width)

    def body(
        cells: jax.Array, part: jax.Array, carry: tuple[Any, jax.Array], constants: Any
    ) -> tuple[Any, jax.Array]:
        synapse_state, arrived = carry
        table, signal, traced = constants
        first, own = part_of(table.rows.start, cells, part, width)
        target = cut(table.rows.target, first, width)
        before = jax.tree.map(lambda x: cut(x, first, width), synapse_state)
        fall = rule_state.inner(table.rule).depression(
            rule_state.read(table.rule, before, signal),
            of_cells(traced.pre, cells),
            tuple(pick(y, target) for y in traced.post),
        )
        after = rule_state.add(table.rule, before, signal, -fall)
        synapse_state = jax.tree.map(lambda x, a: paste(x, first, a, own), synapse_state, after)
        # read again where it was written: XLA would copy an array that is read before, too
        written = jax.tree.map(lambda x: cut(x, first, width), synapse_state)
        slot = jnp.where(own, target, layout.n_post)
        weight = rule_state.read(table.rule, written, signal)
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

    def parts(cells: jax.Array, constants: Any) -> jax.Array:
        return count_parts(constants[0].columns.start, cells, width)

    def body(cells: jax.Array, part: jax.Array, synapse_state: Any, constants: Any) -> Any:
        table, signal, traced = constants
        first, own = part_of(table.columns.start, cells, part, width)
        place, source = (cut(x, first, width) for x in table.columns[1:])
        before = jax.tree.map(lambda x: pick(x, place), synapse_state)
        rise = rule_state.inner(table.rule).potentiation(
            rule_state.read(table.rule, before, signal),
            tuple(pick(x, source) for x in traced.pre),
            of_cells(traced.post, cells),
        )
        after = rule_state.add(table.rule, before, signal, rise)
        slot = jnp.where(own, place, jax.tree.leaves(synapse_state)[0].shape[0])
        return jax.tree.map(lambda x, a: x.at[slot].set(a, mode="drop"), synapse_state, after)

    return for_each(mask, body, parts, synapse_state, (table, signal, traced), at_once=at_once)
