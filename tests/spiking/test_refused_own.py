"""Cells, receptors and recorders of one's own, and parameters of another network: named faults."""

import dataclasses
import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import neuromod
from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    Population,
    Projection,
    build,
    rollout,
    simulate,
    synapses,
)
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.plasticity import PairSTDP
from neurogain.spiking.recorders import Total, Traces

KEY = jax.random.key(0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Late(synapses.Receptor):
    """A receptor whose step does not know which cells spiked."""

    def step(self, state, jump, *, dt):
        return state


@dataclasses.dataclass
class Thawed:
    """A recorder that can be changed, since it is not frozen."""

    every = 0
    init = Traces.init
    update = Traces.update
    emit = Traces.emit

    def finish(self, carry, emitted, *, first_step, dt):
        """Return nothing."""


def with_receptors(**receptors):
    own = synapses.SynapseParams(**receptors)
    return build({"a": Population(LIFCell(), LIFParams(), 3, {"soma": own})}, {}, dt=0.1, key=KEY)


class State(NamedTuple):
    v: Any  # mV


class Info(NamedTuple):
    spike: Any


@dataclasses.dataclass(frozen=True)
class Own:
    """A cell without a fault; those below have one each."""

    compartments = ("soma",)
    empty_drive = Drive()

    def init(self, params, n, dtype):
        return State(jnp.zeros((n,), dtype))

    def step(self, params, state, drive, *, dt, key):
        return state, Info(jnp.zeros_like(state.v))

    def potential(self, state, compartment):
        return state.v

    def check(self, params, drive, *, dt, n, key):
        """Refuse nothing."""


def faulty(**members):
    return type("Faulty", (Own,), members)()


def returns(value):
    return lambda self, params, state, drive, *, dt, key: value(state)


def starts(value):
    return lambda self, params, n, dtype: value(n)


def alone(runner, cell, **more):
    return runner(cell, (), Drive(), **{"n": 2, "duration": 0.1} | more)


def together(runner, cell):
    network, params = network_of(cell)
    return runner(network, params, {}, duration=0.1)


def network_of(cell):
    return build({"a": Population(cell, (), 2)}, {}, dt=0.1, key=KEY)


def refuses(error, message, function, *arguments, **more):
    with pytest.raises(error, match=re.escape(message)):
        function(*arguments, **more)


def test_the_cell_of_these_tests_is_fine():
    for way in (alone, together):
        assert jax.eval_shape(lambda way=way: way(rollout, Own()).state) is not None


@pytest.mark.parametrize("way", [alone, together])
@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        (faulty(init=starts(lambda n: None)), TypeError,
         "must return the state of 2 cells, a NamedTuple of arrays; got NoneType."),
        (faulty(init=starts(lambda n: [jnp.zeros(n)])), TypeError, "of arrays; got list."),
        (faulty(init=starts(lambda n: State(jnp.zeros((3, n))))), ValueError,
         "whose first axis is the cell, of length 2; `v` is float32[3,2]."),
        (faulty(init=starts(lambda n: State(0.0))), ValueError,
         "must return arrays whose first axis is the cell, of length 2; `v` is 0.0."),
        (faulty(step=returns(lambda state: None)), TypeError,
         "must return (state, info); got NoneType."),
        (faulty(step=returns(lambda state: state)), TypeError,
         "must return (state, info); got State('v',)."),
        (faulty(step=returns(lambda state: (state, Info(state.v), 1))), TypeError,
         "must return (state, info); got tuple, 3 values."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_what_cells_return(way, runner, cell, error, message):
    refuses(error, message, way, runner, cell)


@pytest.mark.parametrize("way", [alone, together])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"init": lambda self, params, n: None},
         "a method that takes (params, n, dtype); got init(params, n)."),
        ({"init": None}, "must be a method that takes (params, n, dtype); got None."),
        ({"step": lambda self, params, state, drive, *, dt: None},
         "takes (params, state, drive, dt=dt, key=key); got step(params, state, drive, *, dt)."),
        ({"step": lambda self, params, state, drive: None}, "got step(params, state, drive)."),
        ({"check": lambda self: None}, "takes (params, drive, dt=dt, n=n, key=key); got check()."),
    ],
)  # fmt: skip
def test_methods_of_cells(way, members, message):
    refuses(TypeError, message, way, simulate, faulty(**members))


def test_the_potential_is_asked_of_cells_in_a_network_alone():
    cell = faulty(potential=lambda self, state: state.v)
    refuses(TypeError, "takes (state, compartment); got potential(state).", network_of, cell)
    jax.eval_shape(lambda: alone(rollout, cell).state)


def test_a_state_to_continue_from_where_there_is_none():
    cell = faulty(init=starts(lambda n: None))
    message = "must return the state of 2 cells, a NamedTuple of arrays; got NoneType."
    refuses(TypeError, message, alone, simulate, cell, state=State(jnp.zeros(2)))


def test_states_of_integers_alone_can_be_run():
    cell = faulty(
        init=starts(lambda n: State(jnp.zeros(n, jnp.int32))),
        step=returns(lambda state: (state, Info(state.v.astype(jnp.float32)))),
    )
    assert alone(simulate, cell).recorded["spikes"].tolist() == [0, 0]


# names


def one_network(names=("e",), rule=None, size=3, path="auto"):
    populations = {name: Population(LIFCell(), LIFParams(), size) for name in names}
    synapses = {"p": Projection(names[0], names[0], AllToAll(), 0.5, plasticity=rule)}
    return build(populations, synapses, dt=0.1, key=KEY, path=path)


NETWORK, PARAMS = one_network()
MODULATED = neuromod.Modulated(NETWORK)
MODULATED_PARAMS = neuromod.ModulatedParams(PARAMS, neuromod.tables.standard(), ())


@pytest.mark.parametrize("runner", [simulate, rollout])
@pytest.mark.parametrize(
    ("model", "params"), [(NETWORK, PARAMS), (MODULATED, MODULATED_PARAMS)], ids=["plain", "under"]
)
@pytest.mark.parametrize("drive", [{1: 2.0}, {1: 2.0, "e": Drive()}, {"e": Drive(), None: 2.0}])
def test_names_in_a_drive_are_texts(runner, model, params, drive):
    refuses(TypeError, "A name in `drive` must be a text; got ", runner, model, params, drive,
            duration=0.1)  # fmt: skip


OTHERS = [
    ({"names": ("f",)}, {}, "`params` must be of this network; got `cells` without e, and with f, "
                            "not in it. Pass what was made with it, by `build` or `init`."),
    ({"names": ("e", "f")}, {}, "got `cells` with f, not in it."),
    ({"path": "sparse"}, {"path": "dense"}, "got `projections` without p."),
    ({"path": "dense"}, {"path": "sparse"}, "got `projections` with p, not in it."),
    ({"path": "sparse", "rule": PairSTDP()}, {"path": "sparse"}, "got `projections` with p, not"),
    ({"path": "sparse", "rule": PairSTDP()}, {"path": "dense", "rule": PairSTDP()},
     "`params` must be of this network, in which p is dense; got a table that is sparse."),
    ({"path": "sparse", "size": 4}, {"path": "sparse"},
     "got a table of fixed projections that is not for 3 cells, of shape (1, 6)."),
    ({"path": "sparse", "size": 4, "rule": PairSTDP()}, {"path": "sparse", "rule": PairSTDP()},
     "got a table of p that is not for 3 cells, of shape (1, 6)."),
]  # fmt: skip


@pytest.mark.parametrize(("other", "own", "message"), OTHERS)
def test_parameters_of_another_network(other, own, message):
    network, _ = one_network(**own)
    _, params = one_network(**other)
    for call in (
        lambda: simulate(network, params, {}, duration=0.1),
        lambda: network.synapses(params, "p"),
        lambda: network.with_weights(params, "p", 0.1),
    ):
        refuses(ValueError, message, call)


def test_receptors_that_are_missing():
    synapses = {"e": {"soma": PARAMS.synapses["e"]["soma"]}}
    params = PARAMS._replace(synapses={"e": {}})
    message = "got `synapses['e']['soma']` without ampa."
    refuses(ValueError, message, simulate, NETWORK, params, {}, duration=0.1)
    NETWORK.check(PARAMS._replace(synapses=synapses), {}, dt=0.1, n=3, key=None)


def test_the_state_of_another_network():
    network, params = one_network(rule=PairSTDP())
    state = one_network(names=("f",))[0].init(one_network(names=("f",))[1])
    message = "`state` must be of this network; got `cells` without e, and with f, not in it."
    refuses(ValueError, message, network.synapses, params, "p", state)
    state = NETWORK.init(PARAMS)
    state = state._replace(projections={})
    message = "`state` must be of this network; got `projections` without p."
    refuses(ValueError, message, network.put_weights, params, state, "p", np.float32(0.1))


# receptors and recorders


def gated(gate):
    return {"ampa": synapses.Receptor(6.0, 0.0, gate=gate)}


@pytest.mark.parametrize(
    ("receptors", "error", "message"),
    [
        (gated(lambda v, g: v), TypeError,
         "`gate` of ampa in a, soma, must be a function of the potential in mV; got <function"),
        (gated(dict), TypeError, "must be a function of the potential in mV; got <class 'dict'>."),
        (gated(lambda v: None), TypeError,
         "`gate` of ampa in a, soma, must return the share that is open in each cell, shape (3,);"),
        (gated(lambda v: "x"), TypeError, "shape (3,); got 'x'. Pass for instance synapses.nmda_"),
        (gated(lambda v: v[:2]), ValueError, "shape (3,); got shape (2,)."),
        (gated(lambda v: v[:, None]), ValueError, "shape (3,); got shape (3, 1)."),
        ({"own": Late(1.0, 0.0)}, TypeError,
         "`step` of own in a, soma, must be a method that takes (state, jump, spike, dt=dt); got"),
    ],
)  # fmt: skip
def test_gates_and_methods_of_receptors(receptors, error, message):
    refuses(error, message, with_receptors, **receptors)


@pytest.mark.parametrize("gate", [lambda v: 0.5, lambda v: v > -40.0, synapses.nmda_gate])
def test_gates_that_can_be(gate):
    with_receptors(**gated(gate))


def test_recorders_are_hashable():
    message = "The recorder 'x' must be hashable, since it is known when a run is compiled; got"
    refuses(TypeError, message, alone, simulate, Own(), record={"x": Thawed()})


class Unfinished:
    every = 0

    def finish(self, carry, emitted, *, first_step, dt):
        return carry


@dataclasses.dataclass(frozen=True)
class Updated(Total):
    def update(self, carry, state, info):
        return carry


@pytest.mark.parametrize(
    ("recorder", "message"),
    [
        (Unfinished(), "The recorder 'x' must have all members of recorders.Recorder; it has"),
        (Updated(), "`update` of the recorder 'x' must be a method that takes (carry, state, info, "
                    "step=step, dt=dt); got"),
    ],
)  # fmt: skip
def test_recorders_have_all_members(recorder, message):
    refuses(TypeError, message, alone, simulate, Own(), record={"x": recorder})


def test_functions_of_complex_numbers():
    message = "`drive.current`, a function of (step, key), must return real numbers; got complex"
    drive = Drive(lambda step, key: jnp.exp(1j * step))
    refuses(TypeError, message, simulate, LIFCell(), LIFParams(), drive, n=1, duration=1.0)


class Undecodable(AllToAll):
    def connect(self, rng, n_pre, n_post, recurrent):
        raise UnicodeDecodeError("ascii", b"", 0, 1, "no text")


def test_errors_that_need_more_than_a_text_are_named():
    populations = {"a": Population(LIFCell(), LIFParams(), 2)}
    on = {"p": Projection("a", "a", Undecodable(), 0.5)}
    message = "`connectivity` of p: 'ascii' codec can't decode"
    refuses(ValueError, message, build, populations, on, dt=0.1, key=KEY)
