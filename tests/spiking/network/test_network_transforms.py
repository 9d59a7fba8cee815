"""`rollout` of networks inside vmap and grad, on both paths."""

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    rollout,
)
from neurogain.spiking.connectivity import FixedInDegree
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Spikes

PATHS = ("dense", "sparse")
DRIVE = {
    "pyr": PyramidalDrive(Drive(Noise(1200.0, 300.0)), Drive(400.0), 0.5),
    "pv": Drive(Noise(200.0, 100.0)),
}


def random_weights(rng, count):
    return rng.uniform(0.2, 0.9, count)


def network_of(path):
    rule = PairSTDP(lambda_=0.1)
    populations = {
        "pyr": Population(PyramidalCell(), cells.L5_PYRAMIDAL, 8),
        "pv": Population(IzhikevichCell(), cells.PV, 6),
    }
    few = FixedInDegree(3)
    projections = {
        "apical": Projection("pyr", "pyr", few, random_weights, "dendrite", plasticity=rule),
        "excite": Projection("pyr", "pv", few, random_weights, delay=1.1,
                             plasticity=ThreeFactor(rule, tau_c=20.0)),
        "inhibit": Projection("pv", "pyr", few, random_weights, receptor="gaba_a", delay=0.7),
    }  # fmt: skip
    return build(populations, projections, dt=0.1, key=jax.random.key(0), path=path)


@pytest.fixture(scope="module", params=PATHS)
def case(request):
    """Return networks with other weights, and a compiled function of parameters and key."""
    network, params = network_of(request.param)
    several = [params]
    for factor in (0.5, 1.1):
        other = params
        for layout in network.layouts:
            weight = factor * network.synapses(params, layout.name).weight
            other = network.with_weights(other, layout.name, weight)
        several.append(other)

    def run(params, key):
        drive = DRIVE | {"excite": 0.05}
        result = rollout(
            network, params, drive, duration=60.0, key=key, record={"spikes": Spikes()}, segment=600
        )
        return result.recorded["spikes"], result.state

    return several, run, jax.jit(run)


def equal(batched, alone):
    """Compare with a loop; spikes exactly, the rest but for rounding."""
    (spikes, state), (expected_spikes, expected) = batched, alone
    np.testing.assert_array_equal(spikes, expected_spikes)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def stack(trees):
    return jax.tree.map(lambda *x: np.stack(x), *trees)


def test_vmap_over_keys_and_weights_is_a_loop_over_them(case):
    several, run, jitted = case
    keys = jax.random.split(jax.random.key(5), len(several))
    axes = jax.tree.map(lambda *x: None if _same(*x) else 0, *several)
    batch = jax.tree.map(lambda *x: x[0] if _same(*x) else np.stack(x), *several)
    assert sum(axis == 0 for axis in jax.tree.leaves(axes, is_leaf=lambda x: x is None)) == 3
    batched = jax.jit(jax.vmap(run, in_axes=(axes, 0)))(batch, keys)
    looped = [jitted(params, key) for params, key in zip(several, keys, strict=True)]
    counts = np.array([spikes.sum() for spikes, _ in looped])
    assert counts.min() > 20
    assert len({np.asarray(spikes).tobytes() for spikes, _ in looped}) == len(several)
    equal(batched, stack(looped))


def _same(first, *others):
    return all(np.array_equal(first, other) for other in others)


def spikes_of(path, rule=None):
    """Return a spike count as a function of parameters and drive: one PV cell drives another."""
    populations = {name: Population(IzhikevichCell(), cells.PV, 1) for name in ("one", "other")}
    projection = Projection(
        "one", "other", FixedInDegree(1), 0.8, delay=1.0, plasticity=rule, path=path
    )
    network, params = build(populations, {"on": projection}, dt=0.1, key=jax.random.key(0))

    def count(params, current=300.0):
        drive = {"one": Drive(current), "other": Drive(80.0)}
        return rollout(network, params, drive, duration=40.0).recorded["spikes"][1]

    return params, count


@pytest.mark.parametrize("rule", [None, PairSTDP()], ids=["static", "plastic"])
def test_the_gradient_of_a_spike_count_reaches_the_weight_through_a_matrix(rule):
    params, count = spikes_of("dense", rule)

    def of_weight(weight):
        return count(with_weight(params, weight))

    def with_weight(params, weight):
        """Scale every table of the projection, whatever its layout."""
        table = params.projections["on"]
        scaled = table._replace(weight=weight * table.weight / 0.8)
        return params._replace(projections={"on": scaled})

    value, gradient = jax.jit(jax.value_and_grad(of_weight))(0.8)
    assert value > 0
    assert np.isfinite(gradient)
    assert gradient > 0  # more excitation, earlier spikes


@pytest.mark.parametrize("rule", [None, PairSTDP()], ids=["static", "plastic"])
def test_the_event_driven_path_refuses_to_be_differentiated(rule):
    params, count = spikes_of("sparse", rule)

    with pytest.raises(
        TypeError, match=r'event-driven synapses.*Build the network with path="dense"'
    ):
        jax.grad(count, allow_int=True)(params)


def test_a_derivative_by_the_drive_would_miss_the_synapses_and_is_refused():
    params, count = spikes_of("sparse")
    with pytest.raises(TypeError, match='Build the network with path="dense"'):
        jax.grad(count, argnums=1)(params, 300.0)
