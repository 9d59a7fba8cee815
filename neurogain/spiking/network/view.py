"""Synapses by name, read from and written to the arrays of a network, on the host."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurogain.spiking import plasticity
from neurogain.spiking.network.spec import check_values
from neurogain.spiking.network.wiring import DenseParams, SparseParams, Wire, WireState


class Synapses(NamedTuple):
    """The synapses of a projection, each of shape (synapses,).

    In order of the presynaptic cell, then of the postsynaptic one; on a mesh by device first. In
    this order recorders number them.
    """

    pre: np.ndarray  # number of the cell in its population
    post: np.ndarray
    weight: np.ndarray  # nS
    delay: np.ndarray  # ms


def read(
    wire: Wire, table: SparseParams | DenseParams, state: WireState | None, dt: float
) -> Synapses:
    """Return the synapses, with the weights of the state if there is one."""
    weight = _weights(wire, table, state)
    if isinstance(table, DenseParams):
        place = np.asarray(table.place)
        flat = weight.reshape(len(weight), -1)
        which = np.argmax(flat[:, place] != 0, axis=0)
        pre, post = np.divmod(place, wire.n_post)
        return Synapses(pre, post, flat[which, place], np.asarray(wire.delays)[which] * dt)
    parts = []
    for shard, count in enumerate(wire.synapses):
        start = np.asarray(table.start[shard, : wire.n_pre + 1])
        pre = np.repeat(np.arange(wire.n_pre), np.diff(start))
        post = np.asarray(table.target[shard, :count]) + shard * wire.n_post
        steps: Any = np.full(count, wire.delays[0])
        if table.delay is not None:
            steps = np.asarray(table.delay[shard, :count])
        parts.append((pre, post, weight[shard, :count], steps * dt))
    return Synapses(*map(np.concatenate, zip(*parts, strict=True)))


def write(wire: Wire, table: SparseParams | DenseParams, weight: Any) -> SparseParams | DenseParams:
    """Return the table with other weights, one number or one per synapse in the order of `read`.

    Raises:
      ValueError: weights of another number, negative, not finite or above the rule's bound.
    """
    total = sum(wire.synapses)
    values = check_values(f"`weights` of {wire.name}", weight, "nS", total)
    if table.rule is not None and total and values.max() > np.min(table.rule.Wmax) * (1 + 1e-6):
        raise ValueError(
            f"`weights` of {wire.name} must be at most Wmax = {np.min(table.rule.Wmax):g} nS; got "
            f"{values.max():g}."
        )
    old = np.array(table.weight)
    if isinstance(table, DenseParams):
        flat = old.reshape(len(old), -1)
        place = np.asarray(table.place)
        which = np.argmax(flat[:, place] != 0, axis=0)
        flat[which, place] = values
        return table._replace(weight=jnp.asarray(flat.reshape(old.shape)))
    first = 0
    for shard, count in enumerate(wire.synapses):
        old[shard, :count] = values[first : first + count]
        first += count
    new = jax.device_put(jnp.asarray(old), table.weight.sharding)
    return table._replace(weight=new)


def _weights(wire: Wire, table: Any, state: WireState | None) -> np.ndarray:
    """Return all weights in the shape of the table's."""
    if state is None or not wire.plastic:
        return np.asarray(table.weight)
    weight = np.asarray(plasticity.read(table.rule, state.held, state.signal))
    return weight[None] if wire.path == "dense" else weight
