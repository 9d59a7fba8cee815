import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurogain import grids


def test_numbers_and_ranges_in_order():
    assert grids.parse("x", ("0", "600"), "pA") == (0.0, 600.0)
    assert grids.parse("x", ("300:500:100", "-50"), "pA") == (300.0, 400.0, 500.0, -50.0)
    assert grids.parse("x", ("1:0:-0.5",), "nS") == (1.0, 0.5, 0.0)
    assert grids.parse("x", ("2:2:1",), "nS") == (2.0,)


@given(start=st.integers(-50, 50), count=st.integers(0, 40), step=st.sampled_from([0.1, 0.25, 3]))
def test_ranges_include_both_ends(start, count, step):
    stop = start + count * step
    values = grids.parse("x", (f"{start}:{stop:.6g}:{step}",), "pA")
    assert len(values) == count + 1
    np.testing.assert_allclose(values, start + step * np.arange(count + 1), atol=1e-9)


def test_a_stop_off_the_grid_is_not_passed():
    assert grids.parse("x", ("0:1:0.3",), "pA") == (0.0, 0.3, 0.6, 0.9)


@pytest.mark.parametrize("text", ["a", "1:2", "1:2:3:4", "nan", "inf", "1::2", ""])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"`drive` must be numbers or ranges.*in pA; got"):
        grids.parse("drive", (text,), "pA")


@pytest.mark.parametrize("text", ["1:2:0", "1:2:-1", "2:1:1"])
def test_steps_that_lead_nowhere_are_refused(text):
    with pytest.raises(ValueError, match="leads from start to stop"):
        grids.parse("drive", (text,), "pA")


@pytest.mark.parametrize("texts", [(), ("1", "1"), ("0:2:1", "2")])
def test_none_and_doubles_are_refused(texts):
    with pytest.raises(ValueError, match=r"at least one number.*none twice"):
        grids.parse("drive", texts, "pA")
