"""Modulators that a network releases itself: against open loops, a plain loop and closed forms."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.neuromod import released, tables
from neurogain.neuromod.cell_types import CellTypes
from neurogain.neuromod.drives import Drives
from neurogain.neuromod.effects import Effect
from neurogain.neuromod.released import Released
from neurogain.spiking import (
    IzhikevichCell,
    LIFCell,
    LIFParams,
    PyramidalCell,
    PyramidalDrive,
    cells,
    surrogate,
)
from neurogain.spiking.layers import Layer
from neurogain.spiking.readouts import Readout

STEPS, BATCH, INPUTS, N, CLASSES = 60, 3, 5, 4, 3
SPIKES = (np.random.default_rng(1).random((STEPS, BATCH, INPUTS)) < 0.2).astype(np.float32)
CELL = LIFCell(surrogate.FastSigmoid(10.0))
LAYER = Layer(CELL, LIFParams(d=40.0), INPUTS, N, scale=3000.0)
INDEX = np.array([0, 1, 1, 0])
EFFECTS = ((Effect("m1", "soma.gain", 300.0),), (Effect("d1", "v_t", -40.0),))
TYPES = CellTypes(CELL, LAYER.constants, INDEX, EFFECTS)
READOUT = Readout(N, CLASSES, scale=10.0)
SYSTEM = tables.standard()
RIGHT = np.broadcast_to(np.array([0, 1, 2]), (STEPS, BATCH))


def network(signal=released.by_uncertainty, **changes):
    return dataclasses.replace(Released(LAYER, READOUT, TYPES, SYSTEM, signal), **changes)


PARAMS = network().init(jax.random.key(3))


def test_an_open_loop_under_the_same_activations_gives_the_same_spikes():
    course, _ = jax.jit(network().apply)(PARAMS, SPIKES)
    levels = course.activation
    assert levels.shape == (STEPS, BATCH, 2)
    assert float(levels[-1, :, 0].min()) > 0.002  # m1 behind acetylcholine
    np.testing.assert_array_equal(levels[..., 1], 0)  # dopamine is not released
    modulate = TYPES.modulate(PARAMS["effects"])
    spikes, _ = LAYER.apply(PARAMS["hidden"], SPIKES, modulate=modulate, levels=levels)
    np.testing.assert_array_equal(course.spikes, spikes)
    plain, _ = LAYER.apply(PARAMS["hidden"], SPIKES)
    assert np.any(np.asarray(plain) != np.asarray(spikes))
    v = READOUT.course(PARAMS["output"], spikes) + PARAMS["output"]["bias"]
    np.testing.assert_allclose(course.logits, v, rtol=1e-5, atol=1e-6)


def test_without_effects_it_is_the_plain_layer_bit_for_bit():
    none = jax.tree.map(jnp.zeros_like, PARAMS["effects"])
    course, _ = network().apply(PARAMS | {"effects": none}, SPIKES)
    assert float(course.activation[-1, :, 0].min()) > 0.002
    np.testing.assert_array_equal(course.spikes, LAYER.apply(PARAMS["hidden"], SPIKES)[0])


def test_types_without_effects_have_no_receptors_and_change_nothing():
    none = network(types=CellTypes(CELL, LAYER.constants, INDEX, ((), ())))
    course, _ = none.apply(none.init(jax.random.key(3)), SPIKES)
    assert course.activation.shape == (STEPS, BATCH, 0)
    np.testing.assert_array_equal(course.spikes, LAYER.apply(PARAMS["hidden"], SPIKES)[0])


def test_modulators_are_computed_in_single_precision_at_least():
    narrow = jax.tree.map(lambda x: x.astype(jnp.bfloat16), PARAMS)
    for params in (narrow, PARAMS | {"output": narrow["output"]}):
        course, state = network().apply(params, SPIKES)
        assert state.systems.concentration["acetylcholine"].dtype == jnp.float32
        own = np.asarray(course.activation[-1, :, 0], np.float64)
        wanted = network().apply(PARAMS, SPIKES)[0].activation[-1, :, 0]
        np.testing.assert_allclose(own, wanted, rtol=0.05)


def test_a_recurrent_layer_of_cells_that_draw():
    cell = PyramidalCell("stochastic", surrogate.FastSigmoid(40.0))
    layer = Layer(
        cell, cells.L5_PYRAMIDAL, INPUTS, N, substeps=4, scale=20_000.0, recurrent=True,
        drive=PyramidalDrive(coupling=0.5),
    )  # fmt: skip
    types = CellTypes(cell, layer.constants, INDEX, ((Effect("m1", "coupling", 9.0),), ()))
    own = network(layer=layer, types=types)
    params = own.init(jax.random.key(0))
    with pytest.raises(ValueError, match="key"):
        own.apply(params, SPIKES)
    key = jax.random.key(1)
    course, _ = own.apply(params, SPIKES, key=key)
    levels, modulate = course.activation, types.modulate(params["effects"])
    spikes, _ = layer.apply(params["hidden"], SPIKES, key=key, modulate=modulate, levels=levels)
    assert spikes.sum() > 0
    np.testing.assert_array_equal(course.spikes, spikes)


def test_uncertainty_releases_acetylcholine_as_a_plain_loop_says():
    course, _ = network().apply(PARAMS, SPIKES)
    tonic, tau, K, tau_m1 = 50.0, 100.0, 200.0, 500.0
    occupied = lambda c: c / (K + c)  # noqa: E731
    for b in range(BATCH):
        c, m1, found = tonic, 0.0, []
        for logits in np.asarray(course.logits[:, b], np.float64):
            found.append(m1)
            p = np.exp(logits - logits.max())
            p /= p.sum()
            held = tonic * (1 - (p * np.log(p)).sum() / np.log(CLASSES))
            c = held + (c - held) * np.exp(-1 / tau)
            wanted = occupied(c) - occupied(tonic)
            m1 = wanted + (m1 - wanted) * np.exp(-1 / tau_m1)
        np.testing.assert_allclose(course.activation[:, b, 0], found, rtol=1e-4, atol=1e-7)


def test_rewards_release_dopamine_and_their_lack_withdraws_it():
    own = network(released.by_reward)
    course, state = own.apply(PARAMS, SPIKES, given=np.full((STEPS, BATCH), -1))
    np.testing.assert_array_equal(state.systems.concentration["dopamine"], np.float32(20.0))
    late = np.where(np.arange(STEPS)[:, None] < STEPS - 1, -1, RIGHT)
    course, state = own.apply(PARAMS, SPIKES, given=late)
    last = np.asarray(course.logits[-1], np.float64)
    p = np.exp(last) / np.exp(last).sum(-1, keepdims=True)
    decided = last.argmax(-1)
    error = (decided == RIGHT[-1]) - p[np.arange(BATCH), decided]
    assert {*np.sign(error)} == {-1.0, 1.0}
    expected = 20 + 20 * error * (1 - np.exp(-1 / 300))
    np.testing.assert_allclose(state.systems.concentration["dopamine"], expected, rtol=1e-5)


def test_it_goes_on_where_it_was_and_segments_change_nothing():
    whole, end = network().apply(PARAMS, SPIKES)
    first, state = network().apply(PARAMS, SPIKES[:25])
    rest, again = network().apply(PARAMS, SPIKES[25:], state)
    for a, b, c in zip(whole, first, rest, strict=True):
        np.testing.assert_array_equal(a, np.concatenate([b, c]))
    jax.tree.map(np.testing.assert_array_equal, end, again)
    segments, _ = network(layer=dataclasses.replace(LAYER, segment=7)).apply(PARAMS, SPIKES)
    jax.tree.map(np.testing.assert_array_equal, whole, segments)


def test_gradients_end_at_a_segments_start_where_they_are_truncated():
    def slope(**options):
        own = network(layer=dataclasses.replace(LAYER, segment=20, **options))
        loss = lambda effects: own.apply(PARAMS | {"effects": effects}, SPIKES)[0].logits[-1].sum()  # noqa: E731
        return np.asarray(jax.grad(loss)(PARAMS["effects"])["soma.gain"])

    whole, truncated = slope(), slope(truncated=True)
    assert np.all(np.isfinite(truncated))
    assert abs(truncated[0, 0]) > 0
    assert truncated[0, 0] != whole[0, 0]


def test_strengths_are_learned_through_release_and_receptors():
    def loss(params):
        course, _ = network().apply(params, SPIKES)
        return -jax.nn.log_softmax(course.logits[-1])[:, 0].mean()

    grads = jax.jit(jax.grad(loss))(PARAMS)
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(grads))
    own = np.asarray(grads["effects"]["soma.gain"])
    assert own[0, 0] != 0  # of the type that answers m1
    for name in ("hidden", "output"):
        assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(grads[name])) > 0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"layer": dataclasses.replace(LAYER, n=5)}, ValueError, "as the layer, 5; got 4 and 4"),
        ({"readout": Readout(N, 2, dt=0.5)}, ValueError, "step of the layer, 1 ms; got 0.5"),
        ({"readout": Readout(N, 2, "max")}, ValueError, "default kind, 'leaky', .*; got 'max'"),
        ({"types": CellTypes(IzhikevichCell(), cells.RS, INDEX, ((), ()))}, TypeError,
         "layer's kind of cell, LIFCell; got IzhikevichCell"),
        ({"system": None}, TypeError, "`system` must be NeuromodParams"),
        ({"readout": None}, TypeError, "`readout` must be a Readout; got None"),
        ({"signal": 3}, TypeError, "`signal` must be a function of logits"),
        ({"system": SYSTEM._replace(receptors={})}, ValueError, "each one of .*; got 'm1'"),
        (
            {"system": SYSTEM._replace(kinetics=SYSTEM.kinetics | {
                "dopamine": SYSTEM.kinetics["dopamine"]._replace(tonic=np.ones(4))})},
            ValueError, r"tonic of dopamine of shape \(4,\)",
        ),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        network(**changes)


@pytest.mark.parametrize(
    ("signal", "given", "error", "message"),
    [
        (released.by_uncertainty, np.zeros((STEPS, 2)), ValueError, r"`given` must have the steps"),
        (released.by_reward, None, TypeError, "`signal` failed .*`given` must be the right class"),
        (lambda logits, given: logits, None, TypeError, "must return neuromod.Drives; got"),
        (lambda logits: Drives(), None, TypeError, "`signal` failed on logits"),
        (lambda logits, _: Drives(surprise=logits), None, ValueError, "`surprise` of the drives"),
        (
            lambda logits, _: Drives(aversion=None),
            None,
            ValueError,
            "`aversion` of the drives .*No",
        ),
        (released.by_reward, RIGHT + 1, ValueError, r"from 0 to 2, or -1 .* int\d+ .* from 1 to 3"),
        (released.by_reward, RIGHT - 2, ValueError, r"from 0 to 2, or -1 .* from -2 to 0"),
        (released.by_reward, RIGHT + 0.0, ValueError, "whole numbers .*; got float32"),
        (released.by_reward, RIGHT > 0, ValueError, "whole numbers .*; got bool"),
        (
            released.by_reward,
            np.zeros((STEPS, BATCH, CLASSES), int),
            ValueError,
            r"whole numbers .* of shape \(60, 3, 3\)",
        ),
    ],
)
def test_signals_that_do_not_fit_are_refused(signal, given, error, message):
    with pytest.raises(error, match=message):
        network(signal).apply(PARAMS, SPIKES, given=given)
