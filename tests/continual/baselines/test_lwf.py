import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual.baselines import lwf_loss

RNG = np.random.default_rng(0)
Z, OLD = RNG.normal(size=(2, 4, 5)).astype(np.float32) * 3
CLASSES = np.array([True, True, False, True, False])


@jax.jit
def _both(logits, old_logits, old_classes, temperature):
    def total(logits, old_logits):
        loss = lwf_loss(logits, old_logits, old_classes, temperature=temperature)
        return loss.sum(), loss

    (_, loss), grads = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(logits, old_logits)
    return loss, grads


def _softened(logits, temperature):
    """Follow the paper: probabilities of the old classes, then their roots, normalized."""
    p = np.exp(logits[:, CLASSES].astype(np.float64))
    p /= p.sum(1, keepdims=True)
    p **= 1 / temperature
    return p / p.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_against_the_paper_in_numpy(temperature):
    loss, (grads, of_old) = _both(Z, OLD, CLASSES, temperature)
    p, q = _softened(Z, temperature), _softened(OLD, temperature)
    np.testing.assert_allclose(loss, -(q * np.log(p)).sum(1), rtol=1e-5)
    expected = np.zeros_like(Z)
    expected[:, CLASSES] = (p - q) / temperature
    np.testing.assert_allclose(grads, expected, atol=1e-6)
    np.testing.assert_array_equal(of_old, 0)


def test_the_temperature_of_the_paper_is_the_default():
    two, _ = _both(Z, OLD, CLASSES, 2.0)
    np.testing.assert_allclose(jax.jit(lwf_loss)(Z, OLD, CLASSES), two, rtol=1e-6)


def test_before_the_first_task_has_ended_there_is_no_loss():
    loss, (grads, _) = _both(Z, OLD, np.zeros(5, bool), 2.0)
    np.testing.assert_array_equal(loss, 0)
    np.testing.assert_array_equal(grads, 0)


def test_classes_that_are_left_out_may_have_any_logits():
    z = np.where(CLASSES, Z, np.float32(-np.inf))
    loss, (grads, _) = _both(z, OLD, CLASSES, 2.0)
    np.testing.assert_array_equal(loss, _both(Z, OLD, CLASSES, 2.0)[0])
    assert np.all(np.isfinite(grads))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"`temperature` must be positive and finite; got 0"):
        lwf_loss(Z, OLD, CLASSES, temperature=0)
    with pytest.raises(ValueError, match=r"`old_logits` must have the shape of `logits`, \(4, 5\)"):
        lwf_loss(Z, OLD[1:], CLASSES)
    with pytest.raises(ValueError, match=r"`old_classes` must be \(5,\), one per class; got shap"):
        lwf_loss(Z, OLD, CLASSES[1:])
    with pytest.raises(TypeError, match="`old_classes` must be a mask of dtype bool; got int32"):
        lwf_loss(Z, OLD, CLASSES.astype(int))
    with pytest.raises(TypeError, match="`logits` must be of a floating dtype; got int32"):
        lwf_loss(jnp.zeros((4, 5), int), OLD, CLASSES)
