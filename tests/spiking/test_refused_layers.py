"""Parameters, inputs, states and keys that are not a layer's: each is told in words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import LIFCell, LIFParams, eprop
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout

KEY = jax.random.key(0)
X = np.ones((6, 2, 5), np.float32)
PLAIN = Layer(LIFCell(), LIFParams(), inputs=5, n=3)
LEARNED = Layer(LIFCell(), LIFParams(), inputs=5, n=3, recurrent=True, learn=("synapses.tau",))
OWN, MORE = PLAIN.init(KEY), LEARNED.init(KEY)
READOUT = Readout(3, 2)


@pytest.mark.parametrize(
    ("layer", "params", "error", "said"),
    [
        (PLAIN, MORE, ValueError, "with 'in'; got 'in', 'recurrent', 'constants'"),
        (LEARNED, OWN, ValueError, "with 'in', 'recurrent', 'constants'; got 'in'"),
        (PLAIN, {0: OWN["in"]}, ValueError, "with 'in'; got 0"),
        (PLAIN, {}, ValueError, "with 'in'; got nothing"),
        (PLAIN, OWN["in"], TypeError, "`params` must be what init of the layer returns; got Array"),
        (PLAIN, None, TypeError, "`params` must be what init of the layer returns; got None"),
        (PLAIN, {"in": X[0]}, ValueError, r"`params\['in'\]` must have shape \(5, 3\), .*\(2, 5\)"),
        (LEARNED, MORE | {"constants": {}}, ValueError, r"`params\['constants'\]` must .*nothing"),
    ],
)
def test_parameters_of_another_layer(layer, params, error, said):
    with pytest.raises(error, match=said):
        layer.apply(params, X)
    with pytest.raises(error, match=said):
        jax.eval_shape(lambda: layer.apply(params, X))
    if not layer.learn:
        with pytest.raises(error, match=said):
            eprop.gradients(layer, params, X, np.ones((6, 2, 3), np.float32))


@pytest.mark.parametrize(
    ("inputs", "error", "said"),
    [
        (np.where(X == 1, np.nan, X), ValueError, "must be finite; got NaN or infinity"),
        (X * np.inf, ValueError, "must be finite"),
        (X[..., :4], ValueError, r"must have shape \(steps, batch, 5\).*got \(6, 2, 4\)"),
        (X[0], ValueError, r"must have shape \(steps, batch, 5\)"),
        (X * 1j, TypeError, "must be a real number or an array of them"),
        (X.astype(str), TypeError, "must be a real number or an array of them"),
    ],
    ids=["nan", "infinite", "channels", "no batch", "complex", "texts"],
)
def test_inputs_that_are_no_spikes(inputs, error, said):
    with pytest.raises(error, match=f"`inputs` {said}"):
        PLAIN.apply(OWN, inputs)


def test_whole_numbers_and_booleans_are_spikes():
    found = [PLAIN.apply(OWN, X.astype(kind))[0] for kind in (np.float32, np.int8, bool)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_states_of_another_layer():
    _, state = PLAIN.apply(OWN, X)
    PLAIN.apply(OWN, X, state)
    with pytest.raises(ValueError, match=r"`state` must be .* as many examples; got the shapes"):
        PLAIN.apply(OWN, np.ones((6, 3, 5), np.float32), state)
    with pytest.raises(ValueError, match=r"`state` must be .* as many examples"):
        LEARNED.apply(MORE, X, state)
    for other in (tuple(state), 3, state.cells):
        with pytest.raises(TypeError, match=r"`state` must be one that `apply` of this layer"):
            PLAIN.apply(OWN, X, other)


@pytest.mark.parametrize("key", [0, None, "key", np.ones(2)], ids=repr)
def test_a_key_that_is_none(key):
    calls = [lambda: PLAIN.init(key), lambda: READOUT.init(key)]
    calls += [lambda: PLAIN.apply(OWN, X, key=key)] * (key is not None)
    for call in calls:
        with pytest.raises(TypeError, match=r"`key` must be one JAX key; got .*jax\.random\.key"):
            call()


def test_a_readout_checks_what_it_gets():
    params, spikes = READOUT.init(KEY), jnp.ones((6, 2, 3))
    with pytest.raises(ValueError, match="init of the readout returns, with 'kernel', 'bias'"):
        READOUT.apply(OWN, spikes)
    with pytest.raises(ValueError, match="`spikes` must be finite"):
        READOUT.apply(params, spikes * jnp.nan)
    with pytest.raises(ValueError, match=r"`spikes` must have shape \(steps, batch, 3\)"):
        READOUT.apply(params, spikes[0])
