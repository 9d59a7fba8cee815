"""What can't be built or run is refused in words, before anything is compiled."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    NonFiniteError,
    PoissonInput,
    PoissonSource,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    TimeSeries,
    build,
    cells,
    simulate,
)
from neurogain.spiking.connectivity import AllToAll, FixedInDegree, Listed
from neurogain.spiking.network.recorders import WeightHistogram, Weights
from neurogain.spiking.plasticity import PairSTDP, ThreeFactor
from neurogain.spiking.recorders import Traces
from neurogain.spiking.synapses import Receptor, SynapseParams

NAN = float("nan")
PYR = Population(PyramidalCell("mean-field"), cells.L5_PYRAMIDAL, 8)
PV = Population(IzhikevichCell(), cells.PV, 4, inputs=("soma.ampa",))
POPULATIONS = {"pyr": PYR, "pv": PV, "noise": Population(PoissonSource(), (), 4)}
FEW = FixedInDegree(2)
GOOD = {"source": "pyr", "target": "pv", "connectivity": FEW, "weight": 0.5}


def built(projections=None, populations=POPULATIONS, **options):
    options = {"dt": 0.1, "key": jax.random.key(0)} | options
    return build(populations, {} if projections is None else projections, **options)


@pytest.fixture
def refuses_to_build():
    def check(message, error=ValueError, options=(), **fields):
        with pytest.raises(error, match=re.escape(message)):
            built({"on": Projection(**(GOOD | fields))}, **dict(options))

    return check


def test_what_these_tests_start_from_is_fine():
    built({"on": Projection(**GOOD)})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": "sst"}, "`source` of on must be one of pyr, pv, noise; got 'sst'."),
        ({"target": "sst"}, "`target` of on must be one of pyr, pv, noise; got 'sst'."),
        ({"target": "noise"}, "`compartment` of on must be a compartment of noise, which has none; "
                              "got 'soma'."),
        ({"compartment": "dendrite"}, "`compartment` of on must be a compartment of pv, soma; got "
                                      "'dendrite'."),
        ({"target": "pyr", "compartment": "axon"}, "must be a compartment of pyr, soma or dendrite;"
                                                   " got 'axon'."),
        ({"receptor": "gaba_b"}, "`receptor` of on must be one of ampa, nmda, gaba_a; got "
                                 "'gaba_b'."),
        ({"receptor": {"ampa": 1.0, "kainate": 1.0}}, "must be one of ampa, nmda, gaba_a; got "
                                                      "'kainate'."),
        ({"receptor": "adaptation"}, "must be one of ampa, nmda, gaba_a; got 'adaptation'."),
        ({"receptor": {"ampa": -1.0}}, "`receptor` of on must give ampa a share of at least 0; got "
                                       "-1.0."),
        ({"path": "fast"}, "`path` of on must be auto, dense, sparse; got 'fast'."),
        ({"connectivity": FixedInDegree(9)}, "`connectivity` of on: `k`, the in-degree, must be at "
         "most the 8 cells to choose from; got 9. Choose fewer, or pass multapses=True."),
        ({"target": "pyr", "connectivity": FixedInDegree(8)}, "at most the 7 cells to choose from; "
                                                              "got 8."),
        ({"connectivity": Listed([8], [0])}, "`connectivity` of on: `pre` must be numbers of cells,"
                                             " in [0, 7]; got"),
        ({"delay": 0.0}, "`delay` of on must be a multiple of dt = 0.1 ms and at least one; got 0. "
                         "Pass delay=0.1 for the shortest."),
        ({"delay": 0.26}, "must be a multiple of dt = 0.1 ms and at least one; got 0.26. Pass "
                          "delay=0.3, the nearest."),
        ({"delay": lambda rng, count: np.full(count, 1.11434)}, "got 1.11434. Pass rounded ones, "
         "0.1 * np.maximum(np.rint(delay / 0.1), 1); the nearest is 1.1."),
        ({"delay": -0.1}, "`delay` of on must be at least 0 and finite, in ms; got -0.1."),
        ({"delay": NAN}, "`delay` of on must be at least 0 and finite, in ms; got nan."),
        ({"delay": np.full(3, 0.1)}, "`delay` of on must be one number, or one per synapse, shape "
                                     "(8,); got shape (3,)."),
        ({"delay": 100.1}, "`delay` of on must be at most max_delay = 100 ms"),
        ({"weight": np.ones(7)}, "`weight` of on must be one number, or one per synapse, shape (8,)"
                                 "; got shape (7,)."),
        ({"weight": -0.5}, "`weight` of on must be at least 0 and finite, in nS; got -0.5. "
                           "Inhibition is a receptor (gaba_a), not a sign."),
        ({"weight": NAN}, "finite, in nS; got nan."),
        ({"weight": 1e40}, "finite, in nS; got 1e+40."),
        ({"weight": lambda rng, count: np.ones(count + 1)}, "shape (8,); got shape (9,)."),
        ({"weight": lambda rng, count: 1.0}, "of (rng, synapses), must return shape (8,); got shape"
                                             " ()."),
        ({"receptor": {}}, "`receptor` of on must name at least one; got {}."),
        ({"plasticity": PairSTDP(tau_plus=np.ones(3))}, "`tau_plus of on` must be one number"),
        ({"weight": 1.5, "plasticity": PairSTDP()}, "`weight` of on must be at most its rule's Wmax"
                                                    " = 1 nS; got 1.5."),
        ({"delay": np.array([0.1] * 7 + [0.2]), "plasticity": PairSTDP()}, "`delay` of on must be "
         "one for all its synapses, which are plastic; got 2 different ones. Make a projection "),
        ({"plasticity": PairSTDP(tau_plus=0.0)}, "`tau_plus of on` must be positive, in ms"),
        ({"plasticity": ThreeFactor(PairSTDP(Wmax=-1.0))}, "`Wmax of on` must be positive, in nS"),
    ],
)  # fmt: skip
def test_projections(refuses_to_build, fields, message):
    refuses_to_build(message, **fields)


def test_a_rule_of_another_kind(refuses_to_build):
    message = "`plasticity` of on must be a rule, for instance PairSTDP(); got 'stdp'."
    refuses_to_build(message, error=TypeError, plasticity="stdp")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"connectivity": 0.1}, "`connectivity` of on must be a rule of neurogain.spiking.conn"),
        ({"connectivity": AllToAll}, "Pass for instance FixedInDegree(10)."),
        ({"weight": "1"}, "`weight` of on must be numbers, in nS; got '1'."),
        (
            {"weight": lambda count: np.ones(count)},
            "must take (rng, synapses) and return one value",
        ),
    ],
)
def test_projections_of_the_wrong_kind(refuses_to_build, fields, message):
    refuses_to_build(message, error=TypeError, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cell": IzhikevichCell}, "`cell` of pv must be a kind of cell, for instance Izhikevi"),
        ({"synapses": SynapseParams()}, "`synapses` of pv must be a dictionary by compartment"),
        ({"synapses": {"soma": {"tau": 1.0}}}, "`synapses` of pv, soma, must be SynapseParams"),
    ],
)
def test_populations_of_the_wrong_kind(fields, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        built(populations={"pv": dataclasses.replace(PV, **fields)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": 0}, "`key` must be one key; got 0. Pass jax.random.key(0)."),
        ({"key": None}, "`key` must be one key; got None."),
        ({"key": jax.random.split(jax.random.key(0))}, "`key` must be one key"),
        ({"populations": [PV]}, "`populations` must be a dictionary by name; got list."),
        ({"projections": [1]}, "`projections` must be a dictionary by name; got list."),
        ({"populations": {3: PV}}, "A population's name must be a text, not empty; got 3."),
    ],
)
def test_builds_of_the_wrong_kind(options, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        built(**options)


def test_receptors_of_another_number_of_cells():
    own = {"soma": SynapseParams(adaptation_jump=np.ones(3))}
    message = (
        "`synapses of pv, soma.adaptation.jump` must be one value, or one per cell, shape (4,)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        built(populations={"pv": dataclasses.replace(PV, synapses=own)})


def mesh_of(devices, axis="cells"):
    return Mesh(np.array(jax.devices()[:devices]), (axis,))


@pytest.mark.parametrize(
    ("options", "fields", "message"),
    [
        ({"mesh": mesh_of(4)}, {"path": "dense"}, "`path` of on must be sparse on a mesh, where "
         'synapses lie with their postsynaptic cells; got dense. Pass path="sparse".'),
        ({"mesh": mesh_of(3)}, {}, "`size` of pyr must be a multiple of the 3 devices of the mesh; "
                                   "got 8. Choose 9."),
        ({"mesh": mesh_of(4, "x")}, {}, "`mesh` must have one axis, 'cells'; got ('x',)."),
        ({"max_delay": 1.0}, {"delay": 1.1}, "`delay` of on must be at most max_delay = 1 ms"),
        ({"path": "matrix"}, {}, "`path` must be auto, dense, sparse; got 'matrix'."),
        ({"max_delay": NAN}, {}, "`max_delay` must be positive and finite, in ms; got nan."),
        ({"key": jax.random.key(0, impl="unsafe_rbg")}, {}, "`key` must not be of the generator"),
        ({"dt": 0.0}, {}, "`dt` must be positive, in ms; got 0.0."),
        ({"populations": {}}, {}, "`populations` must hold at least one; got none."),
        ({"populations": POPULATIONS | {"on": PV}}, {}, "`projections` must have names that no "
                                                        "population has; got on."),
        ({"populations": POPULATIONS | {"a.b": PV}}, {}, "A population's name must not have a "),
    ],
)  # fmt: skip
def test_builds(refuses_to_build, options, fields, message):
    refuses_to_build(message, options=options, **fields)


@pytest.fixture(scope="module")
def network():
    fixed = Projection(**GOOD)
    plastic = Projection(**(GOOD | {"plasticity": ThreeFactor()}))
    everyone = Projection("pyr", "pyr", AllToAll(), 0.1, plasticity=PairSTDP())
    return built({"fixed": fixed, "plastic": plastic, "all": everyone})


RATE = {"noise": 10.0}
KEY = jax.random.key(1)
SERIES = TimeSeries(np.full(100, -1.0))


@pytest.mark.parametrize(
    ("drive", "options", "message"),
    [
        (RATE, {"dt": 0.05}, "`dt` must be the 0.1 ms that the delays of the network were built "
                             "for; got 0.05. Build it again with dt=0.05."),
        ({"sst": Drive()}, {}, "`drive` must be for pyr, pv, noise, pv.soma.ampa, plastic; got "
                               "'sst'."),
        ({"pv.soma.nmda": 0.1}, {}, "got 'pv.soma.nmda'. Jumps of a conductance need Population(..."
                                    ", inputs=('soma.nmda',))."),
        ({"all": 0.1}, {}, "got 'all'. A modulator needs plasticity=ThreeFactor(...) in the "),
        ({"pv.soma.ampa": -0.1}, {}, "`drive['pv.soma.ampa']` must be a jump of at least 0 nS, "
                                     "without Gaussian noise; got -0.1."),
        ({"pv.soma.ampa": PoissonInput(10.0, -0.1)}, {}, "a jump of at least 0 nS"),
        ({"pv.soma.ampa": SERIES}, {}, "a jump of at least 0 nS"),
        ({"pv.soma.ampa": Noise(1.0, 0.1)}, {}, "a jump of at least 0 nS, without Gaussian noise"),
        ({"plastic": NAN}, {}, "`drive['plastic']` must be finite, in 1/ms; got nan."),
        ({"plastic": np.zeros(3)}, {}, "`drive['plastic']` must be one value, or one per cell"),
        ({"pyr": PyramidalDrive(Drive(np.zeros(4)))}, {}, "must be one value, or one per cell, "
                                                          "shape (8,); got shape (4,)."),
        (RATE, {"key": None}, "noise: `key` must be a jax.random.key for Poisson sources; got "),
        ({"noise": -1.0}, {}, "noise: `drive` must be a rate in [0, 10000] Hz, since a "),
        (RATE, {"n": 17}, "`n` must be the number of cells of the network, 16; got 17."),
        (RATE, {"record": {"w": Weights("fixed", every=1)}}, "`projection` of a recorder of weights"
         " must be plastic, one of plastic, all; got 'fixed'. Fixed weights are in"),
        (RATE, {"record": {"w": WeightHistogram("none", every=1, edges=(0.0, 1.0))}},
         "`projection` of a recorder of weights must be one of fixed, plastic, all; got 'none'."),
        (RATE, {"record": {"v": Traces(lambda state, info: info.cells["pv"].spike, cells=(4,))}},
         "`cells` of a recorder must be in [0, 3], the cells of what it selects; got (4,)."),
        (RATE, {"record": {"w": Weights("plastic", every=1, synapses=(0, 8))}}, "`synapses` of a "
         "recorder must be in [0, 7], the synapses of plastic; got (0, 8)."),
        (RATE, {"record": {"w": Weights("plastic", every=1, synapses=(-1,))}}, "got (-1,)."),
    ],
)  # fmt: skip
def test_runs(network, drive, options, message):
    options = {"duration": 10.0, "key": KEY} | options
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(*network, drive, **options)


def changed_params(network, what):
    params = network.params
    if what == "rule":
        table = params.projections["all"]
        table = table._replace(rule=PairSTDP(tau_plus=-20.0))
        return params._replace(projections=params.projections | {"all": table})
    own = {
        "tau": SynapseParams(ampa=Receptor(-6.0, 0.0)),
        "jump": SynapseParams(adaptation_jump=5.0),
    }
    return params._replace(synapses=params.synapses | {"pv": {"soma": own[what]}})


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("rule", "`tau_plus of all` must be positive, in ms; got -20.0."),
        ("tau", "`ampa.tau` must be positive, in ms; got -6.0."),
        ("jump", "`adaptation.jump` of pv, soma, must be 0 nS, since the network was built "),
    ],
)
def test_constants_that_were_changed_after_building(network, what, message):
    params = changed_params(network, what)
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(network.network, params, RATE, duration=1.0, key=KEY)


def test_weights_above_their_bound(network):
    table = network.params.projections["all"]
    weight = table.weight if hasattr(table, "weight") else table.rows.weight
    table = (
        table._replace(weight=10 * weight + 5)
        if hasattr(table, "weight")
        else table._replace(rows=table.rows._replace(weight=10 * weight + 5))
    )
    params = network.params._replace(projections=network.params.projections | {"all": table})
    with pytest.raises(ValueError, match="`weight` of all must be at most its rule's Wmax = 1 nS"):
        simulate(network.network, params, RATE, duration=1.0, key=KEY)


def test_a_function_that_draws_needs_a_key():
    only = built(populations={"pv": PV})
    drive = {"pv": Drive(lambda step, key: jax.random.normal(key, (4,)))}
    message = "`key` must be a jax.random.key, since the function of `drive['pv'].current` uses it"
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(*only, drive, duration=1.0)


def test_noise_needs_a_key():
    only = built(populations={"pv": PV})
    message = r"`key` must be a jax\.random\.key, since .* is drawn; got None\."
    with pytest.raises(ValueError, match=message):
        simulate(*only, {"pv": Drive(Noise(0.0, 1.0))}, duration=1.0)


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (Drive(100.0), "`drive` of a network must be a dictionary by population; got Drive. Pass "
                       "{'pyr': ...}."),
        ({"noise": Drive(500.0)}, "noise: `drive` must be a rate in [0, 10000] Hz, since a "),
        ({"plastic": Drive(0.1)}, "`drive['plastic']` must be a number, or one that changes in "),
        ({"pv": PyramidalDrive()}, "pv: `drive` must be a Drive for this cell; got Pyra"),
    ],
)  # fmt: skip
def test_drives_of_another_kind(network, drive, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        simulate(*network, drive, duration=1.0, key=KEY)


def test_more_samples_than_fit(network):
    """55 weights, 4 bytes each, in 10^8 steps."""
    record = {"few": Traces(lambda state, info: info.cells["pv"].spike, every=1000),
              "many": Weights("all", every=1)}  # fmt: skip
    message = (
        "`record` must keep at most 4 GiB; it would keep 20.9 GiB, 20.9 of them in 'many'. Record "
        "fewer cells or synapses, a larger `every`, a Total or a histogram; or pass "
        "max_recorded_bytes."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(*network, RATE, duration=1e7, key=KEY, record=record)
    with pytest.raises(ValueError, match=re.escape("at most 1.86e-06 GiB; it would keep 0.000209")):
        simulate(*network, RATE, duration=100.0, key=KEY, record=record, max_recorded_bytes=2000)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(7), "`weights` of plastic must be one number, or one per synapse, shape (8,); got "
                     "shape (7,)."),
        (-1.0, "`weights` of plastic must be at least 0 and finite, in nS; got -1.0."),
        (NAN, "`weights` of plastic must be at least 0 and finite, in nS; got nan."),
        (1.1, "`weights` of plastic must be at most its rule's Wmax = 1 nS; got 1.1."),
    ],
)  # fmt: skip
def test_other_weights(network, weights, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        network.network.with_weights(network.params, "plastic", weights)


def test_names_that_are_not_there(network):
    params, message = network.params, "one of fixed, plastic, all; got 'none'"
    with pytest.raises(KeyError, match=message):
        network.network.synapses(params, "none")
    with pytest.raises(KeyError, match=message):
        network.network.with_weights(params, "none", 0.5)
    with pytest.raises(KeyError, match="`population` must be one of pyr, pv, noise; got 'none'"):
        network.network.cells_of("none")


def infinite_once(step, key):
    return jnp.where((step == 30) & (jnp.arange(4) == 2), jnp.inf, 0.0)


@pytest.mark.parametrize("chunk", [1, 100])
def test_an_explosion_names_population_and_cell(network, chunk):
    drive = RATE | {"pv": Drive(infinite_once)}
    with pytest.raises(NonFiniteError, match=r"pv.*\.v` of cell 2 is inf after step 30 \(3.1 ms\)"):
        simulate(*network, drive, duration=10.0, key=KEY, chunk=chunk)


def test_a_network_that_explodes_says_where():
    """Weights so large that their sum overflows, among arrivals that wait for their delay."""
    strong = Projection("pyr", "pyr", AllToAll(), 3e38, delay=2.0, path="sparse")
    blown = built({"on": strong})
    drive = {"pyr": PyramidalDrive(Drive(2000.0))}
    with pytest.raises(NonFiniteError, match=r"`ring` at index \(\d+, \d+\) is inf after step"):
        simulate(*blown, drive, duration=100.0, key=KEY)


def test_the_order_of_arguments():
    message = "Arguments come in the order model, params, drive."
    with pytest.raises(TypeError, match=message):
        simulate(cells.RS, IzhikevichCell(), Drive(), n=1, duration=1.0)
