"""Streams of tasks: class-incremental, domain-incremental by rotation or by superclass.

A stream holds the training images of all tasks one after the other, and for each task a fixed
evaluation set, chosen once and the same for every method and seed: a minimum over evaluations on
sets that are drawn anew each time reads low.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neurogain.continual.data import Dataset, Examples, check

ANGLES = (0.0, 80.0, 160.0)
"""Degrees, one a task, of the stream of rotations unless others are given."""


@dataclasses.dataclass(frozen=True)
class Stream:
    """A sequence of K tasks that share one output layer.

    Attributes:
      name: of the stream.
      classes: number of outputs; labels are 0 to classes - 1.
      task_names: one a task.
      images: training images, uint8, (n, height, width, channels), ordered by task.
      labels: int32, (n,).
      starts: int32, (K + 1,); task k is images[starts[k]:starts[k + 1]].
      test_images: of each task, uint8, (K, m, height, width, channels), padded with zeros.
      test_labels: int32, (K, m), -1 where padded.

    Example:
      >>> images, labels = np.zeros((4, 2, 2, 1), np.uint8), np.array([0, 1, 0, 1], np.int32)
      >>> starts, test = np.array([0, 2, 4], np.int32), images.reshape(2, 2, 2, 2, 1)
      >>> names = ("dark", "darker")
      >>> dark = Stream("dark", 2, names, images, labels, starts, test, labels.reshape(2, 2))
      >>> check_stream(dark)
      >>> dark.tasks, dark.test_counts.tolist()
      (2, [2, 2])
    """

    name: str
    classes: int
    task_names: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    starts: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def tasks(self) -> int:
        """Number of tasks K."""
        return len(self.task_names)

    @property
    def test_counts(self) -> np.ndarray:
        """Number of evaluation images per task, (K,)."""
        return (self.test_labels >= 0).sum(axis=1)


def check_stream(stream: Stream) -> None:
    """Check that the arrays of a stream fit together.

    Raises:
      TypeError: if it is not a Stream, images are not uint8, or labels are not integers.
      ValueError: if arrays have other shapes than `Stream` states, labels are outside
        [0, classes), or tasks are empty or do not follow each other from the first image to the
        last.
    """
    if not isinstance(stream, Stream):
        raise TypeError(f"a stream must be a Stream; got a {type(stream).__name__}.")
    name, starts = stream.name, np.asarray(stream.starts)
    images, labels = np.asarray(stream.test_images), np.asarray(stream.test_labels)
    if images.shape[:2] != labels.shape or len(labels) != stream.tasks or labels.ndim != 2:
        raise ValueError(
            f"`test_images` and `test_labels` of {name} must have the shapes ({stream.tasks}, m, "
            f"height, width, channels) and ({stream.tasks}, m); got {images.shape} and "
            f"{labels.shape}."
        )
    there = labels != -1  # where nothing is padded
    test = Examples(images[there], labels[there])
    check(Dataset(name, stream.classes, Examples(stream.images, stream.labels), test))
    ends = starts[[0, -1]].tolist() if starts.ndim == 1 and len(starts) else []
    whole = starts.shape == (stream.tasks + 1,) and ends == [0, len(stream.images)]
    if not whole or np.any(np.diff(starts) < 1):
        raise ValueError(
            f"`starts` of {name} must rise from 0 to the {len(stream.images)} images, where the "
            f"{stream.tasks} tasks begin and the last ends; got {starts.tolist()}."
        )
    empty = [
        task for task, some in zip(stream.task_names, there.any(axis=1), strict=True) if not some
    ]
    if empty:
        raise ValueError(f"every task of {name} must have test images; {empty[0]!r} has none.")


class _Task(NamedTuple):
    """One task before the evaluation set is chosen."""

    name: str
    train: Examples
    test: Examples
    classes: Sequence[int]  # that both must have


def _build(
    name: str, classes: int, tasks: Sequence[_Task], eval_images: int | None, at_most: int
) -> Stream:
    """Put tasks in a row and choose the evaluation sets."""
    for argument, value in (("eval_images", eval_images), ("at_most", at_most)):
        if value is not None and value < 1:
            raise ValueError(
                f"`{argument}` must be a number of images of at least 1; got {value}. Pass 500."
            )
    for task in tasks:
        _check_task(name, task)
    fewest = min(tasks, key=lambda task: len(task.test.labels))
    if eval_images is not None and eval_images > len(fewest.test.labels):
        raise ValueError(
            f"`eval_images` must be at most {len(fewest.test.labels)}, the test images of task "
            f"{fewest.name!r} of {name}; got {eval_images}. Leave it out to take all where there "
            f"are fewer than {at_most}."
        )
    most = min(eval_images or at_most, max(len(task.test.labels) for task in tasks))
    rng = np.random.default_rng(0)  # the evaluation set belongs to the stream, not to a seed
    shape = tasks[0].test.images.shape[1:]
    test_images = np.zeros((len(tasks), most, *shape), np.uint8)
    test_labels = np.full((len(tasks), most), -1, np.int32)
    for k, task in enumerate(tasks):
        chosen = np.sort(rng.permutation(len(task.test.labels))[:most])
        test_images[k, : len(chosen)] = task.test.images[chosen]
        test_labels[k, : len(chosen)] = task.test.labels[chosen]
    sizes = [len(task.train.labels) for task in tasks]
    return Stream(
        name=name,
        classes=classes,
        task_names=tuple(task.name for task in tasks),
        images=np.concatenate([task.train.images for task in tasks]),
        labels=np.concatenate([task.train.labels for task in tasks]).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        test_images=test_images,
        test_labels=test_labels,
    )


def _check_task(name: str, task: _Task) -> None:
    """Raise ValueError if a task has no images, a single class, or lacks one of its classes."""
    train, test = task.train, task.test
    if len(train.labels) == 0 or len(test.labels) == 0:
        raise ValueError(
            f"every task must have training and test images; task {task.name!r} of {name} has "
            f"{len(train.labels)} and {len(test.labels)}. Use fewer tasks or another set."
        )
    if len(task.classes) < 2:
        raise ValueError(
            f"every task must have at least 2 classes; task {task.name!r} of {name} has only class "
            f"{task.classes[0]}. Use fewer tasks."
        )
    _check_classes(f"task {task.name!r} of {name}", train, test, task.classes)


def _check_classes(whose: str, train: Examples, test: Examples, classes: Sequence[int]) -> None:
    """Raise ValueError if images lack a class."""
    for part, examples in (("training", train), ("test", test)):
        missing = np.setdiff1d(classes, examples.labels)
        if len(missing):
            raise ValueError(
                f"every task must have images of all its classes; {whose} has no {part} images of "
                f"class {', '.join(map(str, missing))}. Use another set."
            )


def split(
    dataset: Dataset, *, tasks: int = 5, eval_images: int | None = None, at_most: int = 500
) -> Stream:
    """Deal the classes in natural order over the tasks: class-incremental, one head for all.

    Args:
      dataset: any data set.
      tasks: K; each gets C/K classes, the first ones one more where K does not divide C.
      eval_images: evaluation images per task; where it is None, `at_most` of them.
      at_most: evaluation images per task, or all test images where there are fewer.

    Raises:
      TypeError, ValueError: if `data.check` raises it, there are fewer than one task or more tasks
        than classes, a task is empty, has a single class or lacks one of its classes, or a task
        has fewer test images than `eval_images`.

    Example:
      >>> from neurogain.continual import data
      >>> stream = split(data.load("digits"), tasks=3, at_most=100)
      >>> stream.task_names, stream.test_counts.tolist()
      (('0 to 3', '4, 5, 6', '7, 8, 9'), [100, 100, 100])
    """
    check(dataset)
    if not 1 <= tasks <= dataset.classes:
        raise ValueError(
            f"`tasks` must be between 1 and the {dataset.classes} classes of {dataset.name}; got "
            f"{tasks}. Pass tasks={dataset.classes // 2} for two classes a task."
        )
    parts = []
    for group in np.array_split(np.arange(dataset.classes), tasks):
        name = ", ".join(map(str, group)) if len(group) < 4 else f"{group[0]} to {group[-1]}"
        train, test = _where(dataset.train, group), _where(dataset.test, group)
        parts.append(_Task(name, train, test, group.tolist()))
    return _build(f"split-{dataset.name}", dataset.classes, parts, eval_images, at_most)


def _where(examples: Examples, classes: np.ndarray) -> Examples:
    keep = np.isin(examples.labels, classes)
    return Examples(examples.images[keep], examples.labels[keep])


def rotated(
    dataset: Dataset,
    *,
    angles: Sequence[float] = ANGLES,
    eval_images: int | None = None,
    at_most: int = 500,
) -> Stream:
    """Rotate all images by one angle per task: domain-incremental, the same classes throughout.

    Args:
      dataset: any data set.
      angles: degrees, counter-clockwise, one per task; bilinear, zeros outside the image.
      eval_images, at_most: as for `split`.

    Raises:
      TypeError, ValueError: if there is no angle or one is not finite; for the data as `split`.

    Example:
      >>> from neurogain.continual import data
      >>> rotated(data.load("digits"), angles=(0, 90)).task_names
      ('0°', '90°')
    """
    check(dataset)
    if len(angles) == 0 or not np.all(np.isfinite(angles)):
        raise ValueError(
            f"`angles` must be one finite angle in degrees per task; got {angles!r}. "
            f"Pass angles={ANGLES}."
        )
    parts = [
        _Task(
            f"{angle:g}°",
            _rotate(dataset.train, angle),
            _rotate(dataset.test, angle),
            range(dataset.classes),
        )
        for angle in angles
    ]
    return _build(f"rotated-{dataset.name}", dataset.classes, parts, eval_images, at_most)


def _rotate(examples: Examples, angle: float) -> Examples:
    from scipy import ndimage

    images = examples.images
    if angle % 360:
        images = ndimage.rotate(images, angle, axes=(2, 1), reshape=False, order=1)
    return Examples(images, examples.labels)


def superclass_domains(
    dataset: Dataset, *, tasks: int = 3, eval_images: int | None = None, at_most: int = 500
) -> Stream:
    """Label by superclass and deal each superclass's fine classes in turn over the tasks.

    With five fine classes and three tasks they go 2, 2, 1 (Domain-CIFAR-100).

    Args:
      dataset: one with superclasses.
      tasks: K, at most the number of fine classes of a superclass.
      eval_images, at_most: as for `split`.

    Raises:
      TypeError, ValueError: if the data set has no superclasses or lacks one of its classes, or a
        superclass has fewer fine classes than `tasks`; for the data as `split`.

    Example:
      >>> images = np.zeros((4, 2, 2, 1), np.uint8)
      >>> both = Examples(images, labels=np.arange(4), superclasses=np.arange(4) // 2)
      >>> stream = superclass_domains(Dataset("four", 4, both, both), tasks=2)
      >>> stream.classes, stream.labels.tolist()
      (2, [0, 1, 0, 1])
    """
    check(dataset)
    train, test = dataset.train, dataset.test
    if train.superclasses is None or test.superclasses is None:
        raise ValueError(
            f"superclass domains need a set with superclasses; {dataset.name} has none. "
            "Load cifar100."
        )
    _check_classes(dataset.name, train, test, range(dataset.classes))  # else dealt without it
    pairs = np.unique(np.stack([train.superclasses, train.labels], axis=1), axis=0)
    groups = [pairs[pairs[:, 0] == s, 1] for s in np.unique(pairs[:, 0])]
    fewest = min(map(len, groups))
    if not 1 <= tasks <= fewest:
        raise ValueError(
            f"`tasks` must be between 1 and the {fewest} fine classes of a superclass; got {tasks}."
        )
    dealt = [np.array_split(group, tasks) for group in groups]
    parts = []
    for k in range(tasks):
        fine = np.concatenate([d[k] for d in dealt])
        named = _by_superclass(train, fine), _by_superclass(test, fine)
        parts.append(_Task(f"part {k + 1}", *named, range(len(groups))))
    return _build(f"domain-{dataset.name}", len(groups), parts, eval_images, at_most)


def _by_superclass(examples: Examples, fine: np.ndarray) -> Examples:
    assert examples.superclasses is not None
    keep = np.isin(examples.labels, fine)
    return Examples(examples.images[keep], examples.superclasses[keep])


def training_sample(stream: Stream, tasks: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return fixed training images and labels of the first tasks, at most `most` of each.

    Example:
      >>> from neurogain.continual import data
      >>> images, labels = training_sample(split(data.load("digits")), tasks=2, most=30)
      >>> images.shape, sorted(set(labels.tolist()))
      ((60, 8, 8, 1), [0, 1, 2, 3])
    """
    rng = np.random.default_rng(0)  # of the stream, the same for every method and seed
    parts = [rng.permutation(np.arange(*stream.starts[k : k + 2]))[:most] for k in range(tasks)]
    chosen = np.concatenate(parts)
    return stream.images[chosen], stream.labels[chosen]
