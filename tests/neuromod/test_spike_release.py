"""Populations whose spikes release neuromodulators, against closed forms spike by spike."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.neuromod import (
    Effect,
    Interaction,
    KineticsParams,
    Modulated,
    ModulatedParams,
    Neuromodulator,
    ReceptorParams,
    Source,
    SpikeRelease,
    tables,
    targets,
)
from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    LIFCell,
    LIFParams,
    Population,
    Projection,
    PyramidalCell,
    SpikeListSource,
    TimeSeries,
    build,
    cells,
    simulate,
    spike_list,
)
from neurogain.spiking.connectivity import FixedProbability
from neurogain.spiking.models.sources import PoissonSource
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Traces

DT, STEPS = 0.5, 400
HZ, TAU, TONIC = 5.0, 80.0, 20.0  # of the releasing cells; ms; nM
VTA = ([10, 11, 60, 200], [11, 150, 399], [])  # steps of the spikes of its cells
PRE, POST = [[20, 90, 210]], [[24, 100, 205, 300]]
RULE = ThreeFactor(PairSTDP(lambda_=0.1, mu_plus=0.0, mu_minus=0.0, Wmax=50.0), tau_c=60.0)
LINEAR = ReceptorParams(K=1e7)  # its occupancy is c / K, to 1e-5
BY_SPIKES = {"dopamine": SpikeRelease("vta", HZ)}


def sources(trains):
    times = np.concatenate([DT * (np.array(own) + 1) for own in trains])
    number = np.repeat(np.arange(len(trains)), [len(own) for own in trains])
    listed = spike_list(times, number, n=len(trains), dt=DT)
    return Population(SpikeListSource(), listed, len(trains))


@pytest.fixture(scope="module")
def network():
    silent = cells.PV._replace(b=0.0, d=0.0)
    populations = {
        "vta": sources(VTA), "pre": sources(PRE),
        "post": Population(IzhikevichCell(), silent, 1),
        "a": Population(LIFCell(), LIFParams(), 3), "b": Population(LIFCell(), LIFParams(), 2),
    }  # fmt: skip
    learns = Projection(
        "pre", "post", FixedProbability(1.0), 10.0, receptor="gaba_a", delay=DT, plasticity=RULE
    )
    with jax.enable_x64():
        return build(populations, {"learns": learns}, dt=DT, key=jax.random.key(0))


def dopamine(tonic=TONIC):
    record = Neuromodulator(KineticsParams(tonic, TAU), {"d1": LINEAR}, Source("prediction_error"))
    return tables.standard()._replace(kinetics={}, receptors={}).having(dopamine=record)


def kicks():
    values = np.zeros((STEPS, 1))
    values[POST[0], 0] = 4e4  # pA, a spike at once
    return Drive(TimeSeries(values))


def ran(model, params, drive, record):
    with jax.enable_x64():
        return simulate(
            model, params, {"post": kicks()} | drive, duration=DT * STEPS, dt=DT,
            record={"x": Traces(record)}, dtype="float64",
        )  # fmt: skip


def concentration(share):
    """Return the concentration behind each step, as a sum over spikes; `share`: of the cells."""
    end = DT * (1 + np.arange(STEPS))
    c = TONIC * np.exp(-end / TAU) + TONIC * DT / TAU * np.exp(-(end - DT) / TAU)
    for own, trains in zip(share, VTA, strict=True):
        for step in trains:  # it acts in the next step
            since = end - DT * (step + 2)
            one = own * TONIC * 1000 / (HZ * TAU)
            c += np.where(since >= -1e-9, one * np.exp(-np.maximum(since, 0) / TAU), 0)
    return c


@pytest.mark.optimized
def test_each_spike_releases_its_part_and_changes_weights_by_the_third_factor(network):
    """NEST's stdp_dopamine_synapse: dw/dt = e (n - b), with n from a population's spikes."""
    strength = 2e3  # 1/ms, of an occupancy
    effect = Effect("d1", "learns.modulator", strength)
    params = ModulatedParams(network.params, dopamine(), (effect,))
    run = ran(
        Modulated(network.network, releases=BY_SPIKES), params, {},
        lambda state, info: state.neuromod.concentration["dopamine"][None],
    )  # fmt: skip
    c = concentration([1 / 3] * 3)
    np.testing.assert_allclose(run.recorded["x"].values[:, 0], c, rtol=1e-9)

    modulator = strength * (c / (1e7 + c) - TONIC / (1e7 + TONIC))
    e, x, y, w = 0.0, 0.0, 0.0, 10.0
    step = RULE.stdp.lambda_ * RULE.Wmax
    arrivals = [k + 1 for k in PRE[0]]
    for k in range(STEPS):
        x, y, e = (
            value * np.exp(-DT / tau)
            for value, tau in ((x, RULE.stdp.tau_plus), (y, RULE.stdp.tau_minus), (e, RULE.tau_c))
        )
        w += modulator[k] * DT * e
        if k in POST[0]:
            e += step * x
        if k in arrivals:
            e -= RULE.stdp.alpha * step * y
        x, y = x + (k in arrivals), y + (k in POST[0])
    with jax.enable_x64():
        found = network.network.synapses(network.params, "learns", run.state.network)
    np.testing.assert_allclose(np.ravel(found.weight), w, rtol=1e-6)
    assert abs(w - 10) > 0.1


def test_wires_reach_the_cells_of_several_populations(network):
    wires = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0.2, 0.3, 0.5]])
    model = Modulated(network.network, releases=BY_SPIKES, wired={"dopamine": ("a", "b")})
    effects = (
        Effect("d1", "a.soma.current", np.array([1e6, 2e6, 3e6])),
        Effect("d1", "b.soma.current", 1e6),
    )
    params = ModulatedParams(
        network.params, dopamine(np.full(5, TONIC)), effects, {"dopamine": wires}
    )

    def shown(state, info):
        parts = (
            state.neuromod.concentration["dopamine"],
            info.effects["a.soma.current"],
            info.effects["b.soma.current"],
        )
        return jnp.concatenate(parts)

    found = ran(model, params, {}, shown).recorded["x"].values
    wanted = np.stack([concentration(row) for row in wires], axis=1)
    np.testing.assert_allclose(found[:, :5], wanted, rtol=1e-9)
    active = wanted / (1e7 + wanted) - TONIC / (1e7 + TONIC)
    np.testing.assert_allclose(found[:, 5:8], 1e6 * active[:, :3] * [1, 2, 3], atol=1e-6)
    np.testing.assert_allclose(found[:, 8:], 1e6 * active[:, 3:], atol=1e-6)


POISSON = 200


def towards(state, drive):
    """Return a rate that rises as the concentration falls below 40 nM."""
    missing = 40.0 - state.neuromod.concentration["dopamine"]
    return {**drive, "vta": jnp.clip(HZ + 0.5 * missing, 0.0, 100.0)}


@pytest.mark.parametrize(
    ("feedback", "level"),
    [(None, TONIC), (towards, (TONIC + TONIC / HZ * 0.5 * 40) / (1 + TONIC / HZ * 0.5))],
)
def test_a_loop_through_spikes_settles_where_it_should(feedback, level):
    """In the loop c = tonic (hz + k (40 - c)) / hz."""
    vta = Population(PoissonSource(), (), POISSON)
    network, plain = build({"vta": vta}, {}, dt=1.0, key=jax.random.key(0))
    model = Modulated(network, releases=BY_SPIKES, feedback=feedback)
    run = simulate(
        model, ModulatedParams(plain, dopamine()), {"vta": HZ}, duration=4000.0, dt=1.0,
        key=jax.random.key(1),
        record={"c": Traces(lambda state, info: state.neuromod.concentration["dopamine"][None])},
    )  # fmt: skip
    c = run.recorded["c"].values[500:, 0]
    assert c.mean() == pytest.approx(level, rel=0.03)
    assert c.std() > 0.1


def test_interactions_act_on_what_spikes_release(network):
    opposes = Interaction("serotonin", "dopamine", opponent=1.0)
    standard = tables.standard()
    systems = (
        dopamine()
        ._replace(interactions=(opposes,))
        .having(
            serotonin=Neuromodulator(
                standard.kinetics["serotonin"], {}, standard.sources["serotonin"]
            )
        )
    )
    model = Modulated(network.network, releases=BY_SPIKES)
    params = ModulatedParams(network.params, systems)

    def shown(state, info):
        return state.neuromod.concentration["dopamine"][None]

    alone, opposed = (
        ran(model, params, {"neuromod.aversion": x}, shown).recorded["x"].values[:, 0]
        for x in (0.0, 5.0)
    )
    np.testing.assert_allclose(alone, concentration([1 / 3] * 3), rtol=1e-9)
    assert np.all(opposed <= alone)
    assert np.all(opposed[12:14] < alone[12:14] - 1)


def test_a_value_for_each_cell_acts_as_one_for_all():
    populations = {
        "l5": Population(PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, 4),
        "lif": Population(LIFCell(), LIFParams(), 4),
    }
    network, plain = build(populations, {
        "excite": Projection("l5", "lif", FixedProbability(1.0), 1.0),
        "inhibit": Projection("lif", "l5", FixedProbability(1.0), 1.0, "dendrite", "gaba_a"),
    }, dt=0.25, key=jax.random.key(0))  # fmt: skip
    names = [name for name in targets(network) if name.partition(".")[0] in populations]
    assert len(names) > 8
    runs = []
    for shape in ((), (4,)):
        effects = tuple(Effect("nicotinic", name, np.full(shape, 0.5)) for name in names)
        params = ModulatedParams(plain, tables.standard(), effects)
        drive = {
            "l5": PyramidalCell().empty_drive._replace(soma=Drive(900.0), coupling=0.3),
            "lif": Drive(400.0), "neuromod.expected_uncertainty": 1.0,
        }  # fmt: skip
        run = simulate(Modulated(network), params, drive, duration=60.0, dt=0.25)
        runs.append(run.state.network.cells)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), *runs)


WIRED = {"wired": {"dopamine": ("a", "b")}, "releases": BY_SPIKES}


@pytest.mark.parametrize(
    ("options", "changes", "drive", "message"),
    [
        ({"releases": {"dopamine": SpikeRelease("snc")}}, {}, {},
         "`population of the release of dopamine` must be one of vta, .*got 'snc'"),
        ({"releases": {"dopamine": "vta"}}, {}, {}, "`releases` of dopamine must be a Spi"),
        ({"releases": [SpikeRelease("vta")]}, {}, {}, "`releases` must be a dict by system; got"),
        ({"releases": {"histamine": SpikeRelease("vta")}}, {}, {},
         "`releases` must be of systems that are there, dopamine; got 'histamine'"),
        ({"wired": {"dopamine": "a"}}, {}, {}, "`wired` of dopamine must be a tuple of p"),
        ({"wired": {"dopamine": ("a", "c")}}, {}, {}, "`wired of dopamine` must be one of vta"),
        ({"feedback": 3}, {}, {}, r"`feedback` must be a function of \(state, drive\); got 3"),
        ({"feedback": lambda state: {}}, {}, {}, r"`feedback` must be a function of \(state, dr"),
        ({"feedback": lambda state, drive: None}, {}, {}, "`feedback` must return a drive, a dict"),
        (WIRED, {}, {}, r"`tonic` of dopamine must have shape \(5,\), one for each cell of a, b"),
        ({"releases": BY_SPIKES}, {}, {"neuromod.prediction_error": 1.0},
         "'neuromod.prediction_error' must be left out, since spikes of vta release dopamine"),
        ({"releases": BY_SPIKES}, {}, {"neuromod.hunger": 1.0}, "got 'neuromod.hunger'"),
        ({}, {"wires": {"dopamine": np.eye(3)}}, {}, "`wires` must be of systems that are rel"),
        (WIRED, {"neuromod": dopamine(np.full(5, TONIC)), "wires": {"dopamine": np.eye(3)}}, {},
         r"must have shape \(targets, neurons\) = \(5, 3\).*got shape \(3, 3\)"),
        (WIRED, {"neuromod": dopamine(np.full(5, TONIC)), "wires": {"dopamine": np.ones((5, 3))}},
         {}, "must have rows of sum 1, .*sums from 3 to 3"),
        (WIRED, {"neuromod": dopamine(np.full(5, TONIC)),
                 "effects": (Effect("d1", "post.soma.current", 1.0),)}, {},
         r"`tonic` of dopamine must have shape \(\) or \(1,\).* wired=\{...\}"),
    ],
)  # fmt: skip
def test_what_does_not_fit(network, options, changes, drive, message):
    params = ModulatedParams(network.params, dopamine())._replace(**changes)

    def run():
        ran(Modulated(network.network, **options), params, drive, lambda s, i: i.spike)

    with pytest.raises((ValueError, TypeError), match=message):
        run()


@pytest.mark.parametrize(
    ("given", "message"),
    [((3,), "`population` must be the name of one"), (("vta", 0.0), "`tonic_hz` must be positive")],
)
def test_a_release_that_is_none(given, message):
    with pytest.raises((ValueError, TypeError), match=message):
        SpikeRelease(*given)
