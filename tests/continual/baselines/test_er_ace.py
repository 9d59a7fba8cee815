import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual.baselines import er_ace_loss, mark_seen

RNG = np.random.default_rng(0)
CLASSES = 6
Z, REPLAYED = RNG.normal(size=(2, 5, CLASSES)).astype(np.float32) * 2
LABELS, OLD = np.array([3, 1, 3, 1, 1], np.int32), np.array([0, 1, 4, 4, 3], np.int32)
SEEN = np.array([True, True, False, False, True, False])  # 2 and 5 are never seen, 3 is new
ALL = np.ones(5, bool)


@jax.jit
def _both(seen, where, replayed_where):
    def loss(z, replayed):
        return er_ace_loss(
            z, LABELS, replayed, OLD, seen, where=where, replayed_where=replayed_where
        )

    return jax.value_and_grad(loss, argnums=(0, 1))(Z, REPLAYED)


def _mean(logits, labels, classes, counts):
    """Return the mean cross-entropy over some classes, and its gradient, in float64."""
    total, grads = 0.0, np.zeros(logits.shape)
    for i in np.flatnonzero(counts):
        p = {c: np.exp(np.float64(logits[i, c])) for c in classes}
        norm = sum(p.values())
        total -= np.log(p[labels[i]] / norm)
        for c in classes:
            grads[i, c] = p[c] / norm - (c == labels[i])
    return total / sum(counts), grads / sum(counts)


@pytest.mark.parametrize("counts", [ALL, np.array([True, False, True, False, False])])
def test_against_the_paper_in_numpy(counts):
    drawn = np.array([True, True, True, False, False])
    value, (of_new, of_old) = _both(SEEN, counts, drawn)
    present = set(LABELS[counts])
    incoming = sorted(present | {2, 3, 5})
    new, new_grads = _mean(Z, LABELS, incoming, counts)
    old, old_grads = _mean(REPLAYED, OLD, sorted(present | {0, 1, 4}), drawn)
    np.testing.assert_allclose(value, new + old, rtol=1e-5)
    np.testing.assert_allclose(of_new, new_grads, atol=1e-6)
    np.testing.assert_allclose(of_old, old_grads, atol=1e-6)
    np.testing.assert_array_equal(of_new[:, [0, 4]], 0)  # absent classes are not pushed down


def test_in_ascending_order_the_classes_are_those_of_the_public_code():
    """There they are those of the batch, and all from the highest seen on."""
    value, _ = _both(np.arange(CLASSES) <= 3, ALL, ~ALL)
    kept = sorted(set(LABELS) | set(range(3, CLASSES)))
    np.testing.assert_allclose(value, _mean(Z, LABELS, kept, ALL)[0], rtol=1e-5)


def test_an_empty_buffer_leaves_a_plain_cross_entropy():
    value, (of_new, of_old) = _both(np.zeros(CLASSES, bool), ALL, ~ALL)
    expected, grads = _mean(Z, LABELS, range(CLASSES), ALL)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(of_new, grads, atol=1e-6)
    np.testing.assert_array_equal(of_old, 0)


def test_seen_classes_are_kept():
    seen = jax.jit(lambda where: mark_seen(SEEN, LABELS, where=where))
    np.testing.assert_array_equal(seen(ALL), [True, True, False, True, True, False])
    np.testing.assert_array_equal(seen(LABELS == 1), SEEN)


def test_a_replayed_class_that_was_never_seen_is_told():
    loss, _ = _both(SEEN & (np.arange(CLASSES) != 4), ALL, ALL)
    assert np.isinf(loss)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"`labels` must be in \[0, 6\), the classes; got"):
        er_ace_loss(Z, LABELS + 3, REPLAYED, OLD, SEEN)
    with pytest.raises(ValueError, match=r"`replayed_labels` must be \(5,\), one per example"):
        er_ace_loss(Z, LABELS, REPLAYED, OLD[1:], SEEN)
    with pytest.raises(ValueError, match="`replayed_logits` must have the 6 classes of `logits`"):
        er_ace_loss(Z, LABELS, REPLAYED[:, 1:], OLD, SEEN)
    with pytest.raises(TypeError, match="`seen` must be a mask of dtype bool; got int32"):
        er_ace_loss(Z, LABELS, REPLAYED, OLD, SEEN.astype(int))
    with pytest.raises(ValueError, match=r"`labels` must be \(batch,\)|`labels` must be \(5,\)"):
        mark_seen(SEEN, jnp.asarray(LABELS)[:, None])
