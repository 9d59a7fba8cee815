import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax.test_util import check_grads

from neurogain import uncertainty


def _summed(name, logits, where):
    value = getattr(uncertainty, name)(logits, where=where)
    return value.sum(), value


MEASURES = ["entropy", "normalized_entropy", "least_confidence", "margin"]
MASKED = {
    name: jax.jit(jax.value_and_grad(functools.partial(_summed, name), has_aux=True))
    for name in MEASURES
}
JITTED = {name: jax.jit(getattr(uncertainty, name)) for name in MEASURES}
SURPRISE = jax.jit(uncertainty.surprise)
arrays = hnp.arrays(
    np.float32,
    st.tuples(st.just(3), st.sampled_from((2, 5))),
    elements=st.floats(-1e4, 1e4, width=32),
)


def _softmax(logits):
    z = np.asarray(logits, np.float64)
    p = np.exp(z - z.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def _reference(name, logits):
    p = _softmax(logits)
    ordered = np.sort(p, axis=-1)
    h = scipy.stats.entropy(p, axis=-1)
    return {
        "entropy": h,
        "normalized_entropy": h / np.log(p.shape[-1]),
        "least_confidence": 1 - ordered[..., -1],
        "margin": 1 - (ordered[..., -1] - ordered[..., -2]),
    }[name]


def _logits(shape=(5, 4), scale=2.0):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32) * scale


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0, 1e4])
def test_against_numpy_in_float64(name, scale):
    logits = _logits(scale=scale)
    np.testing.assert_allclose(JITTED[name](logits), _reference(name, logits), rtol=1e-5, atol=2e-6)


@given(logits=arrays)
def test_ranges(logits):
    c = logits.shape[-1]
    for name in MEASURES:
        top = {"entropy": np.log(c), "least_confidence": 1 - 1 / c}.get(name, 1.0)
        u = JITTED[name](logits)
        assert np.all((u >= 0) & (u <= top + 1e-5)), name
        np.testing.assert_allclose(u, _reference(name, logits), rtol=1e-4, atol=1e-5, err_msg=name)


def test_surprise_against_numpy():
    logits, labels = _logits(), np.array([0, 1, 2, 3, 0])
    expected = -np.log(_softmax(logits)[np.arange(5), labels])
    np.testing.assert_allclose(SURPRISE(logits, labels), expected, rtol=1e-5)
    far = SURPRISE(np.array([1e4, -1e4], np.float32), np.array(1))
    np.testing.assert_allclose(far, 2e4)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("hidden", [0.0, 3e4, -np.inf, np.inf, np.nan])
def test_masked_equals_the_sub_array_in_value_and_gradient(name, hidden):
    keep = np.array([0, 2, 3, 5])
    logits = _logits((5, 6))
    where = np.isin(np.arange(6), keep)
    logits[:, ~where] = hidden
    (_, value), gradient = MASKED[name](logits, where)
    np.testing.assert_allclose(value, _reference(name, logits[:, keep]), rtol=1e-5, atol=1e-6)
    assert np.all(gradient[:, ~where] == 0)
    _, sub = MASKED[name](logits[:, keep], None)
    np.testing.assert_allclose(gradient[:, keep], sub, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hidden", [-np.inf, np.nan])
def test_masked_surprise(hidden):
    logits, labels = _logits((5, 6)), np.array([0, 2, 3, 5, 0])
    where = np.isin(np.arange(6), [0, 2, 3, 5])
    logits[:, ~where] = hidden
    sub, sub_labels = logits[:, where], np.array([0, 1, 2, 3, 0])
    expected = -np.log(_softmax(sub)[np.arange(5), sub_labels])
    u = SURPRISE(logits, labels, where=where)
    np.testing.assert_allclose(u, expected, rtol=1e-5)
    gradient = jax.jit(jax.grad(lambda z: uncertainty.surprise(z, labels, where=where).sum()))(
        logits
    )
    wanted = _softmax(sub) - np.eye(4)[sub_labels]
    np.testing.assert_allclose(gradient[:, where], wanted, atol=1e-6)
    assert np.all(gradient[:, ~where] == 0)
    assert np.isposinf(SURPRISE(logits[0], np.array(1), where=where))


@pytest.mark.parametrize("name", MEASURES)
def test_a_mask_of_its_own_for_each_example_and_a_single_class(name):
    logits = _logits((3, 4))
    where = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 0]], bool)
    measure = JITTED[name]
    u = measure(logits, where=where)
    for i in range(2):
        np.testing.assert_allclose(u[i], _reference(name, logits[i, where[i]]), rtol=1e-5)
    single = 1 - 1.0 if name != "margin" else 0.0  # one class: p_1 = 1, p_2 = 0
    np.testing.assert_allclose(u[2], single, atol=1e-6)
    np.testing.assert_allclose(measure(logits[:, :1]), np.zeros(3), atol=1e-6)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("row", [[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4], [1e4, 1e4, -1e4]])
def test_extreme_logits_have_finite_and_right_values_and_gradients(name, row):
    (value, _), gradient = MASKED[name](np.array(row, np.float32), None)
    np.testing.assert_allclose(value, _reference(name, row), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient.sum(), 0, atol=1e-5)
    assert np.all(np.isfinite(gradient))
    if name in ("entropy", "normalized_entropy"):
        p = _softmax(row)
        log_p = np.log(np.where(p > 0, p, 1))
        exact = -p * (log_p + scipy.stats.entropy(p))
        exact /= np.log(3) if name == "normalized_entropy" else 1
        np.testing.assert_allclose(gradient, exact, atol=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_gradients_against_finite_differences(name):
    measure = getattr(uncertainty, name)
    logits = _logits((2, 4)).astype(np.float64)
    where = np.array([True, True, False, True])
    with jax.enable_x64():
        check_grads(measure, (logits,), order=2, rtol=1e-4)
        check_grads(lambda z: measure(z, where=where), (logits,), order=1, modes=["rev"])
        assert measure(logits).dtype == jnp.float64


def test_surprise_gradient_against_finite_differences():
    with jax.enable_x64():
        logits = _logits((2, 4)).astype(np.float64)
        check_grads(lambda z: uncertainty.surprise(z, np.array([0, 3])), (logits,), order=2)


@pytest.mark.parametrize("name", MEASURES)
def test_low_precision_is_computed_in_float32_jit_is_eager_and_vmap_a_loop(name):
    measure = getattr(uncertainty, name)
    narrow = jnp.asarray(_logits(), jnp.bfloat16)
    u = measure(narrow)
    assert u.dtype == jnp.float32
    wide = np.asarray(narrow.astype(jnp.float32))
    np.testing.assert_allclose(u, _reference(name, wide), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(JITTED[name](wide), measure(wide), rtol=1e-5, atol=1e-6)
    loop = np.stack([JITTED[name](row) for row in wide])
    np.testing.assert_allclose(jax.vmap(JITTED[name])(wide), loop, rtol=1e-5, atol=1e-6)
    assert jax.eval_shape(measure, _logits((2, 3, 4))).shape == (2, 3)


def test_batch_mean():
    u = np.array([[1.0, 2.0], [3.0, np.nan]], np.float32)
    where = np.array([[True, False], [True, False]])
    mean = jax.jit(uncertainty.batch_mean)
    assert float(mean(u[0])) == 1.5
    assert float(mean(u, where=where)) == 2.0
    assert float(mean(u, where=np.array([True, False]))) == 2.0
    assert float(mean(u, where=np.array(False))) == 0.0
    gradient = jax.grad(mean)(u, where=where)
    np.testing.assert_array_equal(gradient, [[0.5, 0], [0.5, 0]])


def test_infinitely_low_logits_leave_their_class_out():
    logits = np.array([0.3, -0.2, -np.inf, 1.0], np.float32)
    for name in ("entropy", "least_confidence", "margin"):
        (value, _), gradient = MASKED[name](logits, None)
        (wanted, _), slope = MASKED[name](np.delete(logits, 2), None)
        np.testing.assert_allclose(value, wanted, rtol=1e-6)
        np.testing.assert_allclose(np.delete(gradient, 2), slope, rtol=1e-5, atol=1e-7)
        assert gradient[2] == 0


def test_entropy_of_logits_at_the_ends_of_the_dtype():
    (value, _), gradient = MASKED["entropy"](np.array([3e38, -3e38], np.float32), None)
    assert value == 0
    np.testing.assert_array_equal(gradient, np.zeros(2))
