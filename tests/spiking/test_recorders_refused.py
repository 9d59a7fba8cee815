import re

import jax.numpy as jnp
import pytest

from neurogain.spiking import Drive, IzhikevichCell, cells, simulate
from neurogain.spiking.recorders import Intervals, Total, Traces


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
