import numpy as np
import pytest
from sklearn.datasets import load_digits

from neurogain.continual import data


def test_digits_have_the_stated_sizes_types_and_range(digits):
    assert (digits.name, digits.classes) == ("digits", 10)
    for examples, n in ((digits.train, 1297), (digits.test, 500)):
        assert examples.images.shape == (n, 8, 8, 1)
        assert examples.images.dtype == np.uint8
        assert (examples.images.min(), examples.images.max()) == (0, 255)
        assert examples.labels.shape == (n,)
        assert examples.labels.dtype == np.int32
        assert examples.superclasses is None


def test_digits_are_divided_by_class(digits):
    share = np.bincount(digits.test.labels) / np.bincount(
        np.concatenate([digits.train.labels, digits.test.labels])
    )
    np.testing.assert_allclose(share, 500 / 1797, atol=0.005)


def test_digits_hold_every_image_once(digits):
    images, labels = load_digits(return_X_y=True)
    every = np.concatenate([digits.train.images, digits.test.images]).reshape(-1, 64)
    found = np.concatenate([digits.train.labels, digits.test.labels])

    def in_order(pixels, label):
        return sorted(zip(map(bytes, pixels), label.tolist(), strict=True))

    scaled = np.round(images * 255 / 16).astype(np.uint8)
    assert in_order(every, found) == in_order(scaled, labels)


def test_digits_are_the_same_every_time(digits):
    again = data.load("digits")
    for part in ("train", "test"):
        for first, second in zip(getattr(digits, part)[:2], getattr(again, part)[:2], strict=True):
            np.testing.assert_array_equal(first, second)


def test_unknown_name_is_refused_with_the_known_ones():
    known = "digits, mnist, cifar10, cifar100, cifar100_subset"
    with pytest.raises(ValueError, match=rf"`name` must be one of {known}; got 'svhn'"):
        data.load("svhn")
