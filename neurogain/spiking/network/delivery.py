"""What spikes do in one step: they change plastic synapses and open conductances.

Order within a step, for every projection: traces decay; the modulator moves weights; postsynaptic
spikes of this step potentiate; presynaptic spikes that act in the next step depress, and are
transmitted with the weight that this leaves.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from neurogain.spiking import plasticity
from neurogain.spiking.network import wiring
from neurogain.spiking.network.wiring import (
    DenseParams,
    PlasticParams,
    ProjectionLayout,
    ProjectionState,
    Rows,
)

if TYPE_CHECKING:
    from neurogain.spiking.network.model import Network

_SPLIT = (
    "synapse_state",
    "post",
)  # parts of a projection's state that belong to postsynaptic cells


class Inputs(NamedTuple):
    """All arrays that the deliver takes; leaves are whole, or one shard's."""

    fixed: Rows | None
    tables: dict[str, Any]  # dense and plastic
    states: dict[str, ProjectionState]
    ring: jax.Array  # (steps, slots), nS
    spikes: dict[str, jax.Array]  # of all cells
    own_spikes: dict[str, jax.Array]  # of the shard's cells
    modulators: dict[str, Any]  # 1/ms
    step: jax.Array


class Outputs(NamedTuple):
    """What it returns."""

    arrived: tuple[jax.Array, ...]  # nS, for each inbox
    states: dict[str, ProjectionState]
    ring: jax.Array


def deliver(network: "Network", inputs: Inputs, *, dt: float) -> Outputs:
    """Return what arrives at each inbox (nS, one value per cell), and the states after the step."""

    def local(inputs: Inputs) -> Outputs:
        return _deliver(network, inputs, dt=dt)

    if network.mesh is None:
        return local(inputs)
    axis = network.mesh.axis_names[0]
    cells: Any = PartitionSpec(axis)
    whole: Any = PartitionSpec()
    ring: Any = PartitionSpec(None, axis)

    def states(state: ProjectionState) -> Any:
        specs = jax.tree.map(lambda _: whole, state)
        split = {name: jax.tree.map(lambda _: cells, getattr(state, name)) for name in _SPLIT}
        return specs._replace(**split)

    def tables(table: Any) -> Any:
        specs = jax.tree.map(lambda _: cells, table)
        return specs._replace(rule=jax.tree.map(lambda _: whole, table.rule))

    state_specs = {name: states(state) for name, state in inputs.states.items()}
    specs: Any = Inputs(
        fixed=jax.tree.map(lambda _: cells, inputs.fixed),
        tables={name: tables(table) for name, table in inputs.tables.items()},
        states=state_specs,
        ring=ring,
        spikes=jax.tree.map(lambda _: whole, inputs.spikes),
        own_spikes=jax.tree.map(lambda _: cells, inputs.own_spikes),
        modulators=jax.tree.map(lambda _: whole, inputs.modulators),
        step=whole,
    )
    sent: Any = (cells,) * len(network.inboxes)
    out_specs: Any = Outputs(sent, state_specs, ring)
    return jax.shard_map(
        local, mesh=network.mesh, in_specs=(specs,), out_specs=out_specs, check_vma=False
    )(inputs)


def _deliver(network: "Network", inputs: Inputs, *, dt: float) -> Outputs:
    sizes = [inputs.own_spikes[inbox.target].shape[0] for inbox in network.inboxes]
    border = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    dtype = inputs.ring.dtype
    ring = inputs.ring if network.ring > 1 else jnp.zeros((1, border[-1]), dtype)
    if inputs.fixed is not None:
        rows = jax.tree.map(lambda x: x[0], inputs.fixed)
        rows = rows._replace(weight=wiring.without_gradient(rows.weight))
        spikes = jnp.concatenate([inputs.spikes[name] for name in network.sizes])
        mask = wiring.without_gradient(spikes) > 0
        ring = wiring.deliver(rows, network.width, mask, ring, inputs.step, at_once=network.at_once)
    row = 0 if network.ring == 1 else (inputs.step + 1) % network.ring
    arrived = [ring[row, border[i] : border[i + 1]] for i in range(len(sizes))]
    if network.ring > 1:
        ring = ring.at[row].set(0)
    states = dict(inputs.states)
    for layout in network.layouts:
        if layout.name not in inputs.tables:
            continue
        sent, states[layout.name] = _deliver_one(layout, inputs, dt, network.at_once)
        arrived[layout.inbox] = arrived[layout.inbox] + sent
    return Outputs(tuple(arrived), states, ring if network.ring > 1 else inputs.ring)


def _deliver_one(
    layout: ProjectionLayout, inputs: Inputs, dt: float, at_once: int
) -> tuple[jax.Array, ProjectionState]:
    """Return what arrives through one dense or plastic projection, and its state."""
    table, state = inputs.tables[layout.name], inputs.states[layout.name]
    delayed, state = wiring.arriving(layout, state, inputs.spikes[layout.source], inputs.step)
    if not layout.plastic:
        return wiring.multiply(table, delayed, None), state
    rule, acting, post_spike = table.rule, delayed[0], inputs.own_spikes[layout.target]
    traced, state = wiring.trace(rule, state, post_spike, dt=dt)
    signal = plasticity.advance(rule, state.signal, inputs.modulators.get(layout.name, 0.0), dt=dt)
    smooth = isinstance(table, DenseParams)
    synapse_state, signal = plasticity.rebase(rule, state.synapse_state, signal, smooth=smooth)
    if isinstance(table, DenseParams):
        synapse_state = wiring.pair_up(table, synapse_state, signal, traced, post_spike, acting)
        sent = wiring.multiply(table, delayed, plasticity.read(rule, synapse_state, signal))
    else:
        bare = _strip(table)
        synapse_state = jax.tree.map(lambda x: x[0], synapse_state)
        synapse_state = jax.tree.map(wiring.without_gradient, synapse_state)
        post = wiring.without_gradient(post_spike) > 0
        synapse_state = wiring.potentiate(
            layout, bare, synapse_state, signal, traced, post, at_once=at_once
        )
        pre = wiring.without_gradient(acting) > 0
        synapse_state, sent = wiring.arrive(
            layout, bare, synapse_state, signal, traced, pre, at_once=at_once
        )
        synapse_state = jax.tree.map(lambda x: x[None], synapse_state)
    return sent, state._replace(synapse_state=synapse_state, signal=signal, acting=acting)


def _strip(table: PlasticParams) -> PlasticParams:
    """Return a table without the axis of shards, of which one is left here."""
    rows, columns = (jax.tree.map(lambda x: x[0], part) for part in (table.rows, table.columns))
    return PlasticParams(rows, columns, table.rule)
