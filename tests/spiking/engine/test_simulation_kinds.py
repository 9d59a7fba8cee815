"""Kinds of numbers, states, keys and parameters that a run takes or refuses."""

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
    combine,
    rollout,
    simulate,
)
from neurogain.spiking.recorders import Intervals

L5 = cells.L5_PYRAMIDAL


def refused(error, message, model=None, params=cells.RS, drive=None, **options):
    model = IzhikevichCell() if model is None else model
    drive = Drive() if drive is None else drive
    with pytest.raises(error, match=re.escape(message)):
        simulate(model, params, drive, **({"n": 2, "duration": 1.0} | options))


def test_any_kind_of_number_is_one_program():
    traces = []

    class Counted(IzhikevichCell):
        def step(self, *args, **kwargs):
            traces.append(1)
            return super().step(*args, **kwargs)

    model = Counted()
    kinds = (900.0, 900, np.float64(900), np.float32(900), jnp.float32(900), np.array(900))
    for kind in kinds:
        simulate(model, cells.RS, Drive(kind), n=2, duration=5.0)
    assert len(traces) == 2  # for the shapes and to compile, both in the first call


def test_parameters_of_another_cell():
    refused(TypeError, "`params` must be an IzhikevichParams for this cell", params=L5)
    refused(
        TypeError,
        "`params` must be a PyramidalParams for this cell; got IzhikevichParams",
        model=PyramidalCell("mean-field"),
        drive=PyramidalDrive(),
    )


def test_currents_where_drives_belong():
    refused(
        TypeError,
        "`drive.soma` must be a Drive for this cell; got float",
        model=PyramidalCell("mean-field"),
        params=L5,
        drive=PyramidalDrive(500.0, Drive(800.0), 0.5),
    )


@pytest.mark.parametrize("current", [[1.0, 2.0], (1.0, 2.0), None])
def test_lists_and_none(current):
    message = "`drive.current` must be a number or an array"
    refused(TypeError, message, drive=Drive(current))


def test_lists_of_constants():
    refused(TypeError, "`C` must be a number or an array", params=cells.RS._replace(C=[1.0, 2.0]))


@pytest.mark.parametrize("key", [0, jax.random.split(jax.random.key(0), 3), jnp.zeros(3)])
def test_what_is_not_one_key(key):
    refused(TypeError, "`key` must be one key", key=key)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.int32])
def test_dtypes_that_do_not_count_far_enough(dtype):
    refused(ValueError, "`dtype` must be float32 or float64; got", dtype=dtype)


def test_float64_needs_64_bit_numbers():
    refused(ValueError, "Run inside jax.enable_x64()", dtype=jnp.float64)


def test_the_state_of_another_cell_or_dtype():
    other = PyramidalCell().init(L5, 2, jnp.float32)
    refused(TypeError, "`state` must be IzhikevichState in this model; got", state=other)
    with jax.enable_x64():
        wide = IzhikevichCell().init(cells.RS, 2, jnp.float64)
        refused(TypeError, "`state.v` must have the dtype of the run, float32", state=wide)


@pytest.mark.parametrize("chunk", [0, -5, 1.5])
def test_chunks_of_no_steps(chunk):
    refused(ValueError, "`chunk` must be a whole number of at least 1", chunk=chunk)
    with pytest.raises(ValueError, match="`segment` must be a whole number of at least 1"):
        rollout(IzhikevichCell(), cells.RS, Drive(), n=1, duration=1.0, segment=chunk)


def test_batches_of_keys_are_for_rollout():
    def run(key):
        return simulate(IzhikevichCell(), cells.RS, Drive(), n=1, duration=1.0, key=key)

    with pytest.raises(TypeError, match="`rollout`"):
        jax.vmap(run)(jax.random.split(jax.random.key(0), 2))


def test_drives_that_change_in_time_are_not_added():
    with pytest.raises(TypeError, match="got a field that changes in time"):
        combine(Drive(TimeSeries(np.zeros(3))), Drive(1.0))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_rollouts_run_in_64_bits_too(dtype):
    with jax.enable_x64():
        record = {"i": Intervals()}
        out = rollout(
            IzhikevichCell(),
            cells.RS,
            Drive(200.0),
            n=1,
            duration=100.5,
            record=record,
            dtype=dtype,
        )
        assert out.recorded["i"].mean_ms.dtype == dtype
        assert out.recorded["i"].spikes.item() >= 2
