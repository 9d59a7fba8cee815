import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from neurogain.spiking import LIFCell, LIFParams, surrogate
from neurogain.spiking.layers import Layer
from neurogain.spiking.modules import (
    LinenClassifier,
    LinenLayer,
    LinenReadout,
    NNXLayer,
    NNXReadout,
)
from neurogain.spiking.readouts import Readout

INPUTS = jnp.asarray(np.random.default_rng(0).random((30, 4, 5)) < 0.15, jnp.float32)
LAYER = Layer(
    LIFCell(surrogate.FastSigmoid(10.0)), LIFParams(), 5, 6, scale=4000.0, learn=("C",),
    recurrent=True,
)  # fmt: skip
READOUT = Readout(6, 3, "mean")


def test_a_linen_module_is_the_pure_function():
    module, out = LinenLayer(LAYER), LinenReadout(READOUT)
    variables = module.init(jax.random.key(0), INPUTS)
    assert {*variables["params"]} == {"in", "recurrent", "constants"}
    spikes, state = module.apply(variables, INPUTS)
    expected, behind = LAYER.apply(variables["params"], INPUTS)
    assert spikes.sum() > 3
    jax.tree.map(np.testing.assert_array_equal, (spikes, state), (expected, behind))
    again, _ = module.apply(variables, INPUTS, state)
    np.testing.assert_array_equal(again, LAYER.apply(variables["params"], INPUTS, behind)[0])
    own = out.init(jax.random.key(1), spikes)
    np.testing.assert_array_equal(out.apply(own, spikes), READOUT.apply(own["params"], spikes))


class Net(nnx.Module):
    def __init__(self, rngs):
        self.hidden, self.out = NNXLayer(LAYER, rngs=rngs), NNXReadout(READOUT, rngs=rngs)

    def __call__(self, inputs):
        return self.out(self.hidden(inputs)[0])


def test_an_nnx_module_is_the_pure_function_and_learns():
    net = Net(nnx.Rngs(0))
    weights = nnx.to_pure_dict(nnx.state(net, nnx.Param))
    spikes, _ = LAYER.apply(weights["hidden"]["weights"], INPUTS)
    expected = READOUT.apply(weights["out"]["weights"], spikes)
    np.testing.assert_array_equal(net(INPUTS), expected)

    labels = jnp.array([0, 1, 2, 0])
    optimizer = nnx.Optimizer(net, optax.adam(0.02), wrt=nnx.Param)

    @nnx.jit
    def update(net, optimizer):
        def loss(net):
            return optax.softmax_cross_entropy_with_integer_labels(net(INPUTS), labels).mean()

        value, grads = nnx.value_and_grad(loss)(net)
        optimizer.update(net, grads)
        return value

    losses = [float(update(net, optimizer)) for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("recurrent", [False, True])
def test_the_shapes_are_those_of_the_parameters(recurrent):
    for learn in ((), ("C",)):
        layer = dataclasses.replace(LAYER, recurrent=recurrent, learn=learn)
        assert layer.shapes == jax.tree.map(jnp.shape, layer.init(jax.random.key(0)))


def test_parts_that_do_not_fit_are_refused():
    code = lambda x: x  # noqa: E731
    slow, other = dataclasses.replace(READOUT, dt=2.0), dataclasses.replace(READOUT, inputs=5)
    for readout in (slow, other):
        with pytest.raises(ValueError, match="as many inputs as the one before has cells, and its"):
            LinenClassifier(code, (LAYER,), readout)
    with pytest.raises(ValueError, match="got 5 inputs and dt=1 ms behind 6 cells and 1 ms"):
        LinenClassifier(code, (LAYER, LAYER), READOUT)
    for layers in ((), LAYER, None):
        with pytest.raises(TypeError, match="`layers` must be a tuple of layers"):
            LinenClassifier(code, layers, READOUT)
    for build in (LinenReadout, lambda x: NNXReadout(x, rngs=nnx.Rngs(0))):
        with pytest.raises(TypeError, match="`readout` must be a Readout; got a Layer"):
            build(LAYER)
    for build in (LinenLayer, lambda x: NNXLayer(x, rngs=nnx.Rngs(0))):
        with pytest.raises(TypeError, match="`layer` must be a Layer; got a Readout"):
            build(READOUT)
