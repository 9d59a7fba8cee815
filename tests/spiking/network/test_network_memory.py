"""Memory of synapses stays within what the README and `build` promise."""

import jax
import pytest

from neurogain.spiking import IzhikevichCell, Population, Projection, build, cells
from neurogain.spiking.connectivity import FixedInDegree
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor, TripletSTDP

pytestmark = pytest.mark.optimized


def nbytes(tree):
    return sum(x.nbytes for x in jax.tree.leaves(tree) if hasattr(x, "nbytes"))


def built(rule, delay=0.1):
    populations = {"cells": Population(IzhikevichCell(), cells.RS, 1000)}
    one = Projection(
        "cells", "cells", FixedInDegree(100), 0.5, delay=delay, plasticity=rule, path="sparse"
    )
    return build(populations, {"on": one}, dt=0.1, key=jax.random.key(0))


def test_a_fixed_synapse_takes_8_bytes_and_9_with_a_delay_of_its_own():
    _, params = built(None)
    assert nbytes(params.fixed) < 8.2 * 100_000
    _, params = built(None, delay=lambda rng, m: 0.1 * rng.integers(1, 20, m))
    assert nbytes(params.fixed) < 9.2 * 100_000


@pytest.mark.parametrize(
    ("rule", "most"), [(PairSTDP(), 24.5), (TripletSTDP(), 24.5), (ThreeFactor(), 32.5)]
)
def test_a_plastic_synapse_takes_what_is_promised(rule, most):
    """The state counts twice: a run keeps the start of a chunk."""
    network, params = built(rule)
    state = network.init(params).projections["on"]
    assert nbytes(params.projections["on"]) + 2 * nbytes(state.synapse_state) < most * 100_000
