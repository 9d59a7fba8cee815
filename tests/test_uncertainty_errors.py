"""Errors of the drives name argument, rule, value and way out, also where values are traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import uncertainty as u

Z = np.zeros((4, 3), np.float32)
Y = np.zeros(4, np.int32)
M = np.zeros((2, 4, 3), np.float32)
MEASURES = {
    **{
        name: getattr(u, name)
        for name in ("entropy", "normalized_entropy", "least_confidence", "margin", "energy")
    },
    "surprise": lambda z, **where: u.surprise(z, np.zeros(z.shape[:-1], int), **where),
    "token_mean": lambda z: u.token_mean(z, where=np.array(True)),
    "mutual_information": lambda z, **where: u.mutual_information(jnp.stack([z, z]), **where),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("logits", "kind", "message"),
    [
        (Z.astype(int), TypeError, "`logits` must have a real float dtype; got int.* Pass logits"),
        (Z.astype(bool), TypeError, "got bool, shape"),
        (Z.astype(complex), TypeError, "got complex"),
        (Z[:, :0], ValueError, r"`logits` must have the classes on the last axis.* \(.*4, 0\)\. "),
    ],
)
def test_logits(name, logits, kind, message):
    for run in (lambda f, z: f(z), jax.eval_shape):
        with pytest.raises(kind, match=message):
            run(MEASURES[name], logits)


def test_one_number_is_no_vector_of_logits():
    with pytest.raises(ValueError, match=r"got shape \(\)\. Pass an array of shape"):
        u.entropy(np.float32(1.0))


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "token_mean"])
@pytest.mark.parametrize(
    ("where", "kind", "message"),
    [
        (np.ones(3, int), TypeError, "`where` must be boolean.*got int.*Pass where != 0"),
        (np.ones(4, bool), ValueError, r"`where` must broadcast to .*logits.*got shape \(4,\)"),
        (np.ones((5, 1, 4, 3), bool), ValueError, r"got shape \(5, 1, 4, 3\)\. Give it axes"),
        (np.array([False] * 3), ValueError, r"keep at least one class of each.*index \(0,"),
        (np.arange(12).reshape(4, 3) < 6, ValueError, r"none for the example at index \(.*2,?\)"),
    ],
)
def test_masks_of_classes(name, where, kind, message):
    with pytest.raises(kind, match=message):
        MEASURES[name](Z, where=where)


def test_what_a_traced_mask_keeps_is_not_known():
    masked = jax.eval_shape(lambda where: u.entropy(Z, where=where), np.zeros(3, bool))
    assert masked.shape == (4,)


MASKED = np.ma.masked_array(np.zeros((4, 3)), mask=np.arange(12).reshape(4, 3) == 0)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("logits", lambda: u.entropy(MASKED)),
        ("labels", lambda: u.surprise(Z, MASKED[:, 0].astype(int))),
        ("where", lambda: u.entropy(Z, where=MASKED == 0)),
        ("samples", lambda: u.ensemble_variance(MASKED)),
    ],
)
def test_a_mask_of_numpy_is_not_dropped(name, call):
    with pytest.raises(TypeError, match=f"`{name}` must be a plain array; got one of numpy.ma"):
        call()


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        ([0, 3, 0, 0], ValueError, r"`labels` must be at least 0 and below 3.*got 3 at index \(1,"),
        ([0, 0, 0, -2], ValueError, r"or -1 for padding; got -2 at index \(3,\)\. Pass -1 there"),
        ([0.0] * 4, TypeError, "`labels` must be integers.*got float.*labels.argmax"),
        ([True] * 4, TypeError, "`labels` must be integers.*got bool"),
        ([[0]] * 4, ValueError, r"shape of `logits` without the classes, \(4,\); got shape \(4, 1"),
        ([0], ValueError, r"got shape \(1,\)\. Pass one label per example"),
        (0, ValueError, r"got shape \(\)"),
    ],
)
def test_labels(labels, kind, message):
    with pytest.raises(kind, match=message):
        u.surprise(Z, np.array(labels))


def test_four_labels_of_one_example_are_refused_when_traced():
    with pytest.raises(ValueError, match=r"without the classes, \(1,\); got shape \(4,\)"):
        jax.eval_shape(u.surprise, Z[:1], Y)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: u.entropy((Z, {})), TypeError, "`logits` must be an array of floats; got a tup"),
        (lambda: u.batch_mean(Y), TypeError, "`uncertainty` must have a real float dtype; got int"),
        (lambda: u.batch_mean(Z[:0]), ValueError, r"at least one example; got shape \(0, 3\)"),
        (lambda: u.batch_mean(Z, where=Y), TypeError, "`where` must be boolean"),
        (lambda: u.batch_mean(Z[0], where=Z == 0), ValueError, r"`uncertainty`, \(3,\); got shape"),
        (lambda: u.token_mean(Z, where=Z == 0), ValueError, r"without the classes, \(4,\); got"),
        (lambda: u.token_mean(Z, where=Y), TypeError, "`where` must be boolean"),
        (
            lambda: u.token_mean(Z, where=Y == 0, measure=jnp.sum),
            ValueError,
            r"`measure` must return one drive per token, shape \(4,\); got shape \(\)",
        ),
        (lambda: u.energy(Z, temperature=0.0), ValueError, "`temperature` must be finite and > 0"),
        (lambda: u.energy(Z, temperature=Z[0]), ValueError, "`temperature` must be one number"),
        (lambda: u.energy(Z, reference=np.inf), ValueError, "`reference` must be finite; got inf"),
        (lambda: u.decompose(M, -1), ValueError, "`axis` must be .*not the last one.*got -1 for"),
        (lambda: u.decompose(M, 3), ValueError, r"got 3 for shape \(2, 4, 3\)\. Stack the members"),
        (lambda: u.decompose(M, True), TypeError, "`axis` must be one integer; got True"),
        (
            lambda: u.decompose(M[:1]),
            ValueError,
            r"at least 2 members.*shape \(1, 4, 3\) with",
        ),
        (lambda: u.decompose(Z[0]), ValueError, r"`axis` must be .* got 0 for shape \(3,\)"),
        (lambda: u.ensemble_variance(Y), TypeError, "`samples` must have a real float dtype"),
        (lambda: u.ensemble_variance(Z[:1]), ValueError, "`samples` must have at least 2 members"),
        (lambda: u.ensemble_variance(Z, 2), ValueError, "`axis` must be an axis of `samples`; got"),
        (lambda: u.predictive_variance(Z, Z[1:]), ValueError, r"must have one shape; got \(4, 3\)"),
        (lambda: u.predictive_variance(Z, Z - 1), ValueError, "`variances` must be >= 0, a varian"),
        (lambda: u.information_gain(Z - 1, noise=1.0), ValueError, "`variance` must be >= 0.*exp"),
        (lambda: u.information_gain(Z, noise=0.0), ValueError, "`noise` must be finite and > 0"),
        (lambda: u.information_gain(Z, noise=M + 1), ValueError, "`noise` must broadcast to"),
    ],
)
def test_other_arguments(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("name", MEASURES)
def test_logits_that_are_nan_or_infinite_give_nan(name):
    rows = np.array([[0, np.nan, 1], [np.inf, 0, 1], [-np.inf] * 3], np.float32)
    assert np.all(np.isnan(MEASURES[name](rows)))
