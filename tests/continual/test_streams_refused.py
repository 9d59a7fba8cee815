import numpy as np
import pytest

from neurogain.continual import streams
from neurogain.continual.data import Dataset, Examples


@pytest.mark.parametrize("tasks", [0, -1, 11])
def test_split_into_a_number_of_tasks_that_cannot_be(digits, tasks):
    message = rf"`tasks` must be between 1 and the 10 classes of digits; got {tasks}\. Pass tasks=5"
    with pytest.raises(ValueError, match=message):
        streams.split(digits, tasks=tasks)


def test_split_into_tasks_of_one_class(digits):
    message = "at least 2 classes; task '4' of split-digits has only class 4. Use fewer tasks"
    with pytest.raises(ValueError, match=message):
        streams.split(digits, tasks=8)


def test_a_task_without_images(fake_set):
    message = "task '2, 3' of split-fake has 0 and 0. Use fewer tasks or another set"
    with pytest.raises(ValueError, match=message):
        streams.split(fake_set([0, 1, 0, 1], classes=4), tasks=2)


def test_a_task_without_evaluation_images(digits):
    keep = digits.test.labels < 8
    test = Examples(digits.test.images[keep], digits.test.labels[keep])
    with pytest.raises(ValueError, match=r"task '8, 9' of split-digits has \d+ and 0\."):
        streams.split(Dataset("digits", 10, digits.train, test))


@pytest.mark.parametrize("eval_images", [0, -3])
def test_no_evaluation_images(digits, eval_images):
    message = rf"`eval_images` must be .* at least 1; got {eval_images}\. Pass 500"
    with pytest.raises(ValueError, match=message):
        streams.split(digits, eval_images=eval_images)
    with pytest.raises(ValueError, match=message):
        streams.rotated(digits, eval_images=eval_images)


@pytest.mark.parametrize("angles", [(), (0.0, np.nan), (np.inf, 1.0)])
def test_bad_angles(digits, angles):
    with pytest.raises(
        ValueError, match=r"one finite angle in degrees per task; got \(.*\)\. Pass"
    ):
        streams.rotated(digits, angles=angles)


def test_superclass_domains_of_a_set_without_superclasses(digits):
    with pytest.raises(ValueError, match=r"superclasses; digits has none\. Load cifar100"):
        streams.superclass_domains(digits)


@pytest.mark.parametrize("tasks", [0, 3])
def test_more_tasks_than_fine_classes(fake_set, tasks):
    dataset = fake_set([0, 1, 2, 3, 4], [0, 0, 0, 1, 1])
    message = rf"`tasks` must be between 1 and the 2 fine classes of a superclass; got {tasks}"
    with pytest.raises(ValueError, match=message):
        streams.superclass_domains(dataset, tasks=tasks)
