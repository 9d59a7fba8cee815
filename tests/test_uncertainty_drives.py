"""Drives of tokens, ensembles and regression, and energy, against NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurogain import uncertainty
from neurogain.optim import get_gain, multi_steps, ngm_sgd

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 4, 5)).astype(np.float32) * 2  # (batch, tokens, classes)
LABELS = np.array([[0, 4, -1, -1], [2, 1, 3, -1]])
TOKENS = LABELS != -1


def _entropy(logits):
    return scipy.stats.entropy(scipy.special.softmax(logits.astype(float), -1), axis=-1)


def _surprise(logits, labels):
    return -scipy.special.log_softmax(logits.astype(float), -1)[np.arange(len(labels)), labels]


@pytest.mark.parametrize("hidden", [0.0, np.nan, np.inf, -np.inf])
def test_padded_tokens_count_neither_in_the_drive_nor_in_its_gradient(hidden):
    padded = LOGITS.copy()
    padded[~TOKENS] = hidden
    real, labels = LOGITS[TOKENS], LABELS[TOKENS]

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def drives(z, y, where):
        own = uncertainty.batch_mean(uncertainty.surprise(z, y), where=y != -1)
        given = uncertainty.token_mean(z, where=where, measure=lambda z: uncertainty.surprise(z, y))
        mean = uncertainty.token_mean(z, where=where)
        return own + given + mean, (own, given, mean)

    (_, (own, given, mean)), gradient = drives(padded, LABELS, TOKENS)
    expected = _surprise(real, labels).mean()
    np.testing.assert_allclose((own, given), expected, rtol=1e-5)
    np.testing.assert_allclose(mean, _entropy(real).mean(), rtol=1e-5)
    assert np.all(gradient[~TOKENS] == 0)
    p = scipy.special.softmax(real.astype(float), -1)
    slope = 2 * (p - np.eye(5)[labels]) - p * (np.log(p) + _entropy(real)[:, None])
    np.testing.assert_allclose(gradient[TOKENS], slope / len(real), rtol=1e-4, atol=1e-6)


def test_no_token_at_all_is_a_drive_of_0():
    none = np.zeros((2, 4), bool)
    assert float(uncertainty.token_mean(np.full_like(LOGITS, np.nan), where=none)) == 0.0


def test_micro_batches_weigh_by_their_tokens():
    tx = multi_steps(ngm_sgd(0.1, sensitivity=1.0), 2)
    params = {"w": jnp.ones(2)}
    state = tx.init(params)
    for z, tokens in zip(LOGITS, TOKENS, strict=True):
        u = uncertainty.token_mean(z, where=tokens)
        _, state = tx.update(params, state, params, uncertainty=u, weight=tokens.sum())
    np.testing.assert_allclose(get_gain(state), 1 + _entropy(LOGITS[TOKENS]).mean(), rtol=1e-5)


def test_labels_that_are_traced_and_no_classes_give_nan_without_a_gradient():
    labels = np.array([1, 5, -2, -1, 4])
    logits = RNG.normal(size=(5, 5)).astype(np.float32)

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def surprise(z, y):
        u = uncertainty.surprise(z, y)
        return uncertainty.batch_mean(u, where=(y >= 0) & (y < 5)), u

    (mean, u), gradient = surprise(logits, labels)
    np.testing.assert_array_equal(np.isnan(u), [False, True, True, False, False])
    assert u[3] == 0
    np.testing.assert_allclose(mean, _surprise(logits[[0, 4]], labels[[0, 4]]).mean(), rtol=1e-5)
    assert np.all(gradient[1:4] == 0)
    assert np.all(np.isfinite(gradient))


def test_unsigned_labels_are_no_padding():
    known = jax.jit(uncertainty.surprise)(LOGITS[0], np.array([0, 1, 255, 4], np.uint8))
    np.testing.assert_array_equal(np.isnan(known), [False, False, True, False])
    huge = jax.jit(uncertainty.surprise)(LOGITS[0], np.full(4, 2**32 - 1, np.uint32))
    assert np.all(np.isnan(huge))
    many = uncertainty.surprise(np.zeros((1, 300), np.float32), np.array([255], np.uint8))
    np.testing.assert_allclose(many, np.log(300), rtol=1e-6)


def test_a_traced_mask_that_keeps_no_class_gives_nan_without_a_gradient():
    where = np.array([[True, True, False], [False, False, False]])
    logits = np.array([[0.5, 0.1, np.nan], [np.inf, 0.0, 1.0]], np.float32)
    members = np.stack([logits, 2 * logits])

    def all_of(z, m, where):
        rows = [getattr(uncertainty, name)(z, where=where) for name in MASKED]
        rows.append(uncertainty.surprise(z, np.array([1, 0]), where=where))
        rows += uncertainty.decompose(m, where=where)
        return jnp.stack(rows)

    def mean(z, m, where):
        u = all_of(z, m, where)
        return uncertainty.batch_mean(u, where=~jnp.isnan(u)), u

    step = jax.jit(jax.value_and_grad(mean, argnums=(0, 1), has_aux=True))
    (_, u), gradients = step(logits, members, where)
    np.testing.assert_array_equal(np.isnan(u), [[False, True]] * len(u))
    for gradient in gradients:
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)
    np.testing.assert_array_equal(gradients[0][1], 0)


MASKED = ["entropy", "normalized_entropy", "least_confidence", "margin", "energy"]
members = hnp.arrays(np.float32, (3, 4, 5), elements=st.floats(-1e4, 1e4, width=32))
DECOMPOSE = jax.jit(uncertainty.decompose, static_argnames="axis")


@given(logits=members)
def test_parts_of_an_entropy_against_numpy(logits):
    p = scipy.special.softmax(logits.astype(float), -1)
    total, aleatoric = scipy.stats.entropy(p.mean(0), axis=-1), scipy.stats.entropy(p, axis=-1)
    parts = DECOMPOSE(logits)
    np.testing.assert_allclose(parts.total, total, atol=2e-5)
    np.testing.assert_allclose(parts.aleatoric, aleatoric.mean(0), atol=2e-5)
    np.testing.assert_allclose(parts.epistemic, total - aleatoric.mean(0), atol=4e-5)
    assert np.all(np.asarray(parts.epistemic) >= 0)
    again = DECOMPOSE(np.repeat(logits[:1], 3, axis=0))  # members that agree
    np.testing.assert_allclose(again.epistemic, 0, atol=1e-5)


def test_mutual_information_of_a_mask_and_another_axis():
    logits = RNG.normal(size=(4, 3, 5)).astype(np.float32) * 3
    where = np.array([True, False, True, True, False])
    p = scipy.special.softmax(logits[..., where].astype(float), -1)
    expected = scipy.stats.entropy(p.mean(1), axis=-1) - scipy.stats.entropy(p, axis=-1).mean(1)
    logits[..., ~where] = np.nan
    for axis in (1, -2):
        u = uncertainty.mutual_information(logits, axis, where=where)
        np.testing.assert_allclose(u, expected, rtol=1e-4, atol=1e-6)


def test_gradients_of_new_drives_against_finite_differences():
    logits, direction = RNG.normal(size=(2, 3, 2, 4))

    @jax.jit
    def drives(z):
        v = jnp.exp(z)
        return jnp.stack(
            [
                uncertainty.mutual_information(z).sum(),
                uncertainty.energy(z).sum(),
                uncertainty.ensemble_variance(z).sum(),
                uncertainty.predictive_variance(z, v).sum(),
                uncertainty.information_gain(v, noise=0.3).sum(),
            ]
        )

    with jax.enable_x64():
        slopes = np.tensordot(jax.jit(jax.jacrev(drives))(logits), direction, 3)
        h = 1e-5 * direction
        np.testing.assert_allclose(
            slopes, (drives(logits + h) - drives(logits - h)) / 2e-5, rtol=1e-7
        )


def test_energy_against_numpy():
    logits = np.array([[0.0, 0.0], [9.0, 0.0], [-9.0, -9.0], [1e4, -1e4], [-1e4, -1e4]], np.float32)

    def expected(z, t, level):
        e = -t * scipy.special.logsumexp(z.astype(float) / t, axis=-1)
        return t * np.logaddexp(0, (e - level) / t)

    energy = jax.jit(uncertainty.energy)
    np.testing.assert_allclose(energy(logits), expected(logits, 1, -np.log(2)), rtol=1e-5)
    np.testing.assert_allclose(energy(logits)[0], np.log(2), rtol=1e-6)  # at the reference
    u = energy(logits, temperature=2.0, reference=-3.0)
    np.testing.assert_allclose(u, expected(logits, 2, -3.0), rtol=1e-5)
    where = np.array([True, True, False])
    wide = np.concatenate([logits, np.full((5, 1), np.nan, np.float32)], axis=1)
    np.testing.assert_allclose(energy(wide, where=where), energy(logits), rtol=1e-6)
    assert np.all(np.isnan(energy(logits, temperature=-1.0)))


@given(samples=hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32)))
def test_variances_against_numpy(samples):
    wide = samples.astype(float)
    u = ENSEMBLE(samples)
    np.testing.assert_allclose(u, wide.var(0), rtol=1e-4, atol=1e-3)
    assert np.all(np.asarray(u) >= 0)
    mixture = MIXTURE(samples, np.abs(samples))
    np.testing.assert_allclose(mixture, wide.var(0) + np.abs(wide).mean(0), rtol=1e-4, atol=1e-3)
    bits = INFORMATION(np.abs(samples), 0.5)
    np.testing.assert_allclose(bits, np.log1p(np.abs(wide) / 0.5) / 2, rtol=1e-5, atol=1e-6)


ENSEMBLE = jax.jit(uncertainty.ensemble_variance, static_argnames="axis")
MIXTURE = jax.jit(uncertainty.predictive_variance)
INFORMATION = jax.jit(lambda v, n: uncertainty.information_gain(v, noise=n))


def test_variances_along_other_axes_and_of_traced_bad_values():
    samples = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    for axis in (0, 1, -1):
        np.testing.assert_allclose(ENSEMBLE(samples, axis=axis), samples.var(axis), rtol=1e-4)
    np.testing.assert_array_equal(np.isnan(INFORMATION(np.float32([-1, 2]), 1.0)), [True, False])
    np.testing.assert_array_equal(np.isnan(INFORMATION(np.float32([1, 2]), 0.0)), [True, True])


def test_the_information_of_an_observation_is_a_difference_of_entropies():
    variance, noise = 3.0, 0.4
    expected = scipy.stats.norm(0, np.sqrt(variance + noise)).entropy()
    expected -= scipy.stats.norm(0, np.sqrt(noise)).entropy()
    u = uncertainty.information_gain(jnp.array(variance), noise=noise)
    np.testing.assert_allclose(u, expected, rtol=1e-6)


def test_a_mean_of_many_in_low_precision_counts_them_all():
    u = jnp.ones(1001, jnp.bfloat16)  # bfloat16 has no 1001
    mean = uncertainty.batch_mean(u, where=jnp.arange(1001) >= 0)
    assert mean.dtype == jnp.float32
    assert float(mean) == 1.0
