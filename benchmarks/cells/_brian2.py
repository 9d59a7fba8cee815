"""The two-compartment cell in Brian2 (C++ standalone), for `cell_throughput.py`.

Run as a script it makes and compiles one project:
python benchmarks/_brian2.py FOLDER CELLS STEPS DTYPE THREADS KIND
"""

import importlib.metadata
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from neurogain.spiking import cells

EQUATIONS = """
dv/dt = (k*(v - v_r)*(v - v_t) - u + I)/C/ms : 1
du/dt = a*(b*(v - v_r) - u)/ms : 1
dvd/dt = (-g_leak*(vd - E_leak) + g_ca/(1 + exp(-(vd - E_ca)/D_ca))
          + bap*arriving*open_back + w + Id)/C_d/ms : 1
dw/dt = (a_w*(vd - E_leak) - w)/tau_w/ms : 1
arriving = int(age >= 5)*int(age <= 25) : 1
age : integer
count : 1
I : 1
"""
GATES = {
    "stochastic": "open_back = int(rand() < p) : 1 (constant over dt)",
    "mean-field": "open_back = p : 1",
}
RESETS = {
    "stochastic": "m = int(rand() < p)*int(vd >= v_calcium)",
    "mean-field": "m = p*int(vd >= v_calcium)",
}
RESET = """
v = c + m*(c_burst - c)
u += d + m*(d_burst - d)
age = 0
count += 1
"""


def available() -> str | None:
    """Return the version of Brian2, None if it isn't installed."""
    if importlib.util.find_spec("brian2") is None:
        return None
    return importlib.metadata.version("brian2")


def build(folder: Path, n: int, steps: int, dtype: str, threads: int, kind: str) -> float:
    """Make and compile a project in a process of its own; return the seconds that took."""
    start = time.perf_counter()
    arguments = [str(folder), str(n), str(steps), dtype, str(threads), kind]
    done = subprocess.run(
        [sys.executable, "-m", __name__, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"Brian2 could not build its program:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def run(folder: Path, dtype: str) -> tuple[float, float]:
    """Run a compiled project; return the seconds of its time loop and the spikes of all cells."""
    subprocess.run(["./main"], cwd=folder, check=True, capture_output=True)
    seconds = float((folder / "results" / "last_run_info.txt").read_text().split()[0])
    (path,) = (folder / "results").glob("_array_cells_count_*")
    return seconds, float(np.fromfile(path, dtype).sum(dtype=float))


def make(folder: str, n: int, steps: int, dtype: str, threads: int, kind: str) -> None:
    """Write the project and compile it; the constants are those of `cells.L5_PYRAMIDAL`."""
    import brian2 as b2

    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.core.default_float_dtype = np.dtype(dtype).type
    b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    b2.defaultclock.dt = 0.1 * b2.ms
    soma, dendrite, cell = cells.L5_SOMA, cells.L5_DENDRITE, cells.L5_PYRAMIDAL
    namespace = {name: value for name, value in soma._asdict().items() if name != "v_peak"}
    namespace |= {name: value for name, value in dendrite._asdict().items() if name != "C"}
    namespace |= {
        "C_d": dendrite.C,
        "bap": cell.bap_current,
        "v_calcium": cell.v_calcium,
        "c_burst": cell.c_burst,
        "d_burst": cell.d_burst,
        "v_peak": soma.v_peak,
        "Id": 600.0,
        "p": 0.5,
    }
    group = b2.NeuronGroup(
        n,
        EQUATIONS + GATES[kind],
        threshold="v >= v_peak",
        reset=RESETS[kind] + RESET,
        method="euler",
        namespace=namespace,
        name="cells",
    )
    group.run_regularly("age += 1", when="end")  # so that a spike is one step old in the next step
    group.v, group.vd, group.age = soma.v_r, dendrite.E_leak, 10**6
    group.I = "600 + 600*i/N"
    b2.Network(group, *group.contained_objects).run(steps * 0.1 * b2.ms)
    b2.device.build(directory=folder, compile=True, run=False)


if __name__ == "__main__":
    target, cells_, steps_, dtype_, threads_, kind_ = sys.argv[1:]
    make(target, int(cells_), int(steps_), dtype_, int(threads_), kind_)
