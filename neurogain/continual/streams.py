"""Streams of tasks: class-incremental, domain-incremental by rotation or by superclass.

A stream holds the training images of all tasks one after the other, and for each task a fixed
evaluation set, chosen once and the same for every method and seed: a minimum over evaluations on
sets that are drawn anew each time reads low.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from neurogain.continual.data import Dataset, Examples


@dataclasses.dataclass(frozen=True)
class Stream:
    """A sequence of K tasks that share one output layer."""

    name: str
    classes: int
    task_names: tuple[str, ...]
    images: np.ndarray  # uint8, (n, height, width, channels), ordered by task
    labels: np.ndarray  # int32, (n,)
    starts: np.ndarray  # int32, (K + 1,): task k is images[starts[k]:starts[k + 1]]
    test_images: np.ndarray  # uint8, (K, m, height, width, channels); padded with zeros
    test_labels: np.ndarray  # int32, (K, m); -1 where padded

    @property
    def tasks(self) -> int:
        """Number of tasks K."""
        return len(self.task_names)

    @property
    def test_counts(self) -> np.ndarray:
        """Number of evaluation images per task, (K,)."""
        return (self.test_labels >= 0).sum(axis=1)


def _build(
    name: str,
    classes: int,
    tasks: Sequence[tuple[str, Examples, Examples]],
    eval_images: int,
) -> Stream:
    """Put tasks (name, training, test) in a row and choose the evaluation sets."""
    if eval_images < 1:
        raise ValueError(
            f"`eval_images` must be a number of images of at least 1; got {eval_images}. Pass 500."
        )
    for task, train, test in tasks:
        seen = np.unique(train.labels)
        if len(train.labels) == 0 or len(test.labels) == 0:
            raise ValueError(
                f"every task must have training and test images; task {task!r} of {name} has "
                f"{len(train.labels)} and {len(test.labels)}. Use fewer tasks or another set."
            )
        if len(seen) < 2:
            raise ValueError(
                f"every task must have at least 2 classes; task {task!r} of {name} has only class "
                f"{seen[0]}. Use fewer tasks."
            )
    most = min(eval_images, max(len(test.labels) for _, _, test in tasks))
    rng = np.random.default_rng(0)  # the evaluation set belongs to the stream, not to a seed
    shape = tasks[0][2].images.shape[1:]
    test_images = np.zeros((len(tasks), most, *shape), np.uint8)
    test_labels = np.full((len(tasks), most), -1, np.int32)
    for k, (_, _, test) in enumerate(tasks):
        chosen = np.sort(rng.permutation(len(test.labels))[:most])
        test_images[k, : len(chosen)] = test.images[chosen]
        test_labels[k, : len(chosen)] = test.labels[chosen]
    sizes = [len(train.labels) for _, train, _ in tasks]
    return Stream(
        name=name,
        classes=classes,
        task_names=tuple(task for task, _, _ in tasks),
        images=np.concatenate([train.images for _, train, _ in tasks]),
        labels=np.concatenate([train.labels for _, train, _ in tasks]).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        test_images=test_images,
        test_labels=test_labels,
    )


def split(dataset: Dataset, *, tasks: int = 5, eval_images: int = 500) -> Stream:
    """Deal the classes in natural order over the tasks: class-incremental, one head for all.

    Args:
      dataset: any data set.
      tasks: K; each gets C/K classes, the first ones one more where K does not divide C.
      eval_images: evaluation images per task, at most; all test images where there are fewer.

    Raises:
      ValueError: fewer than one task, more tasks than classes, or a task that would be empty or
        have a single class.
    """
    if not 1 <= tasks <= dataset.classes:
        raise ValueError(
            f"`tasks` must be between 1 and the {dataset.classes} classes of {dataset.name}; got "
            f"{tasks}. Pass tasks={dataset.classes // 2} for two classes a task."
        )
    parts = []
    for group in np.array_split(np.arange(dataset.classes), tasks):
        name = ", ".join(map(str, group)) if len(group) < 4 else f"{group[0]} to {group[-1]}"
        parts.append((name, _where(dataset.train, group), _where(dataset.test, group)))
    return _build(f"split-{dataset.name}", dataset.classes, parts, eval_images)


def _where(examples: Examples, classes: np.ndarray) -> Examples:
    keep = np.isin(examples.labels, classes)
    return Examples(examples.images[keep], examples.labels[keep])


def rotated(
    dataset: Dataset, *, angles: Sequence[float] = (0.0, 80.0, 160.0), eval_images: int = 500
) -> Stream:
    """Rotate all images by one angle per task: domain-incremental, the same classes throughout.

    Args:
      dataset: any data set.
      angles: degrees, counter-clockwise, one per task; bilinear, zeros outside the image.
      eval_images: evaluation images per task, at most.

    Raises:
      ValueError: no angle, or one that is not finite.
    """
    if len(angles) == 0 or not np.all(np.isfinite(angles)):
        raise ValueError(
            f"`angles` must be one finite angle in degrees per task; got {angles!r}. "
            "Pass angles=(0, 80, 160)."
        )
    parts = [
        (f"{angle:g}°", _rotate(dataset.train, angle), _rotate(dataset.test, angle))
        for angle in angles
    ]
    return _build(f"rotated-{dataset.name}", dataset.classes, parts, eval_images)


def _rotate(examples: Examples, angle: float) -> Examples:
    from scipy import ndimage

    images = examples.images
    if angle % 360:
        images = ndimage.rotate(images, angle, axes=(2, 1), reshape=False, order=1)
    return Examples(images, examples.labels)


def superclass_domains(dataset: Dataset, *, tasks: int = 3, eval_images: int = 500) -> Stream:
    """Label by superclass and deal each superclass's fine classes in turn over the tasks.

    With five fine classes and three tasks they go 2, 2, 1 (Domain-CIFAR-100).

    Raises:
      ValueError: a data set without superclasses, or more tasks than fine classes in one of them.
    """
    train, test = dataset.train, dataset.test
    if train.superclasses is None or test.superclasses is None:
        raise ValueError(
            f"superclass domains need a set with superclasses; {dataset.name} has none. "
            "Load cifar100."
        )
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
        parts.append((f"part {k + 1}", _by_superclass(train, fine), _by_superclass(test, fine)))
    return _build(f"domain-{dataset.name}", len(groups), parts, eval_images)


def _by_superclass(examples: Examples, fine: np.ndarray) -> Examples:
    assert examples.superclasses is not None
    keep = np.isin(examples.labels, fine)
    return Examples(examples.images[keep], examples.superclasses[keep])
