"""What runs, networks, recorders and cells of one's own refuse, before anything is compiled."""

import dataclasses
import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    IzhikevichParams,
    LIFCell,
    LIFParams,
    Noise,
    PoissonSource,
    Population,
    Projection,
    PyramidalCell,
    PyramidalDrive,
    SpikeList,
    SpikeListSource,
    TimeSeries,
    build,
    cells,
    combine,
    connectivity,
    rollout,
    simulate,
    synapse,
    synapses,
)
from neurogain.spiking.connectivity import AllToAll, FixedInDegree, FixedProbability
from neurogain.spiking.network.recorders import WeightHistogram, Weights
from neurogain.spiking.plasticity import PairSTDP
from neurogain.spiking.recorders import Intervals, Mean, Peak, Total, Traces
from neurogain.spiking.surrogate import Sigmoid

KEY = jax.random.key(0)
POPULATION = {"cell": LIFCell(), "params": LIFParams(), "size": 3}
PROJECTION = {"source": "a", "target": "a", "connectivity": AllToAll(), "weight": 0.5}


def refuses(error, message, function, *arguments, **more):
    with pytest.raises(error, match=re.escape(message)):
        function(*arguments, **more)


def network(population=None, projection=None, **options):
    populations = {"a": Population(**POPULATION | (population or {}))}
    projections = {"p": Projection(**PROJECTION | (projection or {}))}
    return build(populations, projections, **{"dt": 0.1, "key": KEY} | options)


def run(runner=simulate, *, model=None, params=None, drive=None, **options):
    options = {"n": 2, "duration": 1.0} | options
    model, params = model or LIFCell(), LIFParams() if params is None else params
    return runner(model, params, Drive() if drive is None else drive, **options)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"dt": [0.1]}, TypeError, "`dt` must be one number, positive, in ms; got [0.1]. Pass"),
        ({"dt": None}, TypeError, "`dt` must be one number, positive, in ms; got None."),
        ({"dt": np.array([0.1, 0.2])}, TypeError, "`dt` must be one number, positive, in ms"),
        ({"duration": None}, TypeError, "`duration` must be one number, a multiple of dt = 0.1 ms"),
        ({"duration": "1"}, TypeError, "`duration` must be one number"),
        ({"duration": [1.0]}, TypeError, "`duration` must be one number"),
        ({"duration": True}, TypeError, "`duration` must be one number"),
        ({"n": True}, ValueError, "`n` must be a whole number of at least 1; got True."),
        ({"n": 2**31}, ValueError, "`n` must be at most 2147483646 cells"),
        ({"dtype": "float99"}, TypeError, "`dtype` must be float32 or float64; got 'float99'."),
        ({"dtype": 0.5}, TypeError, "`dtype` must be float32 or float64; got 0.5."),
        ({"record": {"v": Traces(None)}}, TypeError, "`select` of Traces must be a function of"),
        ({"record": {"v": Total(dict)}}, TypeError, "`select` of Total must be a function of"),
        ({"record": {"v": Mean(lambda state: 0)}}, TypeError, "`select` of Mean must be a"),
        ({"record": {"v": Peak(lambda state, info: 1.0)}}, TypeError,
         "`select` of Peak must return an array of shape (n,), or a tree of them; got 1.0. Write"),
        ({"record": {"v": Total(lambda state, info: None)}}, TypeError, "got None. Write for"),
        ({"record": {"v": Traces(lambda state, info: state.v, cells=("x",))}}, ValueError,
         "`cells` of the recorder 'v' must be in [0, 1]; got ('x',)."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_runs(runner, changes, error, message):
    refuses(error, message, run, runner, **changes)


def test_what_is_of_simulate_alone():
    refuses(TypeError, "`progress` must be True, False or a function", run, progress="yes")
    refuses(TypeError, "`max_recorded_bytes` must be one number", run, max_recorded_bytes=None)
    refuses(ValueError, "`max_recorded_bytes` must be at least 0", run, max_recorded_bytes=-1)


def test_a_traced_step_is_refused():
    def one(dt):
        return run(rollout, dt=dt).state

    refuses(
        TypeError,
        "`dt` must be one Python number, positive, in ms, known when a run is compiled; got ",
        jax.jit(one),
        0.1,
    )


@pytest.mark.parametrize(
    ("drive", "error", "message"),
    [
        (Drive(dict), TypeError, "`drive.current` must be a number or an array; got <class"),
        (Drive({}), TypeError, "`drive.current` must be a number or an array; got {}."),
        (Drive({"x": 1.0}), TypeError, "`drive.current` must be a number or an array; got {'x'"),
        (Drive("x"), TypeError, "`drive.current` must be a number or an array of numbers; got 'x'"),
        (Drive(1j), TypeError, "`drive.current` must be a number or an array of numbers; got 1j."),
        (Drive(TimeSeries([[1], [1, 2]])), TypeError, "`drive.current` must be a number or"),
        (Drive(lambda step: 0.0), TypeError, "`drive.current` must be a function of (step, key)"),
        (Drive(lambda step, key: "x"), TypeError,
         "`drive.current`, a function of (step, key), must return one array; got 'x'."),
        (Drive(lambda step, key: None), TypeError, "must return one array; got None."),
    ],
)  # fmt: skip
def test_drives(drive, error, message):
    refuses(error, message, run, drive=drive)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drive": 300.0}, "`drive` must be a Drive for this cell; got float. Pass Drive(300.0)."),
        ({"drive": np.float64(3)}, "Pass Drive(3.0)."),
        ({"drive": np.ones(2)}, "got ndarray. Pass Drive(...)."),
        ({"drive": Noise(0.0, 1.0)}, "got Noise. Pass Drive(...)."),
        ({"model": PyramidalCell("mean-field"), "params": cells.L5_PYRAMIDAL, "drive": 300},
         "`drive` must be a PyramidalDrive for this cell; got int. Pass "
         "PyramidalDrive(soma=Drive(300))."),
        ({"params": LIFParams}, "`params` must be a LIFParams for this cell; got the class "
                                "LIFParams. Pass LIFParams()."),
        ({"model": IzhikevichCell(), "params": IzhikevichParams}, "Pass IzhikevichParams(...)."),
        ({"drive": Drive}, "`drive` must be a Drive for this cell; got the class Drive. Pass "
                           "Drive()."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_what_only_lacks_its_type(runner, changes, message):
    refuses(TypeError, message, run, runner, **changes)


@pytest.mark.parametrize("runner", [simulate, rollout])
def test_a_network_with_its_parameters_as_the_model(runner):
    message = (
        "`model` must be a network alone; got Built, which holds its parameters too. Write "
        "network, params = build(...), then pass both: network, params, drive."
    )
    refuses(TypeError, message, runner, network(), {}, duration=1.0)


def test_sums_of_drives():
    refuses(TypeError, "`drives` must be a Drive; got float.", combine, Drive(), 3.0)
    refuses(TypeError, "`reversal` must be a number or an array; got None.", synapse, 1.0, None)
    refuses(TypeError, "`conductance` must be a number or an array; got [1.0]", synapse, [1.0], 0.0)


@pytest.mark.parametrize(
    ("model", "params", "drive", "error", "message"),
    [
        (LIFCell(), LIFParams(C=dict), Drive(), TypeError, "`C` must be a number or an array; got"),
        (LIFCell(), LIFParams(C=1j), Drive(), TypeError, "`C` must be a number or an array of"),
        (LIFCell(), LIFParams(C=np.ones(3)), Drive(), ValueError,
         "`C` must be one value, or one per cell, shape (2,); got shape (3,). Pass one number, or "
         "an array of 2, or take another number of cells."),
        (LIFCell(), LIFParams(C=TimeSeries(np.ones(10))), Drive(), TypeError, "`C` must be a number"
         " or an array, constant in time; got TimeSeries. Only a whole field of a drive can"),
        (PoissonSource(), (), -5.0, ValueError, "got -5.0. Pass 0.0 for no spikes; for more take a "
                                                "shorter dt, or give the cells PoissonInput("),
        (PyramidalCell("mean-field"), cells.L5_PYRAMIDAL._replace(soma=None), PyramidalDrive(),
         TypeError, "`params.soma` must be an IzhikevichParams for this cell; got NoneType."),
        (PyramidalCell("mean-field"), cells.L5_PYRAMIDAL._replace(dendrite=1.0), PyramidalDrive(),
         TypeError, "`params.dendrite` must be a DendriteParams for this cell; got float."),
        (PoissonSource(), 3.0, 10.0, TypeError, "`params` of Poisson sources must be (), they"),
        (SpikeListSource(), SpikeList(np.zeros(2, int), 0.1), 0.0, TypeError,
         "`params.step` must be a table of whole numbers, (sources, spikes); got array([0, 0])."),
        (SpikeListSource(), SpikeList(None, 0.1), 0.0, TypeError, "`params.step` must be a table"),
        (SpikeListSource(), SpikeList(np.zeros((2, 1), int), 0.1), np.ones(2), ValueError,
         "`drive` must not be given to sources that spike by a list"),
    ],
)  # fmt: skip
def test_constants(model, params, drive, error, message):
    refuses(error, message, run, model=model, params=params, drive=drive, key=KEY)


@pytest.mark.parametrize("kind", [LIFCell, IzhikevichCell, PyramidalCell])
@pytest.mark.parametrize("value", [None, 20.0, Sigmoid])
def test_surrogates(kind, value):
    refuses(TypeError, "`surrogate` must be a surrogate gradient; got", kind, surrogate=value)


@pytest.mark.parametrize(
    ("rule", "fields", "error", "message"),
    [
        (AllToAll, {"autapses": "no"}, TypeError, "`autapses` must be True or False; got 'no'."),
        (FixedInDegree, {"k": 1, "multapses": 1}, TypeError, "`multapses` must be True or False"),
        (FixedInDegree, {"k": True}, ValueError, "`k` must be a whole number of at least 0"),
        (FixedProbability, {"p": [0.5]}, TypeError, "`p` must be one number, a probability; got"),
        (connectivity.GaussianWeights, {"sigma": [0.5]}, TypeError, "`sigma` must be one number"),
        (connectivity.GaussianProbability, {"sigma": 1.0, "p": 1j}, TypeError, "`p` must be one"),
        (connectivity.distance, {"layout": "cube", "n_pre": 2, "n_post": 2}, ValueError,
         "`layout` must be ring or sheet; got 'cube'."),
        (connectivity.distance, {"layout": "ring", "n_pre": 2.0, "n_post": 2}, ValueError,
         "`n_pre` must be a whole number of at least 1; got 2.0."),
        (Intervals, {"burst_window": [1.0]}, TypeError, "`burst_window` must be one number"),
        (Weights, {"projection": "p", "every": 1, "synapses": 3}, TypeError,
         "`synapses` must be a tuple of whole numbers; got 3. Pass for instance synapses=(0, 1)."),
        (Weights, {"projection": "p", "every": 1, "synapses": (0.7,)}, TypeError,
         "`synapses` must be a tuple of whole numbers; got (0.7,). Pass for instance synapses="),
        (WeightHistogram, {"projection": "p", "every": 1.0, "edges": (0.0, 1.0)}, ValueError,
         "`every` must be a whole number of at least 1; got 1.0."),
        (WeightHistogram, {"projection": "p", "every": 1, "edges": None}, TypeError,
         "`edges` must be a number or an array of numbers; got None."),
    ],
)  # fmt: skip
def test_constructors(rule, fields, error, message):
    refuses(error, message, rule, **fields)


@pytest.mark.parametrize(
    ("population", "projection", "options", "error", "message"),
    [
        ({}, {}, {"mesh": "cpu"}, TypeError, "`mesh` must be a jax.sharding.Mesh with an axis"),
        ({}, {}, {"mesh": jax.devices()}, TypeError, "Pass jax.make_mesh((devices,), ('cells',))"),
        ({}, {}, {"dt": [0.1]}, TypeError, "`dt` must be one number, positive, in ms; got [0.1]."),
        ({}, {}, {"max_delay": None}, TypeError, "`max_delay` must be one number, positive and"),
        ({}, {}, {"at_once": True}, ValueError, "`at_once` must be a whole number of at least 1"),
        ({"size": 10**12}, {}, {}, ValueError, "a whole number of cells, at most 2147483646; got"),
        ({"inputs": "soma.ampa"}, {}, {}, TypeError, "`inputs` of a must be a tuple of texts; got"),
        ({"inputs": (3,)}, {}, {}, TypeError, "`inputs` of a must be a tuple of texts; got (3,)."),
        ({"inputs": None}, {}, {}, TypeError, "`inputs` of a must be a tuple of texts; got None."),
        ({"synapses": {"soma": synapses.SynapseParams(ampa=synapses.Receptor(6.0, 0.0, gate=3))}},
         {}, {}, TypeError, "`gate` of ampa in a, soma, must be a function of the potential in mV"),
        ({}, {"source": ["a"]}, {}, ValueError, "`source` of p must be one of a; got ['a']."),
        ({}, {"receptor": None}, {}, TypeError, "`receptor` of p must be a name, or shares"),
        ({}, {"receptor": ["ampa"]}, {}, TypeError, "`receptor` of p must be a name, or shares"),
        ({}, {"receptor": {"ampa": "all"}}, {}, TypeError,
         "`receptor` of p must give ampa a share of at least 0; got 'all'."),
        ({}, {"receptor": {}}, {}, ValueError, "`receptor` of p must name at least one; got {}."),
        ({}, {"weight": [[1], [1, 2]]}, {}, TypeError, "`weight` of p must be numbers, in nS; got"),
        ({}, {"weight": {"ampa": 1.0}}, {}, TypeError, "`weight` of p must be numbers, in nS; got"),
        ({}, {"delay": 1e30}, {}, ValueError, "`delay` of p must be at most max_delay = 100 ms"),
        ({}, {"delay": 1e30}, {"max_delay": 1e31}, ValueError,
         "`delay` of p must be at most 16777216 steps of dt = 0.1 ms, each of which has a buffer"),
        ({"size": 50_000}, {"connectivity": AllToAll()}, {}, ValueError,
         "`connectivity` of p: a projection must have at most 2147483646 synapses"),
        ({}, {"connectivity": FixedInDegree(10**12, multapses=True)}, {}, ValueError,
         "which are numbered in 32 bits; got about 3e+12. Make it sparser, or split"),
    ],
)  # fmt: skip
def test_networks(population, projection, options, error, message):
    refuses(error, message, network, population, projection, **options)


@pytest.mark.parametrize("value", [None, "x", [], 3, Population, LIFCell()])
def test_populations_and_projections_of_other_kinds(value):
    a, p = Population(**POPULATION), Projection(**PROJECTION)
    settings = {"dt": 0.1, "key": KEY}
    message = f"`populations` must hold Population(...); a is {value!r:.100}"
    refuses(TypeError, message, build, {"a": value}, {}, **settings)
    message = f"`projections` must hold Projection(...); p is {value!r:.100}"
    refuses(TypeError, message, build, {"a": a}, {"p": value}, **settings)
    message = "A population's name must be a text, not empty; got 3."
    refuses(TypeError, message, build, {3: a}, {}, **settings)
    message = "A projection's name must be a text, not empty; got ()."
    refuses(TypeError, message, build, {"a": a}, {(): p}, **settings)


@pytest.mark.parametrize("value", ["x", [1.0], 3, LIFParams()])
def test_arrays_that_are_not_the_networks(value):
    built, params = network(projection={"plasticity": PairSTDP()})
    state = built.init(params)
    kind = type(value).__name__
    message = f"`params` must be a NetworkParams of this network; got {kind}."
    refuses(TypeError, message, built.synapses, value, "p")
    refuses(TypeError, message, built.with_weights, value, "p", 0.5)
    refuses(TypeError, message, built.put_weights, value, state, "p", 0.5)
    message = f"`state` must be a NetworkState of this network; got {kind}."
    refuses(TypeError, message, built.synapses, params, "p", value)
    refuses(TypeError, message, built.put_weights, params, value, "p", 0.5)


@pytest.mark.parametrize("rule", [None, PairSTDP()])
def test_no_more_spikes_are_delivered_at_once_than_there_are_cells(rule):
    built, params = network(projection={"path": "sparse", "plasticity": rule}, at_once=2**40)
    program = jax.make_jaxpr(lambda: rollout(built, params, {}, duration=0.1).state)()
    assert str(2**40) not in str(program)


class OwnState(NamedTuple):
    u: Any  # mV


class OwnInfo(NamedTuple):
    spike: Any


@dataclasses.dataclass(frozen=True)
class Own:
    """A cell with one fault at most."""

    fault: str = ""
    compartments = ("soma",)
    empty_drive = Drive()

    def init(self, params, n, dtype=jnp.float32):
        return OwnState(jnp.zeros((n,), dtype))

    def step(self, params, state, drive, *, dt, key):
        spike = jnp.zeros_like(state.u)
        after = {"dtype": OwnState(state.u.astype(jnp.float16)), "kind": state.u}
        info = {"spike": OwnState(spike), "shape": OwnInfo(spike[0]), "none": None}
        return after.get(self.fault, state), info.get(self.fault, OwnInfo(spike))

    def potential(self, state, compartment):
        return {"scalar": 0.0, "other": state.u[0]}.get(self.fault, state.u)

    def check(self, params, drive, *, dt, n, key):
        """Refuse nothing."""


class ListedCompartments(Own):
    compartments = "soma"


class ThreeCompartments(Own):
    compartments = ("soma", "basal", "apical")


OF_STEPS = [
    ("dtype", TypeError, "a state like the one that it got; `u` was float32[2] and is float16[2]."),
    ("kind", TypeError, "with a state like the one that it got, OwnState('u',); got"),
    ("spike", TypeError, "must return an info with a field `spike`, 1.0 where a cell spiked; got"),
    ("none", TypeError, "must return an info with a field `spike`, 1.0 where a cell spiked; got"),
    ("shape", ValueError, "must have shape (2,), one value per cell; got float32[]."),
]


@pytest.mark.parametrize(("fault", "error", "message"), OF_STEPS)
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_steps_of_own_cells(runner, fault, error, message):
    refuses(error, message, run, runner, model=Own(fault), params=())


OF_POTENTIALS = [
    ("scalar", ValueError, "must return shape (2,), the mV of each cell in 'soma'; got 0.0."),
    ("other", ValueError, "must return shape (2,), the mV of each cell in 'soma'; got float32[]."),
]


@pytest.mark.parametrize(("fault", "error", "message"), [*OF_STEPS, *OF_POTENTIALS])
def test_own_cells_in_a_network(fault, error, message):
    built, params = network({"cell": Own(fault), "params": (), "size": 2})
    refuses(error, message, simulate, built, params, {}, duration=1.0)


def test_compartments_of_own_cells():
    message = "must have `compartments` that are a tuple of names;"
    refuses(TypeError, message, network, {"cell": ListedCompartments(), "params": ()})
    message = "has none for soma, basal, apical. Return a NamedTuple with these fields."
    refuses(ValueError, message, network, {"cell": ThreeCompartments(), "params": ()})


def test_own_cells_without_a_fault():
    built, params = network({"cell": Own(), "params": (), "size": 2})
    assert jax.eval_shape(
        lambda: rollout(built, params, {}, duration=1.0).state.cells["a"].u
    ).shape == (2,)
