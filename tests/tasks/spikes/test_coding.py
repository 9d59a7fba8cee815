import jax
import numpy as np
import pytest

from neurogain.tasks.spikes import latency, rate, rows
from neurogain.tasks.spikes.coding import at_times

VALUES = np.array([[1.0, 0.75, 0.5, 0.01, 0.0]])


def test_a_larger_value_spikes_earlier_and_nothing_never():
    spikes = np.asarray(latency(VALUES, 20))[0]
    np.testing.assert_array_equal(spikes.sum(0), [1, 1, 1, 1, 0])
    np.testing.assert_array_equal(spikes.argmax(0)[:4], [0, 5, 10, 19])
    within = np.asarray(latency(VALUES, 20, last=0.5))[0]
    np.testing.assert_array_equal(within.argmax(0)[:4], [0, 2, 5, 9])


def test_spikes_at_times_outside_are_left_out():
    spikes = np.asarray(at_times(np.array([[0.0, 0.999, 1.0, -0.1]]), 10))[0]
    np.testing.assert_array_equal(spikes.sum(0), [1, 1, 0, 0])
    np.testing.assert_array_equal(spikes.argmax(0)[:2], [0, 9])


def test_rates_are_in_proportion():
    spikes = np.asarray(rate(VALUES, 20_000, jax.random.key(0), highest=0.4))[0]
    p = 0.4 * VALUES[0]
    np.testing.assert_array_less(abs(spikes.mean(0) - p), 4 * (p * (1 - p) / 20_000) ** 0.5 + 1e-9)


def test_rows_are_shown_one_after_the_other():
    images = np.arange(24.0).reshape(2, 3, 4) / 24
    np.testing.assert_array_equal(rows(images, repeat=2), np.repeat(np.float32(images), 2, axis=1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: latency(VALUES * 255, 5), r"`values` must be in \[0, 1\]; got .*x / 255"),
        (lambda: rate(-VALUES, 5, jax.random.key(0)), r"`values` must be in \[0, 1\]"),
        (lambda: latency(VALUES, 0), "`steps` must be a whole number of at least 1; got 0"),
        (lambda: latency(VALUES, 5, last=0.0), r"`last` must be in \(0, 1\]; got 0\.0"),
        (lambda: rate(VALUES, 5, jax.random.key(0), highest=2.0), r"`highest` must be in \(0, 1\]"),
        (lambda: rows(np.ones((1, 2, 2)), repeat=0), "`repeat` must be a whole number"),
        (
            lambda: rows(np.full((1, 2, 2), 255.0)),
            r"(?s)`images` must be in \[0, 1\]; got .*x / 255",
        ),
        (lambda: rows(np.full((1, 2, 2), np.nan)), r"(?s)`images` must be in \[0, 1\]; got .*nan"),
        (lambda: rows(VALUES), r"`images` must have shape \(n, height, width\); got \(1, 5\)"),
        (lambda: latency(VALUES[0], 5), r"`values` must have shape \(n, channels\); got \(5,\)"),
        (lambda: latency(VALUES[None], 5), r"`values` must have shape \(n, channels\)"),
        (lambda: rate(VALUES[0], 5, jax.random.key(0)), r"`values` must have shape \(n, chan"),
        (lambda: at_times(VALUES[0], 5), r"`times` must have shape \(n, channels\)"),
        (lambda: at_times(VALUES * np.nan, 5), "`times` must be no NaN; got"),
    ],
)
def test_codes_refuse_numbers_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call()
