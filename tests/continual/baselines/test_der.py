import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual.baselines import der_loss, der_plus_plus_loss

RNG = np.random.default_rng(0)
Z, STORED = RNG.normal(size=(2, 6, 4)).astype(np.float32)
OTHER = RNG.normal(size=(3, 4)).astype(np.float32)
LABELS = np.array([2, 0, 3], np.int32)
ALL, SOME = np.ones(6, bool), np.array([True, False, True, True, False, True])


@jax.jit
@jax.value_and_grad
def _plus_plus(logits, others, alpha, beta, where, other_where):
    z, other = logits, others
    return der_plus_plus_loss(
        z, STORED, other, LABELS, alpha=alpha, beta=beta, where=where, other_where=other_where
    )


@jax.jit
def _plain(alpha, where=None):
    return der_loss(Z, STORED, alpha=alpha, where=where)


def _surprise():
    z = OTHER.astype(np.float64)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return -np.log(p[np.arange(3), LABELS])


@pytest.mark.parametrize("where", [ALL, SOME])
def test_against_the_paper_in_numpy(where):
    squares = (Z.astype(np.float64) - STORED)[where] ** 2
    distance = 0.3 * squares.mean()
    np.testing.assert_allclose(_plain(0.3, where), distance, rtol=1e-5)
    second = np.array([True, True, False])
    value, grads = _plus_plus(Z, OTHER, 0.3, 0.7, where, second)
    np.testing.assert_allclose(value, distance + 0.7 * _surprise()[:2].mean(), rtol=1e-5)
    expected = 0.3 * 2 * (Z - STORED) * where[:, None] / where.sum() / 4
    np.testing.assert_allclose(grads, expected, rtol=1e-4, atol=1e-7)


def test_all_draws_count_unless_told():
    np.testing.assert_array_equal(_plain(0.3), _plain(0.3, ALL))


def test_an_empty_buffer_adds_nothing():
    value, grads = _plus_plus(Z, OTHER, 0.3, 0.7, ~ALL, np.zeros(3, bool))
    assert float(value) == 0
    np.testing.assert_array_equal(grads, 0)


def test_low_precision_sums_in_float32():
    half = jnp.asarray(Z, jnp.bfloat16)
    loss = jax.eval_shape(lambda z: der_loss(z, z, alpha=1.0), half)
    assert loss.dtype == jnp.float32


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"`alpha` must be finite and >= 0; got -0\.1"):
        der_loss(Z, STORED, alpha=-0.1)
    with pytest.raises(ValueError, match="`beta` must be finite and >= 0; got inf"):
        der_plus_plus_loss(Z, STORED, OTHER, LABELS, alpha=1.0, beta=np.inf)
    with pytest.raises(ValueError, match="`stored_logits` must have the shape of `logits`"):
        der_loss(Z, STORED[:, 1:], alpha=1.0)
    with pytest.raises(ValueError, match=r"`where` must be \(6,\), one per example"):
        der_loss(Z, STORED, alpha=1.0, where=ALL[1:])
    with pytest.raises(ValueError, match=r"`other_labels` must be in \[0, 4\).*; got array\(\[3"):
        der_plus_plus_loss(Z, STORED, OTHER, LABELS + 1, alpha=1.0, beta=1.0)
