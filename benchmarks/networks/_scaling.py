"""The benchmark network for `network_scaling`: any in-degree, its synapses in bytes."""

from typing import Any

import jax
import numpy as np

from benchmarks.networks import _network as net
from benchmarks.networks.engines.neurogain import construct, driven
from neurogain.spiking import Noise
from neurogain.spiking.connectivity import FixedInDegree
from neurogain.spiking.network import Network, NetworkParams

SHARE = {"pyramidal": 0.8, "pv": 0.1, "som": 0.1}  # of a cell's synapses, by their source


def scaled(
    n: int, in_degree: int, plastic: bool, mesh: jax.sharding.Mesh | None = None
) -> tuple[Network, NetworkParams]:
    """Return the network with other in-degrees, weights times 100 / in-degree."""
    degree = {source: round(share * in_degree) for source, share in SHARE.items()}
    network, params, _ = construct(
        net.Network(n),
        plastic,
        connect=lambda source, target: FixedInDegree(degree[source]),
        weight=net.IN_DEGREE / in_degree,
        mesh=mesh,
    )
    return network, params


def drive(level: float) -> dict[str, Any]:
    """Return the benchmark's drive with all its mean currents times `level`; noise as it is."""
    return driven(
        lambda name: Noise(level * net.CURRENT[name], net.NOISE), level * net.DENDRITIC_CURRENT
    )


def synapses(network: Network) -> dict[str, int]:
    """Return the number of synapses, fixed and plastic."""
    counts = {"fixed": 0, "plastic": 0}
    for layout in network.layouts:
        counts["plastic" if layout.plastic else "fixed"] += sum(layout.synapses)
    return counts


def bytes_per_synapse(network: Network, params: NetworkParams) -> dict[str, float | None]:
    """Return all bytes of the arrays that hold synapses over their number, None without any.

    Plastic ones: rows, columns, and twice what changes, since a run keeps the start of a chunk.
    """
    count = synapses(network)
    state = jax.eval_shape(lambda: network.init(params))
    fixed = sum(x.nbytes for x in jax.tree.leaves(params.fixed))
    plastic = 0
    for name, table in params.projections.items():
        plastic += sum(x.nbytes for x in jax.tree.leaves((table.rows, table.columns)))
        held = jax.tree.leaves(state.projections[name].synapse_state)
        plastic += 2 * sum(x.size * x.dtype.itemsize for x in held)
    return {
        "fixed": fixed / count["fixed"] if count["fixed"] else None,
        "plastic": plastic / count["plastic"] if count["plastic"] else None,
    }


def delivered(network: Network, params: NetworkParams, spikes: np.ndarray) -> float:
    """Return the synaptic events that the spikes of each cell caused: spikes x out-degree."""
    total = 0.0
    if params.fixed is not None:
        total += float(spikes @ np.diff(np.asarray(params.fixed.start)).sum(axis=0)[:-1])
    for name, table in params.projections.items():
        own = spikes[network.cells_of(network.layout(name).source)]
        total += float(own @ np.diff(np.asarray(table.rows.start)).sum(axis=0)[:-1])
    return total
