"""What the run-time check of annotations sees."""

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from neurogain import stats
from neurogain.optim import modulate_by_gain
from neurogain.uncertainty import _arrays


def test_a_wrong_dtype_is_seen():
    with pytest.raises(TypeCheckError, match="log_probabilities"):
        _arrays.log_probabilities(jnp.zeros((2, 3), jnp.complex64), None)


def test_a_wrong_type_is_seen_outside_kernels():
    with pytest.raises(TypeCheckError, match=r"stats\.text"):
        stats.text({"mean": None}, form=None)


def test_an_error_of_the_function_itself_goes_first():
    with pytest.raises(TypeError, match="optimizer") as caught:
        modulate_by_gain("adam")
    assert not isinstance(caught.value, TypeCheckError)
