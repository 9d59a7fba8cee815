"""Numbers that the dtype of a run can't hold, and NumPy's short ones as times."""

import jax
import numpy as np
import pytest

from neurogain.spiking import (
    Drive,
    LIFCell,
    LIFParams,
    Noise,
    PoissonInput,
    Pulse,
    TimeSeries,
    simulate,
    spike_list,
)
from neurogain.spiking.engine.times import LAST_STEP, count_steps

KEY = jax.random.key(0)
BIG = 1e39


@pytest.mark.parametrize(
    ("params", "current", "named"),
    [
        (LIFParams(), BIG, "drive.current"),
        (LIFParams(), np.array([1.0, -BIG]), "drive.current"),
        (LIFParams(), Pulse(BIG, 0.0, 0.5), "drive.current"),
        (LIFParams(), Pulse(1.0, 0.0, 0.5, BIG), "drive.current"),
        (LIFParams(), Noise(BIG, 1.0), "drive.current"),
        (LIFParams(), Noise(0.0, BIG), "drive.current"),
        (LIFParams(), PoissonInput(1.0, BIG), "drive.current"),
        (LIFParams(), TimeSeries(np.full(10, BIG)), "drive.current"),
        (LIFParams(C=BIG), 0.0, "params.C"),
        (LIFParams(v_t=BIG), 0.0, "params.v_t"),
    ],
)
def test_what_single_precision_takes_as_infinite_is_refused(params, current, named):
    message = rf"`{named}` must be at most 3.4e\+38, the largest number of float32; got -?1e\+39"
    with pytest.raises(ValueError, match=message):
        simulate(LIFCell(), params, Drive(current), n=2, duration=1.0, key=KEY)


def test_times_in_single_precision_are_the_decimals_that_they_stand_for():
    for duration, steps in ((1_800_000.1, 18_000_001), (86_400_000.1, 864_000_001)):
        assert count_steps(duration, np.float32(0.1)) == steps
    assert count_steps(np.float32(1_800_000.1), 0.1) == 18_000_001
    late = spike_list([1_800_000.1], [0], n=1, dt=np.float32(0.1))
    assert late.step[0, 0] == 18_000_000
    run = simulate(LIFCell(), LIFParams(), Drive(400.0), n=1, duration=np.float32(10.0),
                   dt=np.float32(0.1))  # fmt: skip
    assert run.step == 100


def test_times_off_the_grid_follow_one_rule():
    assert count_steps(100.00009, 0.1) == 1000
    assert spike_list([10.00009], [0], n=1, dt=0.1).step[0, 0] == 99
    for off in (100.0002, 99.9998):
        with pytest.raises(ValueError, match="multiple of dt"):
            count_steps(off, 0.1)
        with pytest.raises(ValueError, match="multiples of dt"):
            spike_list([off], [0], n=1, dt=0.1)


def test_a_list_does_not_go_beyond_the_counter():
    assert spike_list([LAST_STEP * 0.1], [0], n=1, dt=0.1).step[0, 0] == LAST_STEP - 1
    with pytest.raises(ValueError, match=f"at most {LAST_STEP} steps of dt = 0.1 ms, which are"):
        spike_list([(LAST_STEP + 2) * 0.1], [0], n=1, dt=0.1)
