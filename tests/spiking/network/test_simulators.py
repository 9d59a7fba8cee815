"""Arrivals, plasticity and charge are those of NEST and Brian2.

`scripts/fixtures/simulators.py` made the fixture, and says what it holds.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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

FOUND = json.loads(Path(__file__).with_name("simulators.json").read_text())
DT = 0.1  # ms
PATHS = ("dense", "sparse")
DELAYS = (1, 2, 15)  # steps
RULE = PairSTDP(tau_plus=20.0, tau_minus=30.0, lambda_=0.01, alpha=1.2, mu_minus=1.0, Wmax=1.0)
PRE = np.array([20.0, 70.0, 120.0, 170.0])  # ms
PAIRS = {"causal": 2.0, "anti-causal": -2.0, "coincident": 0.0}  # ms


def given(times):
    """Return a source that spikes at these times."""
    steps = spike_list(times, np.zeros(len(times), int), n=1, dt=DT)
    return Population(SpikeListSource(), steps, 1)


@pytest.fixture(scope="module")
def arrivals():
    """Return the steps of a spike's effects by path and delay, and the charge."""
    passive = LIFParams(C=1e4, g_leak=1e-12, E_leak=-70.0, v_t=1e3, d=0.0)
    synapse = {"soma": SynapseParams(ampa=Receptor(tau=5.0, E=0.0))}
    kinds = [(path, delay) for path in PATHS for delay in DELAYS]
    names = [f"{path} {delay}" for path, delay in kinds]
    populations = {"pre": given([10.0])}
    populations |= {name: Population(LIFCell(), passive, 1, synapse) for name in names}
    projections = {
        f"to {name}": Projection(
            "pre", name, OneToOne(), 2.0, delay=None if delay == 1 else delay * DT, path=path
        )
        for name, (path, delay) in zip(names, kinds, strict=True)
    }

    def effects(state, info):
        v = [state.cells[name].v for name in names]
        g = [state.synapses[name]["soma"].ampa for name in names]
        return jnp.concatenate([*g, *v])

    with jax.enable_x64():
        network, params = build(populations, projections, dt=DT, key=jax.random.key(0))
        run = simulate(network, params, {}, duration=210.0, dt=DT, dtype="float64",
                       record={"effects": Traces(effects, every=1)})  # fmt: skip
    time, values = run.recorded["effects"]
    steps = np.rint((time - 10.0) / DT).astype(int)
    moved = np.abs(values - np.r_[np.zeros(6), np.full(6, -70.0)]) > 1e-9
    first = steps[moved.argmax(axis=0)].reshape(2, 2, 3)  # effect, path, delay
    charge = 1e4 * np.log(-70.0 / values[-1, 6:]) / (2.0 * 5.0)
    return first, charge


@pytest.mark.parametrize("simulator", FOUND)
def test_a_spike_arrives_after_its_delay_and_acts_in_the_step_that_begins_there(
    arrivals, simulator
):
    first, _ = arrivals
    for i, effect in enumerate(("conductance", "potential")):
        theirs = [FOUND[simulator]["arrivals"][str(delay)][effect] for delay in DELAYS]
        for path in (0, 1):
            assert first[i, path].tolist() == theirs


@pytest.mark.parametrize("simulator", FOUND)
def test_a_spike_delivers_the_same_charge(arrivals, simulator):
    """A cell that follows the conductance implicitly sees dt g / 2C less of it, 5e-6 here."""
    np.testing.assert_allclose(arrivals[1], FOUND[simulator]["charge"], rtol=1e-5)


KICK = 4e4  # pA; in one step it lifts a silent cell above its peak
SILENT = cells.PV._replace(b=0.0, d=0.0)


@pytest.fixture(scope="module")
def learned():
    """Return the last weights by case and path, and the steps from cause to effect."""
    fires = LIFParams(C=1.0, g_leak=0.2, E_leak=-70.0, v_t=-69.0, v_reset=-70.0, tau_w=3.0, d=50.0)
    driven = {"soma": SynapseParams(ampa=Receptor(tau=0.5, E=0.0))}
    populations = {"pre": given(PRE)}
    drive = {}
    for path in PATHS:
        populations[f"cause {path}"] = Population(LIFCell(), fires, 1, driven)
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
    lags = {path: np.rint((at[f"cause {path}"] - PRE) / DT) for path in PATHS}
    return weight, lags


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("simulator", "kind"),
    [*(("NEST", kind) for kind in PAIRS), ("Brian2", "causal"), ("Brian2", "anti-causal")],
)
def test_a_pair_changes_a_weight_as_there(learned, path, simulator, kind):
    """Brian2 takes spikes that meet as a pair, in the order of the pathways; NEST takes none."""
    theirs = FOUND[simulator]["pairs"][kind]
    np.testing.assert_allclose(learned[0][f"{kind} {path}"], theirs, rtol=1e-9)


@pytest.mark.parametrize("path", PATHS)
def test_a_synapse_that_fires_its_target_is_potentiated(learned, path):
    """As in Brian2, with an axonal delay; over NEST's dendritic one they meet two steps later."""
    weight, lags = learned
    theirs = FOUND["Brian2"]["cause"]
    assert set(lags[path]) == {theirs["lag"]} == {FOUND["NEST"]["cause"]["lag"]}
    np.testing.assert_allclose(weight[f"cause {path}"], theirs["weight"], rtol=1e-9)
    assert weight[f"cause {path}"] > FOUND["NEST"]["cause"]["weight"] > 0.53
