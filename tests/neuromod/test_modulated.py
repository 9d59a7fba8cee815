"""Neuromodulators on a network and on an optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import neuromod, optim
from neurogain.neuromod import Effect, Modulated, ModulatedParams, systems, tables
from neurogain.neuromod.kinetics import KineticsParams
from neurogain.neuromod.systems import Drives
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

DURATION = 200.0  # ms
DRIVE = {
    "pyramidal": PyramidalDrive(Drive(Noise(750.0, 100.0)), Drive(600.0), 0.6),
    "som": Drive(Noise(90.0, 50.0)),
    "plastic": 0.001,
}
EFFECTS = (
    *neuromod.effects.on("pyramidal", tables.EFFECTS["l5_pyramidal"]),
    *neuromod.effects.on("som", tables.EFFECTS["som"]),
    *neuromod.effects.on("plastic", tables.EFFECTS["plastic_synapse"]),
)


def built(path):
    populations = {
        "pyramidal": Population(PyramidalCell(), cells.L5_PYRAMIDAL, 20),
        "som": Population(IzhikevichCell(), cells.SOM, 6),
    }
    half = FixedProbability(0.5)
    projections = {
        "plastic": Projection(
            "pyramidal", "pyramidal", half, 0.3, plasticity=ThreeFactor(PairSTDP())
        ),
        "excite": Projection("pyramidal", "som", half, 1.0),
        "inhibit": Projection("som", "pyramidal", half, 2.0, "dendrite", "gaba_a"),
    }
    return build(populations, projections, dt=0.1, key=jax.random.key(0), path=path)


@pytest.fixture(scope="module", params=["dense", "sparse"])
def both(request):
    return built(request.param)


@pytest.fixture(scope="module")
def network():
    return built("sparse")


def run(model, params, drive, duration=DURATION, **more):
    return simulate(
        model, params, drive, duration=duration, key=jax.random.key(1),
        record={"spikes": Total(), "events": Spikes()}, **more,
    )  # fmt: skip


@pytest.mark.parametrize("constants", ["standard", "absent"])
def test_tonic_levels_and_absent_systems_leave_the_network_as_it_is(both, constants):
    alone = run(*both, DRIVE)
    present, effects = tables.standard(), EFFECTS
    if constants == "absent":
        present, effects = systems.NeuromodParams({}, {}), ()
    params = ModulatedParams(both.params, present, effects)
    under = run(Modulated(both.network), params, DRIVE)
    assert alone.recorded["spikes"].sum() > 20
    for one, other in zip(
        jax.tree.leaves(alone.recorded), jax.tree.leaves(under.recorded), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(
        jax.tree.leaves(alone.state), jax.tree.leaves(under.state.network), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_noradrenaline_raises_the_gain_of_the_network(network):
    effects = (
        Effect("alpha1", "pyramidal.coupling", 40.0),
        Effect("alpha1", "pyramidal.dendrite.gain", 10.0),
    )
    params = ModulatedParams(network.params, tables.standard(), effects)
    tonic = run(Modulated(network.network), params, DRIVE, 3 * DURATION)
    drive = DRIVE | {"neuromod.surprise": Pulse(1.0, 0.0, 0.1)}
    burst = run(Modulated(network.network), params, drive, 3 * DURATION)
    own = network.network.cells_of("pyramidal")
    assert burst.recorded["spikes"][own].sum() > 1.1 * tonic.recorded["spikes"][own].sum()


@pytest.mark.parametrize("target", [
    "pyramidal.coupling", "pyramidal.adaptation", "som.adaptation", "pyramidal.soma.current",
    "pyramidal.dendrite.gain", "pyramidal.dendrite.gaba_a", "som.soma.ampa",
    "plastic.learning_rate", "plastic.modulator",
])  # fmt: skip
def test_each_target_changes_the_network(network, target):
    effect = (Effect("nicotinic", target, 3.0 if "modulator" not in target else 0.1),)
    params = ModulatedParams(network.params, tables.standard(), effect)
    drive = DRIVE | {"neuromod.expected_uncertainty": 20.0}
    quiet, under = (
        run(Modulated(network.network), params, d).state.network for d in (DRIVE, drive)
    )
    same = [
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(quiet), jax.tree.leaves(under), strict=True)
    ]
    assert not all(same)
    assert target in neuromod.targets(network.network)


def test_wired_release_reaches_the_cells_it_is_wired_to(network):
    kinetics = {"acetylcholine": KineticsParams(np.full(6, 50.0), 100.0)}
    receptors = {"acetylcholine": tables.RECEPTORS["acetylcholine"]}
    params = ModulatedParams(
        network.params,
        systems.NeuromodParams(kinetics, receptors),
        (Effect("nicotinic", "som.soma.current", 2000.0),),
    )
    wired = np.array([50.0, 0, 0, 0, 0, 0])
    drive = {"neuromod.expected_uncertainty": wired}
    with pytest.raises(ValueError, match="`aversion` must be one number"):
        run(Modulated(network.network), params, drive | {"neuromod.aversion": np.zeros(5)})
    counts = run(Modulated(network.network), params, drive).recorded["spikes"]
    som = counts[network.network.cells_of("som")]
    assert som[0] > 0
    assert som[1:].sum() == 0


def test_the_same_modulator_drives_a_network_and_an_optimizer(network):
    """One state of noradrenaline: coupling in the network, gain in the optimizer."""
    params = tables.standard()
    tx = optim.modulate_by_gain(optax.sgd(0.1), sensitivity=2.0, decay=0.9)
    plain = optax.sgd(0.1)
    weights, grads = {"w": jnp.array([1.0, -2.0])}, {"w": jnp.array([0.3, 0.1])}

    def updates(neuromod_state):
        effect = Effect("alpha1", "optimizer", 1.0)
        amount = neuromod.effects.combine((effect,), neuromod_state.activation)["optimizer"]
        state = tx.init(weights)
        return tx.update(grads, state, weights, uncertainty=amount)[0]["w"]

    tonic = systems.init(params)
    np.testing.assert_array_equal(
        updates(tonic), plain.update(grads, plain.init(weights), weights)[0]["w"]
    )
    surprised = tonic
    for i in range(20):
        surprised = systems.step(params, surprised, Drives(surprise=float(i == 0)), dt=10.0)
    assert np.abs(updates(surprised)).sum() > np.abs(updates(tonic)).sum()
    modulated = ModulatedParams(network.params, params, EFFECTS[:1])
    start = Modulated(network.network).init(modulated)._replace(neuromod=surprised)
    _, info = Modulated(network.network).step(
        modulated, start, {"pyramidal": PyramidalDrive(coupling=0.5)}, dt=0.1, key=jax.random.key(0)
    )
    assert info.effects["pyramidal.coupling"] > 0


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (Effect("d9", "som.soma.current", 1.0), "`receptor` .* got 'd9'"),
        (Effect("d1", "som.soma.nmda", 1.0), "`target` .* got 'som.soma.nmda'"),
        (Effect("d1", "som.coupling", 1.0), "`target` .* got 'som.coupling'"),
        (Effect("d1", "basket.soma.current", 1.0), "`target` .* got 'basket.soma.current'"),
        (Effect("d1", "excite.learning_rate", 1.0), "`target` .* got 'excite.learning_rate'"),
        (Effect("d1", "som.soma.current", np.nan), "`strength of d1"),
    ],
)
def test_bad_effects_are_refused(network, effect, message):
    params = ModulatedParams(network.params, tables.standard(), (effect,))
    with pytest.raises(ValueError, match=message):
        run(Modulated(network.network), params, DRIVE)


def test_bad_drives_are_refused(network):
    params = ModulatedParams(network.params, tables.standard(), EFFECTS)
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
