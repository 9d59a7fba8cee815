"""States of other networks that a run refuses, by the part that differs."""

import re

import jax
import pytest

from neurogain.spiking import (
    IzhikevichCell,
    LIFCell,
    LIFParams,
    Population,
    Projection,
    build,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.connectivity import AllToAll
from neurogain.spiking.engine.simulate import Result
from neurogain.spiking.plasticity import PairSTDP

KEY = jax.random.key(0)
POPULATION = {"cell": LIFCell(), "params": LIFParams(), "size": 3}


def refuses(error, message, function, *arguments, **more):
    with pytest.raises(error, match=re.escape(message)):
        function(*arguments, **more)


TWO = {"a": Population(**POPULATION), "b": Population(**POPULATION | {"size": 2})}
OTHERS = [
    ({}, {}, TypeError, "`state.cells` must have `state.cells['b']`, which is missing. Pass the"),
    (TWO | {"c": TWO["b"]}, {}, TypeError, "`state.cells` has `state.cells['c']`, which this "
                                           "model has not. Pass the state of a run of this model"),
    (TWO | {"b": Population(IzhikevichCell(), cells.RS, 2)}, {}, TypeError,
     "`state.cells['b']` must be LIFState in this model; got IzhikevichState."),
    (TWO | {"b": TWO["a"]}, {}, ValueError,
     "`state.cells['b'].v` must have shape (2,) in this model; got (3,)."),
    (TWO, {"p": Projection("a", "b", AllToAll(), 0.5, path="dense")}, TypeError,
     "`state.synapses` has `state.synapses['b']`, which this model has not."),
    (TWO | {"b": Population(LIFCell(), LIFParams(), 2, inputs=("soma.nmda",))}, {}, TypeError,
     "`state.synapses` has `state.synapses['b']`, which this model has not."),
]  # fmt: skip


@pytest.mark.parametrize(("populations", "projections", "error", "message"), OTHERS)
@pytest.mark.parametrize("runner", [simulate, rollout])
def test_states_of_other_networks(runner, populations, projections, error, message):
    other = build(populations or {"a": TWO["a"]}, projections, dt=0.1, key=KEY)
    state = other.network.init(other.params)
    refuses(error, message, runner, *build(TWO, {}, dt=0.1, key=KEY), {}, duration=1.0, state=state)


def test_a_result_where_a_network_wants_its_state():
    on = Projection("a", "a", AllToAll(), 0.5, plasticity=PairSTDP())
    built, params = build({"a": TWO["a"]}, {"p": on}, dt=0.1, key=KEY)
    run = Result(built.init(params), 0, {})
    message = (
        "`state` must be a NetworkState of this network; got Result. Pass run.state, where run is "
        "that Result."
    )
    refuses(TypeError, message, built.synapses, params, "p", run)
    refuses(TypeError, message, built.put_weights, params, run, "p", 0.5)
