"""The sign of every effect of the tables, told independently of them, with its reason."""

import numpy as np
import pytest

from neurogain.neuromod import systems, tables

RISES, FALLS = 1, -1
SIGNS = {
    # noradrenaline couples soma and apical dendrite, and amplifies dendritic input: Rodriguez-
    # Garcia et al., arXiv 2507.03222
    ("l5_pyramidal", "alpha1", "coupling"): RISES,
    ("l5_pyramidal", "alpha1", "dendrite.gain"): RISES,
    # beta receptors block the slow after-hyperpolarisation and with it accommodation: Madison &
    # Nicoll, Nature 299:636 (1982)
    ("l5_pyramidal", "beta", "adaptation"): FALLS,
    # muscarinic receptors close potassium channels: cells depolarise and adapt less: McCormick &
    # Prince, J Physiol 375:169 (1986)
    ("l5_pyramidal", "m1", "dendrite.current"): RISES,
    ("l5_pyramidal", "m1", "adaptation"): FALLS,
    # 5-HT1A receptors hyperpolarise cortical pyramidal cells: Araneda & Andrade, Neuroscience
    # 40:399 (1991)
    ("l5_pyramidal", "5ht1a", "soma.current"): FALLS,
    # 5-HT2A receptors excite interneurons, which inhibit pyramidal cells more: Andrade,
    # Neuropharmacology 61:382 (2011)
    ("l5_pyramidal", "5ht2a", "dendrite.gaba_a"): RISES,
    # acetylcholine hyperpolarises fast-spiking cells by muscarinic receptors: Xiang, Huguenard &
    # Prince, Science 281:985 (1998)
    ("pv", "m1", "soma.current"): FALLS,
    # D2 receptors weaken currents through GABA_A receptors: Seamans, Gorelova, Durstewitz & Yang,
    # J Neurosci 21:3628 (2001)
    ("pv", "d2", "soma.gaba_a"): FALLS,
    # acetylcholine depolarises low-threshold cells by nicotinic receptors: Xiang et al. 1998
    ("som", "nicotinic", "soma.current"): RISES,
    # noradrenaline excites somatostatin cells by alpha receptors: Kawaguchi & Shindou, J Neurosci
    # 18:6963 (1998)
    ("som", "alpha1", "soma.current"): RISES,
    # 5-HT3 receptors, channels for cations, depolarise interneurons: Andrade 2011
    ("som", "5ht3", "soma.current"): RISES,
    # dopamine above its tonic level potentiates by D1 receptors: Reynolds, Hyland & Wickens,
    # Nature 413:67 (2001)
    ("plastic_synapse", "d1", "modulator"): RISES,
    # beta and M1 receptors let spike timing change synapses: Seol et al., Neuron 55:919 (2007)
    ("plastic_synapse", "beta", "learning_rate"): RISES,
    ("plastic_synapse", "m1", "learning_rate"): RISES,
}


def test_the_sign_of_every_effect():
    found = {
        (kind, effect.receptor, effect.target): int(np.sign(effect.strength))
        for kind, effects in tables.EFFECTS.items()
        for effect in effects
    }
    assert found == SIGNS


def test_every_receptor_of_the_effects_has_a_system():
    known = systems.owners(tables.standard())
    assert {receptor for _, receptor, _ in SIGNS} <= set(known)


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_levels_affinities_and_times_are_positive(system):
    kinetics = tables.KINETICS[system]
    assert kinetics.tonic > 0
    assert kinetics.tau > 0
    assert kinetics.sensitivity > 0
    for receptor in tables.RECEPTORS[system].values():
        assert receptor.K > 0
        assert receptor.n >= 1
        assert receptor.tau >= 0


def test_affinities_are_in_the_order_of_the_literature():
    """Dreyer et al. 2010: D2 above D1. Atzori et al. 2016: alpha2 above alpha1 above beta."""
    dopamine, noradrenaline = tables.RECEPTORS["dopamine"], tables.RECEPTORS["noradrenaline"]
    assert dopamine["d2"].K < dopamine["d1"].K
    assert noradrenaline["alpha2"].K < noradrenaline["alpha1"].K < noradrenaline["beta"].K
