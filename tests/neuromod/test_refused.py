"""What modulated networks refuse: values of other kinds and shapes, by name."""

import re

import jax
import numpy as np
import pytest

from neurogain import neuromod
from neurogain.neuromod import (
    Effect,
    Interaction,
    Modulated,
    ModulatedParams,
    Target,
    tables,
)
from neurogain.spiking import LIFCell, LIFParams, Population, build, simulate

NETWORK, PARAMS = build(
    {"a": Population(LIFCell(), LIFParams(), 3)}, {}, dt=0.1, key=jax.random.key(0)
)
STANDARD = tables.standard()
EFFECT = Effect("d1", "a.soma.current", 1.0)
DOPAMINE, D1 = STANDARD.kinetics["dopamine"], STANDARD.receptors["dopamine"]["d1"]


def kinetics(value):
    return STANDARD._replace(kinetics=STANDARD.kinetics | {"dopamine": value})


def receptors(value):
    return STANDARD._replace(receptors=STANDARD.receptors | {"dopamine": value})


def locus(**changes):
    return STANDARD._replace(locus=STANDARD.locus._replace(**changes))


def interactions(opponent):
    link = Interaction("serotonin", "dopamine", opponent=opponent)
    return STANDARD._replace(interactions=(link,))


def run(systems=STANDARD, effects=(EFFECT,)):
    params = ModulatedParams(PARAMS, systems, effects)
    return simulate(Modulated(NETWORK), params, {}, duration=0.2)


@pytest.mark.parametrize(
    ("systems", "error", "message"),
    [
        (STANDARD._replace(kinetics=None), TypeError,
         "`kinetics` must be a dict of NeuromodParams"),
        (STANDARD._replace(receptors=[1]), TypeError,
         "`receptors` must be a dict of NeuromodParams"),
        (STANDARD._replace(interactions=None), TypeError,
         "`interactions` must be a tuple of NeuromodParams"),
        (STANDARD._replace(interactions=(3,)), TypeError,
         "`interactions` must be an Interaction, each one of a tuple; got int"),
        (STANDARD._replace(sources={"dopamine": "reward"}), TypeError,
         "`sources['dopamine']` must be a Source of a neuromodulator; got str"),
        (STANDARD._replace(locus=2.0), TypeError,
         "`locus` must be a LocusParams of NeuromodParams"),
        (kinetics(20.0), TypeError, "`kinetics` of dopamine must be KineticsParams; got float."),
        (receptors(None), TypeError, "`receptors['dopamine']` must be a dict of receptors by name"),
        (receptors({"d1": 3.0}), TypeError,
         "`receptors` must hold ReceptorParams; d1 is of type fl"),
        (kinetics(DOPAMINE._replace(tau=dict)), TypeError, "`tau of dopamine` must be a number or"),
        (kinetics(DOPAMINE._replace(tau=[1.0, 2.0])), ValueError,
         "`tau of dopamine` must be one number, or have the shape of its system's `tonic`, (); got "
         "shape (2,)."),
        (kinetics(DOPAMINE._replace(tonic=np.ones((2, 2)))), ValueError,
         "`tonic of dopamine` must be one number, or one for each target, shape (n,); got"),
        (receptors({"d1": D1._replace(K=[1.0, 2.0])}), ValueError,
         "`K of d1` must be one number, or"),
        (receptors({"d1": D1._replace(n=[[1], [1, 2]])}), TypeError,
         "`n of d1` must be a number or"),
        (locus(tau_ahp=[500.0]), ValueError,
         "`tau_ahp of the locus coeruleus` must be one number, in ms; got shape (1,)."),
        (interactions("x"), TypeError,
         "`opponent of serotonin on dopamine` must be a number or an array of numbers; got 'x'"),
        (interactions(np.zeros(4)), ValueError,
         "`opponent of serotonin on dopamine` must be one number; got shape (4,)"),
    ],
)  # fmt: skip
def test_systems(systems, error, message):
    with pytest.raises(error, match=re.escape(message)):
        run(systems)


@pytest.mark.parametrize(
    ("effects", "error", "message"),
    [
        (None, TypeError, "`effects` must be a tuple of Effect(...); got None. Pass (effect,)"),
        (EFFECT, TypeError, "`effects` must be a tuple of Effect(...); got Effect("),
        ((Effect("d1", None, 1.0),), TypeError, "`target` of an effect must be a text; got None."),
        ((Effect(3, "a.soma.current", 1.0),), TypeError, "`receptor` of an effect must be a text"),
        ((Effect("d1", "a.soma.current", 1.0, [1]),), TypeError, "`source` of an effect must be"),
        ((Effect("d1", "a.soma.current", [1.0, 2.0]),), ValueError,
         "`strength` of d1 on a.soma.current must have shape () or (3,), one for each target cell"),
        ((Effect("d1", "a.soma.current", dict),), TypeError,
         "strength of d1 on a.soma.current` must"),
    ],
)  # fmt: skip
def test_effects(effects, error, message):
    with pytest.raises(error, match=re.escape(message)):
        run(effects=effects)


def refuses(message, function, *arguments, **more):
    with pytest.raises(TypeError, match=re.escape(message)):
        function(*arguments, **more)


@pytest.mark.parametrize("value", [None, 3, "x", Modulated])
def test_what_is_no_network(value):
    message = f"`network` must be a Network; got {value!r}. Pass the first of the two that build"
    refuses(message, Modulated, value)
    refuses(message, neuromod.targets, value)


@pytest.mark.parametrize("value", [None, 3, "x", Target])
def test_what_is_no_target(value):
    refuses(f"`targets` must hold Target(...); got {value!r}. Pass", Modulated, NETWORK, value)
    refuses(f"`table` must hold Effect(...); got {value!r}.", neuromod.effects.on, "a", value)


def test_what_is_no_drive_or_no_set_of_targets():
    params = ModulatedParams(PARAMS, STANDARD, ())
    refuses(
        "`expected_uncertainty` must be a number or an array of numbers; got [1, [2, 3]].",
        simulate, Modulated(NETWORK), params, {"neuromod.expected_uncertainty": [1, [2, 3]]},
        duration=0.2,
    )  # fmt: skip
    for among in (5, "a.soma.current"):
        refuses(f"`among` must hold names of targets; got {among!r}.",
                neuromod.effects.on, "a", (EFFECT,), among=among)  # fmt: skip


def test_names_of_targets_are_texts():
    with pytest.raises(ValueError, match=r"`name` of a target must be POPULATION.x, .*; got 3\."):
        Modulated(NETWORK, Target(3, "", lambda changed, owner, amount: changed))
    message = "`apply` of the target POPULATION.x must be a function; got <class 'dict'>."
    refuses(message, Modulated, NETWORK, Target("POPULATION.x", "", dict))
