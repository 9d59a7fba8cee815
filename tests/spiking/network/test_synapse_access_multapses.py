"""Several synapses of one pair are several on both paths, each with its own weight."""

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Population,
    Projection,
    build,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.connectivity import FixedInDegree, Listed
from neurogain.spiking.plasticity import PairSTDP

PATHS = ("dense", "sparse")
PRE, POST = np.array([1, 0, 1, 1, 0, 1]), np.array([1, 0, 0, 1, 0, 1])  # (1, 1) three times
WEIGHT = np.array([0.1, 0.2, 0.3, 0.4, 0.7, 0.6])
ORDER = np.lexsort((POST, PRE))


def network_of(path, connectivity=None, weight=WEIGHT, size=2, **options):
    populations = {name: Population(IzhikevichCell(), cells.PV, size) for name in "ab"}
    connectivity = Listed(PRE, POST) if connectivity is None else connectivity
    on = Projection("a", "b", connectivity, weight, **options)
    return build(populations, {"on": on}, dt=0.1, key=jax.random.key(0), path=path)


def same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("delay", [0.1, 0.1 * np.array([1, 2, 1, 2, 2, 1])])
def test_each_synapse_is_read_and_written_for_itself(path, delay):
    network, params = network_of(path, delay=delay)
    read = network.synapses(params, "on")
    same(read[:3], (PRE[ORDER], POST[ORDER], WEIGHT[ORDER].astype(np.float32)))
    np.testing.assert_allclose(read.delay, np.broadcast_to(delay, 6)[ORDER])
    other = np.linspace(0.05, 0.95, 6).astype(np.float32)
    written = network.with_weights(params, "on", other)
    same(network.synapses(written, "on"), read._replace(weight=other))
    same(network.synapses(network.with_weights(written, "on", read.weight), "on"), read)
    one = network.with_weights(params, "on", 0.25)
    np.testing.assert_array_equal(network.synapses(one, "on").weight, 0.25)


def test_random_multapses_are_the_same_on_both_paths():
    many = FixedInDegree(20, multapses=True)
    draw = lambda rng, count: rng.uniform(0.1, 0.9, count)  # noqa: E731
    read = [
        net.synapses(params, "on")
        for net, params in (network_of(p, many, draw, size=7) for p in PATHS)
    ]
    same(*read)
    assert len(read[0].weight) == 140


def test_plastic_multapses_are_written_to_a_state():
    network, params = network_of("sparse", plasticity=PairSTDP())
    state = network.put_weights(params, network.init(params), "on", WEIGHT)
    np.testing.assert_allclose(network.synapses(params, "on", state).weight, WEIGHT, rtol=1e-6)


def arrived(network, params):
    """Return what cell 1 of a, which fires once, has sent to each cell of b."""
    state = network.init(params)
    v = np.array([-55.0, 40.0], np.float32)
    cells_of = state.cells | {"a": state.cells["a"]._replace(v=jax.numpy.asarray(v))}
    drive = {"a": Drive(np.array([-100.0, 0.0]))}
    run = simulate(network, params, drive, duration=0.3, state=state._replace(cells=cells_of))
    assert run.recorded["spikes"].tolist() == [0, 1, 0, 0]
    return np.asarray(run.state.synapses["b"]["soma"].ampa)


@pytest.mark.parametrize("path", PATHS)
def test_all_synapses_of_a_pair_act(path):
    network, params = network_of(path)
    for factor in (1.0, 0.5):
        sent = arrived(network, network.with_weights(params, "on", factor * WEIGHT[ORDER]))
        expected = factor * np.array([0.3, 0.1 + 0.4 + 0.6]) * np.exp(-0.1 / 6)
        np.testing.assert_allclose(sent, expected, rtol=1e-6)


def test_gradients_reach_each_synapse_of_a_pair():
    network, params = network_of("dense")

    def sent(weights):
        changed = network.with_weights(params, "on", weights)
        drive = {"a": Drive(1e5)}
        run = rollout(network, changed, drive, duration=0.5)
        return run.state.synapses["b"]["soma"].ampa[1]

    gradient = jax.jit(jax.grad(sent))(WEIGHT[ORDER].astype(np.float32))
    onto_1 = POST[ORDER] == 1
    np.testing.assert_array_equal(gradient[~onto_1], 0)
    np.testing.assert_array_equal(gradient[onto_1], gradient[onto_1][0])
    assert gradient[onto_1][0] > 0.9


@pytest.mark.parametrize("factor", [2.0, 0.0, None])
def test_a_changed_matrix_is_read_as_parts_of_its_sums(factor):
    """Training changes the matrix alone."""
    network, params = network_of("dense", weight=WEIGHT if factor is not None else 0.0)
    table = params.projections["on"]
    matrix = np.asarray(table.weight) * (factor or 0) + (0.6 if factor is None else 0)
    changed = params._replace(projections={"on": table._replace(weight=matrix)})
    expected = factor * WEIGHT[ORDER] if factor is not None else 0.6 / np.array([2, 2, 1, 3, 3, 3])
    np.testing.assert_allclose(network.synapses(changed, "on").weight, expected, rtol=1e-6)


def test_without_multapses_nothing_more_is_kept():
    network, params = network_of("dense", Listed(PRE[:3], POST[:3]), WEIGHT[:3])
    assert params.projections["on"].parts is None
    assert network.layout("on").synapses == (3,)
