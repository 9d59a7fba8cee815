"""Two published patterns with a < 0, and the equations of Izhikevich 2004 beside this kernel."""

import jax
import numpy as np
import pytest

from neurogain.spiking import Drive, IzhikevichCell, IzhikevichParams, Pulse, simulate
from neurogain.spiking.models.izhikevich import IzhikevichState, time_constants
from neurogain.spiking.recorders import Spikes

DT, STEPS = 0.1, 3500
# S, inhibition-induced spiking, and T, inhibition-induced bursting (Izhikevich, IEEE Trans Neural
# Netw 15:1063, 2004, with the current of its figure 1): a, c, d; b = -1 in both
PATTERNS = {"spiking": (-0.02, -60.0, 8.0), "bursting": (-0.026, -45.0, 0.0)}


def published(a, c, d):
    """Return the times (ms) of spikes of v' = 0.04 v^2 + 5 v + 140 - u + I, u' = a (b v - u)."""
    v, u, times = -63.8, 63.8, []
    for step in range(STEPS):
        current = 75.0 if 500 <= step < 2500 else 80.0
        dv, du = 0.04 * v**2 + 5 * v + 140 - u + current, a * (-v - u)
        v, u = v + DT * dv, u + DT * du
        if v >= 30:
            v, u = c, u + d
            times.append((step + 1) * DT)
    return np.array(times)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_cells_with_negative_a_spike_while_they_are_inhibited(pattern):
    a, c, d = PATTERNS[pattern]
    v_r, v_t = np.sort(np.roots([0.04, 5.0, 140.0]))
    params = IzhikevichParams(C=1.0, k=0.04, v_r=v_r, v_t=v_t, v_peak=30.0, a=a, b=-1.0, c=c, d=d)
    assert min(time_constants(params._replace(a=100 * a)).values()) == pytest.approx(0.01 / abs(a))
    current = Pulse(75.0 + v_r, start=50.0, end=250.0, base=80.0 + v_r)  # since u counts from b v_r
    with jax.enable_x64():
        state = IzhikevichState(jax.numpy.array([-63.8]), jax.numpy.array([63.8 + v_r]))
        run = simulate(
            IzhikevichCell(), params, Drive(current), n=1, duration=DT * STEPS, dt=DT,
            record={"spikes": Spikes()}, state=state, dtype="float64",
        )  # fmt: skip
    times = run.recorded["spikes"].time_ms
    np.testing.assert_allclose(times, published(a, c, d))
    assert 50 < times.min() < times.max() < 275  # the last comes as the inhibition ends
    intervals = np.diff(times)
    ratio = intervals.max() / intervals.min()
    assert ratio > 20 if pattern == "bursting" else ratio < 2
    assert len(times) >= 4
