import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    Pulse,
    PyramidalDrive,
    TimeSeries,
    combine,
    synapse,
)
from neurogain.spiking.engine import drive_checks, drives

KEY = jax.random.key(3)


def check(drive, n=3, last_step=10, key=KEY, **options):
    drive_checks.check(drive, n=n, last_step=last_step, key=key, **options)


def refuses(drive, message, error=ValueError, **options):
    with pytest.raises(error, match=re.escape(message)):
        check(drive, **options)


def test_a_synapse_pulls_towards_its_reversal_and_vanishes_there():
    drive = synapse(jnp.asarray([10.0, 4.0]), -75.0)
    np.testing.assert_array_equal(drive.conductance, [10, 4])
    np.testing.assert_array_equal(drive.reversal_current, [-750, -300])
    np.testing.assert_array_equal(drive.reversal_current - drive.conductance * -75.0, [0, 0])
    assert drive.current == 0


def test_combine_adds_every_field():
    total = combine(Drive(current=100.0), synapse(jnp.asarray([1.0, 2.0]), -75.0), synapse(3.0, 10))
    np.testing.assert_allclose(total.current, 100)
    np.testing.assert_allclose(total.conductance, [4, 5])
    np.testing.assert_allclose(total.reversal_current, [-75 + 30, -150 + 30])


def test_combine_of_one_drive_is_that_drive():
    assert combine(Drive(1.0, 2.0, -3.0)) == Drive(1.0, 2.0, -3.0)


@pytest.mark.parametrize("values", [np.arange(5.0), np.arange(15.0).reshape(5, 3)])
def test_a_series_gives_its_value_of_the_step(values):
    drive = PyramidalDrive(soma=Drive(TimeSeries(values)), dendrite=Drive(7.0), coupling=0.5)
    for step in (0, 1, 4):
        now = drives.at_step(drive, jnp.asarray(step), None, dt=0.1)
        np.testing.assert_array_equal(now.soma.current, values[step])
        assert (now.dendrite.current, now.soma.conductance, now.coupling) == (7.0, 0.0, 0.5)


def test_a_series_starts_with_its_first_step():
    series = TimeSeries(np.arange(5.0), first=100)
    check(Drive(series), first_step=101, last_step=105)
    for step in (100, 104):
        now = drives.at_step(Drive(series), jnp.int32(step), None, dt=0.1)
        assert now.current == step - 100
    (cut,) = drives.window([series], 2, 102)
    assert cut.values.tolist() == [2.0, 3.0]
    assert drives.at_step([cut], jnp.int32(103), None, dt=0.1) == [3.0]


def test_steps_may_be_traced():
    drive = Drive(TimeSeries(np.arange(5.0)), lambda step, key: 2.0 * step.astype(jnp.float32))
    now = jax.jit(jax.vmap(lambda i: drives.at_step(drive, i, None, dt=0.1)))(jnp.arange(5))
    np.testing.assert_array_equal(now.current, np.arange(5))
    np.testing.assert_array_equal(now.conductance, 2 * np.arange(5))


@pytest.mark.parametrize("dt", [0.1, 0.05])
def test_a_pulse_starts_with_its_first_step_and_ends_before_its_last(dt):
    # 0.3 / 0.1 is 2.9999999999999996: steps are rounded, not floored
    drive = Drive(Pulse(np.asarray([9.0, 8.0]), start=0.3, end=np.asarray([0.7, 0.5]), base=1.0))
    now = [drives.at_step(drive, jnp.asarray(i), None, dt=dt).current for i in range(20)]
    start, end = round(0.3 / dt), [round(0.7 / dt), round(0.5 / dt)]
    expected = [[h if start <= i < e else 1.0 for h, e in zip((9, 8), end, strict=True)]
                for i in range(20)]  # fmt: skip
    np.testing.assert_array_equal(now, expected)


def test_every_function_gets_a_key_of_its_own():
    def noise(step, key):
        return jax.random.normal(key, (1000,))

    drive = PyramidalDrive(soma=Drive(noise, noise), dendrite=Drive(noise))
    now = drives.at_step(drive, jnp.asarray(0), KEY, dt=0.1)
    drawn = [now.soma.current, now.soma.conductance, now.dendrite.current, noise(0, KEY)]
    np.testing.assert_allclose(np.corrcoef(drawn), np.eye(4), atol=4 / np.sqrt(1000))


def test_functions_get_the_step_and_repeat_themselves_for_the_same_key():
    drive = Drive(lambda step, key: step + jax.random.normal(key, (2,)))
    first, again, later = (
        drives.at_step(drive, jnp.asarray(i), KEY, dt=0.1).current for i in (5, 5, 7)
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(later - first, 2, rtol=1e-5)
    other = drives.at_step(drive, jnp.asarray(5), jax.random.key(4), dt=0.1).current
    assert np.all(np.asarray(first) != np.asarray(other))


def test_functions_without_a_key_get_none():
    seen = []
    drives.at_step(Drive(lambda step, key: seen.append(key)), jnp.asarray(0), None, dt=0.1)
    assert seen == [None]


@pytest.mark.parametrize(
    "drive",
    [
        Drive(),
        Drive(current=-50.0, conductance=np.asarray([0.0, 1.0, 2.0])),
        Drive(jnp.ones(3), jnp.ones(()), np.float32(-5)),
        Drive(TimeSeries(np.zeros(10)), TimeSeries(np.ones((12, 3)))),
        Drive(lambda step, key: jax.random.normal(key, (3,))),
        Drive(Pulse(np.ones(3), 0.5, 1.0), Pulse(2.0, 0.0, np.asarray([1.0, 2.0, 3.0]))),
        PyramidalDrive(Drive(1.0), synapse(5.0, -75.0), coupling=TimeSeries(np.ones((10, 3)))),
        PyramidalDrive(coupling=np.asarray([0.0, 0.5, 1.0])),
    ],
)
def test_good_drives_pass(drive):
    check(drive)


SHAPE = "must be one value, or one per cell, shape (3,); got shape "


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (Drive(np.ones(2)), "`drive.current` " + SHAPE + "(2,). For values in time pass TimeSer"),
        (Drive(conductance=np.ones((3, 1))), "`drive.conductance` " + SHAPE + "(3, 1)"),
        (PyramidalDrive(dendrite=Drive(np.ones(4))), "`drive.dendrite.current` " + SHAPE + "(4,)"),
        (PyramidalDrive(coupling=np.ones(2)), "`drive.coupling` " + SHAPE + "(2,)"),
        (Drive(TimeSeries(np.ones((10, 2)))), "`drive.current` " + SHAPE + "(2,)"),
        (Drive(lambda step, key: jnp.ones((2, 3))), "`drive.current` " + SHAPE + "(2, 3)"),
        (Drive(Pulse(np.ones(2), 0.0, 1.0)), "`drive.current, height of the pulse,` " + SHAPE),
        (Drive(Pulse(1.0, 0.0, np.ones(2))), "`drive.current, end of the pulse,` " + SHAPE),
    ],
)
def test_wrong_shapes_are_refused_by_the_name_of_the_field(drive, message):
    refuses(drive, message)


@pytest.mark.parametrize("values", [np.ones(9), np.ones((9, 3)), np.float64(1.0)])
def test_a_series_that_ends_before_the_run_is_refused(values):
    refuses(
        Drive(TimeSeries(values)),
        "`drive.current` must have a value for each of the steps 0 to 9 of the run; got "
        + ("values of steps 0 to 8" if values.ndim else "one value")
        + f", shape {values.shape}",
    )


NAN, INF = float("nan"), float("inf")
CURRENT = "must be a finite current in pA; got "
CONDUCTANCE = "must be a finite conductance of at least 0 nS; got "


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (Drive(NAN), "`drive.current` " + CURRENT + "nan. Pass drive.current=0.0."),
        (Drive(TimeSeries([1.0] * 9 + [INF])), "`drive.current` " + CURRENT),
        (Drive(reversal_current=-INF), "`drive.reversal_current` " + CURRENT + "-inf"),
        (Drive(conductance=-1.0), "`drive.conductance` " + CONDUCTANCE + "-1.0"),
        (Drive(conductance=INF), "`drive.conductance` " + CONDUCTANCE + "inf"),
        (Drive(conductance=TimeSeries(np.full(10, NAN))), "`drive.conductance` " + CONDUCTANCE),
        (PyramidalDrive(Drive(), synapse(-2.0, 0.0)), "`drive.dendrite.conductance` "),
        (Drive(Pulse(NAN, 0.0, 1.0)), "`drive.current` " + CURRENT + "nan"),
        (Drive(conductance=Pulse(1.0, 0.0, 1.0, base=-1.0)), CONDUCTANCE + "-1.0"),
        (Drive(Pulse(1.0, 0.0, INF)), "must be a pulse with finite times in ms; got inf"),
    ],
)
def test_bad_values_are_refused_by_the_name_of_the_field(drive, message):
    refuses(drive, message)


@pytest.mark.parametrize("p", [-0.1, 1.1, NAN])
def test_a_coupling_outside_zero_to_one_is_refused(p):
    rule = "`coupling` must be in [0, 1], the probability (dimensionless)"
    refuses(PyramidalDrive(coupling=p), rule)
    refuses(PyramidalDrive(coupling=np.asarray([0.5, p, 0.5])), rule)
    refuses(PyramidalDrive(coupling=TimeSeries(np.full(10, p))), rule)
    refuses(PyramidalDrive(coupling=Pulse(p, 0.0, 1.0)), rule)


def test_what_is_no_number_is_refused():
    refuses(Drive(current="strong"), "`drive.current` must be a number or an array", TypeError)
    refuses(
        Drive(lambda step, key: (1.0, 2.0)), "`drive.current`, a function of (step, key)", TypeError
    )


def test_values_unknown_while_tracing_pass():
    jax.eval_shape(lambda g: check(Drive(conductance=g)), jnp.float32(-1.0))


def test_the_drive_of_another_cell_is_refused():
    drives.check_kind("drive", Drive(), Drive)
    message = "`drive` must be a PyramidalDrive for this cell; got Drive."
    with pytest.raises(TypeError, match=re.escape(message)):
        drives.check_kind("drive", Drive(), PyramidalDrive)
