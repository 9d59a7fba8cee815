import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    IzhikevichCell,
    LIFCell,
    LIFParams,
    PyramidalCell,
    PyramidalDrive,
    cells,
    eprop,
    surrogate,
)
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout

STEPS, BATCH, INPUTS, N = 30, 2, 4, 3
RNG = np.random.default_rng(1)
SPIKES = (RNG.random((STEPS, BATCH, INPUTS)) < 0.15).astype(np.float32)
READOUT = Readout(N, 2, "mean")
LABELS = np.array([0, 1])
LIF = Layer(LIFCell(surrogate.FastSigmoid(10.0)), LIFParams(d=40.0), INPUTS, N, scale=4000.0)
LAYERS = {
    "lif": LIF,
    "substeps": dataclasses.replace(LIF, substeps=2),
    "izhikevich": Layer(IzhikevichCell(), cells.RS, INPUTS, N, substeps=2, scale=9000.0),
    "pyramidal": Layer(
        PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, INPUTS, N, substeps=5, scale=9000.0,
        drive=PyramidalDrive(coupling=0.5),
    ),
}  # fmt: skip


def loss(out, spikes):
    logits = READOUT.apply(out, spikes)
    return -jnp.sum(jax.nn.log_softmax(logits)[jnp.arange(BATCH), LABELS])


def both(layer):
    """Return e-prop's gradient, and that of back-propagation through time."""
    params, out = layer.init(jax.random.key(0)), READOUT.init(jax.random.key(1))
    spikes, _ = layer.apply(params, SPIKES)
    assert spikes.sum() > 5
    signals = jax.grad(loss, argnums=1)(out, spikes)
    found = jax.jit(lambda p: eprop.gradients(layer, p, SPIKES, signals))(params)
    exact = jax.jit(jax.grad(lambda p: loss(out, layer.apply(p, SPIKES)[0])))(params)
    return found, exact


@pytest.mark.parametrize("name", LAYERS)
def test_without_recurrence_it_is_the_exact_gradient(name):
    found, exact = both(LAYERS[name])
    size = float(np.abs(exact["in"]).max())
    assert size > 0
    np.testing.assert_allclose(found["in"], exact["in"], rtol=1e-3, atol=1e-4 * size)


@pytest.mark.parametrize("delay", [1, 3])
def test_with_recurrence_it_is_the_gradient_with_the_layers_spikes_as_given(delay):
    """The same course without recurrence: the layer's spikes come in as further channels."""
    layer = dataclasses.replace(LIF, recurrent=True, delay=delay, scale=8000.0)
    params, out = layer.init(jax.random.key(0)), READOUT.init(jax.random.key(1))
    spikes, _ = layer.apply(params, SPIKES)
    arriving = jnp.concatenate([jnp.zeros_like(spikes[:delay]), spikes[:-delay]])
    channels = jnp.concatenate([jnp.asarray(SPIKES, spikes.dtype), arriving], axis=-1)
    opened = dataclasses.replace(layer, recurrent=False, delay=1, inputs=INPUTS + N)
    stacked = {"in": jnp.concatenate([params["in"], params["recurrent"]])}
    np.testing.assert_array_equal(opened.apply(stacked, channels)[0], spikes)
    assert arriving.sum() > 5
    exact = jax.grad(lambda p: loss(out, opened.apply(p, channels)[0]))(stacked)["in"]
    signals = jax.grad(loss, argnums=1)(out, spikes)
    found = eprop.gradients(layer, params, SPIKES, signals)
    size = float(np.abs(exact).max())
    for part, wanted in (("in", exact[:INPUTS]), ("recurrent", exact[INPUTS:])):
        assert np.abs(wanted).max() > 0.01 * size
        np.testing.assert_allclose(found[part], wanted, rtol=1e-3, atol=1e-4 * size)


def test_with_recurrence_it_leaves_out_the_way_through_other_cells():
    layer = dataclasses.replace(LIF, recurrent=True, scale=8000.0)
    found, exact = both(layer)
    flat, full = (np.concatenate([x.ravel() for x in jax.tree.leaves(t)]) for t in (found, exact))
    assert not np.allclose(flat, full, rtol=1e-2)
    assert flat @ full / np.linalg.norm(flat) / np.linalg.norm(full) > 0.7


def test_spikes_that_do_not_count_leave_no_trace_in_it():
    params = LIF.init(jax.random.key(0))
    none = eprop.gradients(LIF, params, SPIKES, jnp.zeros((STEPS, BATCH, N)))
    np.testing.assert_array_equal(none["in"], np.zeros((INPUTS, N)))


def test_what_it_cannot_do_is_refused():
    params = LIF.init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"`signals` .* shape \(30, 2, 3\), .*; got \(30, 2\)"):
        eprop.gradients(LIF, params, SPIKES, jnp.zeros((STEPS, BATCH)))
    learned = dataclasses.replace(LIF, learn=("C",))
    with pytest.raises(ValueError, match=r"no learned constants under e-prop; got .*'C'.*Pass le"):
        eprop.gradients(learned, params, SPIKES, jnp.zeros((STEPS, BATCH, N)))
    several = dataclasses.replace(LIF, tau=np.full(N, 5.0))
    with pytest.raises(ValueError, match=r"`tau` of the layer must be one number under e-prop"):
        eprop.gradients(several, params, SPIKES, jnp.zeros((STEPS, BATCH, N)))
