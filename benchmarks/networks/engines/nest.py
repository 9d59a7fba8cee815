"""The benchmark network in NEST: its cells in C++ (`nest.cpp`).

Double precision, NEST's only one. Plasticity is NEST's `stdp_synapse_hom` (additive: mu = 0): a
synapse is updated when its presynaptic cell spikes, and the delay of one step counts as dendritic:
the synapse meets a presynaptic spike at once, and a postsynaptic one a step late. With one and two
threads, the faster counts.
Pip: nest-simulator; Debian: g++ libboost-dev libltdl-dev, to compile the module.
"""

import functools
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import installed, timed
from benchmarks.networks import _network as net
from benchmarks.networks._engine import Prepared

NEEDED = ("boost/type_index.hpp", "ltdl.h")
SOURCE = Path(__file__).with_suffix(".cpp")
RECEPTORS = {"ampa": 1, "gaba": 2, "dendrite": 3}


def available() -> str | None:
    """Return the version of NEST, None if it, the compiler or a header isn't installed."""
    headers = all((Path("/usr/include") / name).exists() for name in NEEDED)
    return installed("nest-simulator", "nest") if headers and shutil.which("g++") else None


def compile_module(folder: Path) -> Path:
    """Return the compiled module of the cells; the wheels have the old ABI of C++ strings."""
    spec = importlib.util.find_spec("nest")
    include = Path(spec.submodule_search_locations[0]) / "include" / "nest"
    object_, module = folder / "cells.o", folder / "neurogain_module.so"
    flags = ["-O3", "-march=native", "-DNDEBUG", "-std=c++20", "-fPIC", "-fopenmp"]
    abi = "-D_GLIBCXX_USE_CXX11_ABI=0"
    for words in (
        ["-c", *flags, abi, f"-I{include}", str(SOURCE), "-o", str(object_)],
        ["-shared", str(object_), "-o", str(module)],  # OpenMP is the wheel's own
    ):
        done = subprocess.run(["g++", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"g++ could not compile NEST's module:\n{done.stderr[-2000:]}")
    return module


def cell_parameters(population: str) -> dict[str, float]:
    """Return the parameters of one population's cells."""
    soma = {"pyramidal": net.SOMA, "pv": net.PV, "som": net.SOM}[population]
    parameters = soma._asdict() | {
        "current": net.CURRENT[population],
        "noise": net.NOISE,
        "e_gaba": net.E_GABA,
        "tau": net.TAU_SYNAPSE,
    }
    if population == "pyramidal":
        parameters |= net.dendritic() | {"has_dendrite": 1.0, "tau_minus": net.TAU_STDP}
    return {name: float(value) for name, value in parameters.items()}


def build(nest: Any, network: net.Network, plastic: bool, threads: int, seed: int) -> Any:
    """Make cells and synapses in an empty kernel; return the cells."""
    nest.set(resolution=net.DT, local_num_threads=threads, rng_seed=seed + 1, print_time=False)
    cells = [
        nest.Create("neurogain_cell", span.stop - span.start, cell_parameters(population))
        for population, span in network.spans.items()
    ]
    cells = cells[0] + cells[1] + cells[2]
    ids = np.array(cells.tolist())
    for name, weight in (("ampa", net.AMPA), ("gaba", net.GABA)):
        nest.CopyModel("static_synapse_hom_w", name, {"weight": weight, "delay": net.DT})
    rule = {
        "tau_plus": net.TAU_STDP,
        "lambda": net.A_PLUS / net.W_MAX,
        "alpha": net.A_MINUS / net.A_PLUS,
        "mu_plus": 0.0,
        "mu_minus": 0.0,
        "Wmax": net.W_MAX,
        "weight": net.AMPA,
        "delay": net.DT,
    }
    nest.CopyModel("stdp_synapse_hom", "plastic", rule)
    pyr, pv, som = (network.spans[name] for name in net.POPULATIONS)
    rest, everything = slice(pyr.stop, network.n), slice(0, network.n)
    for source, target, model, receptor in (
        (pyr, pyr, "plastic" if plastic else "ampa", "ampa"),
        (pyr, rest, "ampa", "ampa"),
        (pv, everything, "gaba", "gaba"),
        (som, rest, "gaba", "gaba"),
        (som, pyr, "gaba", "dendrite"),
    ):
        pre, post = network.pathway(source, target)
        order = np.argsort(post, kind="stable")
        spec = {"synapse_model": model, "receptor_type": np.full(len(pre), RECEPTORS[receptor])}
        nest.Connect(ids[pre[order]], ids[post[order]], "one_to_one", spec)
    return cells


def prepare(network: net.Network, plastic: bool, seconds: float) -> Prepared:
    """Compile the cells; the network is built anew for each run."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    folder = tempfile.TemporaryDirectory()  # it lives as long as `run`
    compile_s, module = timed(compile_module, Path(folder.name))

    def run(threads: int, seed: int) -> tuple[float, np.ndarray]:
        assert folder
        nest.ResetKernel()
        nest.Install(str(module))
        cells = build(nest, network, plastic, threads, seed)
        with nest.RunManager():
            wall, _ = timed(nest.Run, seconds * 1000)
        return wall, np.array(cells.get("spike_count"))

    runs = {threads: functools.partial(run, threads) for threads in (1, 2)}
    return Prepared(runs, dict.fromkeys(runs, compile_s))
