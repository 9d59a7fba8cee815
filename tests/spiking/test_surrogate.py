import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import expit

from neurogain.spiking.surrogate import (
    CALCIUM,
    SPIKE,
    Arctan,
    FastSigmoid,
    Sigmoid,
    Surrogate,
    Triangular,
    straight_through,
)


def ramp(x):
    inside = np.clip(x, -1, 1)
    return 0.5 + inside - 0.5 * inside * np.abs(inside)


# The smooth step, from 0 to 1, of which each slope is the derivative; x in units of the width.
SMOOTH = {
    Sigmoid: lambda x: np.asarray(expit(x)),
    FastSigmoid: lambda x: 0.5 + 0.5 * x / (1 + np.abs(x)),
    Arctan: lambda x: 0.5 + np.arctan(np.pi * x) / np.pi,
    Triangular: ramp,
}
every_kind = pytest.mark.parametrize("kind", SMOOTH)


@every_kind
def test_the_value_is_exactly_a_step(kind):
    size = np.geomspace(1e-37, 1e37, 200, dtype=np.float32)
    x = np.concatenate([-size, size])
    np.testing.assert_array_equal(kind(20.0)(jnp.asarray(x)), [0.0] * 200 + [1.0] * 200)


@every_kind
def test_the_step_is_up_at_zero_and_down_just_below(kind):
    x = jnp.asarray([0.0, -0.0, -np.finfo(np.float32).tiny, np.inf, -np.inf], jnp.float32)
    np.testing.assert_array_equal(kind(20.0)(x), [1, 1, 0, 1, 0])


@every_kind
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_value_and_slope_have_the_dtype_of_x(kind, dtype):
    with jax.enable_x64():
        x = jnp.linspace(-1, 1, 5).astype(dtype)
        value, tangent = jax.jvp(kind(2.0), (x,), (jnp.ones_like(x),))
        assert value.dtype == tangent.dtype == kind(2.0).slope(x).dtype == x.dtype


@every_kind
@pytest.mark.parametrize("width", [0.5, 20.0])
def test_the_slope_is_the_derivative_of_a_smooth_step(kind, width):
    with jax.enable_x64():
        # no multiple of the width, where the triangle has its kinks
        x, h = np.linspace(-3.03, 3.03, 60) * width, 1e-5 * width
        smooth = (SMOOTH[kind]((x + h) / width) - SMOOTH[kind]((x - h) / width)) / (2 * h)
        np.testing.assert_allclose(kind(width).slope(jnp.asarray(x)), smooth, atol=1e-6 / width)


@every_kind
def test_the_derivative_is_the_slope_in_both_modes(kind):
    surrogate, x = kind(3.0), jnp.linspace(-10.0, 10.0, 41)
    slope = surrogate.slope(x)
    backward = jax.vmap(jax.grad(surrogate))(x)
    forward = jax.jvp(surrogate, (x,), (jnp.full_like(x, 2.0),))[1]
    np.testing.assert_array_equal(backward, slope)
    np.testing.assert_allclose(forward, 2 * slope, rtol=1e-6)


@every_kind
@pytest.mark.parametrize("width", [0.5, 20.0])
def test_the_area_under_the_slope_is_one(kind, width):
    with jax.enable_x64():
        t = (np.arange(40_000) + 0.5) / 20_000 - 1  # midpoints of (-1, 1), mapped to all of R
        x, dx = width * t / (1 - t**2), width * (1 + t**2) / (1 - t**2) ** 2 / 20_000
        area = np.sum(np.asarray(kind(width).slope(jnp.asarray(x))) * dx)
    np.testing.assert_allclose(area, 1, atol=1e-6)


@every_kind
def test_the_slope_is_even_and_falls_from_its_peak_at_zero(kind):
    x = jnp.concatenate([jnp.zeros(1), jnp.geomspace(1e-2, 1e3, 100)])
    slope = np.asarray(kind(7.0).slope(x))
    np.testing.assert_allclose(slope, kind(7.0).slope(-x), rtol=0, atol=3e-8)
    assert np.all(np.diff(slope) <= 3e-8)
    assert slope[0] == slope.max() > 2 * slope[70] >= 0


@every_kind
def test_jit_and_vmap_change_nothing(kind):
    surrogate, x = kind(3.0), jnp.linspace(-10.0, 10.0, 9)
    both = jax.value_and_grad(surrogate)
    loop = [both(value) for value in x]
    for batched in (jax.vmap(both), jax.jit(jax.vmap(both))):
        np.testing.assert_allclose(np.stack(batched(x), axis=1), np.asarray(loop), rtol=1e-5)


def test_equal_surrogates_are_equal_and_compile_once():
    traces = []

    def value(surrogate, x):
        traces.append(surrogate)
        return surrogate(x)

    compiled = jax.jit(value, static_argnums=0)
    for surrogate in (Sigmoid(5.0), Sigmoid(5.0), Sigmoid(width=5.0)):
        compiled(surrogate, jnp.ones(3))
    assert traces == [Sigmoid(5.0)]
    assert hash(Arctan(2.0)) == hash(Arctan(2.0))
    assert len({Sigmoid(5.0), Sigmoid(6.0), Arctan(5.0), Sigmoid(5.0)}) == 3


def test_the_defaults_are_as_wide_as_documented():
    assert Sigmoid(20.0) == SPIKE
    assert Sigmoid(6.0) == CALCIUM
    assert {kind().width for kind in SMOOTH} == {20.0}


def test_the_base_class_has_no_slope():
    with pytest.raises(TypeError, match=r"abstract method '?slope"):
        Surrogate(1.0)


@every_kind
@pytest.mark.parametrize("width", [0.0, -1.0, float("nan"), float("inf")])
def test_a_width_that_is_not_positive_is_refused(kind, width):
    with pytest.raises(ValueError, match=rf"`width` must be positive.*got {width!r}.*width=20\.0"):
        kind(width)


def test_a_width_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match=r"`width` must be one number.*got 'wide'"):
        Sigmoid("wide")


@pytest.mark.parametrize("outcome", [0.0, 1.0])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_straight_through_has_the_value_of_the_outcome_and_the_gradient_of_its_mean(outcome, p):
    value, (d_outcome, d_p) = jax.value_and_grad(straight_through, (0, 1))(
        jnp.float32(outcome), jnp.float32(p)
    )
    assert (value, d_outcome, d_p) == (outcome, 0.0, 1.0)


def test_one_probability_serves_many_outcomes():
    outcome, weight = jnp.asarray([1.0, 0.0, 1.0]), jnp.asarray([2.0, 3.0, 5.0])
    p = jnp.float32(0.4)
    np.testing.assert_array_equal(straight_through(outcome, p), outcome)
    assert jax.grad(lambda p: jnp.sum(weight * straight_through(outcome, p)))(p) == 10
    np.testing.assert_array_equal(straight_through(outcome, jnp.full(3, p)), outcome)
