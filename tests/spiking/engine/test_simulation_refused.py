"""What can't be run is refused in words, and before anything is traced."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    PyramidalCell,
    PyramidalDrive,
    TimeSeries,
    cells,
    rollout,
    simulate,
)
from neurogain.spiking.engine.simulate import Result
from neurogain.spiking.recorders import Spikes, Traces

NAN, INF = float("nan"), float("inf")
N = 3
L5 = cells.L5_PYRAMIDAL


class Untouched(PyramidalCell):
    """A cell that must not be asked for anything but its checks."""

    def init(self, *args, **kwargs):
        raise AssertionError("initialised")

    def step(self, *args, **kwargs):
        raise AssertionError("traced")


class UntouchedPoint(IzhikevichCell):
    init = Untouched.init
    step = Untouched.step


GOOD = {"n": N, "duration": 10.0, "dt": 0.1, "key": jax.random.key(0)}


def potential(state, info):
    return state.soma.v


@pytest.fixture(params=[simulate, rollout], ids=["simulate", "rollout"])
def refuses(request):
    def check(message, *, model=Untouched, params=L5, drive=None, error=ValueError, **options):
        drive = PyramidalDrive() if drive is None else drive
        with pytest.raises(error, match=re.escape(message)):
            request.param(model(), params, drive, **(GOOD | options))

    return check


def test_the_model_of_these_tests_tells_when_it_is_run():
    for runner in (simulate, rollout):
        with pytest.raises(AssertionError, match="initialised"):
            runner(Untouched(), L5, PyramidalDrive(), **GOOD)
        state = PyramidalCell().init(L5, N, jnp.float32)
        with pytest.raises(AssertionError, match=r"initialised|traced"):
            runner(Untouched(), L5, PyramidalDrive(), **GOOD, state=state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration": 10.04}, "`duration` must be a positive multiple of dt = 0.1 ms; got 10.04. "
                              "Pass duration=10."),
        ({"duration": 0.04}, "got 0.04. Pass duration=0.1."),
        ({"duration": NAN}, "`duration` must be a positive multiple of dt = 0.1 ms; got nan"),
        ({"duration": INF}, "got inf"),
        ({"duration": 0.0}, "got 0.0"),
        ({"duration": -10.0}, "got -10.0"),
        ({"duration": 10.0, "dt": 0.03}, "multiple of dt = 0.03 ms; got 10.0. Pass duration=9.99."),
        ({"n": 0}, "`n` must be a whole number of at least 1; got 0."),
        ({"n": -2}, "`n` must be a whole number of at least 1; got -2."),
        ({"n": 2.5}, "`n` must be a whole number of at least 1; got 2.5."),
        ({"n": 3.0}, "`n` must be a whole number of at least 1; got 3.0."),
        ({"first_step": -1}, "`first_step` must be a whole number of at least 0; got -1."),
        ({"first_step": 0.5}, "`first_step` must be a whole number of at least 0; got 0.5."),
        ({"dt": 0.0}, "`dt` must be positive, in ms; got 0.0. Pass dt=0.1."),
        ({"dt": -0.1}, "`dt` must be positive, in ms; got -0.1."),
        ({"dt": NAN}, "`dt` must be positive, in ms; got nan."),
        ({"dt": 0.3}, "`dt` must be in (0, 0.25] ms, half the shortest time constant of these "
                      "cells (bap_start, in ms); got 0.3. Pass dt=0.05, or constants in these "
                      "units."),
        ({"key": None}, "`key` must be a jax.random.key for stochastic coupling; got None. Pass "
                        "key=jax.random.key(0)"),
    ],
)  # fmt: skip
def test_sizes_times_and_keys(refuses, options, message):
    refuses(message, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration": 9.9}, "multiple of 0.4 ms, the shortest time after which all recorders sample"
                            " together; got 9.9 ms from step 0. Choose another duration or another "
                            "`every`."),
        ({"duration": 10.0, "first_step": 2}, "got 10.0 ms from step 2"),
    ],
)  # fmt: skip
def test_times_that_recorders_do_not_divide(refuses, options, message):
    record = {"v": Traces(potential, every=4), "u": Traces(potential, every=2), "s": Spikes()}
    refuses(message, record=record, **options)


SHAPE = "must be one value, or one per cell, shape (3,); got shape "


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (L5._replace(soma=L5.soma._replace(C=-150.0)), "`C` must be positive, in pF; got -150.0."),
        (L5._replace(soma=L5.soma._replace(C=0.0)), "`C` must be positive, in pF; got 0.0."),
        (L5._replace(soma=L5.soma._replace(b=NAN)), "`b` must be finite, in nS; got nan."),
        (L5._replace(soma=L5.soma._replace(v_r=np.zeros(2))), "`v_r` " + SHAPE + "(2,)"),
        (L5._replace(soma=L5.soma._replace(v_t=-80.0)), "`v_r` must be below `v_t` (mV); got"),
        (L5._replace(dendrite=L5.dendrite._replace(C=-1.0)), "`dendrite.C` must be positive, in"),
        (L5._replace(bap_current=np.zeros((3, 1))), "`bap_current` " + SHAPE + "(3, 1)"),
        (L5._replace(c_burst=INF), "`c_burst` must be finite, in mV; got inf."),
        (L5._replace(bap_start=3.0), "`bap_start` must not be after `bap_end` (ms); got 3.0 and"),
        # 0.5 / a = 0.05 ms
        (L5._replace(soma=L5.soma._replace(a=10.0)), "`dt` must be in (0, 0.05] ms, half the "),
    ],
)  # fmt: skip
def test_constants(refuses, params, message):
    refuses(message, params=params)


def one_bad(value):
    return np.array([0.5, value, 0.5])


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (PyramidalDrive(coupling=1.2), "`coupling` must be in [0, 1], the probability (dimension"),
        (PyramidalDrive(coupling=NAN), "soma and dendrite are coupled; got nan. Pass coupling=0.5"),
        (PyramidalDrive(coupling=one_bad(-0.1)), "are coupled; got array([ 0.5, -0.1,  0.5])"),
        (PyramidalDrive(Drive(NAN)), "`drive.soma.current` must be a finite current in pA; got"),
        (PyramidalDrive(dendrite=Drive(one_bad(INF))), "`drive.dendrite.current` must be a finite"),
        (PyramidalDrive(Drive(conductance=-1.0)), "`drive.soma.conductance` must be a finite "
                                                  "conductance of at least 0 nS; got -1.0."),
        (PyramidalDrive(Drive(np.ones(2))), "`drive.soma.current` " + SHAPE + "(2,)"),
        (PyramidalDrive(Drive(TimeSeries(np.ones(99)))), "`drive.soma.current` must have a value "
         "for each of the steps 0 to 99 of the run; got values of steps 0 to 98, shape (99,)."),
        (PyramidalDrive(Drive(TimeSeries(np.ones((100, 2))))), "`drive.soma.current` " + SHAPE),
        (PyramidalDrive(Drive(lambda step, key: jnp.ones(N + 1))), "got shape (4,)"),
    ],
)  # fmt: skip
def test_drives(refuses, drive, message):
    refuses(message, drive=drive)


def test_a_series_must_reach_the_end_of_a_run_that_goes_on(refuses):
    drive = PyramidalDrive(Drive(TimeSeries(np.ones(149))))
    refuses("the steps 50 to 149 of the run; got values of steps 0 to 148", drive=drive,
            first_step=50)  # fmt: skip


@pytest.mark.parametrize(
    ("first", "covered"), [(51, "51 to 150"), (1, "1 to 100"), (400, "400 to 499")]
)
def test_a_series_must_have_the_steps_of_a_run(refuses, first, covered):
    drive = PyramidalDrive(Drive(TimeSeries(np.ones(100), first=first)))
    refuses(f"the steps 50 to 149 of the run; got values of steps {covered}, shape (100,). Pass a "
            "longer series, or the `first` step of its values.", drive=drive,
            first_step=50)  # fmt: skip


@pytest.mark.parametrize("first", [-1, 0.5, None])
def test_the_first_step_of_a_series_is_a_whole_number(refuses, first):
    drive = PyramidalDrive(Drive(TimeSeries(np.ones(100), first=first)))
    refuses("`drive.soma.current, first,` must be a whole number of at least 0", drive=drive)


@pytest.mark.parametrize(
    ("model", "params", "drive", "message"),
    [
        (Untouched, L5, Drive(100.0), "`drive` must be a PyramidalDrive for this cell; got Drive."),
        (
            UntouchedPoint,
            cells.RS,
            PyramidalDrive(),
            "must be a Drive for this cell; got Pyramidal",
        ),
        (UntouchedPoint, cells.RS, 100.0, "`drive` must be a Drive for this cell; got float."),
    ],
)
def test_the_drive_of_another_cell(refuses, model, params, drive, message):
    refuses(message, model=model, params=params, drive=drive, error=TypeError)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_state_of_another_size(refuses, n):
    state = PyramidalCell().init(L5, n, jnp.float32)
    message = f"`state` must hold n = 3 cells along the first axis; got shape ({n},)."
    refuses(message, state=state)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (Result(PyramidalCell().init(L5, N), 10, {}), "`state` must be the state that a Result "
         "holds, not the Result. Pass state=run.state, first_step=run.step, where run is that"),
        ("x", "`state` must be a tree of arrays, as a run returns it; got str. Pass the state of"),
        (L5, "`state` must be a tree of arrays, as a run returns it; got PyramidalParams."),
    ],
)  # fmt: skip
def test_what_is_no_state(refuses, state, message):
    refuses(message, state=state, error=TypeError)


def test_simulate_points_at_rollout_where_it_cannot_be_transformed():
    def run(current=0.0, a=0.03, state=None):
        params = cells.RS._replace(a=a)
        return simulate(UntouchedPoint(), params, Drive(current), n=1, duration=1.0, state=state)

    rest = IzhikevichCell().init(cells.RS, 1)
    for transformed, argument in (
        (jax.jit(run), 100.0),
        (jax.grad(run), 100.0),
        (jax.vmap(run), jnp.ones(2)),
        (jax.jit(lambda a: run(a=a)), 0.03),
        (jax.jit(lambda state: run(state=state)), rest),
        (jax.jit(lambda x: run(TimeSeries(x))), jnp.ones(10)),
    ):
        with pytest.raises(
            TypeError, match=r"can't be transformed by jit, vmap or grad.*`rollout`"
        ):
            transformed(argument)


def test_long_durations_are_multiples_too(refuses):
    refuses("`duration` must be a positive multiple of dt = 0.1 ms", duration=100000.05)
