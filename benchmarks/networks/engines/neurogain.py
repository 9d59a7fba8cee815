"""The benchmark network in neurogain: all synapses event-driven."""

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import neurogain
from benchmarks.device import peak
from benchmarks.measure import timed
from benchmarks.networks import _network as net
from benchmarks.networks._engine import Prepared
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    simulate,
)
from neurogain.spiking.connectivity import Connectivity, Listed
from neurogain.spiking.plasticity import PairSTDP


def available() -> str:
    """Return the version."""
    return neurogain.__version__


def construct(
    network: net.Network,
    plastic: bool,
    *,
    connect: Callable[[str, str], Connectivity] | None = None,
    weight: float = 1.0,
    mesh: jax.sharding.Mesh | None = None,
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the network, its parameters and its drive.

    Args:
      network: sizes, and the synapses that all engines get.
      plastic: with STDP.
      connect: rule of connectivity from source to target population, in place of those synapses.
      weight: factor of all weights and their bound.
      mesh: devices to spread it over.
    """
    spans = network.spans
    # without randomness, and with the mean of the back-propagating current: see `_network`
    pyramidal = net.PYRAMIDAL._replace(bap_current=net.BAP_CURRENT)
    populations = {
        "pyramidal": Population(PyramidalCell("mean-field"), pyramidal, network.pyramidal),
        "pv": Population(IzhikevichCell(), net.PV, network.pv),
        "som": Population(IzhikevichCell(), net.SOM, network.som),
    }
    rule = PairSTDP(
        tau_plus=net.TAU_STDP,
        tau_minus=net.TAU_STDP,
        lambda_=net.A_PLUS / net.W_MAX,
        alpha=net.A_MINUS / net.A_PLUS,
        Wmax=net.W_MAX * weight,
    )

    def listed(source: str, target: str) -> Connectivity:
        pre, post = network.pathway(spans[source], spans[target])
        return Listed(pre - spans[source].start, post - spans[target].start)

    connect = listed if connect is None else connect
    projections = {}
    for source in spans:
        for target in spans:
            excitatory, inner = source == "pyramidal", source == target == "pyramidal"
            projections[f"{source}_to_{target}"] = Projection(
                source,
                target,
                connect(source, target),
                weight=(net.AMPA if excitatory else net.GABA) * weight,
                receptor="ampa" if excitatory else "gaba_a",
                compartment="dendrite" if (source, target) == ("som", "pyramidal") else "soma",
                delay=net.DT,
                plasticity=rule if plastic and inner else None,
            )
    key = jax.random.key(0)
    built, params = build(populations, projections, dt=net.DT, key=key, path="sparse", mesh=mesh)
    return built, params, driven(lambda name: Noise(net.CURRENT[name], net.NOISE))


def driven(somatic: Callable[[str], Any], dendritic: float = net.DENDRITIC_CURRENT) -> dict:
    """Return the drive from the somatic current of each population, in pA."""
    return {
        "pyramidal": PyramidalDrive(Drive(somatic("pyramidal")), Drive(dendritic), coupling=1.0),
        "pv": Drive(somatic("pv")),
        "som": Drive(somatic("som")),
    }


def run(
    network: Any, params: Any, drive: Any, duration: float, seed: int, **more: Any
) -> tuple[float, np.ndarray]:
    """Run a network from rest; return the seconds it takes and the spikes of every cell."""
    key = jax.random.key(seed)
    wall, done = timed(
        lambda: simulate(network, params, drive, duration=duration, dt=net.DT, key=key, **more)
    )
    return wall, done.recorded["spikes"]


def prepare(network: net.Network, plastic: bool, seconds: float) -> Prepared:
    """Build and compile; compilation is what the first run takes longer."""
    task = (*construct(network, plastic), 1000 * seconds)
    threads = len(os.sched_getaffinity(0))
    compile_s = run(*task, 0)[0] - run(*task, 0)[0]
    return Prepared({threads: lambda seed: run(*task, seed)}, {threads: max(compile_s, 0.0)}, peak)
