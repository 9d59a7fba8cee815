"""Input synapses of the agent: charge, the step in which they act, and what they cause."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import LIFParams
from neurogain.tasks.go_nogo import Layout, cells, learning
from neurogain.tasks.go_nogo.cells import KINDS, Times

ONE = Layout((1, 1, 1), (1, 1, 1))


class Read(NamedTuple):
    spike: jax.Array


class Meter:
    """A cell whose spike is the current that it gets."""

    def init(self, params, n):
        return jnp.zeros(n)

    def step(self, params, state, drive, *, dt, key):
        return state, Read(drive.current)


METER = cells.Kind(Meter(), None, Meter(), None, 1.0, 1.0)


def respond(kind, inputs, weight, tau):
    return cells.run(
        kind, ONE, jnp.asarray(inputs), jnp.full((inputs.shape[1], 6), weight, inputs.dtype),
        jnp.zeros((len(inputs), 3), inputs.dtype), Times(tau, 20.0, 20.0),
        strength=jnp.zeros(()), gain=jnp.zeros(()), key=jax.random.key(0),
    )  # fmt: skip


@pytest.mark.parametrize("tau", [0.5, 5.0])
def test_a_spike_delivers_its_charge_from_the_next_millisecond_on(tau):
    inputs = np.zeros((200, 2))
    inputs[7, 0] = 1
    with jax.enable_x64(True):
        current = np.asarray(respond(METER, inputs, 40.0, tau).spikes)
    assert (current[:8] == 0).all()
    assert (current[8] > 0).all()
    np.testing.assert_allclose(current.sum(axis=0), 40.0 * tau, rtol=1e-9)


def test_an_input_that_fires_its_cell_is_potentiated():
    inputs = np.zeros((20, 1), np.float32)
    inputs[4] = 1
    kind = dataclasses.replace(
        KINDS["lif"], excitatory_params=LIFParams(d=0.0), inhibitory_params=LIFParams(d=0.0)
    )
    did = respond(kind, inputs, 40_000.0, 0.2)
    assert np.asarray(did.spikes[:, 0]).nonzero()[0].tolist() == [5]
    change = learning.eligibility(
        jnp.asarray(inputs), did.spikes, did.pre_trace, did.post_trace,
        tau_c=500.0, depression=0.5, dt=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(change, np.exp(-1 / 20 - 14 / 500), rtol=1e-5)
