"""The benchmark network in Brian2 (C++ standalone, float32), for `network_speed.py`.

Two groups, pyramidal cells and interneurons, and five pathways; cells advance in one generated loop
a group. Plasticity: one trace a cell, which all synapses read. With one thread and with OpenMP on
two, the faster counts. Pip: brian2>=2.9 with numpy<2.4; needs a C++ compiler.
"""

import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.networks import _network as net
from benchmarks.networks._turns import turns

CELL = """
v : 1
u : 1
g_ampa : 1
g_gaba : 1
current : 1 (constant)
count : integer
"""
PYRAMIDAL = (
    CELL
    + """
vd : 1
w : 1
g_dendrite : 1
age : integer
trace : 1
"""
)
INTERNEURON = CELL + "".join(f"{name} : 1 (constant)\n" for name in net.SOMA._fields)
SOMA_STEP = """
g_sum = g_ampa + g_gaba
above = v - v_r
v = (v + dt_ms/C*(k*above*(v - v_t) - u + current + noise*randn() + E_GABA*g_gaba))
v = v/(1 + dt_ms/C*g_sum)
u = u + dt_ms*a*(b*above - u)
g_ampa = g_ampa*decay
g_gaba = g_gaba*decay
"""
DENDRITE_STEP = """
age = age + 1
leak = vd - E_leak
bap = bap_current*int(age >= bap_first)*int(age <= bap_last)
inflow = g_ca/(1 + exp((E_ca - vd)/D_ca)) - g_leak*leak + w + current_d + bap + E_GABA*g_dendrite
vd = (vd + dt_ms/C_d*inflow)/(1 + dt_ms/C_d*g_dendrite)
w = w + dt_ms/tau_w*(a_w*leak - w)
g_dendrite = g_dendrite*decay
trace = trace*trace_decay
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
POTENTIATE = "weight = clip(weight + a_plus*trace_pre, 0, w_max)"

# A process inherits the peak memory of the one that starts it, so a small one does.
LAUNCH = """
import os
process = os.posix_spawn("./main", ["./main"], os.environ)
_, status, usage = os.wait4(process, 0)
print("", status, usage.ru_maxrss)
"""


def available() -> str | None:
    """Return the version of Brian2, None if it isn't installed."""
    if importlib.util.find_spec("brian2") is None:
        return None
    return importlib.metadata.version("brian2")


def constants() -> dict[str, float]:
    """Return the values of the names in the equations; somatic ones are the pyramidal cells'."""
    dendrite, cell = net.DENDRITE._asdict(), net.PYRAMIDAL
    names = net.SOMA._asdict() | dendrite | {"C": net.SOMA.C, "C_d": dendrite["C"]}
    return names | {
        "dt_ms": net.DT,
        "noise": net.NOISE,
        "E_GABA": net.E_GABA,
        "decay": net.DECAY,
        "trace_decay": net.TRACE_DECAY,
        "current_d": net.DENDRITIC_CURRENT,
        "bap_current": net.BAP_CURRENT,
        "bap_first": net.BAP_FIRST,
        "bap_last": net.BAP_LAST,
        "v_calcium": cell.v_calcium,
        "c_burst": cell.c_burst,
        "d_burst": cell.d_burst,
        "a_plus": net.A_PLUS,
        "a_minus": net.A_MINUS,
        "w_max": net.W_MAX,
    }


def make(folder: str, n: int, seed: int, plastic: bool, seconds: float, threads: int) -> None:
    """Write the project and compile it."""
    import brian2 as b2

    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    b2.defaultclock.dt = net.DT * b2.ms
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
    if not plastic:
        both = spans["pyramidal"]
        pathways.append((pyr, pyr, both, both, f"g_ampa_post += {net.AMPA}"))
    parts = [pyr, rest, *pyr.contained_objects, *rest.contained_objects]
    for source, target, from_, to, effect in pathways:
        synapses = b2.Synapses(source, target, on_pre=effect)
        pre, post = network.pathway(from_, to)
        synapses.connect(i=pre - from_.start, j=post - to.start)
        parts.append(synapses)
    if plastic:
        synapses = b2.Synapses(
            pyr,
            pyr,
            "weight : 1",
            on_pre=f"{DEPRESS}\ng_ampa_post += weight",
            on_post=POTENTIATE,
            namespace=names,
        )
        pre, post = network.pathway(spans["pyramidal"], spans["pyramidal"])
        synapses.connect(i=pre, j=post)
        synapses.weight = net.AMPA
        parts.append(synapses)
    b2.Network(*parts).run(seconds * b2.second)
    b2.device.build(directory=folder, compile=True, run=False)


def run(folder: Path) -> tuple[float, np.ndarray, float]:
    """Run a project; return the seconds of its time loop, spikes of every cell, peak MiB."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCH], cwd=folder, capture_output=True, text=True, check=True
    )
    status, peak_kib = map(int, done.stdout.split()[-2:])
    if status:
        raise RuntimeError(f"Brian2's program ended with status {status}:\n{done.stderr[-2000:]}")
    results = folder / "results"
    seconds = float((results / "last_run_info.txt").read_text().split()[0])
    counts = []
    for group in ("pyramidal", "rest"):
        (path,) = results.glob(f"_array_{group}_count_*")
        counts.append(np.fromfile(path, np.int32))
    return seconds, np.concatenate(counts), peak_kib / 1024


def measure(network: net.Network, variant: str, seconds: float, repeats: int) -> dict[str, Any]:
    """Return run times, rates and spikes of the faster thread count; each repeat runs both."""
    with tempfile.TemporaryDirectory() as folder:
        projects = {threads: Path(folder) / str(threads) for threads in (1, 2)}
        compile_s, runs = {}, {threads: [] for threads in projects}
        for threads, project in projects.items():
            start = time.perf_counter()
            words = (project, network.n, network.seed, int(variant == "stdp"), seconds, threads)
            done = subprocess.run(
                [sys.executable, "-m", __name__, *map(str, words)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"Brian2 could not build its program:\n{done.stderr[-2000:]}")
            compile_s[threads] = time.perf_counter() - start
        for _ in turns(repeats):
            for threads, project in projects.items():
                runs[threads].append(run(project))
    best = min(runs, key=lambda threads: np.median([wall for wall, _, _ in runs[threads]]))
    mean = np.mean([count for _, count, _ in runs[best]], axis=0)
    return {
        "compile_s": compile_s[best],
        "run_s": [wall for wall, _, _ in runs[best]],
        "rates_hz": network.rates(mean, seconds),
        "spikes": float(mean.sum()),
        "threads": best,
        "version": available(),
        "peak_mib": max(peak for _, _, peak in runs[best]),
        "base_mib": 0.0,
        "run_s_per_threads": {t: [wall for wall, _, _ in all_] for t, all_ in runs.items()},
    }


if __name__ == "__main__":
    target, n_, seed_, plastic_, seconds_, threads_ = sys.argv[1:]
    make(target, int(n_), int(seed_), plastic_ == "1", float(seconds_), int(threads_))
