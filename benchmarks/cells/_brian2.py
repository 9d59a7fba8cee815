"""The two-compartment cell in Brian2, for `cell_throughput`."""

from pathlib import Path

from benchmarks import brian
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


def run(folder: Path, dtype: str, _: int) -> tuple[float, float]:
    """Run a compiled program; return the seconds of its time loop and the spikes of all cells."""
    seconds, counts, _ = brian.run(folder, {"cells": dtype})
    return seconds, float(counts.sum(dtype=float))


def make(folder: str, n: int, steps: int, dtype: str, threads: int, kind: str) -> None:
    """Write the project and compile it; the constants are those of `cells.L5_PYRAMIDAL`."""
    b2 = brian.begin(folder, dtype, threads, 0.1)
    soma, dendrite, cell = cells.L5_SOMA, cells.L5_DENDRITE, cells.L5_PYRAMIDAL
    names = dendrite._asdict() | soma._asdict() | {"C_d": dendrite.C, "Id": 600.0, "p": 0.5}
    names |= {name: getattr(cell, name) for name in ("v_calcium", "c_burst", "d_burst")}
    group = b2.NeuronGroup(
        n,
        EQUATIONS + GATES[kind],
        threshold="v >= v_peak",
        reset=RESETS[kind] + RESET,
        method="euler",
        namespace=names | {"bap": cell.bap_current},
        name="cells",
    )
    group.run_regularly("age += 1", when="end")  # so that a spike is one step old in the next step
    group.v, group.vd, group.age = soma.v_r, dendrite.E_leak, 10**6
    group.I = "600 + 600*i/N"
    b2.Network(group, *group.contained_objects).run(steps * 0.1 * b2.ms)
    b2.device.build(directory=folder, compile=True, run=False)
