"""Weights are of the dtype of the run: 0.1 nS is 0.1 to rounding in float64, on every path."""

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
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor

RULES = {"fixed": None, "pair": PairSTDP(lambda_=0.0), "factor": ThreeFactor(PairSTDP())}
PATHS = ("dense", "sparse")
ONE = Listed([0], [0])


def network_of(path, rule, connectivity=ONE, delay=0.1):
    populations = {name: Population(IzhikevichCell(), cells.PV, 1) for name in "ab"}
    on = Projection("a", "b", connectivity, 0.1, plasticity=rule, delay=delay)
    return build(populations, {"on": on}, dt=0.1, key=jax.random.key(0), path=path)


def first_arrival(network, params, dtype):
    """Return what the spike of the first step has opened at its arrival, nS, as a scalar."""
    drive = {"a": Drive(1e6)}
    run = simulate(network, params, drive, duration=0.2, dtype=dtype)
    assert run.recorded["spikes"][0] >= 1
    return np.asarray(run.state.synapses["b"]["soma"].ampa)[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
def test_a_weight_arrives_in_the_precision_of_the_run(path, rule):
    with jax.enable_x64():
        network, params = network_of(path, RULES[rule])
        assert network.synapses(params, "on").weight == [0.1]
        assert first_arrival(network, params, "float64") == pytest.approx(0.1, rel=1e-15)
        written = network.with_weights(params, "on", 0.7)
        assert first_arrival(network, written, "float64") == pytest.approx(0.7, rel=1e-15)
        single = first_arrival(network, params, "float32")
        assert single.dtype == np.float32
        assert single == np.float32(0.1)


def leaves_of(tree):
    return {x.dtype.name for x in jax.tree.leaves(tree) if x.dtype.kind == "f"}


@pytest.mark.parametrize("path", PATHS)
def test_weights_of_multapses_are_exact_too(path):
    with jax.enable_x64():
        network, params = network_of(path, None, FixedInDegree(3, multapses=True))
        assert network.synapses(params, "on").weight.tolist() == [0.1] * 3
        assert first_arrival(network, params, "float64") == pytest.approx(0.3, rel=1e-15)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
def test_a_run_in_single_precision_promotes_nothing_where_there_are_64_bits(path, rule):
    with jax.enable_x64(), jax.numpy_dtype_promotion("strict"):
        network, params = network_of(path, RULES[rule])
        run = simulate(network, params, {"a": Drive(1e6)}, duration=0.2)
        assert leaves_of(run.state) == {"float32"}
        state, info = jax.eval_shape(  # also where the step is called with weights as they are
            lambda s: network.step(params, s, {"a": Drive(1e6)}, dt=0.1, key=None), run.state
        )
        assert leaves_of((state, info)) == {"float32"}
        rolled = jax.eval_shape(lambda: rollout(network, params, duration=0.2).state)
        assert leaves_of(rolled) == {"float32"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
def test_without_64_bits_weights_take_four_bytes(path, rule):
    _, params = network_of(path, RULES[rule])
    for table in [params.fixed, *params.projections.values()]:
        if table is not None:
            assert getattr(table, "rows", table).weight.dtype == np.float32
