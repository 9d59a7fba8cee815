"""Dense, sparse and NumPy are one network; chunks, bursts and other numbers change none of it."""

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    Population,
    Projection,
    PyramidalDrive,
    SpikeListSource,
    build,
    cells,
    simulate,
    spike_list,
)
from neurogain.spiking.connectivity import FixedInDegree
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Spikes, Traces
from neurogain.spiking.synapses import Receptor, SynapseParams

STEPS = 2000
PLASTIC = ("apical", "to_som")


def soma(state, info):
    return state.cells["pyr"].soma.v


def dendrite(state, info):
    return state.cells["pyr"].dendrite.v


RECORD = {"spikes": Spikes(), "soma": Traces(soma), "dendrite": Traces(dendrite)}


def raster(run, n):
    spikes = run.recorded["spikes"]
    result = np.zeros((STEPS, n), bool)
    result[np.rint(spikes.time_ms / 0.1).astype(int) - 1, spikes.cell] = True
    return result


@pytest.fixture(scope="module")
def runs(circuits):
    """Run the same circuit for 200 ms without noise in double precision: state, weights, record."""
    result = {}
    with jax.enable_x64():
        for path in ("dense", "sparse"):
            network, params = circuits.build(path)
            run = simulate(network, params, circuits.currents(), duration=200.0, record=RECORD,
                           dtype="float64", chunk=STEPS)  # fmt: skip
            weights = {name: network.synapses(params, name, run.state).weight for name in PLASTIC}
            result[path] = network, run, weights
    return result


@pytest.fixture(scope="module")
def by_hand(circuits):
    return circuits.in_numpy(circuits.lists(), STEPS)


def test_the_circuit_is_alive(by_hand):
    """Else the comparisons say nothing."""
    counts = {name: spikes.sum(axis=0) for name, spikes in by_hand.spikes.items()}
    assert all((count > 0).mean() > 0.8 for count in counts.values()), counts
    assert sum(count.sum() for count in counts.values()) > 200
    for name in PLASTIC:
        assert np.abs(by_hand.weights[name] - by_hand.lists[name].weight).mean() > 0.02


@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_every_spike_is_that_of_the_reference(runs, by_hand, path):
    network, run, weights = runs[path]
    assert {layout.path for layout in network.layouts} == {path}
    expected = np.concatenate(list(by_hand.spikes.values()), axis=1)
    np.testing.assert_array_equal(raster(run, network.size), expected)
    for name in PLASTIC:
        one = by_hand.lists[name]
        order = np.lexsort((one.post, one.pre))
        np.testing.assert_allclose(weights[name], by_hand.weights[name][order], rtol=1e-9)
    np.testing.assert_allclose(run.state.cells["pyr"].dendrite.v, by_hand.v_d, rtol=1e-6)


def test_dense_and_sparse_agree_spike_for_spike(runs):
    (_, dense, dense_weights), (_, sparse, sparse_weights) = runs["dense"], runs["sparse"]
    for a, b in zip(dense.recorded["spikes"], sparse.recorded["spikes"], strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("soma", "dendrite"):
        values = (run.recorded[name].values for run in (dense, sparse))
        np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-6)
    for name in PLASTIC:
        np.testing.assert_allclose(dense_weights[name], sparse_weights[name], rtol=1e-9)


@pytest.mark.slow  # compiles two networks of three populations and plastic synapses
def test_dense_and_sparse_have_the_same_rates_in_single_precision_with_noise(circuits):
    drive = {
        "pyr": PyramidalDrive(Drive(Noise(900.0, 300.0)), Drive(Noise(400.0, 100.0)), 0.5),
        "pv": Drive(Noise(150.0, 100.0)),
        "som": Drive(Noise(120.0, 100.0)),
    }
    rates = {}
    for path in ("dense", "sparse"):
        network, params = circuits.build(path)
        run = simulate(network, params, drive, duration=500.0, key=jax.random.key(3))
        count = run.recorded["spikes"]
        assert run.state.cells["pv"].v.dtype == np.float32
        rates[path] = [count[network.cells_of(name)].mean() for name in network.sizes]
    assert min(rates["dense"]) > 3  # spikes
    np.testing.assert_allclose(rates["sparse"], rates["dense"], rtol=0.1)


@pytest.fixture(scope="module")
def whole(circuits):
    """Run a circuit with noise and both kinds of projection for 400 steps, and 200 of the rest."""
    lists = {name: circuits.lists()[name] for name in ("recurrent", "apical")}
    network, params = circuits.build("sparse", lists=lists, coupling="stochastic")

    def run(mean=150.0, key=0, params=params, chunk=400):
        drive = circuits.currents() | {"pv": Drive(Noise(mean, 100.0))}
        key = jax.random.key(key)
        return simulate(network, params, drive, duration=60.0, key=key, record=RECORD, chunk=chunk)

    return network, params, run, run()


@pytest.mark.optimized
def test_the_length_of_chunks_changes_no_bit(whole):
    """Three chunks of the 200 steps that were left; 400 steps would be another program."""
    _, _, run, expected = whole
    assert len(expected.recorded["spikes"].cell) > 20
    actual = run(chunk=200)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


N_PRE, N_POST, K = 2100, 30, 40  # several words of words of bits
FOREVER = SynapseParams(ampa=Receptor(tau=1e15, E=-55.0), nmda=Receptor(tau=1e15, E=-55.0))
BOTH = {"ampa": 1.0, "nmda": 2.0}
NOTHING_LEARNED = PairSTDP(lambda_=0.0)


def own_delays(rng, count):
    return 0.1 * rng.integers(1, 300, count)


def up_to_one(rng, count):
    return rng.uniform(0.0, 1.0, count)


@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_a_burst_of_all_cells_loses_no_spike(path):
    """All cells spike in three steps, two of them in a row; receptors keep all that arrives."""
    burst = np.array([0.1, 0.2, 5.0])
    listed = spike_list(np.repeat(burst, N_PRE), np.tile(np.arange(N_PRE), 3), n=N_PRE, dt=0.1)
    populations = {
        "pre": Population(SpikeListSource(), listed, N_PRE),
        "post": Population(IzhikevichCell(), cells.PV, N_POST, {"soma": FOREVER}),
    }
    kinds = {
        "one_delay": {"delay": 0.5},
        "pairs": {"plasticity": NOTHING_LEARNED, "delay": 2.0},
        "factors": {"plasticity": ThreeFactor(NOTHING_LEARNED), "delay": 0.1},
    }
    if path == "sparse":  # each would be a matrix
        kinds["own_delays"] = {"delay": own_delays}
    projections = {
        name: Projection("pre", "post", FixedInDegree(K), up_to_one, receptor=BOTH, **kind)
        for name, kind in kinds.items()
    }
    with jax.enable_x64():
        network, params = build(populations, projections, dt=0.1, key=jax.random.key(0), path=path)
        run = simulate(network, params, {}, duration=50.0, dtype="float64")
        expected = np.zeros(N_POST)
        for name in projections:
            one = network.synapses(params, name)
            assert len(one.weight) == K * N_POST
            expected += 3 * np.bincount(one.post, one.weight)
        open_now = run.state.synapses["post"]["soma"]
        assert run.recorded["spikes"][:N_PRE].tolist() == [3.0] * N_PRE
        np.testing.assert_allclose(open_now.ampa, expected, rtol=1e-12)
        np.testing.assert_allclose(open_now.nmda, 2 * expected, rtol=1e-12)


@pytest.mark.optimized
def test_other_weights_drives_and_keys_compile_nothing(whole, compiled):
    network, params, run, first = whole
    for name in ("apical", "recurrent"):
        params = network.with_weights(params, name, 0.5)
    compiled.clear()
    second = run(mean=222.0, key=1, params=params)
    assert not compiled
    assert not np.array_equal(first.state.cells["pv"].v, second.state.cells["pv"].v)
    assert not np.array_equal(first.state.cells["pyr"].soma.v, second.state.cells["pyr"].soma.v)
