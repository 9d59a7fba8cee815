"""Drives that can't be drawn are refused by their name."""

import re

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    IzhikevichCell,
    Noise,
    PoissonInput,
    PyramidalDrive,
    TimeSeries,
    cells,
    combine,
    rollout,
    simulate,
)
from neurogain.spiking.engine import drive_checks

KEY = jax.random.key(11)
NAN, INF = float("nan"), float("inf")
RATE = "`drive.current, rate_hz,` must be in [0, 1e+07] Hz, at most 1000 spikes a step on average"
SD = "`drive.current, sd,` must be a standard deviation of at least 0; got "


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        (Drive(Noise(0.0, -1.0)), SD + "-1.0. Noise(0.0, 100.0)."),
        (Drive(Noise(0.0, np.array([1.0, 2.0, -0.1]))), SD),
        (Drive(Noise(NAN, 1.0)), "`drive.current, mean,` must be finite; got nan"),
        (Drive(Noise(0.0, NAN)), "`drive.current, sd,` must be finite; got nan"),
        (Drive(Noise(0.0, INF)), "`drive.current, sd,` must be finite; got inf"),
        (
            Drive(conductance=Noise(5.0, 1.0)),
            "`drive.conductance` must be a finite cond",
        ),
        (Drive(Noise(np.ones(2), 1.0)), "`drive.current, mean,` must be one value, or one per c"),
        (Drive(Noise(0.0, np.ones((3, 1)))), "`drive.current, sd,` must be one value, or one per"),
        (Drive(PoissonInput(1.1e7, 1.0)), RATE + "; got 11000000.0. Take a shorter dt, or Noise"),
        (Drive(PoissonInput(-1.0, 1.0)), RATE + "; got -1.0"),
        (Drive(PoissonInput(NAN, 1.0)), "`drive.current, rate_hz,` must be finite; got nan"),
        (Drive(PoissonInput(1.0, NAN)), "`drive.current, weight,` must be finite; got nan"),
        (Drive(PoissonInput(np.ones(4), 1.0)), "`drive.current, rate_hz,` must be one value, or"),
        (Drive(conductance=PoissonInput(10.0, -1.0)), "`drive.conductance"),
    ],
)
def test_bad_noise_is_refused(drive, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        drive_checks.check(drive, n=3, last_step=10, key=KEY, dt=0.1)


@pytest.mark.parametrize("coupling", [Noise(0.5, 1.0), PoissonInput(100.0, 2.0)])
def test_a_coupling_that_is_drawn_outside_zero_to_one_is_refused(coupling):
    with pytest.raises(ValueError, match="coupling"):
        drive_checks.check(PyramidalDrive(coupling=coupling), n=3, last_step=10, key=KEY, dt=0.1)


@pytest.mark.parametrize("runner", [simulate, rollout])
@pytest.mark.parametrize("drive", [Drive(Noise(0.0, 1.0)), Drive(0.0, PoissonInput(5.0, 1.0))])
def test_noise_without_a_key_is_refused(runner, drive):
    message = r"`key` must be a jax.random.key, since `drive\..*` is drawn; got None"
    with pytest.raises(ValueError, match=message):
        runner(IzhikevichCell(), cells.PV, drive, n=2, duration=1.0)


def test_rates_may_be_as_high_as_a_thousand_spikes_a_step():
    for dt in (0.1, 0.3, 1.0):
        drive_checks.check(Drive(PoissonInput(1e6 / dt, 1.0)), n=2, last_step=1, key=KEY, dt=dt)
        with pytest.raises(ValueError, match="rate_hz"):
            drive_checks.check(
                Drive(PoissonInput(1.001e6 / dt, 1.0)), n=2, last_step=1, key=KEY, dt=dt
            )


def test_drawn_fields_are_not_added_up():
    for varying in (Noise(0.0, 1.0), PoissonInput(1.0, 1.0), TimeSeries(np.ones(3))):
        with pytest.raises(TypeError, match="`combine` adds numbers and arrays"):
            combine(Drive(varying), Drive(1.0))
