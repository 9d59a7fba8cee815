"""Parameters, inputs, states and keys that are not a layer's: each is told in words."""

import copy
import pickle
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual import images
from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    Noise,
    PyramidalCell,
    PyramidalDrive,
    TimeSeries,
    cells,
    eprop,
    heterogeneity,
    layer_checks,
)
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout, rate_band
from neurogain.tasks.spikes import coding
from neurogain.tasks.spikes import images as coded

KEY = jax.random.key(0)
X = np.ones((6, 2, 5), np.float32)
PLAIN = Layer(LIFCell(), LIFParams(), inputs=5, n=3)
LEARNED = Layer(LIFCell(), LIFParams(), inputs=5, n=3, recurrent=True, learn=("synapses.tau",))
OWN, MORE = PLAIN.init(KEY), LEARNED.init(KEY)
READOUT = Readout(3, 2)
LIF = LIFCell(), LIFParams()
L5 = PyramidalCell("mean-field"), cells.L5_PYRAMIDAL


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


@pytest.mark.parametrize(
    ("cell", "constants", "drive", "error", "said"),
    [
        (*LIF, Drive(np.nan), ValueError, r"`drive.current` must be a finite current"),
        (*LIF, Drive(0.0, -5.0), ValueError, "`drive.conductance` must be .*at least 0 nS"),
        (*LIF, Drive(np.ones(4)), ValueError, r"`drive.current` .*shape \(3,\)"),
        (*LIF, Drive(TimeSeries(np.ones(9))), TypeError, "must be a number, or one value"),
        (*LIF, Drive(Noise(0.0, 1.0)), TypeError, "goes through `inputs` or `levels`"),
        (*LIF, Drive(lambda i, key: 1.0), TypeError, "`drive.current` of a layer must"),
        (*L5, PyramidalDrive(coupling=2.0), ValueError, r"`coupling` must be in \[0, 1\]"),
    ],
)
def test_a_drive_that_cells_cannot_have(cell, constants, drive, error, said):
    with pytest.raises(error, match=said):
        Layer(cell, constants, inputs=5, n=3, dt=0.25, drive=drive)


def test_a_drive_may_differ_between_cells():
    own = np.array([0.0, 100.0, 5000.0])
    layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3, drive=Drive(own))
    spikes, _ = layer.apply({"in": jnp.zeros((5, 3))}, X)
    assert spikes.sum((0, 1)).tolist()[:2] == [0, 0]
    assert spikes.sum() > 0


@pytest.mark.parametrize(("learn", "error"), [(None, TypeError), ([1], TypeError), (3, TypeError),
                                              (("C", "C"), ValueError)])  # fmt: skip
def test_names_that_are_none_or_come_twice(learn, error):
    with pytest.raises(error, match="`learn` must "):
        Layer(LIFCell(), LIFParams(), inputs=5, n=3, learn=learn)


def test_names_may_come_one_by_one():
    layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3, learn=(x for x in ["C", "tau_w"]))
    assert layer.learn == ("C", "tau_w")
    assert layer.init(KEY)["constants"].keys() == {"C", "tau_w"}


def test_constants_of_another_number_of_cells_are_told_where_some_are_learned():
    with pytest.raises(ValueError, match=r"`C` must .*shape.*\(3,\).*got.*\(4,\)"):
        Layer(LIFCell(), LIFParams(C=np.full(4, 200.0)), inputs=5, n=3, learn=("C",))


def test_a_layer_can_be_pickled_and_copied():
    MORE["in"].block_until_ready()
    for again in (pickle.loads(pickle.dumps(LEARNED)), copy.deepcopy(LEARNED)):
        wanted, found = (layer.apply(MORE, X)[0] for layer in (LEARNED, again))
        np.testing.assert_array_equal(found, wanted)


def test_the_decay_may_be_traced():
    def total(tau):
        layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3, tau=tau, scale=5000.0)
        return layer.apply(OWN, X)[1].current.sum()

    plain = Layer(LIFCell(), LIFParams(), inputs=5, n=3, tau=7.0, scale=5000.0)
    np.testing.assert_allclose(jax.jit(total)(7.0), plain.apply(OWN, X)[1].current.sum(), rtol=1e-5)
    assert np.isfinite(jax.grad(total)(7.0))
    with pytest.raises(ValueError, match=r"`tau` must be one number or have shape \(3,\)"):
        jax.eval_shape(total, jnp.ones(4))


def nothing(constants, drive, level):
    return constants, drive


@pytest.mark.parametrize(
    ("levels", "error", "said"),
    [
        (np.ones((5, 2, 1)), ValueError, r"the first axes \(6, 2\), steps and batch.*\(5, 2, 1\)"),
        (np.ones((2, 6, 1)), ValueError, r"the first axes \(6, 2\)"),
        (np.ones(6), ValueError, r"the first axes \(6, 2\)"),
        (0.5, ValueError, r"the first axes \(6, 2\)"),
        (np.full((6, 2, 1), np.nan), ValueError, "`levels` must be finite"),
        (np.full((6, 2, 1), "high"), TypeError, "`levels` must be a real number or an array"),
    ],
)
def test_levels_of_other_axes(levels, error, said):
    with pytest.raises(error, match=said):
        PLAIN.apply(OWN, X, modulate=nothing, levels=levels)


def test_what_modulates_is_a_function():
    with pytest.raises(TypeError, match="`modulate` must be a function"):
        PLAIN.apply(OWN, X, modulate=3, levels=np.ones((6, 2, 1)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value):
    """Such cells are silent, and nothing tells it."""
    bad = {"in": OWN["in"].at[0, 0].set(value)}
    with pytest.raises(ValueError, match=r"`params\['in'\]` must be finite"):
        PLAIN.apply(bad, X)
    jax.jit(PLAIN.apply)(bad, X)  # what is traced can't be known


@pytest.mark.parametrize(
    ("window", "steps"),
    [((2.0, 4.0), [2, 3]), ((2.5, 3.5), [2]), ((1.5, 2.5), [1]), ((0.4, 6.0), range(6)),
     ((0.1 + 0.2, 3.0), range(3))],
)  # fmt: skip
def test_a_window_has_the_steps_that_end_within(window, steps):
    readout = Readout(3, 2, "window", window=window)
    params = readout.init(KEY)
    spikes = jax.random.bernoulli(KEY, 0.5, (6, 2, 3)).astype(jnp.float32)
    wanted = readout.course(params, spikes)[np.array(steps)].mean(0)
    np.testing.assert_allclose(readout.apply(params, spikes), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("spikes", "low", "high", "error", "said"),
    [
        (np.ones((0, 2, 3)), 5.0, 10.0, ValueError, "none of them 0; got"),
        (np.ones((2, 3)), 5.0, 10.0, ValueError, r"must have shape \(steps, batch"),
        (np.full((4, 2, 3), np.nan), 5.0, 10.0, ValueError, "`spikes` must be finite"),
        (np.ones((4, 2, 3)), "5", 10.0, TypeError, "`low_hz` must be one number"),
        (np.ones((4, 2, 3)), 5.0, None, TypeError, "`high_hz` must be one number"),
        (np.ones((4, 2, 3)), 5.0, np.nan, ValueError, "`high_hz` must be finite"),
    ],
)
def test_a_band_of_rates_checks_what_it_gets(spikes, low, high, error, said):
    with pytest.raises(error, match=said):
        rate_band(spikes, low, high, dt=1.0)


def test_e_prop_refuses_layers_that_are_truncated_or_draw():
    cut = Layer(LIFCell(), LIFParams(), inputs=5, n=3, segment=2, truncated=True)
    with pytest.raises(ValueError, match="`layer` must not be truncated under e-prop"):
        eprop.gradients(cut, OWN, X, jnp.ones((6, 2, 3)))
    chance = Layer(PyramidalCell(), cells.L5_PYRAMIDAL, inputs=5, n=3, dt=0.25,
                   drive=PyramidalDrive(coupling=0.5))  # fmt: skip
    with pytest.raises(ValueError, match="must have cells that draw nothing under e-prop"):
        eprop.gradients(chance, OWN, X, jnp.ones((6, 2, 3)))
