"""Cells spread over devices spike as on one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    PyramidalCell,
    PyramidalDrive,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.engine import random_bits
from neurogain.spiking.recorders import Spikes, Total, Traces

N = 8
KEY = jax.random.key(2)
CURRENT = np.linspace(600.0, 2000.0, N).astype(np.float32)
COUPLING = np.linspace(0.0, 1.0, N).astype(np.float32)
RECORD = {"count": Total(), "events": Spikes()}
DURATION, CHUNK = 50.0, 250  # ms; steps, half of it


def noise(step, key):
    return 300 * random_bits.normal(key, N)


@pytest.fixture(scope="module")
def spread():
    """Put a tree's arrays on four devices, cell by cell."""
    assert len(jax.devices()) >= 4
    sharding = NamedSharding(Mesh(np.array(jax.devices()[:4]), "cells"), PartitionSpec("cells"))
    return lambda tree: jax.device_put(tree, sharding)


def run(arrays, *, runner=simulate, **options):
    """Run noisy cells from numbers per cell and a state."""
    (current, coupling, d), state = arrays
    return runner(
        PyramidalCell(),
        cells.L5_PYRAMIDAL._replace(soma=cells.L5_SOMA._replace(d=d)),
        PyramidalDrive(Drive(Noise(current, 300.0)), Drive(current=noise), coupling),
        **{"n": N, "duration": DURATION, "key": KEY, "record": RECORD, "state": state, **options},
    )


def numbers():
    return CURRENT, COUPLING, np.linspace(200.0, 300.0, N, dtype=np.float32)


def rest():
    return PyramidalCell().init(cells.L5_PYRAMIDAL, N, jnp.float32)


def devices(tree):
    return {len(x.sharding.device_set) for x in jax.tree.leaves(tree)}


@pytest.fixture(scope="module")
def alone():
    result = run((numbers(), rest()), chunk=CHUNK)
    assert devices(result.state) == {1}
    assert (result.recorded["count"] >= 1).sum() >= 6
    return result


@pytest.fixture(scope="module")
def sharded(spread):
    return run(spread((numbers(), rest())), chunk=CHUNK)


def equal(actual, expected):
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def test_sharded_cells_spike_bit_for_bit_as_on_one_device(sharded, alone):
    assert devices(sharded.state) == {4}
    equal(sharded, alone)


def test_samples_of_sharded_cells_are_those_of_one_device(spread):
    record = {"v": Traces(lambda state, info: state.v, 5), "events": Spikes()}
    current = np.linspace(100.0, 800.0, N, dtype=np.float32)
    there, four = (
        simulate(IzhikevichCell(), cells.PV, Drive(x), n=N, duration=20.0, record=record)
        for x in (current, spread(current))
    )
    assert devices(four.state) == {4}
    assert there.recorded["events"].cell.size > 0
    equal(four.recorded, there.recorded)


@pytest.mark.parametrize("what", ["state", "drive"])
def test_it_is_enough_to_spread_the_state_or_the_drive(spread, what):
    one_chunk = {"duration": DURATION / 2}
    arrays = (numbers(), spread(rest())) if what == "state" else (spread(numbers()), None)
    result = run(arrays, **one_chunk)
    assert devices(result.state) == {4}
    equal(result, run((numbers(), rest()), **one_chunk))


def test_a_sharded_run_stays_sharded_and_can_go_on(spread, sharded, alone):
    options = {"first_step": alone.step, "duration": DURATION / 2}
    again = run((spread(numbers()), sharded.state), **options)
    there = run((numbers(), alone.state), **options)
    assert devices(again.state) == {4}
    equal(again.recorded, there.recorded)
    jax.tree.map(  # XLA may round otherwise where a device has fewer cells
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
        again.state,
        there.state,
    )


def test_a_sharded_rollout_counts_the_same_spikes(spread, alone):
    rolled = jax.jit(functools.partial(run, runner=rollout, segment=100))
    result = rolled(spread((numbers(), rest())))
    assert devices(result.state) == {4}
    np.testing.assert_array_equal(result.recorded["count"], alone.recorded["count"])
    step, cell = np.nonzero(np.asarray(result.recorded["events"]))
    np.testing.assert_array_equal(cell, alone.recorded["events"].cell)
    np.testing.assert_allclose(0.1 * (step + 1), alone.recorded["events"].time_ms)
