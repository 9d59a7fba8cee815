"""What functions on the host refuse: the argument, its rule, the value; no hang."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import measures, spike_list
from neurogain.spiking.recorders import IntervalRecord

NAN, INF = float("nan"), float("inf")
RECORD = IntervalRecord(np.array([4]), np.array([20.0]), np.array([8.0]), np.array([3]))
X, Y = [100.0, 200.0, 300.0], [0.0, 3.0, 5.0]
LIST = {"time_ms": [0.3, 0.5], "cell": [0, 1], "n": 2, "dt": 0.1}
BINS = {"time_ms": [1.0, 5.0], "cell": [0, 1], "n": 2, "duration": 20.0, "width": 10.0}


def refuses(error, message, function, **arguments):
    with pytest.raises(error, match=re.escape(message)):
        function(**arguments)


@pytest.mark.parametrize("value", [None, "0.1", [0.5], [0.1, 0.2], True, 1j, dict])
def test_a_step_is_one_number(value):
    message = f"`dt` must be one number, positive and finite, in ms; got {value!r}. Pass dt=0.1."
    refuses(TypeError, message, spike_list, **LIST | {"dt": value})


@pytest.mark.parametrize("value", [0, -1.0, NAN, INF])
def test_a_step_is_positive(value):
    message = f"`dt` must be positive and finite, in ms; got {value!r}. Pass dt=0.1."
    refuses(ValueError, message, spike_list, **LIST | {"dt": value})


@pytest.mark.parametrize("value", [None, "2", 2.0, [2], 0, -1, NAN, True, dict])
@pytest.mark.parametrize(
    ("function", "arguments"), [(spike_list, LIST), (measures.bin_counts, BINS)]
)
def test_a_number_of_cells_is_whole(function, arguments, value):
    message = f"`n` must be a whole number of at least 1; got {value!r}."
    refuses(ValueError, message, function, **arguments | {"n": value})


@pytest.mark.parametrize(
    ("function", "arguments", "changes", "error", "message"),
    [
        (spike_list, LIST, {"n": 10**10}, ValueError,
         "`n` x spikes of the source that has most must be at most 1073741824, 4 GiB; got "
         "10000000000 x 2. Make several populations"),
        (spike_list, LIST, {"time_ms": [[1], [1, 2]]}, TypeError, "`time_ms` must be a number or"),
        (spike_list, LIST, {"time_ms": "x"}, TypeError, "an array of numbers; got 'x'."),
        (spike_list, LIST, {"time_ms": None}, TypeError, "an array of numbers; got None."),
        (spike_list, LIST, {"time_ms": dict}, TypeError, "`time_ms` must be a number or an array"),
        (spike_list, LIST, {"time_ms": [1j, 2j]}, TypeError, "`time_ms` must be a number or"),
        (spike_list, LIST, {"time_ms": [NAN, 0.5]}, ValueError, "must be positive multiples"),
        (spike_list, LIST, {"cell": [[1], [1, 2]]}, TypeError, "`cell` must be a number or an"),
        (spike_list, LIST, {"cell": None}, TypeError, "`cell` must be a number or an array"),
        (measures.bin_counts, BINS, {"n": 10**12}, ValueError, "take at most 4 GiB; got 10 ms"),
        (measures.bin_counts, BINS, {"width": 1e-12}, ValueError, "take at most 4 GiB; got 1e-12"),
        (measures.bin_counts, BINS, {"width": 3.0}, ValueError, "`width` must divide the duration"),
        (measures.bin_counts, BINS, {"width": None}, TypeError, "`width` must be one number"),
        (measures.bin_counts, BINS, {"duration": [20.0]}, TypeError, "`duration` must be one"),
        (measures.bin_counts, BINS, {"duration": INF}, ValueError, "`duration` must be positive"),
        (measures.bin_counts, BINS, {"duration": 4.0, "width": 2.0}, ValueError,
         "`time_ms` must be in [0, 4] ms; got [1.0, 5.0]. Choose a longer duration."
         .replace("[1.0, 5.0]", "array([1., 5.])")),
        (measures.bin_counts, BINS, {"time_ms": [NAN, 1.0]}, ValueError, "`time_ms` must be in"),
        (measures.bin_counts, BINS, {"time_ms": [1.0]}, ValueError, "have one shape; got (1,)"),
        (measures.bin_counts, BINS, {"cell": [0, 2]}, ValueError, "`cell` must be whole, in [0, 1"),
        (measures.bin_counts, BINS, {"cell": [0, 0.5]}, ValueError, "`cell` must be whole, in"),
        (measures.rate, {"spikes": [5], "duration": 500.0}, {"duration": 0}, ValueError,
         "`duration` must be positive and finite, in ms; got 0."),
        (measures.rate, {"spikes": [5], "duration": 500.0}, {"spikes": None}, TypeError,
         "`spikes` must be a number or an array of numbers; got None."),
        (measures.fi_curve, {"current": X, "spikes": [[1], [2], [3]], "duration": 1.0},
         {"spikes": [1, 2, 3]}, ValueError, "`spikes` must have shape (currents, repeats)"),
        (measures.fi_curve, {"current": X, "spikes": [[1], [2], [3]], "duration": 1.0},
         {"current": [1.0]}, ValueError, "one current for each row; got (3, 1) and (1,)."),
        (measures.rheobase, {"current": X, "rate": Y}, {"rate": [1.0]}, ValueError,
         "`current` and `rate` must have one shape; got (3,) and (1,)."),
        (measures.rheobase, {"current": X, "rate": Y}, {"least": [1.0]}, TypeError,
         "`least` must be one number, in Hz; got [1.0]."),
        (measures.gain, {"current": X, "rate": Y, "low": 0, "high": 1}, {"low": NAN}, ValueError,
         "`low` must be in pA; got nan."),
        (measures.gain, {"current": X, "rate": Y, "low": 0, "high": 1},
         {"current": 1.0, "rate": 2.0}, ValueError, "`current` must be a list of currents, in pA"),
        (measures.threshold, {"current": X, "rate": Y, "criterion": 1.0}, {"criterion": None},
         TypeError, "`criterion` must be one number, in Hz; got None."),
        (measures.slope, {"current": X, "rate": Y, "low": 0, "high": 1}, {"high": "x"}, TypeError,
         "`high` must be one number, in Hz; got 'x'."),
        (measures.calcium_burst_fraction, {"burst": [1.0], "spikes": [2.0]}, {"burst": [1.0, 2.0]},
         ValueError, "`burst` and `spikes` must have one shape; got (2,) and (1,)."),
        (measures.isi_burst_fraction, {"record": RECORD}, {"record": None}, TypeError,
         "`record` must be an IntervalRecord; got NoneType. Pass what a run with Intervals()"),
        (measures.interval_statistics, {"record": RECORD}, {"record": [1.0]}, TypeError,
         "`record` must be an IntervalRecord; got list."),
        (measures.near_neighbours, {"time_ms": X}, {"time_ms": [2.0, 1.0]}, ValueError,
         "`time_ms` must be ascending times in ms of one cell; got [2.0, 1.0]. Pass np.sort"),
        (measures.near_neighbours, {"time_ms": X}, {"window": -1.0}, ValueError,
         "`window` must be at least 0 ms; got -1.0."),
        (measures.burst_periods, {"times": X, "window": 5.0}, {"times": [1.0, NAN]}, ValueError,
         "`times` must be ascending times in ms of one cell"),
        (measures.synchrony, {"counts": [[0, 1]]}, {"counts": [0, 1]}, ValueError,
         "`counts` must have shape (n, bins); got (2,)."),
        (measures.mean_correlation, {"counts": [[0, 1]]}, {"counts": [[1], [1, 2]]}, TypeError,
         "`counts` must be a number or an array of numbers; got [[1], [1, 2]]."),
        (measures.half_time, {"change": [X], "sample": 5.0}, {"change": None}, TypeError,
         "`change` must be a number or an array of numbers; got None."),
        (measures.half_time, {"change": [X], "sample": 5.0}, {"change": X}, ValueError,
         "`change` must have shape (seeds, samples); got (3,). Pass change[None] for one course."),
        (measures.half_time, {"change": [X], "sample": 5.0}, {"sample": "a"}, TypeError,
         "`sample` must be one number, positive and finite, in ms; got 'a'. Pass sample=10.0."),
    ],
)  # fmt: skip
def test_bad_values_of_measures(function, arguments, changes, error, message):
    function(**arguments)
    refuses(error, message, function, **arguments | changes)


def test_a_traced_step_has_to_be_known():
    message = "`dt` must be one Python number, positive"
    refuses(TypeError, message, spike_list, **LIST | {"dt": jnp.float32(0.1)})
