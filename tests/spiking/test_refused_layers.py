"""Parameters, inputs, states and keys that are not a layer's: each is told in words."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual import images
from neurogain.spiking import LIFCell, LIFParams, eprop, heterogeneity, layer_checks
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout
from neurogain.tasks.spikes import coding
from neurogain.tasks.spikes import images as coded

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
        (
            PLAIN,
            OWN["in"],
            TypeError,
            "must be what init of the layer returns, a mapping; got Array",
        ),
        (PLAIN, None, TypeError, "must be what init of the layer returns, a mapping; got None"),
        (PLAIN, {"in": OWN["in"].tolist()}, TypeError, r"`params\['in'\]` must be an array of fl"),
        (PLAIN, {"in": OWN["in"].astype(int)}, TypeError, "must be an array of floats; got dtype"),
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
            eprop.gradients(layer, params, X, jnp.ones((6, 2, 3)))


@pytest.mark.parametrize(
    ("inputs", "error", "said"),
    [
        (np.where(X == 1, np.nan, X), ValueError, "must be finite; got NaN or infinity"),
        (X * np.inf, ValueError, "must be finite"),
        (X[..., :4], ValueError, r"must have shape \(steps, batch, 5\).*got \(6, 2, 4\)"),
        (X[0], ValueError, r"must have shape \(steps, batch, 5\)"),
        (X * 1j, TypeError, "must be an array of real numbers; got"),
        (X.astype(str), TypeError, "must be an array of real numbers; got"),
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
    low = jax.tree.map(lambda x: x.astype(jnp.bfloat16), state)
    three = np.ones((6, 3, 5), np.float32)
    for layer, params, x, own in (
        (PLAIN, OWN, three, state), (LEARNED, MORE, X, state), (PLAIN, OWN, X, low),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"`state` must be .* as many examples, in the dtype"):
            layer.apply(params, x, own)
    for other in (tuple(state), 3, state.cells):
        with pytest.raises(TypeError, match=r"`state` must be what an earlier call returned; got"):
            PLAIN.apply(OWN, X, other)


class _Own(NamedTuple):
    """Leaves without a comparison of their own."""

    x: object


def test_a_state_is_compared_by_its_leaves():
    class Node:
        def __init__(self, v):
            self.v = v

    jax.tree_util.register_pytree_node(Node, lambda n: ((n.v,), None), lambda _, c: Node(*c))
    given = _Own(Node(jnp.ones(2)))
    assert layer_checks.state_or_rest(given, lambda: _Own(Node(jnp.zeros(2)))) is given


@pytest.mark.parametrize("key", [0, None, "key", np.ones(2)], ids=repr)
def test_a_key_that_is_none(key):
    grey = jnp.zeros((2, 4, 4, 1))
    calls = [
        lambda: PLAIN.init(key),
        lambda: READOUT.init(key),
        lambda: coding.rate(grey[..., 0, 0], 5, key),
        lambda: images.augment(key, grey),
        lambda: coded.draw("digits", coded.by_latency, key, 2, 2),
        lambda: heterogeneity.draw(LIFParams(), {"C": heterogeneity.Spread("gamma", 0.3)}, 2, key),
    ]
    calls += [lambda: PLAIN.apply(OWN, X, key=key)] * (key is not None)
    for call in calls:
        with pytest.raises(TypeError, match=r"`key` must be one key; got .*jax\.random\.key"):
            call()


def test_a_readout_checks_what_it_gets():
    params, spikes = READOUT.init(KEY), jnp.ones((6, 2, 3))
    with pytest.raises(ValueError, match="init of the readout returns, with 'kernel', 'bias'"):
        READOUT.apply(OWN, spikes)
    with pytest.raises(ValueError, match="`spikes` must be finite"):
        READOUT.apply(params, spikes * jnp.nan)
    with pytest.raises(ValueError, match=r"`spikes` must have shape \(steps, batch, 3\)"):
        READOUT.apply(params, spikes[0])
    with pytest.raises(ValueError, match=r"`params\['kernel'\]` must have shape \(3, 2\)"):
        READOUT.apply({"kernel": jnp.ones((4, 2)), "bias": jnp.ones(2)}, spikes)


def test_a_readout_computes_in_the_wider_dtype():
    low = jax.tree.map(lambda x: x.astype(jnp.bfloat16), READOUT.init(KEY))
    assert READOUT.apply(low, jnp.ones((6, 2, 3), jnp.float32)).dtype == jnp.float32
    assert READOUT.apply(low, np.ones((6, 2, 3), bool)).dtype == jnp.bfloat16


def test_e_prop_refuses_signals_that_are_not_finite():
    with pytest.raises(ValueError, match="`signals` must be finite"):
        eprop.gradients(PLAIN, OWN, X, jnp.full((6, 2, 3), jnp.nan))
