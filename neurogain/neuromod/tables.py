"""Constants and effects: each with its source, or marked as a modelling choice.

KINETICS    tonic concentrations of tens of nM and clearance within a second, as microdialysis and
            voltammetry find for monoamines; the numbers themselves are modelling choices
RECEPTORS   dopamine: low affinity of D1 and high of D2, Dreyer, Herrik, Berg & Hounsgaard,
            J Neurosci 30:14273 (2010); noradrenaline: affinity falls from alpha-2 over alpha-1 to
            beta, Atzori et al., Front Synaptic Neurosci 8:25 (2016). All numbers but the dopamine
            affinities are modelling choices. Nicotinic and 5-HT3 receptors are ionotropic.
EFFECTS     by kind of cell, on targets without the population's name: see `effects.on`
"""

from neurogain.neuromod.effects import CHOICE, Effect
from neurogain.neuromod.kinetics import KineticsParams
from neurogain.neuromod.receptors import ReceptorParams
from neurogain.neuromod.systems import NeuromodParams

KINETICS = {
    "dopamine": KineticsParams(tonic=20.0, tau=300.0),
    "noradrenaline": KineticsParams(tonic=30.0, tau=500.0),
    "acetylcholine": KineticsParams(tonic=50.0, tau=100.0),
    "serotonin": KineticsParams(tonic=20.0, tau=800.0),
}

RECEPTORS = {
    "dopamine": {
        "d1": ReceptorParams(K=1000.0, n=1.0, tau=300.0),
        "d2": ReceptorParams(K=10.0, n=1.0, tau=500.0),
    },
    "noradrenaline": {
        "alpha1": ReceptorParams(K=300.0, n=1.0, tau=200.0),
        "alpha2": ReceptorParams(K=50.0, n=1.0, tau=200.0),
        "beta": ReceptorParams(K=800.0, n=1.0, tau=500.0),
    },
    "acetylcholine": {
        "nicotinic": ReceptorParams(K=500.0, n=1.5),
        "m1": ReceptorParams(K=200.0, n=1.0, tau=500.0),
    },
    "serotonin": {
        "5ht1a": ReceptorParams(K=20.0, n=1.0, tau=300.0),
        "5ht2a": ReceptorParams(K=100.0, n=1.0, tau=300.0),
        "5ht3": ReceptorParams(K=500.0, n=1.5),
    },
}

_PYRAMIDAL_NA = "sign: Rodriguez-Garcia et al., arXiv 2507.03222; size: " + CHOICE
_CELL_TYPES = "sign: arXiv 2407.04525; size: " + CHOICE
_INTERACTING = "sign: Mei et al., arXiv 2501.06762; size: " + CHOICE

EFFECTS = {
    "l5_pyramidal": (
        Effect("alpha1", "coupling", 4.0, _PYRAMIDAL_NA),
        Effect("alpha1", "dendrite.gain", 1.0, _PYRAMIDAL_NA),
        Effect("beta", "adaptation", -4.0, _PYRAMIDAL_NA),
        Effect("m1", "dendrite.current", 200.0, _CELL_TYPES),  # pA
        Effect("m1", "adaptation", -2.0, _CELL_TYPES),
        Effect("5ht1a", "soma.current", -100.0, _INTERACTING),  # pA
        Effect("5ht2a", "dendrite.gaba_a", 2.0, _INTERACTING),
    ),
    "pv": (
        Effect("m1", "soma.current", -20.0, CHOICE),  # pA
        Effect("d2", "soma.gaba_a", -0.5, CHOICE),
    ),
    "som": (
        Effect("nicotinic", "soma.current", 60.0, _CELL_TYPES),  # pA
        Effect("alpha1", "soma.current", 40.0, CHOICE),  # pA
        Effect("5ht3", "soma.current", 40.0, _INTERACTING),  # pA
    ),
    "plastic_synapse": (
        Effect("d1", "modulator", 0.02, _INTERACTING),  # 1/ms
        Effect("beta", "learning_rate", 2.0, _INTERACTING),
        Effect("m1", "learning_rate", 1.0, _INTERACTING),
    ),
}


def standard() -> NeuromodParams:
    """Return all four systems with these constants, and no interactions but convergence."""
    receptors = {system: dict(own) for system, own in RECEPTORS.items()}
    return NeuromodParams(kinetics=dict(KINETICS), receptors=receptors)
