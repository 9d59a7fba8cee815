"""What spikes do in one step: they change plastic synapses and open conductances.

Time. A spike belongs to the end of its step, t. With a delay d, at least one step, it arrives at
t + d, which is the end of a step as well, opens conductances there, and moves the potential in the
step that begins there. A plastic synapse, too, sees it at t + d. So an arrival is counted before
the spike that it causes, which comes one step later at the earliest. NEST and Brian2 do the same
(`scripts/fixtures/simulators.py`). An arrival and a postsynaptic spike of the same moment are no
pair, as in NEST; in Brian2, which runs `on_pre` before `on_post`, such a pair potentiates.

Order at the end of a step, for every projection: traces decay; the modulator moves weights; the
postsynaptic spikes of the moment potentiate; the presynaptic spikes that arrive depress, and are
transmitted with the weight that this leaves; then both are added to the traces.

There are three ways to a synapse:

fixed:   all sparse projections with fixed weights are one table, with a row of targets and weights
         for each cell of the network; only rows of cells that spiked are read.
plastic: each sparse plastic projection has a table of its own, and the same synapses by column, of
         which those of postsynaptic cells that spiked are read.
dense:   a matrix is multiplied by the vector of all spikes; differentiable, and quick while small.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from neurogain.spiking.network import event_driven, matrices, traces
from neurogain.spiking.network.arrays import DenseParams, PlasticParams, ProjectionState, Rows
from neurogain.spiking.network.structure import NetworkStructure, ProjectionLayout
from neurogain.spiking.plasticity import rule_state


class Inputs(NamedTuple):
    """All arrays that `deliver` takes; leaves are whole, or one shard's."""

    fixed: Rows | None
    tables: dict[str, PlasticParams | DenseParams]
    states: dict[str, ProjectionState]
    ring: jax.Array  # (steps, slots), nS
    spikes: dict[str, jax.Array]  # of all cells
    own_spikes: dict[str, jax.Array]  # of the shard's cells
    modulators: dict[str, jax.Array]  # 1/ms
    step: jax.Array


class Outputs(NamedTuple):
    """What `deliver` returns."""

    arrived: tuple[jax.Array, ...]  # nS, for each inbox
    states: dict[str, ProjectionState]
    ring: jax.Array


def deliver(structure: NetworkStructure, inputs: Inputs, *, dt: float) -> Outputs:
    """Return what arrives at each inbox (nS, one value per cell), and the states after the step."""

    def local(inputs: Inputs) -> Outputs:
        return _deliver_to_shard(structure, inputs, dt=dt)

    if structure.mesh is None:
        return local(inputs)
    in_specs, out_specs = _partition(structure.mesh.axis_names[0], len(structure.inboxes), inputs)
    return jax.shard_map(
        local, mesh=structure.mesh, in_specs=(in_specs,), out_specs=out_specs, check_vma=False
    )(inputs)


def _partition(axis: str, inboxes: int, inputs: Inputs) -> tuple[Any, Any]:
    """Return how inputs and outputs are spread over the axis of a mesh, as prefixes of trees."""
    cells: Any = PartitionSpec(axis)
    whole: Any = PartitionSpec()
    ring: Any = PartitionSpec(None, axis)
    of_state = ProjectionState(synapse_state=cells, signal=whole, pre=whole, post=cells, past=whole)
    of_table = PlasticParams(rows=cells, columns=cells, rule=whole)
    states = dict.fromkeys(inputs.states, of_state)
    into: Any = Inputs(
        fixed=cells,
        tables=dict.fromkeys(inputs.tables, of_table),
        states=states,
        ring=ring,
        spikes=whole,
        own_spikes=cells,
        modulators=whole,
        step=whole,
    )
    return into, Outputs((cells,) * inboxes, states, ring)


def _deliver_to_shard(structure: NetworkStructure, inputs: Inputs, *, dt: float) -> Outputs:
    sizes = [inputs.own_spikes[inbox.target].shape[0] for inbox in structure.inboxes]
    border = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    ring = inputs.ring
    if inputs.fixed is None:
        arrived = [jnp.zeros((size,), ring.dtype) for size in sizes]
    else:
        # the row of a step is read behind the loop that writes, and cleared a step later: what is
        # read before something writes in place would be copied
        now, last = (inputs.step % structure.ring, (inputs.step - 1) % structure.ring)
        ring = _deliver_fixed(structure, inputs.fixed, inputs, ring.at[last].set(0))
        arrived = [ring[now, border[i] : border[i + 1]] for i in range(len(sizes))]
    states = dict(inputs.states)
    for layout in structure.layouts:
        if layout.name not in inputs.tables:
            continue
        sent, states[layout.name] = _deliver_projection(structure, layout, inputs, dt=dt)
        arrived[layout.inbox] = arrived[layout.inbox] + sent
    return Outputs(tuple(arrived), states, ring)


def _deliver_fixed(
    structure: NetworkStructure, fixed: Rows, inputs: Inputs, ring: jax.Array
) -> jax.Array:
    """Return the ring of arrivals with what all sparse projections of fixed weights send."""
    rows = jax.tree.map(lambda x: x[0], fixed)
    rows = rows._replace(weight=event_driven.without_gradient(rows.weight))
    spikes = jnp.concatenate([inputs.spikes[name] for name in structure.sizes])
    mask = event_driven.without_gradient(spikes) > 0
    return event_driven.add_rows(
        rows, structure.width, mask, ring, inputs.step, at_once=structure.at_once
    )


def _deliver_projection(
    structure: NetworkStructure, layout: ProjectionLayout, inputs: Inputs, *, dt: float
) -> tuple[jax.Array, ProjectionState]:
    """Return what arrives through one dense or plastic projection, and its state."""
    table, state = inputs.tables[layout.name], inputs.states[layout.name]
    arriving, state = traces.arriving(layout, state, inputs.spikes[layout.source], inputs.step)
    if not layout.plastic:
        return matrices.multiply(table, arriving, None), state  # type: ignore[arg-type]
    rule: Any = table.rule
    pre_spike, post_spike = arriving[0], inputs.own_spikes[layout.target]
    traced, state = traces.advance(rule, state, pre_spike, post_spike, dt=dt)
    modulator = inputs.modulators.get(layout.name, 0.0)
    signal = rule_state.advance(rule, state.signal, modulator, dt=dt)
    smooth = isinstance(table, DenseParams)
    synapses, signal = rule_state.rebase(rule, state.synapse_state, signal, smooth=smooth)
    if isinstance(table, DenseParams):
        synapses = matrices.pair_up(table, synapses, signal, traced, pre_spike, post_spike)
        sent = matrices.multiply(table, arriving, rule_state.read(rule, synapses, signal))
    else:
        at_once = structure.at_once
        without_gradient = event_driven.without_gradient
        bare = _without_shards(table)
        synapses = jax.tree.map(lambda x: x[0], synapses)
        synapses = jax.tree.map(without_gradient, synapses)
        post = without_gradient(post_spike) > 0
        synapses = event_driven.potentiate(
            layout, bare, synapses, signal, traced, post, at_once=at_once
        )
        pre = without_gradient(pre_spike) > 0
        synapses, sent = event_driven.arrive(
            layout, bare, synapses, signal, traced, pre, at_once=at_once
        )
        synapses = jax.tree.map(lambda x: x[None], synapses)
    return sent, state._replace(synapse_state=synapses, signal=signal)


def _without_shards(table: PlasticParams) -> PlasticParams:
    """Return a table without the axis of shards, of which one is left here."""
    rows, columns = (jax.tree.map(lambda x: x[0], part) for part in (table.rows, table.columns))
    return PlasticParams(rows, columns, table.rule)
