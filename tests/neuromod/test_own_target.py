"""A target of your own in one file: noradrenaline lowers the threshold of Izhikevich cells."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import neuromod
from neurogain.neuromod import Changed, Effect, Modulated, ModulatedParams, Owner, Target, effects
from neurogain.spiking import Drive, IzhikevichCell, Network, PoissonSource, Population, build
from neurogain.spiking.cell import check_drive
from neurogain.spiking.cells import PV


def is_izhikevich(network: Network, owner: Owner) -> bool:
    """Whether a network has this target for a population."""
    return isinstance(owner.cell, IzhikevichCell)


def shift_threshold(changed: Changed, owner: Owner, amount: jax.Array) -> Changed:
    """Return the parameters with the threshold shifted by the sum of strength x activation."""
    own = changed.params.cells[owner.name]
    return changed.with_cells(owner, own._replace(v_t=effects.shifted(own.v_t, amount)))


THRESHOLD = Target(
    "POPULATION.threshold", "shift of the threshold v_t, mV", shift_threshold, is_izhikevich
)
TARGETS = (*neuromod.TARGETS, THRESHOLD)

# That is all. What follows uses it.

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def built():
    populations = {
        "pv": Population(IzhikevichCell(), PV, 3),
        "noise": Population(PoissonSource(), (), 2),
    }
    return build(populations, {}, dt=0.1, key=KEY)


def given(params, *own):
    return ModulatedParams(params, neuromod.tables.standard(), own)


def test_the_target_acts_as_other_constants_do(built):
    network, params = built
    modulated = given(params, Effect("nicotinic", "pv.threshold", -10.0))  # mV per activation
    model = Modulated(network, targets=TARGETS)
    start = model.init(modulated)
    raised = start.network.cells["pv"]._replace(v=jnp.full(3, -50.0))  # 5 mV above rest
    cells = start.network._replace(cells=start.network.cells | {"pv": raised})
    drive = {"neuromod.expected_uncertainty": 50.0}
    state, info = model.step(modulated, start._replace(network=cells), drive, dt=0.1, key=KEY)
    amount = info.effects["pv.threshold"]
    assert amount < 0
    lowered = params._replace(cells=params.cells | {"pv": PV._replace(v_t=PV.v_t + amount)})
    alone, plain = (
        network.step(own, cells, {}, dt=0.1, key=KEY)[0].cells["pv"] for own in (lowered, params)
    )
    np.testing.assert_array_equal(state.network.cells["pv"].v, alone.v)
    assert (alone.v > plain.v).all()


def test_it_is_one_of_the_targets_of_the_network(built):
    own = neuromod.targets(built.network, TARGETS)
    assert set(own) - set(neuromod.targets(built.network)) == {"pv.threshold"}


def test_it_is_told_from_a_name_that_is_misspelt(built):
    for targets, message in ((TARGETS, "one of .*pv.threshold, .*; got 'pv.treshold'"),
                             (neuromod.TARGETS, "one of pv.adaptation, .*; got")):  # fmt: skip
        wrong = given(built.params, Effect("alpha1", "pv.treshold", 1.0))
        with pytest.raises(ValueError, match=message):
            Modulated(built.network, targets).check(wrong, {}, dt=0.1, n=5, key=KEY)


NONE = Target("POPULATION.x", "", shift_threshold)
object.__setattr__(NONE, "apply", None)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ((THRESHOLD, THRESHOLD), ValueError, "pv.threshold is one of POPULATION.threshold and of"),
        ((shift_threshold,), TypeError, "`targets` must hold Target"),
        ((Target("threshold", "", shift_threshold),), ValueError, "`name` of a target must be"),
        ((Target("POPULATION.COMPARTMENT", "", shift_threshold),), ValueError, "must be POPULA"),
        ((NONE,), TypeError, "`apply` of the target POPULATION.x must be a function; got None"),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(built, targets, error, message):
    with pytest.raises(error, match=message):
        Modulated(built.network, targets).check(given(built.params), {}, dt=0.1, n=5, key=KEY)


def test_the_documentation_names_every_standard_target():
    for target in neuromod.TARGETS:
        assert target.name in Modulated.__doc__
        assert target.summary in Modulated.__doc__


class ThreeDrive(NamedTuple):
    soma: Drive = Drive()
    basal: Drive = Drive()
    apical: Drive = Drive()


class ThreeCell(IzhikevichCell):
    """Izhikevich cells whose current comes in at three places."""

    compartments = ("soma", "basal", "apical")
    adaptation_jumps = ()
    empty_drive = ThreeDrive()

    def step(self, params, state, drive, *, dt, key):
        whole = Drive(*(sum(fields) for fields in zip(*drive, strict=True)))
        return super().step(params, state, whole, dt=dt, key=key)

    def check(self, params, drive, *, dt, n, key):
        check_drive(self, drive)


def test_cells_of_three_compartments_have_targets_in_each():
    network, params = build({"x": Population(ThreeCell(), PV, 2)}, {}, dt=0.1, key=KEY)
    assert neuromod.targets(network) == tuple(
        f"x.{c}.{what}" for c in ("soma", "basal", "apical") for what in ("current", "gain")
    )
    modulated = given(
        params,
        Effect("nicotinic", "x.apical.gain", 4.0),
        Effect("nicotinic", "x.basal.current", 100.0),
    )
    model = Modulated(network)
    drive = {"x": ThreeDrive(apical=Drive(50.0)), "neuromod.expected_uncertainty": 50.0}
    model.check(modulated, drive, dt=0.1, n=2, key=KEY)
    state, info = model.step(modulated, model.init(modulated), drive, dt=0.1, key=KEY)
    current = 50 * jnp.exp(info.effects["x.apical.gain"]) + info.effects["x.basal.current"]
    alone, _ = network.step(
        params, network.init(params), {"x": ThreeDrive(Drive(current))}, dt=0.1, key=KEY
    )
    np.testing.assert_allclose(state.network.cells["x"].v, alone.cells["x"].v, rtol=1e-6)
    assert (alone.cells["x"].v > PV.v_r).all()


def test_targets_are_static(built):
    assert hash(Modulated(built.network, TARGETS)) == hash(Modulated(built.network, TARGETS))
