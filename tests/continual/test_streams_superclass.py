import numpy as np

from neurogain.continual import streams

FINE = np.array([4, 0, 7, 1, 2, 9, 3, 5, 6, 8] * 3)
COARSE = FINE % 2  # five fine classes in each of two superclasses


def fine_of(stream, k):
    """Return the fine classes of a task, by the numbers that the fake set wrote in its images."""
    numbers = stream.images[stream.starts[k] : stream.starts[k + 1], 0, 0, 0]
    return sorted(set(FINE[numbers].tolist()))


def test_five_fine_classes_are_dealt_two_two_one(fake_set):
    stream = streams.superclass_domains(fake_set(FINE, COARSE), tasks=3)
    assert [fine_of(stream, k) for k in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert stream.task_names == ("part 1", "part 2", "part 3")
    assert np.diff(stream.starts).tolist() == [12, 12, 6]


def test_labels_are_superclasses_in_every_task(fake_set):
    stream = streams.superclass_domains(fake_set(FINE, COARSE), tasks=3)
    assert (stream.name, stream.classes) == ("domain-fake", 2)
    assert stream.labels.tolist() == COARSE[stream.images[:, 0, 0, 0]].tolist()
    for k in range(3):
        count = stream.test_counts[k]
        numbers = stream.test_images[k, :count, 0, 0, 0]
        assert stream.test_labels[k, :count].tolist() == COARSE[numbers].tolist()
        assert set(stream.test_labels[k, :count].tolist()) == {0, 1}


def test_no_image_is_lost_or_doubled(fake_set):
    stream = streams.superclass_domains(fake_set(FINE, COARSE), tasks=3)
    assert sorted(stream.images[:, 0, 0, 0].tolist()) == list(range(len(FINE)))
