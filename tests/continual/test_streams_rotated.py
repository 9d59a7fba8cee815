import numpy as np
import pytest

from neurogain.continual import streams
from neurogain.continual.data import Dataset, Examples


def images_of(stream, k):
    return stream.images[stream.starts[k] : stream.starts[k + 1]]


def test_angle_zero_changes_nothing(digits):
    stream = streams.rotated(digits, angles=(0, 90))
    np.testing.assert_array_equal(images_of(stream, 0), digits.train.images)
    np.testing.assert_array_equal(
        images_of(streams.rotated(digits, angles=(360,)), 0), images_of(stream, 0)
    )


@pytest.mark.parametrize(("angle", "quarters"), [(90, 1), (180, 2), (270, 3), (-90, 3), (450, 1)])
def test_quarter_turns_are_counter_clockwise_and_exact(digits, angle, quarters):
    stream = streams.rotated(digits, angles=(angle,))
    expected = np.rot90(digits.train.images, quarters, axes=(1, 2))
    np.testing.assert_array_equal(images_of(stream, 0), expected)


def test_a_turn_moves_a_dot_counter_clockwise():
    images = np.zeros((4, 9, 9, 1), np.uint8)
    images[:, 4, 7] = 200  # to the right of the centre
    examples = Examples(images, np.array([0, 1, 0, 1], np.int32))
    turned = streams.rotated(Dataset("dot", 2, examples, examples), angles=(90,)).images
    assert np.argwhere(turned[0, ..., 0]).tolist() == [[1, 4]]  # now above it


def test_types_names_and_labels(digits):
    stream = streams.rotated(digits)
    assert (stream.name, stream.classes) == ("rotated-digits", 10)
    assert stream.task_names == ("0°", "80°", "160°")
    assert stream.images.dtype == stream.test_images.dtype == np.uint8
    assert stream.images.shape == (3 * 1297, 8, 8, 1)
    np.testing.assert_array_equal(stream.labels, np.tile(digits.train.labels, 3))


def test_evaluation_images_are_turned_too(digits):
    stream = streams.rotated(digits, angles=(90,))
    assert stream.test_counts.tolist() == [500]
    np.testing.assert_array_equal(stream.test_images[0], np.rot90(digits.test.images, axes=(1, 2)))


def test_evaluation_sets_are_bounded_and_the_same_every_time(digits):
    first, again = (streams.rotated(digits, eval_images=30) for _ in range(2))
    assert first.test_counts.tolist() == [30, 30, 30]
    np.testing.assert_array_equal(first.test_images, again.test_images)
