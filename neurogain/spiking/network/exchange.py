"""What spikes do in one step: they change plastic synapses and open conductances.

Order within a step, for every projection: traces decay; the modulator moves weights; postsynaptic
spikes of this step potentiate; presynaptic spikes that act in the next step depress, and are
transmitted with the weight that this leaves.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as Spec

from neurogain.spiking import plasticity
from neurogain.spiking.network import wiring
from neurogain.spiking.network.events import for_each
from neurogain.spiking.network.wiring import Wire, WireState

if TYPE_CHECKING:
    from neurogain.spiking.network.model import Network


class _Inputs(NamedTuple):
    """All arrays that the exchange takes; leaves are whole, or one shard's."""

    tables: dict[str, Any]
    states: dict[str, WireState]
    rings: tuple[jax.Array, ...]
    spikes: dict[str, jax.Array]  # of all cells
    own_spikes: dict[str, jax.Array]  # of the shard's cells
    modulators: dict[str, Any]
    step: jax.Array


def exchange(
    network: "Network",
    tables: dict[str, Any],
    states: dict[str, WireState],
    rings: tuple[jax.Array, ...],
    spikes: dict[str, jax.Array],
    modulators: dict[str, Any],
    step: jax.Array,
    *,
    dt: float,
) -> tuple[tuple[jax.Array, ...], dict[str, WireState], tuple[jax.Array, ...]]:
    """Return what arrives at each inbox (nS, one value per cell), and the states after the step."""
    inputs = _Inputs(tables, states, rings, spikes, spikes, modulators, step)

    def local(inputs: _Inputs):
        return _exchange(network, inputs, dt=dt)

    if network.mesh is None:
        return local(inputs)
    axis = network.mesh.axis_names[0]
    cells, whole = Spec(axis), Spec()

    def wire_specs(state: WireState) -> Any:
        specs = jax.tree.map(lambda _: whole, state)
        split = {name: jax.tree.map(lambda _: cells, getattr(state, name)) for name in _SPLIT}
        return specs._replace(**split)

    def table_specs(table: Any) -> Any:
        specs = jax.tree.map(lambda _: cells, table)
        return specs._replace(rule=jax.tree.map(lambda _: whole, table.rule))

    state_specs: Any = {name: wire_specs(state) for name, state in states.items()}
    ring_specs: Any = tuple(Spec(None, axis) for _ in rings)
    in_specs: Any = _Inputs(
        {name: table_specs(table) for name, table in tables.items()},
        state_specs,
        ring_specs,
        jax.tree.map(lambda _: whole, spikes),
        jax.tree.map(lambda _: cells, spikes),
        jax.tree.map(lambda _: whole, modulators),
        whole,  # type: ignore[arg-type]
    )
    out_specs = (tuple(cells for _ in rings), state_specs, ring_specs)
    return jax.shard_map(
        local, mesh=network.mesh, in_specs=(in_specs,), out_specs=out_specs, check_vma=False
    )(inputs)


_SPLIT = ("held", "post")  # parts of a projection's state that belong to postsynaptic cells


def _exchange(network: "Network", inputs: _Inputs, *, dt: float):
    states = dict(inputs.states)
    tables = {name: _strip(table) for name, table in inputs.tables.items()}
    outs = [
        ring if box.steps > 1 else jnp.zeros((1, _local(network, box.target, inputs)), ring.dtype)
        for box, ring in zip(network.inboxes, inputs.rings, strict=True)
    ]
    traced: dict[str, Any] = {}
    loops: dict[tuple[str, int], list[Wire]] = {}
    delayed: dict[str, list[jax.Array]] = {}
    for wire in network.wires:
        state, table = states[wire.name], tables[wire.name]
        delayed[wire.name], state = wiring.arriving(
            wire, state, inputs.spikes[wire.source], inputs.step
        )
        if wire.plastic:
            state, traced[wire.name] = _learn(wire, table, state, inputs, delayed[wire.name], dt)
        if wire.path == "sparse":
            loops.setdefault((wire.source, wire.lag), []).append(wire)
        else:
            weight = None
            if wire.plastic:
                weight = plasticity.read(table.rule, state.held, state.signal)
            sent = wiring.multiply(wire, table, delayed[wire.name], weight)
            box = wire.inbox
            outs[box] = outs[box].at[_next_row(outs[box], inputs.step)].add(sent)
        states[wire.name] = state
    for wires in loops.values():
        outs, states = _deliver(wires, tables, states, traced, delayed, outs, inputs.step)
    arrived = tuple(out[_next_row(out, inputs.step)] for out in outs)
    rings = tuple(
        out.at[_next_row(out, inputs.step)].set(0) if box.steps > 1 else ring
        for box, out, ring in zip(network.inboxes, outs, inputs.rings, strict=True)
    )
    return arrived, states, rings


def _next_row(out: jax.Array, step: jax.Array) -> Any:
    """Return where in a ring that is what acts in the next step."""
    return 0 if out.shape[0] == 1 else (step + 1) % out.shape[0]


def _local(network: "Network", target: str, inputs: _Inputs) -> int:
    return inputs.own_spikes[target].shape[0]


def _strip(table: Any) -> Any:
    """Return a sparse table without the axis of shards, of which one is left here."""
    if not isinstance(table, wiring.SparseParams):
        return table
    bare = jax.tree.map(lambda x: x[0], table._replace(rule=None))
    return bare._replace(rule=table.rule)


def _learn(wire: Wire, table: Any, state: WireState, inputs: _Inputs, delayed: list, dt: float):
    """Return the state after decay, modulator and postsynaptic spikes, and the traces.

    In the dense way the arrivals depress here, too.
    """
    rule = table.rule
    post_spike = inputs.own_spikes[wire.target]
    traced, state = wiring.trace(wire, rule, state, post_spike, dt=dt)
    signal = plasticity.advance(rule, state.signal, inputs.modulators.get(wire.name, 0.0), dt=dt)
    held, signal = plasticity.rebase(rule, state.held, signal)
    acting = delayed[0]
    if wire.path == "dense":
        state = state._replace(held=held, signal=signal)
        held = wiring.pair_up(wire, table, state, traced, post_spike, acting)
    else:
        bare = jax.tree.map(lambda x: x[0], held)
        bare = wiring.potentiate(wire, table, (bare, signal), traced, post_spike)
        held = jax.tree.map(lambda x: x[None], bare)
    return state._replace(held=held, signal=signal, acting=acting), traced


def _deliver(wires: list[Wire], tables, states, traced, delayed, outs: list, step: jax.Array):
    """Send the spikes of one population, held back by one lag, along all its sparse projections."""
    boxes = sorted({wire.inbox for wire in wires})
    held = {w.name: jax.tree.map(lambda x: x[0], states[w.name].held) for w in wires if w.plastic}
    signals = {w.name: states[w.name].signal for w in wires if w.plastic}

    def body(cell, carry, constants):
        outs, held = dict(carry[0]), dict(carry[1])
        tables, signals, traced, step = constants
        for wire in wires:
            table = tables[wire.name]
            if wire.plastic:
                before = (held[wire.name], signals[wire.name])
                held[wire.name], weight = wiring.arrive(
                    wire, table, before, traced[wire.name], cell
                )
            else:
                start, _ = wiring.row(table, wire.width, cell)
                weight = jax.lax.dynamic_slice(table.weight, (start,), (wire.width,))
            box = wire.inbox
            outs[box] = wiring.deliver(wire, table, cell, outs[box], step, weight)
        return outs, held

    # what the loop does not read must not be carried into it
    own_tables = {w.name: tables[w.name] for w in wires}
    own_traces = {w.name: traced[w.name] for w in wires if w.plastic}
    carry = ({box: outs[box] for box in boxes}, held)
    mask = delayed[wires[0].name][0] > 0
    new, held = for_each(mask, body, carry, (own_tables, signals, own_traces, step))
    outs = [new.get(box, out) for box, out in enumerate(outs)]
    for name, value in held.items():
        value = jax.tree.map(lambda x: x[None], value)
        states[name] = states[name]._replace(held=value)
    return outs, states
