"""A run that stops being finite says in which variable, cell and step."""

import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    NonFiniteError,
    PyramidalCell,
    PyramidalDrive,
    TimeSeries,
    cells,
    simulate,
)
from neurogain.spiking.recorders import Spikes, Total

N = 3


def poison(at, cell, value):
    wrong = jnp.where(jnp.arange(N) == cell, value, 0.0)
    return Drive(current=lambda step, key: jnp.where(step == at, wrong, 0.0))


def message(variable, cell, value, step):
    return (
        rf"^`{variable}` of cell {cell} is {value} after step {step} \({(step + 1) * 0.1:g} ms\)\."
    )


def point(drive, **options):
    return simulate(IzhikevichCell(), cells.RS, drive, n=N, duration=20.0, **options)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize(("at", "cell", "value"), [(57, 2, "nan"), (0, 0, "-inf"), (199, 1, "nan")])
def test_the_step_and_the_cell_are_named_whatever_the_chunk(chunk, at, cell, value):
    with pytest.raises(NonFiniteError, match=message("v", cell, value, at)):
        point(poison(at, cell, float(value)), chunk=chunk)


def test_steps_count_from_the_start_of_an_earlier_part_of_the_run():
    start = point(Drive()).state
    with pytest.raises(NonFiniteError, match=message("v", 1, "nan", 257)):
        point(poison(257, 1, jnp.nan), state=start, first_step=200, chunk=50)


@pytest.mark.parametrize("record", [{}, {"events": Spikes()}, {"n": Total()}])
def test_the_place_does_not_depend_on_what_is_recorded(record):
    with pytest.raises(NonFiniteError, match=message("v", 2, "nan", 57)):
        point(poison(57, 2, jnp.nan), record=record)


@pytest.mark.parametrize("chunk", [1, 30, 1000])
def test_a_finite_series_that_overflows_in_the_dendrite_is_found(chunk):
    values = np.zeros((200, N))
    values[40, 1] = 3e38  # finite in float32, but twice that is not
    current = TimeSeries(values)
    drive = PyramidalDrive(dendrite=Drive(current, reversal_current=current), coupling=0.5)
    model = PyramidalCell(coupling="mean-field")
    with pytest.raises(NonFiniteError, match=message("dendrite.v", 1, "inf", 40)):
        simulate(model, cells.L5_PYRAMIDAL, drive, n=N, duration=20.0, chunk=chunk)


def test_a_state_that_is_given_is_not_blamed_on_another_cell():
    state = IzhikevichCell().init(cells.RS, N)
    state = state._replace(u=state.u.at[1].set(jnp.nan))
    with pytest.raises(NonFiniteError, match=r"of cell 1 is nan after step 0 \(0\.1 ms\)"):
        point(Drive(), state=state)


def test_it_is_an_arithmetic_error_and_says_what_to_look_for():
    assert issubclass(NonFiniteError, FloatingPointError)
    with pytest.raises(FloatingPointError, match="drive that is too strong there, or take a shor"):
        point(poison(57, 2, jnp.nan))


def test_progress_is_not_told_of_a_chunk_that_failed():
    seen = []
    with pytest.raises(NonFiniteError):
        point(poison(57, 2, jnp.nan), chunk=50, progress=lambda done, total: seen.append(done))
    assert seen == [50]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_infinite_potentials_are_no_spikes(chunk):
    shock = Drive(lambda step, key: jnp.where(step == 12, jnp.inf, 0.0))
    with pytest.raises(NonFiniteError, match=r"`v` of cell 0 is inf after step 12"):
        simulate(IzhikevichCell(), cells.RS, shock, n=2, duration=10.0, chunk=chunk)
