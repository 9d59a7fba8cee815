"""Synapses of several delays are told apart, on both paths."""

import jax
import numpy as np
import pytest

from neurogain.spiking import IzhikevichCell, Population, Projection, build, cells
from neurogain.spiking.connectivity import Listed


def two_synapses(path, pre, weight):
    populations = {name: Population(IzhikevichCell(), cells.PV, 2) for name in "ab"}
    listed = Listed(np.array(pre), np.array([0, 0]))
    on = Projection("a", "b", listed, np.array(weight), delay=np.array([0.1, 0.5]))
    return build(populations, {"on": on}, dt=0.1, key=jax.random.key(0), path=path)


@pytest.mark.parametrize("path", ["dense", "sparse"])
@pytest.mark.parametrize("first", [1.0, 0.0])
def test_a_weight_of_0_keeps_its_delay(path, first):
    network, params = two_synapses(path, [0, 1], [first, first])
    none = network.with_weights(params, "on", 0.0)
    np.testing.assert_allclose(network.synapses(none, "on").delay, [0.1, 0.5])
    back = network.with_weights(none, "on", 1.0)
    np.testing.assert_allclose(network.synapses(back, "on").delay, [0.1, 0.5])


@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_two_synapses_of_a_pair_are_both_read(path):
    network, params = two_synapses(path, [0, 0], [1.0, 2.0])
    assert network.synapses(params, "on").weight.sum() == 3
