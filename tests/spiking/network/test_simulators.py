"""Arrivals, plasticity and charge are those of NEST and Brian2.

`scripts/fixtures/simulators.py` made the fixture, and says what it holds; the benchmark
`network-conventions` has the cases, and writes them as a table.
"""

import numpy as np
import pytest

from benchmarks.networks import network_conventions
from benchmarks.networks.network_conventions import DELAYS, PAIRS, PATHS

FOUND = network_conventions.found()


@pytest.fixture(scope="module")
def arrivals():
    return network_conventions.arrivals()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("simulator", FOUND)
def test_a_spike_arrives_after_its_delay_and_acts_in_the_step_that_begins_there(
    arrivals, path, simulator
):
    assert arrivals[path]["arrivals"].keys() == {str(delay) for delay in DELAYS}
    assert arrivals[path]["arrivals"] == FOUND[simulator]["arrivals"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("simulator", FOUND)
def test_a_spike_delivers_the_same_charge(arrivals, path, simulator):
    """A cell that follows the conductance implicitly sees dt g / 2C less of it, 5e-6 here."""
    np.testing.assert_allclose(arrivals[path]["charge"], FOUND[simulator]["charge"], rtol=1e-5)


@pytest.fixture(scope="module")
def learned():
    return network_conventions.learned()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("simulator", "kind"),
    [*(("NEST", kind) for kind in PAIRS), ("Brian2", "causal"), ("Brian2", "anti-causal")],
)
def test_a_pair_changes_a_weight_as_there(learned, path, simulator, kind):
    """Brian2 takes spikes that meet as a pair, in the order of the pathways; NEST takes none."""
    theirs = FOUND[simulator]["pairs"][kind]
    np.testing.assert_allclose(learned[path]["pairs"][kind], theirs, rtol=1e-9)


@pytest.mark.parametrize("path", PATHS)
def test_a_synapse_that_fires_its_target_is_potentiated(learned, path):
    """As in Brian2, with an axonal delay; over NEST's dendritic one they meet two steps later."""
    ours, theirs = learned[path]["cause"], FOUND["Brian2"]["cause"]
    assert set(ours["lags"]) == {theirs["lag"]} == {FOUND["NEST"]["cause"]["lag"]}
    np.testing.assert_allclose(ours["weight"], theirs["weight"], rtol=1e-9)
    assert ours["weight"] > FOUND["NEST"]["cause"]["weight"] > 0.53
