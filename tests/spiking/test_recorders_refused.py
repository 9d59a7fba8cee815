import re

import jax
import jax.numpy as jnp
import pytest

from neurogain.spiking import Drive, IzhikevichCell, Population, build, cells, rollout, simulate
from neurogain.spiking.network.recorders import Weights
from neurogain.spiking.recorders import Intervals, Mean, Peak, Total, Traces


def potential(state, info):
    return state.v


def run(record):
    return simulate(IzhikevichCell(), cells.RS, Drive(), n=2, duration=1.0, record=record)


@pytest.mark.parametrize("every", [0, -1, 2.5])
def test_samples_at_no_step(every):
    with pytest.raises(ValueError, match=r"`every` must be a whole number of at least 1; got"):
        Traces(potential, every=every)


@pytest.mark.parametrize("window", [0.0, -1.0, float("nan"), float("inf")])
def test_windows_that_are_not_positive(window):
    with pytest.raises(ValueError, match=r"`burst_window` must be positive and finite, in ms"):
        Intervals(window)


def test_cells_that_are_not_there():
    with pytest.raises(
        ValueError, match=re.escape("`cells` of the recorder 'v' must be in [0, 1]")
    ):
        run({"v": Traces(potential, cells=(0, 2))})
    with pytest.raises(TypeError, match=r"`cells` must be a tuple of cell numbers; got \[0, 1\]"):
        Traces(potential, cells=[0, 1])


@pytest.mark.parametrize("what", [potential, Total, 3])
def test_what_is_no_recorder(what):
    with pytest.raises(TypeError, match=r"`record` must map names to recorders; 'v' is"):
        run({"v": what})


@pytest.mark.parametrize(
    ("recorder", "message", "cause"),
    [
        (Traces(lambda state, info: state.cells["A"].v), "`select` of Traces, the recorder 'x', "
         "must take the state and the info of this model; it raised AttributeError: "
         "'IzhikevichState' object has no attribute 'cells'. Here state has v, u; info has spike.",
         AttributeError),
        (Total(lambda state, info: state.V), "`select` of Total, the recorder 'x', must take the",
         AttributeError),
        (Peak(lambda state, info: {}["v"]), "it raised KeyError: 'v'. Here state has v, u;",
         KeyError),
    ],
)  # fmt: skip
def test_what_selects_something_that_is_not_there(recorder, message, cause):
    with pytest.raises(TypeError, match=re.escape(message)) as caught:
        run({"x": recorder})
    assert isinstance(caught.value.__cause__, cause)


@pytest.mark.parametrize("select", [lambda state, info: state.v, lambda s, i: s.cells["pv"].v])
def test_a_network_tells_what_there_is_to_select(select):
    population = Population(IzhikevichCell(), cells.RS, 2, inputs=("soma.ampa",))
    network, params = build({"A": population}, {}, dt=0.1, key=jax.random.key(0))
    message = (
        "Here state.cells['A'] has v, u; state.synapses['A']['soma'] has ampa; state has ring, "
        "step; info has spike; info.cells['A'] has spike."
    )
    for runner in (simulate, rollout):
        with pytest.raises(TypeError, match=re.escape(message)):
            runner(network, params, duration=1.0, record={"x": Mean(select)})


def test_weights_of_cells_without_projections():
    message = (
        "`projection` of a recorder of weights must be one of a network's; got 'p', and "
        "IzhikevichCell has no projections. Record something else."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        run({"w": Weights("p", every=1)})


def test_windows_are_not_rounded_up():
    spike_at_end = Drive(lambda step, key: jnp.where(step % 67 == 0, 1e5, 0.0))
    for window, close in ((10.0, 0.0), (10.05, 10.0)):  # spikes lie 67 * 0.15 = 10.05 ms apart
        record = {"i": Intervals(window)}
        out = simulate(
            IzhikevichCell(),
            cells.RS._replace(d=0.0, c=-60.0),
            spike_at_end,
            n=1,
            duration=0.15 * 67 * 10,
            dt=0.15,
            record=record,
        ).recorded["i"]
        assert out.spikes == 10
        assert out.in_burst == close
