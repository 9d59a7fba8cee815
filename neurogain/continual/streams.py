"""Streams of tasks: class-incremental, domain-incremental by rotation or by superclass.

One of your own arrays is made by `Stream.from_arrays`.

A stream holds the training images of all tasks one after the other, and for each task a fixed
evaluation set, chosen once and the same for every method and seed: a minimum over evaluations on
sets that are drawn anew each time reads low.
"""

from collections.abc import Sequence

import numpy as np

from neurogain import _checks
from neurogain.continual import images
from neurogain.continual.data import Dataset, Examples, Names, check
from neurogain.continual.stream import Stream, Task, assemble, check_stream

__all__ = [
    "ANGLES", "Stream", "check_stream", "rotated", "split", "superclass_domains", "training_sample",
]  # fmt: skip

ANGLES = (0.0, 80.0, 160.0)
"""Degrees, one a task, of the stream of rotations unless others are given."""


def _check_task(name: str, task: Task) -> None:
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
    dataset: Dataset,
    *,
    tasks: int = 5,
    class_order: int | Sequence[int] | None = None,
    eval_images: int | None = None,
    at_most: int = 500,
) -> Stream:
    """Deal the classes over the tasks: class-incremental, one head for all.

    Labels stay those of the data set, in whatever order the classes come.

    Args:
      dataset: any data set.
      tasks: K; each gets C/K classes, the first ones one more where K does not divide C.
      class_order: None: 0, 1, ..., C - 1; a seed of at least 0: shuffled by it; or every class
        once, in the order in which they are dealt.
      eval_images: evaluation images per task; where it is None, `at_most` of them.
      at_most: evaluation images per task, or all test images where there are fewer.

    Raises:
      TypeError, ValueError: if `data.check` raises it, there are fewer than one task or more tasks
        than classes, a task is empty, has a single class or lacks one of its classes, a task has
        fewer test images than `eval_images`, or `class_order` is no seed and lacks a class.

    Example:
      >>> from neurogain.continual import data
      >>> stream = split(data.load("digits"), tasks=3, at_most=100)
      >>> stream.task_names, stream.test_counts.tolist()
      (('0 to 3', '4, 5, 6', '7, 8, 9'), [100, 100, 100])
      >>> split(data.load("digits"), class_order=0).task_names
      ('4, 6', '2, 7', '3, 5', '9, 0', '8, 1')
    """
    check(dataset)
    if not 1 <= tasks <= dataset.classes:
        raise ValueError(
            f"`tasks` must be between 1 and the {dataset.classes} classes of {dataset.name}; got "
            f"{tasks}. Pass tasks={dataset.classes // 2} for two classes a task."
        )
    parts = []
    for group in np.array_split(_order(class_order, dataset.classes), tasks):
        train, test = _where(dataset.train, group), _where(dataset.test, group)
        parts.append(Task(_named(dataset, group), train, test, group.tolist()))
    name = f"split-{dataset.name}"
    return _build(name, dataset.classes, parts, eval_images, at_most, dataset.class_names)


def _order(class_order: int | Sequence[int] | None, classes: int) -> np.ndarray:
    """Return the classes in the order in which they are dealt."""
    if class_order is None:
        return np.arange(classes)
    if isinstance(class_order, int | np.integer):
        _checks.whole("class_order", class_order, 0)
        return np.random.default_rng(class_order).permutation(classes)
    order = _checks.as_numbers("class_order", class_order)
    if order.ndim != 1 or sorted(order.tolist()) != list(range(classes)):
        raise ValueError(
            f"`class_order` must be a seed, or each of the classes 0 to {classes - 1} once; got "
            f"{class_order!r:.200}."
        )
    return order.astype(int)


def _named(dataset: Dataset, classes: np.ndarray) -> str:
    """Return a task's name from its classes: a range or the first of them where there are many."""
    names = [str(c) if dataset.class_names is None else dataset.class_names[c] for c in classes]
    if len(names) < 4:
        return ", ".join(names)
    if np.all(np.diff(classes) == 1):
        return f"{names[0]} to {names[-1]}"
    return f"{', '.join(names[:3])} and {len(names) - 3} more"


def _build(
    name: str,
    classes: int,
    tasks: Sequence[Task],
    eval_images: int | None,
    at_most: int,
    class_names: Names | None = None,
) -> Stream:
    """Check tasks, put them in a row and choose the evaluation sets."""
    for task in tasks:
        _check_task(name, task)
    return assemble(name, classes, tasks, eval_images, at_most, class_names)


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
      dataset: one of images, uint8 or floats.
      angles: degrees, counter-clockwise, one per task; bilinear, zeros outside the image.
      eval_images, at_most: as for `split`.

    Raises:
      TypeError, ValueError: if there is no angle or one is not finite, or the examples are no
        images; for the data as `split`.

    Example:
      >>> from neurogain.continual import data
      >>> rotated(data.load("digits"), angles=(0, 90)).task_names
      ('0°', '90°')
    """
    check(dataset)
    images.check_images(dataset.train.images, "rotation")
    if len(angles) == 0 or not np.all(np.isfinite(angles)):
        raise ValueError(
            f"`angles` must be one finite angle in degrees per task; got {angles!r}. "
            f"Pass angles={ANGLES}."
        )
    parts = [
        Task(
            f"{angle:g}°",
            _rotate(dataset.train, angle),
            _rotate(dataset.test, angle),
            range(dataset.classes),
        )
        for angle in angles
    ]
    name = f"rotated-{dataset.name}"
    return _build(name, dataset.classes, parts, eval_images, at_most, dataset.class_names)


def _rotate(examples: Examples, angle: float) -> Examples:
    from scipy import ndimage

    pixels = examples.images
    if angle % 360:
        pixels = ndimage.rotate(pixels, angle, axes=(2, 1), reshape=False, order=1)
    return Examples(pixels, examples.labels)


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
        parts.append(Task(f"part {k + 1}", *named, range(len(groups))))
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
