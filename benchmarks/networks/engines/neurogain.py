"""The benchmark network in neurogain: all synapses event-driven."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

import neurogain
from benchmarks.device import peak
from benchmarks.measure import Key, compared, timed
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
        "som": Population(IzhikevichCell(), net.SOM, network.n // 10),
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

    def projection(source: str, target: str) -> Projection:
        excitatory, inner = source == "pyramidal", source == target == "pyramidal"
        return Projection(
            source,
            target,
            (connect or listed)(source, target),
            weight=(net.AMPA if excitatory else net.GABA) * weight,
            receptor="ampa" if excitatory else "gaba_a",
            compartment="dendrite" if (source, target) == ("som", "pyramidal") else "soma",
            delay=net.DT,
            plasticity=rule if plastic and inner else None,
        )

    projections = {f"{a}_to_{b}": projection(a, b) for a in spans for b in spans}
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


def measured(
    tasks: Mapping[Key, tuple[Any, Any, Any]],
    size: net.Network,
    duration: float,
    rounds: int,
    *,
    show: bool = False,
) -> dict[Key, tuple[dict[str, Any], np.ndarray]]:
    """Time networks, each with its parameters and drive, in turns.

    Return what is told of each, and its cells' spikes in a simulated second, means over rounds.
    """
    runs = {name: functools.partial(run, *task, duration) for name, task in tasks.items()}
    seconds, found = duration / 1000, {}
    for name, one in compared(runs, rounds, show=show).items():
        spikes = np.mean([counts.astype(float) for counts in one.values], axis=0) / seconds
        row = {
            "run_s": one.walls,
            "run_s_per_simulated_s": one.median / seconds,
            "rates_hz": size.rates(spikes, 1.0),
        }
        found[name] = row, spikes
    return found


def prepare(network: net.Network, plastic: bool, seconds: float) -> Prepared:
    """Build and compile; compilation is what the first run takes longer."""
    task = (*construct(network, plastic), 1000 * seconds)
    threads = len(os.sched_getaffinity(0))
    compile_s = run(*task, 0)[0] - run(*task, 0)[0]
    return Prepared({threads: lambda seed: run(*task, seed)}, {threads: max(compile_s, 0.0)}, peak)
