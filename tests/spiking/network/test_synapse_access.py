"""Synapses by name: read, written and recorded in one order."""

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Population,
    Projection,
    TimeSeries,
    build,
    cells,
    connectivity,
    rollout,
    simulate,
)
from neurogain.spiking.network.recorders import WeightHistogram, Weights
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Traces

PATHS = ("dense", "sparse")
RULES = {"pair": PairSTDP(lambda_=0.1), "factor": ThreeFactor(PairSTDP(lambda_=0.1), tau_c=20.0)}
KEY = jax.random.key(3)
FEW = connectivity.FixedInDegree(3)
POPULATIONS = {
    "a": Population(IzhikevichCell(), cells.PV, 7),
    "b": Population(IzhikevichCell(), cells.PV, 5),
}


def random_weights(rng, count):
    return rng.uniform(0.1, 0.9, count)


def random_delays(rng, count):
    return 0.1 * rng.integers(1, 50, count)


PROJECTIONS = {
    "one_delay": Projection("a", "b", FEW, random_weights, delay=0.3),
    "delays": Projection("a", "b", FEW, random_weights, delay=random_delays),
    "recurrent": Projection("a", "a", connectivity.FixedProbability(0.5), random_weights),
    **{n: Projection("a", "b", FEW, random_weights, plasticity=r) for n, r in RULES.items()},
}


def network_of(path, projections=None, key=KEY):
    projections = PROJECTIONS if projections is None else projections
    return build(POPULATIONS, projections, dt=0.1, key=key, path=path)


@pytest.fixture(scope="module", params=PATHS)
def built(request):
    return network_of(request.param)


def same(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("path", PATHS)
def test_listed_synapses_are_read_as_they_were_given(path):
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(35, 20, replace=False))
    post, pre = np.divmod(chosen, 7)  # in order of the postsynaptic cell
    weight = rng.uniform(0, 1, 20).astype(np.float32)
    delay = 0.1 * rng.integers(1, 400, 20)
    mixed = rng.permutation(20)
    listed = connectivity.Listed(pre[mixed], post[mixed])
    projection = Projection("a", "b", listed, weight[mixed], delay=delay[mixed])
    network, params = network_of(path, {"on": projection})
    order = np.lexsort((post, pre))
    actual = network.synapses(params, "on")
    same(actual[:3], (pre[order], post[order], weight[order]))
    np.testing.assert_allclose(actual.delay, delay[order], rtol=1e-12)


def test_both_paths_hold_the_same_synapses_in_the_same_order():
    dense, sparse = map(network_of, PATHS)
    for name in PROJECTIONS:
        one, other = (network.synapses(params, name) for network, params in (dense, sparse))
        assert np.all(np.diff(7 * one.pre.astype(int) + one.post) > 0)
        same(one, other)
    assert len(np.unique(dense[0].synapses(dense[1], "delays").delay)) > 5


@pytest.mark.parametrize("name", list(PROJECTIONS))
def test_weights_are_read_as_they_were_written(built, name):
    network, params = built
    before = network.synapses(params, name)
    values = np.linspace(0.1, 0.9, len(before.weight)).astype(np.float32)
    other = network.with_weights(params, name, values)
    after = network.synapses(other, name)
    same(after, before._replace(weight=values))
    same(network.synapses(params, name), before)  # the old ones are still there
    for rest in PROJECTIONS.keys() - {name}:
        same(network.synapses(other, rest), network.synapses(params, rest))
    one = network.synapses(network.with_weights(params, name, 0.25), name)
    same(one, before._replace(weight=np.full(len(values), np.float32(0.25))))
    same(network.synapses(network.with_weights(other, name, before.weight), name), before)


@pytest.mark.parametrize("name", list(RULES))
def test_the_state_starts_from_the_weights_that_were_written(built, name):
    network, params = built
    values = np.linspace(0.1, 0.9, len(network.synapses(params, name).weight), dtype=np.float32)
    other = network.with_weights(params, name, values)
    state = network.init(other)
    np.testing.assert_array_equal(network.synapses(other, name, state).weight, values)
    np.testing.assert_array_equal(network.synapses(params, name, state).weight, values)


EDGES = tuple(np.linspace(0.0, 1.0, 6).tolist())


@pytest.fixture(scope="module", params=PATHS)
def recorded(request):
    """Return a network, two runs in a row, and what runs on; all runs are one program."""
    names = ("recurrent", *RULES)
    network, params = network_of(request.param, {name: PROJECTIONS[name] for name in names})
    record = {
        "all": Weights("pair", every=50),
        "some": Weights("pair", every=50, synapses=(0, 7, 3)),
        "factor": Weights("factor", every=100),
        "pair_bins": WeightHistogram("pair", every=50, edges=EDGES),
        "factor_bins": WeightHistogram("factor", every=100, edges=(0.2, 0.5, 0.7)),
    }
    drive = {"a": Drive(400.0), "b": Drive(np.linspace(200.0, 500.0, 5)),
             "factor": TimeSeries(np.full(600, 0.05))}  # fmt: skip

    def run_on(state=None, step=0):
        return simulate(network, params, drive, duration=20.0, record=record, state=state,
                        first_step=step)  # fmt: skip

    first = run_on()
    return network, params, [first, run_on(first.state, first.step)], run_on


def test_recorded_weights_are_those_of_the_state(recorded):
    network, params, halves, _ = recorded
    for run in halves:
        for name, recorder in (("pair", "all"), ("factor", "factor")):
            now = network.synapses(params, name, run.state).weight
            values = run.recorded[recorder].values[-1]
            # k + h P of the three-factor rule may be rounded once or twice
            np.testing.assert_allclose(values, now, rtol=0 if name == "pair" else 3e-6)
    first, second = (run.recorded["all"] for run in halves)
    np.testing.assert_allclose(first.time_ms, [5, 10, 15, 20])
    np.testing.assert_allclose(second.time_ms, [25, 30, 35, 40])
    built_with = network.synapses(params, "pair").weight
    assert np.mean(second.values[-1] != built_with) > 0.5
    assert first.values.shape == (4, len(built_with))
    some = halves[0].recorded["some"].values
    np.testing.assert_array_equal(some, first.values[:, [0, 7, 3]])


def test_histograms_are_those_of_numpy(recorded):
    for run in recorded[2]:
        for weights, bins in (("all", "pair_bins"), ("factor", "factor_bins")):
            values, histogram = run.recorded[weights].values, run.recorded[bins]
            np.testing.assert_allclose(histogram.time_ms, run.recorded[weights].time_ms)
            for i, value in enumerate(values):
                edges = histogram.edges.astype(np.float32)
                np.testing.assert_array_equal(histogram.counts[i], np.histogram(value, edges)[0])
                np.testing.assert_allclose(histogram.mean[i], value.mean(), rtol=1e-6)


@pytest.mark.parametrize("path", PATHS)
def test_another_projection_changes_no_draw(path):
    all_of_them = network_of(path)
    for name, projection in PROJECTIONS.items():
        network, params = network_of(path, {name: projection})
        same(network.synapses(params, name), all_of_them[0].synapses(all_of_them[1], name))
    backwards = network_of(path, dict(reversed(PROJECTIONS.items())))
    for name in PROJECTIONS:
        same(*(network.synapses(params, name) for network, params in (backwards, all_of_them)))


@pytest.mark.parametrize("path", PATHS)
def test_the_same_key_gives_the_same_network_and_another_key_another(path):
    first, again = network_of(path), network_of(path, key=jax.random.key(3))
    assert first.network == again.network
    assert hash(first.network) == hash(again.network)
    assert jax.tree.structure(first.params) == jax.tree.structure(again.params)
    same(*map(jax.tree.leaves, (again.params, first.params)))
    other = network_of(path, key=jax.random.key(4))
    for name in PROJECTIONS:
        one, two = (network.synapses(params, name) for network, params in (first, other))
        assert not np.array_equal(one.weight, two.weight)


@pytest.mark.parametrize("path", PATHS)
def test_what_was_read_can_be_listed_again(path):
    one = network_of(path)
    for name in ("one_delay", "delays", "recurrent"):
        read = one.network.synapses(one.params, name)
        listed = connectivity.Listed(read.pre, read.post)
        target = PROJECTIONS[name].target
        again = Projection("a", target, listed, read.weight, delay=read.delay)
        other = network_of(path, {name: again})
        same(other.network.synapses(other.params, name), read)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", [connectivity.AllToAll(), connectivity.GaussianWeights(1.0)])
def test_arrays_of_weights_are_numbered_as_synapses_are(path, rule):
    weight = 1.0 + np.arange(35)
    found = network_of(path, {"x": Projection("a", "b", rule, weight)})
    plain = network_of(path, {"x": Projection("a", "b", rule, 1.0)})
    scale = plain.network.synapses(plain.params, "x").weight
    synapses = found.network.synapses(found.params, "x")
    np.testing.assert_allclose(synapses.weight, weight * scale, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_weights_of_a_state_are_set_where_they_are(recorded, rule):
    network, params, (_, run), run_on = recorded
    before = network.synapses(params, rule, run.state)
    weights = np.linspace(0.2, 0.8, len(before.pre))
    state = network.put_weights(params, run.state, rule, weights)
    after = network.synapses(params, rule, state)
    same(after[:2], before[:2])
    np.testing.assert_allclose(after.weight, weights, rtol=1e-5)
    on = run_on(state, run.step)
    assert not np.array_equal(network.synapses(params, rule, on.state).weight, after.weight)
    with pytest.raises(ValueError, match="must be a plastic projection; got 'recurrent'"):
        network.put_weights(params, state, "recurrent", 0.5)


@pytest.mark.parametrize("path", PATHS)
def test_weights_may_be_traced(path):
    network, params = network_of(path, {"recurrent": PROJECTIONS["recurrent"]})
    drive = {"a": Drive(300.0)}

    @jax.jit
    @jax.vmap
    def spikes(weight):
        changed = network.with_weights(params, "recurrent", weight)
        return rollout(network, changed, drive, duration=30.0).recorded["spikes"]

    weights = np.array([0.0, 50.0], np.float32)
    counts = spikes(weights)
    assert not np.array_equal(*counts)
    for weight, traced in zip(weights, counts, strict=True):
        changed = network.with_weights(params, "recurrent", float(weight))
        run = simulate(network, changed, drive, duration=30.0)
        np.testing.assert_array_equal(traced, run.recorded["spikes"])
    with pytest.raises(TypeError, match="`params` must not be traced"):
        jax.jit(lambda p: network.with_weights(p, "recurrent", 0.5))(params)
    with pytest.raises(ValueError, match="must be one number, or one per synapse"):
        spikes(np.zeros((2, 3), np.float32))


def test_gradients_reach_the_synapses_that_exist_and_no_others():
    network, params = network_of("dense", {"recurrent": PROJECTIONS["recurrent"]})
    count = len(network.synapses(params, "recurrent").pre)

    def potential(weights):
        changed = network.with_weights(params, "recurrent", weights)
        run = rollout(network, changed, {"a": Drive(300.0)}, duration=30.0)
        return run.state.cells["a"].v.sum()

    gradient = jax.jit(jax.grad(potential))(np.full(count, 0.5, np.float32))
    assert gradient.shape == (count,)
    assert np.isfinite(gradient).all()
    assert np.any(gradient != 0)


def test_no_synapses_and_no_cells_can_be_recorded():
    none = connectivity.Listed(np.zeros(0, int), np.zeros(0, int))
    network, params = network_of(
        "sparse", {"x": Projection("a", "b", none, 0.5, plasticity=RULES["pair"])}
    )
    record = {"w": Weights("x", every=2), "v": Traces(lambda s, i: s.cells["a"].v, cells=())}
    run = simulate(network, params, {}, duration=1.0, record=record)
    assert run.recorded["w"].values.shape == (5, 0)
    assert run.recorded["v"].values.shape == (10, 0)
