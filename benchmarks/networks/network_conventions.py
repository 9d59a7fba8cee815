"""When a spike arrives, its charge, and what pairs of spikes do, beside NEST and Brian2.

What the simulators do was kept by `scripts/fixtures/simulators.py`, which says what each number is;
here the same cases run in neurogain in double precision, on both paths.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.record import Record
from benchmarks.registry import ROOT
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    LIFCell,
    LIFParams,
    Population,
    Projection,
    SpikeListSource,
    TimeSeries,
    build,
    cells,
    simulate,
    spike_list,
)
from neurogain.spiking.connectivity import OneToOne
from neurogain.spiking.plasticity import PairSTDP
from neurogain.spiking.recorders import Spikes, Traces
from neurogain.spiking.synapses import Receptor, SynapseParams

ABOUT = {"title": "Arrivals, charge and pairs of spikes beside NEST and Brian2", "minutes": 1}
TINY: dict[str, Any] = {}
SIMULATORS = ROOT / "tests/spiking/network/simulators.json"
DT = 0.1  # ms
PATHS = ("dense", "sparse")
DELAYS = (1, 2, 15)  # steps
RULE = PairSTDP(tau_plus=20.0, tau_minus=30.0, lambda_=0.01, alpha=1.2, mu_minus=1.0, Wmax=1.0)
PRE = np.array([20.0, 70.0, 120.0, 170.0])  # ms
PAIRS = {"causal": 2.0, "anti-causal": -2.0, "coincident": 0.0}  # ms
KICK = 4e4  # pA; in one step it lifts a silent cell above its peak
SILENT = cells.PV._replace(b=0.0, d=0.0)
PASSIVE = LIFParams(C=1e4, g_leak=1e-12, E_leak=-70.0, v_t=1e3, d=0.0)
FIRES = LIFParams(C=1.0, g_leak=0.2, E_leak=-70.0, v_t=-69.0, v_reset=-70.0, tau_w=3.0, d=50.0)


@dataclasses.dataclass(frozen=True)
class Arguments:
    """When a spike arrives, its charge, and what pairs of spikes do, beside NEST and Brian2."""


def found() -> dict[str, Any]:
    """Return what the simulators do, by simulator."""
    content: dict[str, Any] = json.loads(SIMULATORS.read_text())
    return content


def given(times: Sequence[float]) -> Population:
    """Return a source that spikes at these times."""
    steps = spike_list(times, np.zeros(len(times), int), n=1, dt=DT)
    return Population(SpikeListSource(), steps, 1)


def arrivals() -> dict[str, Any]:
    """Return by path what a fixture has under "arrivals" and "charge"."""
    synapse = {"soma": SynapseParams(ampa=Receptor(tau=5.0, E=0.0))}
    kinds = [(path, delay) for path in PATHS for delay in DELAYS]
    names = [f"{path} {delay}" for path, delay in kinds]
    populations = {"pre": given([10.0])}
    populations |= {name: Population(LIFCell(), PASSIVE, 1, synapse) for name in names}
    projections = {
        f"to {name}": Projection(
            "pre", name, OneToOne(), 2.0, delay=None if delay == 1 else delay * DT, path=path
        )
        for name, (path, delay) in zip(names, kinds, strict=True)
    }

    def effects(state: Any, info: Any) -> jax.Array:
        v = [state.cells[name].v for name in names]
        g = [state.synapses[name]["soma"].ampa for name in names]
        return jnp.concatenate([*g, *v])

    with jax.enable_x64():
        network, params = build(populations, projections, dt=DT, key=jax.random.key(0))
        run = simulate(network, params, {}, duration=210.0, dt=DT, dtype="float64",
                       record={"effects": Traces(effects, every=1)})  # fmt: skip
    time, values = run.recorded["effects"]
    steps = np.rint((time - 10.0) / DT).astype(int)
    n = len(names)
    moved = np.abs(values - np.r_[np.zeros(n), np.full(n, -70.0)]) > 1e-9
    first = steps[moved.argmax(axis=0)].reshape(2, len(PATHS), len(DELAYS))
    charge = PASSIVE.C * np.log(-70.0 / values[-1, n:]) / (2.0 * 5.0)
    return {
        path: {
            "arrivals": {
                str(delay): {"conductance": int(first[0, i, k]), "potential": int(first[1, i, k])}
                for k, delay in enumerate(DELAYS)
            },
            "charge": charge.reshape(len(PATHS), len(DELAYS))[i].tolist(),
        }
        for i, path in enumerate(PATHS)
    }


def learned() -> dict[str, Any]:
    """Return by path what a fixture has under "pairs" and "cause", and all lags of the latter."""
    driven = {"soma": SynapseParams(ampa=Receptor(tau=0.5, E=0.0))}
    populations, drive = {"pre": given(list(PRE))}, {}
    for path in PATHS:
        populations[f"cause {path}"] = Population(LIFCell(), FIRES, 1, driven)
        for kind, lag in PAIRS.items():
            populations[f"{kind} {path}"] = Population(IzhikevichCell(), SILENT, 1)
            kicks = np.zeros(1800)
            kicks[np.rint((PRE + DT + lag) / DT).astype(int) - 1] = KICK
            drive[f"{kind} {path}"] = Drive(TimeSeries(kicks))
    projections = {
        f"to {name}": Projection(
            "pre", name, OneToOne(), 0.5, receptor="ampa" if "cause" in name else "gaba_a",
            plasticity=RULE, path=name.split()[1],
        )
        for name in populations
        if name != "pre"
    }  # fmt: skip
    with jax.enable_x64():
        network, params = build(populations, projections, dt=DT, key=jax.random.key(0))
        run = simulate(network, params, drive, duration=180.0, dt=DT, dtype="float64",
                       record={"spikes": Spikes()})  # fmt: skip
        weight = {
            name.removeprefix("to "): network.synapses(params, name, run.state).weight.item()
            for name in projections
        }
    time, cell = run.recorded["spikes"]
    at = {name: time[cell == network.cells_of(name).start] for name in populations}
    for kind, lag in PAIRS.items():
        for path in PATHS:
            np.testing.assert_allclose(at[f"{kind} {path}"], PRE + DT + lag)
    return {
        path: {
            "pairs": {kind: weight[f"{kind} {path}"] for kind in PAIRS},
            "cause": {
                "weight": weight[f"cause {path}"],
                "lags": np.rint((at[f"cause {path}"] - PRE) / DT).tolist(),
            },
        }
        for path in PATHS
    }


def claims(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the steps in which a spike acts, and the weight of a synapse that fires its target."""
    rows = {row["what"]: row for row in content["rows"]}
    moved = [rows[f"potential moves, delay {d}"] for d in DELAYS]
    ours, nest, brian = (", ".join(row[k] for row in moved) for k in ("sparse", "NEST", "Brian2"))
    head = f"Steps until the potential moves, delays of {DELAYS[0]}, {DELAYS[1]} and {DELAYS[2]}"
    yield f"{head}; NEST; Brian2", f"{ours}; {nest}; {brian}"
    last = rows["weight, the spike fires its target"]
    head = "Weight after four spikes that fire their target, from 0.5; Brian2"
    yield head, f"{last['sparse']}; {last['Brian2']}"


def run(args: Arguments, record: Record) -> None:
    """Run all cases, and write them beside the kept ones."""
    del args
    acts, learns, theirs = arrivals(), learned(), found()
    all_found = {path: acts[path] | learns[path] for path in PATHS} | theirs

    def row(what: str, number: Any) -> dict[str, str]:
        return {"what": what} | {name: number(one) for name, one in all_found.items()}

    rows = [
        row(f"{words}, delay {d}", lambda x, e=effect, d=d: str(x["arrivals"][str(d)][e]))
        for effect, words in (
            ("conductance", "conductance jumps"),
            ("potential", "potential moves"),
        )
        for d in DELAYS
    ]
    rows.append(row("charge / (w tau)", lambda x: f"{np.mean(x['charge']):.6f}"))
    for kind, lag in PAIRS.items():
        words = f"weight, {kind} pairs" + (f", {abs(lag):g} ms" if lag else "")
        rows.append(row(words, lambda x, k=kind: f"{x['pairs'][k]:.7f}"))
    rows.append(row("weight, the spike fires its target", lambda x: f"{x['cause']['weight']:.7f}"))
    ours = {path: f"neurogain, {path}" for path in PATHS}
    columns = [("", "what", "<34")] + [(ours.get(name, name), name, "20") for name in all_found]
    record.versions |= {name: one["version"] for name, one in theirs.items()}
    record.fill(
        columns,
        rows,
        "Steps of 0.1 ms from the end of the step with the spike to the first end of a step at "
        "which the target's conductance, or its potential, is another. Weights after four pairs, "
        "or four spikes, from 0.5. NEST's delay is dendritic, that of Brian2 and of neurogain "
        "axonal: hence the last row. Spikes that meet at the synapse are a pair in Brian2, in the "
        "order of its pathways, and none in NEST and neurogain. A cell follows its conductance "
        "implicitly, so it sees 5e-6 less charge. The numbers of NEST and Brian2 were made by "
        "`scripts/fixtures/simulators.py`.",
    )
