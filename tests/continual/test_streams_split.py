import numpy as np
import pytest

from neurogain.continual import streams


def numbered(images):
    """Return the numbers that the fake set wrote into its images."""
    return images[..., 0, 0, 0].tolist()


def test_classes_come_in_natural_order(digits):
    stream = streams.split(digits)
    assert (stream.name, stream.classes, stream.tasks) == ("split-digits", 10, 5)
    assert stream.task_names == ("0, 1", "2, 3", "4, 5", "6, 7", "8, 9")
    for k in range(5):
        part = slice(stream.starts[k], stream.starts[k + 1])
        assert set(stream.labels[part].tolist()) == {2 * k, 2 * k + 1}
        assert set(stream.test_labels[k].tolist()) - {-1} == {2 * k, 2 * k + 1}


def test_first_tasks_get_the_classes_that_are_over(digits):
    assert streams.split(digits, tasks=3).task_names == ("0 to 3", "4, 5, 6", "7, 8, 9")


def test_offsets_divide_the_training_images(digits):
    stream = streams.split(digits, tasks=3)
    assert stream.starts[0] == 0
    assert stream.starts[-1] == len(stream.images) == len(stream.labels) == 1297
    assert stream.starts.dtype == stream.labels.dtype == np.int32
    assert stream.images.dtype == stream.test_images.dtype == np.uint8


def test_no_image_is_lost_or_doubled_or_relabelled(fake_set):
    labels = np.array([3, 0, 1, 2, 2, 0, 3, 1, 1])
    stream = streams.split(fake_set(labels), tasks=2)
    assert sorted(numbered(stream.images)) == list(range(9))
    assert stream.labels.tolist() == labels[numbered(stream.images)].tolist()
    assert numbered(stream.images) == [1, 2, 5, 7, 8, 0, 3, 4, 6]  # in the order of the set
    assert stream.starts.tolist() == [0, 5, 9]


def test_short_evaluation_sets_are_padded_and_counted(fake_set):
    labels = np.array([3, 0, 1, 2, 2, 0, 3, 1, 1])
    stream = streams.split(fake_set(labels), tasks=2)
    assert stream.test_counts.tolist() == [5, 4]
    assert stream.test_images.shape == (2, 5, 2, 2, 1)
    assert numbered(stream.test_images[0]) == [1, 2, 5, 7, 8]
    assert numbered(stream.test_images[1])[:4] == [0, 3, 4, 6]
    assert stream.test_labels[1].tolist() == [3, 2, 2, 3, -1]
    assert not stream.test_images[1, 4].any()


@pytest.mark.parametrize("at_most", [1, 40, 97, 98, 500])
def test_a_task_gets_all_its_images_where_they_are_fewer(digits, at_most):
    stream = streams.split(digits, at_most=at_most)
    available = np.bincount(digits.test.labels).reshape(5, 2).sum(axis=1)
    assert stream.test_counts.tolist() == np.minimum(available, at_most).tolist()
    assert stream.test_images.shape[1] == min(at_most, available.max())


@pytest.mark.parametrize("eval_images", [1, 98])
def test_every_task_gets_the_number_that_is_asked_for(digits, eval_images):
    stream = streams.split(digits, eval_images=eval_images, at_most=50)
    assert stream.test_counts.tolist() == [eval_images] * 5


def test_evaluation_images_are_distinct_and_keep_their_labels(fake_set):
    labels = np.arange(60) % 4
    stream = streams.split(fake_set(labels), tasks=2, eval_images=20)
    for k in range(2):
        chosen = numbered(stream.test_images[k])
        assert len(set(chosen)) == 20
        assert stream.test_labels[k].tolist() == labels[chosen].tolist()


def test_evaluation_sets_are_the_same_every_time(digits):
    first, again = (streams.split(digits, eval_images=30) for _ in range(2))
    np.testing.assert_array_equal(first.test_images, again.test_images)
    np.testing.assert_array_equal(first.test_labels, again.test_labels)


def test_classes_are_dealt_in_the_order_given_and_keep_their_labels(fake_set):
    labels = [4, 0, 2, 1, 3, 0]
    stream = streams.split(fake_set(labels), tasks=2, class_order=(3, 0, 4, 2, 1))
    assert stream.task_names == ("3, 0, 4", "2, 1")
    assert stream.labels.tolist() == [4, 0, 3, 0, 2, 1]
    assert numbered(stream.images) == [0, 1, 4, 5, 2, 3]
    assert stream.test_labels.tolist() == [[4, 0, 3, 0], [2, 1, -1, -1]]


def test_a_seed_shuffles_the_classes_the_same_way_every_time(fake_set):
    fake = fake_set(range(9))
    orders = {}
    for seed in (0, 1, np.int64(1)):
        stream = streams.split(fake, tasks=3, class_order=seed)
        orders[int(seed)] = stream.labels.tolist()
        parts = [set(stream.labels[i : i + 3].tolist()) for i in (0, 3, 6)]
        drawn = np.random.default_rng(int(seed)).permutation(9)
        assert parts == [set(drawn[i : i + 3].tolist()) for i in (0, 3, 6)]
    assert orders[0] != orders[1]


def test_tasks_are_named_by_their_classes(fake_set):
    fake = fake_set(range(8))
    named = fake._replace(class_names=tuple("abcdefgh"))
    assert streams.split(named, tasks=4).task_names == ("a, b", "c, d", "e, f", "g, h")
    assert streams.split(named, tasks=2).task_names == ("a to d", "e to h")
    shuffled = streams.split(named, tasks=2, class_order=range(8)[::-1])
    assert shuffled.task_names == ("h, g, f and 1 more", "d, c, b and 1 more")
    assert shuffled.class_names == named.class_names
    assert streams.rotated(named).class_names == named.class_names
    assert streams.split(fake, tasks=2).class_names is None
