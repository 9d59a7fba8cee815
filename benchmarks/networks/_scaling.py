"""The benchmark network for `network_scaling`: any in-degree, bytes, runs in a process of its own.

Timed is a run from rest, after one of 100 ms that compiles. Memory is that of the process, MiB:
before, at the peak of building, held after it, at the peak of running.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.device import peak
from benchmarks.measure import Child, alone, memory_mib
from benchmarks.networks import _network as net
from benchmarks.networks.engines.neurogain import construct, driven
from benchmarks.networks.engines.neurogain import run as run_network
from neurogain.spiking import Noise
from neurogain.spiking.connectivity import FixedInDegree
from neurogain.spiking.network import Network, NetworkParams

CHUNK = 100.0  # ms, simulated at once
MIN_FREE_MIB = 1024  # of the machine's memory, below which the child is ended
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
    state = jax.eval_shape(lambda: network.init(params))
    plastic = [
        (table.rows, table.columns, *2 * [state.projections[name].synapse_state])
        for name, table in params.projections.items()
    ]
    sizes = {
        kind: sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(held))
        for kind, held in (("fixed", params.fixed), ("plastic", plastic))
    }
    return {k: sizes[k] / count if count else None for k, count in synapses(network).items()}


def delivered(network: Network, params: NetworkParams, spikes: np.ndarray) -> float:
    """Return the synaptic events that the spikes of each cell caused: spikes x out-degree."""
    parts = [
        (spikes[network.cells_of(network.layout(name).source)], table.rows)
        for name, table in params.projections.items()
    ]
    if params.fixed is not None:
        parts.append((spikes, params.fixed))
    starts = [(own, np.diff(np.asarray(rows.start)).sum(axis=0)[:-1]) for own, rows in parts]
    return float(sum(own @ degrees for own, degrees in starts))


def measure(n: int, in_degree: int, variant: str, duration: float) -> dict[str, Any]:
    """Return times in s, memory in MiB, rates in Hz."""
    jax.block_until_ready(jax.random.normal(jax.random.key(0), (8,)))
    result: dict[str, Any] = {"cells": n, "in_degree": in_degree, "variant": variant}
    result["before_mib"] = memory_mib("VmRSS")
    start = time.perf_counter()
    network, params = scaled(n, in_degree, variant == "stdp")
    jax.block_until_ready((params.fixed, params.projections))
    result["build_s"] = time.perf_counter() - start
    result |= {"build_peak_mib": memory_mib("VmHWM"), "held_mib": memory_mib("VmRSS")}
    result["synapses"] = synapses(network)
    result["bytes_per_synapse"] = bytes_per_synapse(network, params)
    result["peak_is_of_run"] = False
    with contextlib.suppress(OSError):  # where the system can let the peak begin anew
        Path("/proc/self/clear_refs").write_text("5")
        result["peak_is_of_run"] = True

    def run(duration: float, seed: int) -> tuple[list[float], np.ndarray]:
        walls = [time.perf_counter()]
        _, spikes = run_network(
            network, params, drive(1.0), duration, seed,
            chunk=round(CHUNK / net.DT), progress=lambda *_: walls.append(time.perf_counter()),
        )  # fmt: skip
        return np.diff(walls).tolist(), spikes

    result["warm_up_s"] = sum(run(CHUNK, 0)[0])
    result["run_s_per_chunk"], spikes = run(duration, 1)
    result |= {"run_s": sum(result["run_s_per_chunk"]), "simulated_ms": duration}
    result["run_peak_mib"] = memory_mib("VmHWM")
    result["rates_hz"] = net.Network(n).rates(spikes, duration / 1000)
    result["spikes"] = float(spikes.sum(dtype=float))
    result["events"] = delivered(network, params, spikes.astype(float))
    result["threads"] = len(os.sched_getaffinity(0))
    return result | peak()


def run_child(
    n: int, in_degree: int, variant: str, duration: float, limit_mib: float
) -> dict[str, Any]:
    """Return what a process measured, or `error`; it is ended where it needs too much memory."""
    child, highest, error = Child(alone, measure, n, in_degree, variant, duration), 0.0, ""
    while not child.pipe.poll(0.2):
        with contextlib.suppress(OSError):
            status = f"/proc/{child.process.pid}/status"
            highest = max(highest, memory_mib("VmHWM", status))
            swapped = memory_mib("VmSwap", status)
            free = memory_mib("MemAvailable", "/proc/meminfo")
            if highest > limit_mib or swapped > 0 or free < MIN_FREE_MIB:
                error = (
                    f"ended at {highest / 1024:.1f} GiB, of {limit_mib / 1024:.3g} allowed, "
                    f"with {free / 1024:.1f} GiB free and {swapped / 1024:.1f} GiB swapped"
                )
                child.process.kill()
                break
    try:
        return child.receive()
    except RuntimeError as failed:
        told = {"cells": n, "in_degree": in_degree, "variant": variant, "peak_mib": highest}
        return told | {"error": error or str(failed)}
