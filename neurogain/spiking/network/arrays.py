"""The arrays of a network: its parameters, its state, and the info of a step.

Arrays of synapses have the shard as first axis: shard s holds the synapses onto the s-th part of
the postsynaptic cells.
"""

from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Bool, Float, Int

from neurogain.spiking.plasticity import Plasticity, Signal, Traces
from neurogain.spiking.synapses import SynapseParams, SynapseState


class Rows(NamedTuple):
    """Synapses in rows, one for each presynaptic cell; padded by the width."""

    start: Int[Array, "shards n_pre_2"]  # of the cell's row in the others; n_pre has none
    target: Int[Array, "shards synapses"]  # number in the shard
    weight: Float[Array, "shards synapses"]  # nS; the initial one, if plastic
    delay: Int[Array, "shards synapses"] | None  # steps; None: all one, or spikes are kept


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
    place: Int[Array, " synapses"]  # in all matrices, flat
    parts: Float[Array, " synapses"] | None  # nS, of each synapse, where some share a place
    exists: Bool[Array, "n_pre n_post"] | None  # plastic
    rule: Plasticity | None


class ProjectionState(NamedTuple):
    """What a dense or plastic projection carries; None where it needs none."""

    synapse_state: Any = None  # of the rule: (shards, synapses) or (n_pre, n_post)
    signal: Signal | None = None  # of a three-factor rule
    pre: Traces = ()  # (n_pre,) each, of spikes that arrived
    post: Traces = ()  # (n_post,) each
    past: Float[Array, "steps n_pre"] | None = None  # the last steps' spikes, at step modulo steps


class NetworkParams(NamedTuple):
    """All numbers of a network, by name; traced, so that changing one compiles nothing."""

    cells: dict[str, Any]  # constants of each population
    synapses: dict[str, dict[str, SynapseParams]]  # by population and compartment
    fixed: Rows | None  # all sparse projections with fixed weights; see `Network.synapses`
    projections: dict[str, PlasticParams | DenseParams]  # the others


class NetworkState(NamedTuple):
    """All that changes, by name.

    `state.cells["pyr"]` is the state of a population; what it holds depends on the kind of cell,
    for instance `.v`. `state.synapses["pyr"]["soma"].ampa` is a conductance, nS before the gate,
    one value per cell, shape (n,). Only receptors that a projection, an input or an adaptation
    opens are there. Weights are read by `network.synapses(params, name, state)`.
    """

    cells: dict[str, Any]  # state of each population
    synapses: dict[str, dict[str, SynapseState]]  # by population and compartment
    projections: dict[str, ProjectionState]  # dense and plastic ones
    ring: jax.Array  # (steps, slots), nS, what arrives at the end of step s, at s modulo steps
    step: jax.Array  # number of the next step


class NetworkInfo(NamedTuple):
    """Spikes and info of all cells in a step, and the plastic weights after it."""

    spike: jax.Array  # (n,), all populations one after the other
    cells: dict[str, Any]  # info of each population
    weights: dict[str, jax.Array]  # nS, of each plastic projection, as `Network.synapses` has them
