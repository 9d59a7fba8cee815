"""A network spread over devices, cell by cell, is the network of one device, bit for bit."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    Noise,
    Population,
    Projection,
    build,
    simulate,
)
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.network.recorders import Weights
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Spikes, Traces

pytestmark = pytest.mark.optimized

RULES = {
    "recurrent": None,
    "apical": PairSTDP(lambda_=0.1),
    "to_som": ThreeFactor(PairSTDP(lambda_=0.1), tau_c=20.0),
    "perisomatic": None,
}
DURATION = 80.0  # ms


def mesh_of(devices):
    return Mesh(np.array(jax.devices()[:devices]), ("cells",))


def potential(state, info):
    return state.cells["pyr"].soma.v


def built(circuits, mesh=None):
    lists = {name: one for name, one in circuits.lists().items() if name in RULES}
    return circuits.build(lists=lists, rules=RULES, mesh=mesh, coupling="stochastic")


def run(circuits, network, params, duration=DURATION, **options):
    drive = circuits.currents() | {"pv": Drive(Noise(200.0, 100.0))}
    drive |= dict.fromkeys(network.modulated, 0.02)
    # all in each step, since each further period is compiled apart
    record = {"spikes": Spikes(), "v": Traces(potential)}
    record |= {w.name: Weights(w.name, every=1) for w in network.layouts if w.plastic}
    return simulate(network, params, drive, duration=duration, key=jax.random.key(4),
                    record=record, chunk=100, **options)  # fmt: skip


def devices(tree):
    return {len(x.sharding.device_set) for x in jax.tree.leaves(tree)}


@pytest.fixture(scope="module")
def pair(circuits):
    """Return network, parameters and result on one device, and on four."""
    assert len(jax.devices()) >= 4
    both = [built(circuits, mesh) for mesh in (None, mesh_of(4))]
    return [(*one, run(circuits, *one)) for one in both]


def test_four_devices_do_what_one_does_bit_for_bit(pair):
    (network, _, alone), (_, _, four) = pair
    counts = np.bincount(alone.recorded["spikes"].cell, minlength=network.size)
    assert (counts > 0).mean() > 0.6  # else the comparison says nothing
    assert alone.recorded.keys() == four.recorded.keys()
    for name in ("spikes", "v"):
        for a, b in zip(alone.recorded[name], four.recorded[name], strict=True):
            np.testing.assert_array_equal(a, b)
    for name in ("cells", "synapses"):
        expected, actual = (jax.tree.leaves(getattr(x.state, name)) for x in (alone, four))
        for a, b in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(a, b)


def test_weights_are_those_of_one_device(pair):
    (network, params, alone), (spread, spread_params, four) = pair
    for layout in network.layouts:
        expected, actual = (
            net.synapses(p, layout.name, result.state)
            for net, p, result in ((network, params, alone), (spread, spread_params, four))
        )
        order = np.lexsort((actual.post, actual.pre))
        same = np.lexsort((expected.post, expected.pre))
        for a, b in zip(expected, actual, strict=True):
            np.testing.assert_array_equal(a[same], b[order])
        if layout.plastic:
            first = network.synapses(params, layout.name).weight
            assert np.mean(expected.weight != first) > 0.3
            recorded = alone.recorded[layout.name].values[:, same]
            np.testing.assert_array_equal(four.recorded[layout.name].values[:, order], recorded)
            # k + h P of a three-factor rule may be rounded once or twice
            np.testing.assert_allclose(recorded[-1], expected.weight[same], rtol=3e-7)


def test_the_state_is_spread_over_all_devices(pair):
    (_, _, alone), (network, params, four) = pair
    assert devices(alone.state) == {1}
    assert devices(four.state) == {4}
    # else the first part of a run would be compiled apart
    for first, last in zip(*map(jax.tree.leaves, (network.init(params), four.state)), strict=True):
        assert first.sharding.is_equivalent_to(last.sharding, first.ndim)
    for tree in (four.state.cells, four.state.synapses):
        for leaf in jax.tree.leaves(tree):
            parts = {shard.data.shape[0] for shard in leaf.addressable_shards}
            assert parts == {leaf.shape[0] // 4}
    for layout in network.layouts:
        if layout.plastic:
            for leaf in jax.tree.leaves(four.state.projections[layout.name].synapse_state):
                assert {s.data.size for s in leaf.addressable_shards} == {leaf.size // 4}


def test_a_spread_run_goes_on_where_it_ended(pair, circuits):
    _, (network, params, whole) = pair
    first = run(circuits, network, params, 30.0)
    second = run(circuits, network, params, DURATION - 30.0, state=first.state, first_step=300)
    for a, b in zip(jax.tree.leaves(second.state), jax.tree.leaves(whole.state), strict=True):
        np.testing.assert_array_equal(a, b)
    joined = np.concatenate([x.recorded["spikes"].cell for x in (first, second)])
    np.testing.assert_array_equal(joined, whole.recorded["spikes"].cell)


def test_other_weights_stay_spread(circuits):
    network, params = built(circuits, mesh_of(4))
    for name in ("apical", "recurrent"):
        before = network.synapses(params, name)
        doubled = network.with_weights(params, name, before.weight / 2)
        after = network.synapses(doubled, name)
        np.testing.assert_array_equal(after.weight, before.weight / 2)
        for old, new in zip(*map(jax.tree.leaves, (params, doubled)), strict=True):
            if hasattr(old, "sharding"):
                assert new.sharding == old.sharding


def test_sampled_recordings_of_a_spread_network_are_those_of_one_device():
    cells = Population(LIFCell(), LIFParams(), 8)
    on = Projection("a", "a", AllToAll(), 0.5, plasticity=PairSTDP(lambda_=0.1))
    drive = {"a": Drive(np.linspace(400.0, 800.0, 8))}
    record = {"v": Traces(lambda state, info: state.cells["a"].v, every=10), "w": Weights("on", 10)}
    recorded = []
    for mesh in (None, mesh_of(4)):
        network, params = build(
            {"a": cells}, {"on": on}, dt=0.1, key=jax.random.key(0), path="sparse", mesh=mesh
        )
        result = simulate(network, params, drive, duration=50.0, record=record)
        order = np.lexsort(network.synapses(params, "on")[:2])
        weights = result.recorded["w"].values[:, order]
        recorded.append((result.recorded["v"].values, weights))
    alone, four = recorded
    assert alone[0].shape == (50, 8)
    assert alone[1].shape == (50, 56)
    assert np.ptp(alone[0]) > 5
    assert np.ptp(alone[1]) > 0.1
    for a, b in zip(alone, four, strict=True):
        np.testing.assert_array_equal(a, b)
