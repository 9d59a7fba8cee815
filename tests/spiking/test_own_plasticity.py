"""A plasticity rule of one's own: one file, with the members of `PairRule`.

Copy `RateDependent` as a beginning. It is a pytree of numbers (here a NamedTuple), so that a number
can be changed without compiling again, and it is passed to a projection like the rules that are
built in: alone, inside `ThreeFactor`, on the dense and on the sparse path, on several devices, and
under neuromodulators.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from jax.typing import ArrayLike

from neurogain import neuromod
from neurogain.spiking import (
    IzhikevichCell,
    Population,
    Projection,
    SpikeListSource,
    TimeSeries,
    build,
    cells,
    connectivity,
    simulate,
    spike_list,
)
from neurogain.spiking.engine.drives import Drive
from neurogain.spiking.plasticity import ThreeFactor, Traces, check_constants
from neurogain.spiking.plasticity.rule import check_pair_rule


class RateDependent(NamedTuple):
    """Potentiation by pairs; a fixed depression at each presynaptic spike, as in BCM's low rates.

    postsynaptic spike:         w += eta x
    arriving presynaptic spike: w -= eta theta w
    """

    tau_x: ArrayLike = 20.0  # ms
    eta: ArrayLike = 0.05  # nS
    theta: ArrayLike = 0.5  # 1/nS
    Wmax: ArrayLike = 1.0  # nS

    @property
    def tau_pre(self) -> tuple[ArrayLike, ...]:
        """One presynaptic trace, x."""
        return (self.tau_x,)

    @property
    def tau_post(self) -> tuple[ArrayLike, ...]:
        """No postsynaptic trace."""
        return ()

    def potentiation(self, weight: jax.Array, pre: Traces, post: Traces) -> jax.Array:
        """Return the rise at a postsynaptic spike, nS."""
        return self.eta * pre[0]

    def depression(self, weight: jax.Array, pre: Traces, post: Traces) -> jax.Array:
        """Return the fall at the arrival of a presynaptic spike, nS."""
        return self.eta * self.theta * weight

    def scaled(self, factor: ArrayLike) -> "RateDependent":
        """Return the rule with all changes times `factor`."""
        return self._replace(eta=self.eta * factor)

    def check(self, name: str) -> None:
        """Raise ValueError if a constant can't be."""
        check_constants(self, name, at_least_0={"eta": "nS", "theta": "1/nS"})


DT, STEPS, START, M = 0.5, 60, 0.4, 0.02
RULE = RateDependent()
PRE = (10, 30)  # steps of the presynaptic spikes, the same in all cells
POST = 20  # step of the postsynaptic spike
SILENT = cells.PV._replace(b=0.0, d=0.0)
RULES = {"alone": RULE, "modulated": ThreeFactor(RULE, tau_c=50.0)}


def network_of(path: str, mesh: Mesh | None = None) -> Any:
    """Return four pairs of cells, joined by one projection for each way to use the rule."""
    times = DT * (np.repeat(PRE, 4) + 1)
    listed = spike_list(times, np.tile(np.arange(4), 2), n=4, dt=DT)
    populations = {
        "pre": Population(SpikeListSource(), listed, 4),
        "post": Population(IzhikevichCell(), SILENT, 4),
    }
    projections = {
        name: Projection(
            "pre", "post", connectivity.OneToOne(), START, receptor="gaba_a", delay=DT,
            plasticity=rule, path=path,
        )
        for name, rule in RULES.items()
    }  # fmt: skip
    return build(populations, projections, dt=DT, key=jax.random.key(0), mesh=mesh)


def drive() -> dict[str, Any]:
    """Return a current that lets all cells spike once, and a constant modulator."""
    kick = np.zeros((STEPS, 4))
    kick[POST] = 4e4  # pA
    return {"post": Drive(TimeSeries(kick)), "modulated": M}


def expected(rule: RateDependent) -> dict[str, float]:
    """Return the weights at the end, event by event; spikes arrive one step after they were sent.

    A presynaptic spike of step n meets the synapse at the end of step n + 1, a postsynaptic one at
    the end of its step; the modulator moves the weight in the steps that follow.
    """
    arrivals = [step + 1 for step in PRE]
    rise = float(rule.eta) * np.exp(-DT * (POST - arrivals[0]) / float(rule.tau_x))
    weight, changes = START, []
    for step in sorted([*arrivals, POST]):
        change = rise if step == POST else -float(rule.eta) * float(rule.theta) * weight
        weight += change
        changes.append((step, change))
    eligibility, modulated = 0.0, START
    for step in range(STEPS):
        eligibility *= np.exp(-DT / 50.0)
        modulated += M * DT * eligibility
        if step == POST:
            eligibility += rise
        elif step in arrivals:
            eligibility -= float(rule.eta) * float(rule.theta) * modulated
    return {"alone": weight, "modulated": modulated}


@pytest.mark.parametrize("path", ["dense", "sparse"])
def test_weights_are_those_of_the_rule(path):
    network, params = network_of(path)
    run = simulate(network, params, drive(), duration=DT * STEPS, dt=DT)
    for name, weight in expected(RULE).items():
        actual = network.synapses(params, name, run.state).weight
        np.testing.assert_allclose(actual, weight, rtol=1e-5)
        assert abs(weight - START) > 1e-4


def test_on_four_devices_they_are_those_of_one():
    network, params = network_of("sparse", Mesh(np.array(jax.devices()[:4]), ("cells",)))
    run = simulate(network, params, drive(), duration=DT * STEPS, dt=DT)
    for name, weight in expected(RULE).items():
        actual = network.synapses(params, name, run.state).weight
        np.testing.assert_allclose(actual, weight, rtol=1e-5)


def test_a_neuromodulator_scales_its_learning_rate():
    network, params = network_of("sparse")
    effects = tuple(neuromod.Effect("m1", f"{name}.learning_rate", 0.7) for name in RULES)
    params = neuromod.ModulatedParams(params, neuromod.tables.standard(), effects)
    model = neuromod.Modulated(network)
    state = model.init(params)
    factor = 3.0  # held by an activation of the receptor that doesn't move within the run
    activation = state.neuromod.activation | {"m1": jnp.log(factor) / 0.7}
    state = state._replace(neuromod=state.neuromod._replace(activation=activation))
    run = simulate(model, params, drive(), duration=DT * STEPS, dt=DT, state=state)
    weights = {n: network.synapses(params.network, n, run.state.network).weight for n in RULES}
    scaled, plain = expected(RULE.scaled(factor)), expected(RULE)
    for name, weight in weights.items():
        assert np.all(abs(weight - scaled[name]) < 0.2 * abs(plain[name] - scaled[name])), name


class NoCheck(NamedTuple):
    """A rule that lacks most members."""

    Wmax: float = 1.0


class Unregistered:
    """A rule that isn't a pytree."""

    Wmax, tau_pre, tau_post = 1.0, (), ()
    potentiation = depression = scaled = check = lambda *_: None


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (RULE._replace(eta=-1.0), ValueError, "`eta of on` must be at least 0, in nS; got -1.0"),
        (RULE._replace(tau_x=0.0), ValueError, r"`tau_pre\[0\] of on` must be positive, in ms"),
        (RULE._replace(Wmax=0.0), ValueError, "`Wmax of on` must be positive, in nS"),
        (ThreeFactor(RULE._replace(eta=-1.0)), ValueError, "`eta of on` must be at least 0"),
        (Unregistered(), TypeError, "must be a pytree of numbers"),
        (RateDependent, TypeError, "must be a rule, for instance PairSTDP"),
    ],
)
def test_rules_that_cant_be_are_told_why(rule, error, message):
    one = Population(IzhikevichCell(), cells.PV, 2)
    on = Projection("one", "one", connectivity.AllToAll(), 0.1, plasticity=rule)
    with pytest.raises(error, match=message):
        build({"one": one}, {"on": on}, dt=0.1, key=jax.random.key(0))


def test_what_lacks_a_member_is_told_which():
    missing = "`x` must have all .* has no tau_pre, tau_post, potentiation, depression, scaled, che"
    with pytest.raises(TypeError, match=missing):
        check_pair_rule(NoCheck(), "`x`", "on")
    with pytest.raises(TypeError, match=r"`stdp` must have all .* no tau_pre, tau_post, potent"):
        check_pair_rule(ThreeFactor(), "`stdp`", "on")
