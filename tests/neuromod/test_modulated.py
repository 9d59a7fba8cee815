"""Neuromodulators on a network and on an optimizer."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import neuromod, optim
from neurogain.neuromod import Effect, Modulated, ModulatedParams, systems, tables
from neurogain.neuromod.drives import Drives
from neurogain.neuromod.kinetics import KineticsParams
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    Population,
    Projection,
    Pulse,
    PyramidalCell,
    PyramidalDrive,
    build,
    cells,
    simulate,
)
from neurogain.spiking.connectivity import FixedProbability
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Spikes, Total

DURATION = 600.0  # ms
DRIVE = {
    "l5": PyramidalDrive(Drive(Noise(750.0, 100.0)), Drive(600.0), 0.6),
    "inter": Drive(Noise(90.0, 50.0)),
    "plastic": 0.001,
}
QUIET = {"neuromod.expected_uncertainty": 0.0, "neuromod.surprise": Pulse(0.0, 0.0, 0.1)}
EACH = {
    "l5.coupling": 3.0, "l5.adaptation": 3.0, "inter.adaptation": 3.0,
    "l5.soma.current": 3.0, "l5.dendrite.gain": 3.0, "l5.dendrite.gaba_a": 3.0,
    "inter.soma.ampa": 3.0, "plastic.learning_rate": 3.0, "plastic.modulator": 0.1,
}  # fmt: skip
"""Strength of nicotinic receptors on one target at a time."""
RAISED = {"l5.coupling": 40.0, "l5.dendrite.gain": 10.0}
"""Strength of alpha-1 receptors where noradrenaline is to raise the gain."""
TABLE = (
    *neuromod.effects.on("l5", tables.EFFECTS["l5_pyramidal"]),
    *neuromod.effects.on("inter", tables.EFFECTS["som"]),
    *neuromod.effects.on("plastic", tables.EFFECTS["plastic_synapse"]),
)


def effects_of(table=0.0, each=(), raised=0.0):
    """Return the same effects at other strengths, so that all tests share one program."""
    return (
        *(dataclasses.replace(one, strength=table * one.strength) for one in TABLE),
        *(Effect("nicotinic", t, EACH[t] if t in each else 0.0) for t in EACH),
        *(Effect("alpha1", target, raised * x) for target, x in RAISED.items()),
    )


def built(path):
    populations = {
        "l5": Population(PyramidalCell(), cells.L5_PYRAMIDAL, 20),
        "inter": Population(IzhikevichCell(), cells.SOM, 6),
    }
    half = FixedProbability(0.5)
    projections = {
        "plastic": Projection("l5", "l5", half, 0.3, plasticity=ThreeFactor(PairSTDP())),
        "excite": Projection("l5", "inter", half, 1.0),
        "inhibit": Projection("inter", "l5", half, 2.0, "dendrite", "gaba_a"),
    }
    return build(populations, projections, dt=0.1, key=jax.random.key(0), path=path)


@pytest.fixture(scope="module")
def network():
    return built("sparse")


def run(model, params, drive, **more):
    return simulate(
        model, params, drive, duration=DURATION, key=jax.random.key(1),
        record={"spikes": Total(), "events": Spikes()}, **more,
    )  # fmt: skip


def same(one, other):
    return [
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    ]


@pytest.fixture(scope="module")
def alone(network):
    return run(*network, DRIVE)


@pytest.fixture(scope="module")
def tonic(network):
    params = ModulatedParams(network.params, tables.standard(), effects_of(1.0, EACH, 1.0))
    return run(Modulated(network.network), params, DRIVE | QUIET)


@pytest.mark.optimized
def test_tonic_levels_leave_the_network_as_it_is(alone, tonic):
    assert alone.recorded["spikes"].sum() > 20
    assert all(same(alone.recorded, tonic.recorded))
    assert all(same(alone.state, tonic.state.network))


@pytest.mark.optimized
def test_tonic_levels_leave_a_dense_network_as_it_is():
    network, params = built("dense")
    under = run(
        Modulated(network), ModulatedParams(params, tables.standard(), effects_of(1.0)),
        DRIVE | QUIET,
    )  # fmt: skip
    alone = run(network, params, DRIVE)
    assert all(same(alone.recorded, under.recorded))
    assert all(same(alone.state, under.state.network))


@pytest.mark.optimized
def test_absent_systems_leave_the_network_as_it_is(network, alone):
    params = ModulatedParams(network.params, systems.NeuromodParams({}, {}), ())
    under = run(Modulated(network.network), params, DRIVE)
    assert all(same(alone.recorded, under.recorded))
    assert all(same(alone.state, under.state.network))


@pytest.mark.optimized
def test_noradrenaline_raises_the_gain_of_the_network(network, tonic):
    params = ModulatedParams(network.params, tables.standard(), effects_of(raised=1.0))
    drive = DRIVE | QUIET | {"neuromod.surprise": Pulse(1.0, 0.0, 0.1)}
    burst = run(Modulated(network.network), params, drive)
    own = network.network.cells_of("l5")
    assert burst.recorded["spikes"][own].sum() > 1.1 * tonic.recorded["spikes"][own].sum()


@pytest.mark.optimized
@pytest.mark.parametrize("target", EACH)
def test_each_target_changes_the_network(network, tonic, target):
    params = ModulatedParams(network.params, tables.standard(), effects_of(each=(target,)))
    drive = DRIVE | QUIET | {"neuromod.expected_uncertainty": 20.0}
    under = run(Modulated(network.network), params, drive)
    assert not all(same(tonic.state.network, under.state.network))
    assert target in neuromod.targets(network.network)


@pytest.mark.optimized
def test_effects_of_no_strength_leave_the_network_as_it_is(network, tonic):
    params = ModulatedParams(network.params, tables.standard(), effects_of())
    drive = DRIVE | QUIET | {"neuromod.expected_uncertainty": 20.0}
    under = run(Modulated(network.network), params, drive)
    assert under.state.neuromod.activation["nicotinic"] > 0
    assert all(same(tonic.state.network, under.state.network))


def test_wired_release_reaches_the_cells_it_is_wired_to(network):
    kinetics = {"acetylcholine": KineticsParams(np.full(6, 50.0), 100.0)}
    receptors = {"acetylcholine": tables.RECEPTORS["acetylcholine"]}
    params = ModulatedParams(
        network.params,
        systems.NeuromodParams(kinetics, receptors),
        (Effect("nicotinic", "inter.soma.current", 2000.0),),
    )
    wired = np.array([50.0, 0, 0, 0, 0, 0])
    drive = {"neuromod.expected_uncertainty": wired}
    with pytest.raises(ValueError, match="`aversion` must be one number"):
        run(Modulated(network.network), params, drive | {"neuromod.aversion": np.zeros(5)})
    counts = run(Modulated(network.network), params, drive).recorded["spikes"]
    som = counts[network.network.cells_of("inter")]
    assert som[0] > 0
    assert som[1:].sum() == 0


def test_the_same_modulator_drives_a_network_and_an_optimizer():
    """One state of noradrenaline: coupling in the network, gain in the optimizer."""
    params = tables.standard()
    tx = optim.modulate_by_gain(optax.sgd(0.1), sensitivity=2.0, decay=0.9)
    plain = optax.sgd(0.1)
    weights, grads = {"w": jnp.array([1.0, -2.0])}, {"w": jnp.array([0.3, 0.1])}

    @jax.jit
    def updates(neuromod_state):
        effect = Effect("alpha1", "optimizer", 1.0)
        amount = neuromod.effects.combine((effect,), neuromod_state.activation)["optimizer"]
        state = tx.init(weights)
        return tx.update(grads, state, weights, uncertainty=amount)[0]["w"]

    @jax.jit
    def surprise(state):
        drives = Drives(surprise=(jnp.arange(20) == 0).astype(jnp.float32))
        drives = jax.tree.map(lambda x: jnp.broadcast_to(x, 20), drives)
        step = lambda state, drive: (systems.step(params, state, drive, dt=10.0), None)  # noqa: E731
        return jax.lax.scan(step, state, drives)[0]

    tonic = systems.init(params)
    expected = jax.jit(lambda: plain.update(grads, plain.init(weights), weights)[0]["w"])()
    np.testing.assert_array_equal(updates(tonic), expected)
    surprised = surprise(tonic)
    assert np.abs(updates(surprised)).sum() > np.abs(updates(tonic)).sum()
    two = Population(PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, 2)
    network, constants = build({"l5": two}, {}, dt=0.1, key=jax.random.key(0))
    modulated = ModulatedParams(constants, params, TABLE[:1])
    model = Modulated(network)
    start = model.init(modulated)._replace(neuromod=surprised)
    drive = {"l5": PyramidalDrive(coupling=0.5)}
    _, info = jax.jit(functools.partial(model.step, dt=0.1, key=None))(modulated, start, drive)
    assert info.effects["l5.coupling"] > 0


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (Effect("d9", "inter.soma.current", 1.0), "`receptor` .* got 'd9'"),
        (Effect("d1", "inter.soma.nmda", 1.0), "`target` .* got 'inter.soma.nmda'"),
        (Effect("d1", "inter.coupling", 1.0), "`target` .* got 'inter.coupling'"),
        (Effect("d1", "basket.soma.current", 1.0), "`target` .* got 'basket.soma.current'"),
        (Effect("d1", "excite.learning_rate", 1.0), "`target` .* got 'excite.learning_rate'"),
        (Effect("d1", "inter.soma.current", np.nan), "`strength of d1"),
    ],
)
def test_bad_effects_are_refused(network, effect, message):
    params = ModulatedParams(network.params, tables.standard(), (effect,))
    with pytest.raises(ValueError, match=message):
        run(Modulated(network.network), params, DRIVE)


def test_bad_drives_are_refused(network):
    params = ModulatedParams(network.params, tables.standard(), TABLE)
    for drive, message in (
        ({"neuromod.hunger": 1.0}, "got 'neuromod.hunger'"),
        ({"neuromod.surprise": 2.0}, "`surprise` must be"),
        ({"basket": Drive()}, "got 'basket'"),
    ):
        with pytest.raises(ValueError, match=message):
            run(Modulated(network.network), params, DRIVE | drive)
    wired = tables.standard()
    wired.kinetics["noradrenaline"] = KineticsParams(np.full(5, 30.0), 500.0)
    with pytest.raises(ValueError, match="`tonic` of noradrenaline"):
        run(Modulated(network.network), params._replace(neuromod=wired), DRIVE)
