"""The benchmark network in Brian2 (C++ standalone, float32).

Two groups, pyramidal cells and interneurons, and five pathways; cells advance in one generated loop
a group. Plasticity: one trace a cell, which all synapses read; that of what arrived is the one of a
step before. With one thread and with OpenMP on two, the faster counts. Pip: brian2>=2.9 with
numpy<2.4; needs a C++ compiler.
"""

import functools
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import brian
from benchmarks.measure import call, installed, timed
from benchmarks.networks import _network as net
from benchmarks.networks._engine import Prepared

CELL = """
v : 1
u : 1
g_ampa : 1
g_gaba : 1
current : 1 (constant)
count : integer
"""
PYRAMIDAL = f"""{CELL}
vd : 1
w : 1
g_dendrite : 1
age : integer
trace : 1
held : 1
arrived : 1
"""
INTERNEURON = CELL + "".join(f"{name} : 1 (constant)\n" for name in net.SOMA._fields)
SOMA_STEP = """
inhibition = mean*g_gaba
g_sum = mean*g_ampa + inhibition
above = v - v_r
v = (v + dt_ms/C*(k*above*(v - v_t) - u + current + noise*randn() + E_GABA*inhibition))
v = v/(1 + dt_ms/C*g_sum)
u = u + dt_ms*a*(b*above - u)
g_ampa = g_ampa*decay
g_gaba = g_gaba*decay
"""
DENDRITE_STEP = """
age = age + 1
leak = vd - E_leak
bap = bap_current*int(age >= bap_first)*int(age <= bap_last)
apical = mean*g_dendrite
inflow = g_ca/(1 + exp((E_ca - vd)/D_ca)) - g_leak*leak + w + current_d + bap + E_GABA*apical
vd = (vd + dt_ms/C_d*inflow)/(1 + dt_ms/C_d*apical)
w = w + dt_ms/tau_w*(a_w*leak - w)
g_dendrite = g_dendrite*decay
arrived = held
trace = trace*trace_decay
held = trace
"""
RESET = "v = c\nu += d\ncount += 1\n"
BURST = """
bursting = int(vd >= v_calcium)
v = c + bursting*(c_burst - c)
u += d + bursting*(d_burst - d)
count += 1
age = 0
trace += 1
"""
DEPRESS = "weight = clip(weight - a_minus*trace_post, 0, w_max)"
POTENTIATE = "weight = clip(weight + a_plus*arrived_pre, 0, w_max)"

available = functools.partial(installed, "brian2")


def constants() -> dict[str, float]:
    """Return the values of the names in the equations; somatic ones are the pyramidal cells'."""
    return {
        **net.SOMA._asdict(),
        **net.dendritic(),
        "dt_ms": net.DT,
        "noise": net.NOISE,
        "E_GABA": net.E_GABA,
        "decay": net.DECAY,
        "mean": net.MEAN,
        "trace_decay": net.TRACE_DECAY,
        "a_plus": net.A_PLUS,
        "a_minus": net.A_MINUS,
        "w_max": net.W_MAX,
    }


def make(folder: str, n: int, seed: int, plastic: bool, seconds: float, threads: int) -> None:
    """Write the project and compile it."""
    b2 = brian.begin(folder, "float32", threads, net.DT)
    network, names = net.Network(n, seed), constants()
    n_pyr, n_pv = network.pyramidal, network.pv
    pyr = b2.NeuronGroup(
        n_pyr, PYRAMIDAL, threshold="v >= v_peak", reset=BURST, namespace=names, name="pyramidal"
    )
    own = {name: value for name, value in names.items() if name not in net.SOMA._fields}
    rest = b2.NeuronGroup(
        n - n_pyr, INTERNEURON, threshold="v >= v_peak", reset=RESET, namespace=own, name="rest"
    )
    pyr.run_regularly(DENDRITE_STEP + SOMA_STEP, when="groups", name="pyramidal_step")
    rest.run_regularly(SOMA_STEP, when="groups", name="rest_step")
    pyr.v, pyr.vd, pyr.age = net.SOMA.v_r, net.DENDRITE.E_leak, 1 << 20
    pyr.current = net.CURRENT["pyramidal"]
    for name in net.SOMA._fields:
        setattr(rest, name, network.per_cell(name)[n_pyr:])
    rest.v, rest.current = network.per_cell("v_r")[n_pyr:], network.current()[n_pyr:]

    spans = network.spans
    others = slice(n_pyr, n)
    pv, som = rest[:n_pv], rest[n_pv:]
    pathways = [
        (pyr, rest, spans["pyramidal"], others, f"g_ampa_post += {net.AMPA}"),
        (pv, pyr, spans["pv"], spans["pyramidal"], f"g_gaba_post += {net.GABA}"),
        (som, pyr, spans["som"], spans["pyramidal"], f"g_dendrite_post += {net.GABA}"),
        (rest, rest, others, others, f"g_gaba_post += {net.GABA}"),
    ]
    both = spans["pyramidal"]
    inner = f"{DEPRESS}\ng_ampa_post += weight" if plastic else f"g_ampa_post += {net.AMPA}"
    pathways.append((pyr, pyr, both, both, inner))
    parts = [pyr, rest, *pyr.contained_objects, *rest.contained_objects]
    for source, target, from_, to, effect in pathways:
        changes = plastic and source is target is pyr
        own = {"model": "weight : 1", "on_post": POTENTIATE} if changes else {}
        delay = net.DT * b2.ms
        synapses = b2.Synapses(source, target, on_pre=effect, delay=delay, namespace=names, **own)
        pre, post = network.pathway(from_, to)
        synapses.connect(i=pre - from_.start, j=post - to.start)
        if changes:
            synapses.weight = net.AMPA
            synapses.post.order = synapses.pre.order - 1  # potentiate first
        parts.append(synapses)
    b2.Network(*parts).run(seconds * b2.second)
    b2.device.build(directory=folder, compile=True, run=False)


def prepare(network: net.Network, plastic: bool, seconds: float) -> Prepared:
    """Write and compile the programs with one and with two threads, each in its own process."""
    folder = tempfile.TemporaryDirectory()  # it lives as long as `run`
    peaks: dict[int, float] = {}

    def run(threads: int, seed: int) -> tuple[float, np.ndarray]:
        del seed
        project = Path(folder.name) / str(threads)
        wall, counts, peak = brian.run(project, {"pyramidal": "int32", "rest": "int32"})
        peaks[threads] = max(peak, peaks.get(threads, 0.0))
        return wall, counts

    compile_s = {}
    for threads in (1, 2):
        project = f"{folder.name}/{threads}"
        args = (project, network.n, network.seed, plastic, seconds, threads)
        compile_s[threads], _ = timed(functools.partial(call, make, *args))
    runs = {threads: functools.partial(run, threads) for threads in compile_s}
    return Prepared(runs, compile_s, lambda: {"peak_mib": max(peaks.values()), "base_mib": 0.0})
