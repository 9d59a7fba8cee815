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
    message = rf"`eval_images` must be .* at least 1; got {eval_images}\."
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


@pytest.mark.parametrize(("part", "name"), [("training", "train"), ("test", "test")])
def test_a_class_missing_from_a_task(fake_set, part, name):
    whole, less = fake_set([0, 1, 2, 3, 2]), fake_set([0, 1, 2, 2, 2], classes=4)
    dataset = whole._replace(**{name: getattr(less, name)})
    message = rf"task '2, 3' of split-fake has no {part} images of class 3\. Use another set"
    with pytest.raises(ValueError, match=message):
        streams.split(dataset, tasks=2)
    message = rf"task '0°' of rotated-fake has no {part} images of class 3\."
    with pytest.raises(ValueError, match=message):
        streams.rotated(dataset)


@pytest.mark.parametrize("lacking", [("train",), ("test",), ("train", "test")])
def test_a_class_that_is_missing_is_not_dealt_around(fake_set, lacking):
    dataset = fake_set([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1])
    less = fake_set([0, 1, 1, 3, 4, 5], [0, 0, 0, 1, 1, 1])
    dataset = dataset._replace(**{part: getattr(less, part) for part in lacking})
    part = "training" if "train" in lacking else "test"
    with pytest.raises(ValueError, match=rf"fake has no {part} images of class 2\. Use another"):
        streams.superclass_domains(dataset, tasks=2)


@pytest.mark.parametrize("label", [4, -1])
def test_labels_out_of_range(fake_set, label):
    dataset = fake_set([0, 1, label, 3], classes=4)
    message = (
        rf"labels of the training images of fake must be in \[0, 4\); got {label} at example 2"
    )
    for build in (streams.split, streams.rotated):
        with pytest.raises(ValueError, match=message):
            build(dataset)


def test_superclasses_out_of_range(fake_set):
    with pytest.raises(ValueError, match=r"superclasses of .* must be in .* got -1 at example 1\."):
        streams.superclass_domains(fake_set([0, 1, 2], [0, -1, 0]))


def test_arrays_that_do_not_fit_together(fake_set):
    fake = fake_set([0, 1, 2, 3])
    train = fake.train
    for part, error, message in (
        (train._replace(images=train.images > 9), TypeError, "must be real numbers: .*; got bool"),
        (train._replace(images=train.images / 255), ValueError, r"\(n, 2, 2, 1\) .* float32, as"),
        (
            train._replace(images=np.where(train.images < 1, np.nan, 1.0)),
            ValueError,
            r"finite .* got nan at index \(0, ",
        ),
        (train._replace(labels=train.labels / 2), TypeError, "labels of .* must be integers; got"),
        (
            train._replace(labels=train.labels[1:]),
            ValueError,
            r"one an example, \(4,\); got \(3,\)",
        ),
        (
            train._replace(images=train.images[:, :1]),
            ValueError,
            r"\(n, 1, 2, 1\) .*; got \(4, 2, 2",
        ),
        (
            train._replace(images=train.images[..., 0]),
            ValueError,
            r"must have the shape \(n, 2, 2\)",
        ),
    ):
        with pytest.raises(error, match=message):
            streams.split(fake._replace(train=part), tasks=2)


def test_examples_that_are_no_images_are_not_rotated(fake_set):
    fake = fake_set([0, 1])
    for change in (lambda x: x[..., 0], lambda x: x.astype(np.int32)):
        part = fake.train._replace(images=change(fake.train.images))
        with pytest.raises(
            ValueError, match=r"rotation needs images, \(n, height, width, channels\)"
        ):
            streams.rotated(fake._replace(train=part, test=part))


@pytest.mark.parametrize(
    ("class_order", "error", "message"),
    [
        (-1, ValueError, "`class_order` must be a whole number of at least 0; got -1"),
        (True, ValueError, "`class_order` must be a whole number of at least 0; got True"),
        ([3, 2, 1], ValueError, r"each of the classes 0 to 3 once; got \[3, 2, 1\]"),
        ([3, 2, 1, 1], ValueError, "each of the classes 0 to 3 once"),
        ([3, 2, 1, 0.5], ValueError, "each of the classes 0 to 3 once"),
        ([[3, 2], [1, 0]], ValueError, "each of the classes 0 to 3 once"),
        ("shuffled", TypeError, "`class_order` must be a number or an array of numbers"),
    ],
)
def test_orders_of_classes_that_are_none(fake_set, class_order, error, message):
    with pytest.raises(error, match=message):
        streams.split(fake_set([0, 1, 2, 3]), tasks=2, class_order=class_order)


@pytest.mark.parametrize("build", [streams.split, streams.rotated])
def test_more_evaluation_images_than_there_are(digits, build):
    message = r"`eval_images` must be at most \d+, the test images of task '.*' of .*; got 900\."
    with pytest.raises(ValueError, match=message):
        build(digits, eval_images=900)
