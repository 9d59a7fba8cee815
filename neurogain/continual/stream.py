"""A stream of tasks: its arrays, how they are checked and put together, and one of your own."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neurogain import _checks
from neurogain.continual.data import (
    Dataset,
    Examples,
    Names,
    as_inputs,
    check,
    check_labels,
    check_names,
    check_same_form,
)


@dataclasses.dataclass(frozen=True)
class Stream:
    """A sequence of K tasks that share one output layer.

    Attributes:
      name: of the stream.
      classes: number of outputs; labels are 0 to classes - 1.
      task_names: one a task.
      images: training examples, (n, ...), ordered by task: images as uint8, (n, height, width,
        channels), which the trainer scales to [0, 1]; or of any shape and other numbers, which
        reach the model as they are.
      labels: int32, (n,).
      starts: int32, (K + 1,); task k is images[starts[k]:starts[k + 1]].
      test_images: of each task, (K, m, ...), padded with zeros.
      test_labels: int32, (K, m), -1 where padded.
      class_names: one a class; None where they are numbers.

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
    class_names: tuple[str, ...] | None = None

    @classmethod
    def from_arrays(
        cls,
        tasks: Sequence[tuple[ArrayLike, ArrayLike]],
        test: Sequence[tuple[ArrayLike, ArrayLike]],
        *,
        name: str = "arrays",
        task_names: Names | None = None,
        class_names: Names | None = None,
        classes: int | None = None,
        eval_images: int | None = None,
        at_most: int = 500,
    ) -> "Stream":
        """Return a stream of your own arrays.

        Args:
          tasks: training examples, (n_k, ...), and labels, (n_k,), of each task; examples of one
            shape and dtype. uint8 is scaled to [0, 1] by the trainer. All else reaches the model as
            it is, but float64 becomes float32 and 64-bit integers become int32.
          test: evaluation examples and labels of each task, in the same form.
          name: of the stream.
          task_names: one a task; by default "task 1", ...
          class_names: one a class.
          classes: number of outputs; by default that of the class names, or else one more than the
            largest training label.
          eval_images, at_most: as for `streams.split`.

        Raises:
          TypeError: if examples are no real numbers, or labels are not integers.
          ValueError: if there is no task, a task is empty, examples and labels differ in number,
            tasks in shape or dtype, numbers are not finite, labels outside [0, classes), names not
            one each, or test sets not one a task. All name the task.

        Example:
          >>> x, y = np.array([[0.1, 2.0], [0.3, 1.0]]), [0, 1]
          >>> stream = Stream.from_arrays([(x, y), (-x, y)], [(x, y), (-x, y)])
          >>> stream.task_names, stream.classes, stream.images.dtype
          (('task 1', 'task 2'), 2, dtype('float32'))
        """
        if not isinstance(name, str):
            raise TypeError(f"`name` must be a text; got {name!r:.200}.")
        pairs, tests = _pairs("tasks", tasks), _pairs("test", test)
        if len(tests) != len(pairs):
            raise ValueError(
                f"`test` must have one pair of examples and labels for each of the {len(pairs)} "
                f"tasks; got {len(tests)}."
            )
        default = [f"task {k + 1}" for k in range(len(pairs))]
        names = default if task_names is None else task_names
        check_names("task_names", names, len(pairs), "task")
        if classes is not None:
            _checks.whole("classes", classes, 1)
        check_names("class_names", class_names, classes, "class")
        if classes is None and class_names is not None:
            classes = len(class_names)
        train = _own("training", pairs, names, classes)
        if classes is None:
            classes = 1 + max(int(part.labels.max()) for part in train)
        held_out = _own("test", tests, names, classes, form=train[0].images)
        row = [Task(*each) for each in zip(names, train, held_out, strict=True)]
        return assemble(name, classes, row, eval_images, at_most, class_names)

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
      TypeError: if it is not a Stream, examples are no real numbers, or labels are not integers.
      ValueError: if arrays have other shapes than `Stream` states, training and test examples have
        different shapes or dtypes, numbers are not finite, labels are outside [0, classes), class
        names are not one a class, or tasks are empty or do not follow each other from the first
        example to the last.
    """
    if not isinstance(stream, Stream):
        raise TypeError(f"a stream must be a Stream; got a {type(stream).__name__}.")
    name, starts = stream.name, np.asarray(stream.starts)
    images, labels = np.asarray(stream.test_images), np.asarray(stream.test_labels)
    if images.shape[:2] != labels.shape or len(labels) != stream.tasks or labels.ndim != 2:
        raise ValueError(
            f"`test_images` and `test_labels` of {name} must have the shapes ({stream.tasks}, m, "
            f"...) and ({stream.tasks}, m); got {images.shape} and {labels.shape}."
        )
    there = labels != -1  # where nothing is padded
    test = Examples(images[there], labels[there])
    train = Examples(stream.images, stream.labels)
    check(Dataset(name, stream.classes, train, test, stream.class_names))
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


class Task(NamedTuple):
    """One task before the evaluation set is chosen."""

    name: str
    train: Examples
    test: Examples
    classes: Sequence[int] = ()  # at least those that both must have


def assemble(
    name: str,
    classes: int,
    tasks: Sequence[Task],
    eval_images: int | None,
    at_most: int,
    class_names: Names | None = None,
) -> Stream:
    """Put tasks in a row and choose the evaluation sets; arguments as for `streams.split`."""
    if eval_images is not None:
        _checks.whole("eval_images", eval_images, 1)
    _checks.whole("at_most", at_most, 1)
    fewest = min(tasks, key=lambda task: len(task.test.labels))
    if eval_images is not None and eval_images > len(fewest.test.labels):
        raise ValueError(
            f"`eval_images` must be at most {len(fewest.test.labels)}, the test images of task "
            f"{fewest.name!r} of {name}; got {eval_images}. Leave it out to take all where there "
            f"are fewer than {at_most}."
        )
    most = min(eval_images or at_most, max(len(task.test.labels) for task in tasks))
    rng = np.random.default_rng(0)  # the evaluation set belongs to the stream, not to a seed
    images = as_inputs(
        np.concatenate([task.train.images for task in tasks]), f"the training images of {name}"
    )
    test_images = np.zeros((len(tasks), most, *images.shape[1:]), images.dtype)
    test_labels = np.full((len(tasks), most), -1, np.int32)
    for k, task in enumerate(tasks):
        chosen = np.sort(rng.permutation(len(task.test.labels))[:most])
        test_images[k, : len(chosen)] = task.test.images[chosen]
        test_labels[k, : len(chosen)] = task.test.labels[chosen]
    sizes = [len(task.train.labels) for task in tasks]
    return Stream(
        name=name,
        classes=classes,
        task_names=tuple(str(task.name) for task in tasks),
        images=images,
        labels=np.concatenate([task.train.labels for task in tasks]).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        test_images=test_images,
        test_labels=test_labels,
        class_names=None if class_names is None else tuple(map(str, class_names)),
    )


def _pairs(argument: str, given: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[Any]:
    """Return pairs of examples and labels; raise an error for anything else."""
    rule = f"`{argument}` must be pairs of examples and labels, [(x, y), ...], one a task"
    if not isinstance(given, list | tuple):
        raise TypeError(f"{rule}; got a {type(given).__name__}.")
    for pair in given:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"{rule}; got {pair!r:.200}. One task is [(x, y)].")
    if not given:
        raise ValueError(f"{rule}; got none.")
    return list(given)


def _own(
    part: str,
    pairs: Sequence[tuple[ArrayLike, ArrayLike]],
    names: Names,
    classes: int | None,
    form: np.ndarray | None = None,
) -> list[Examples]:
    """Return the examples of each task, checked, in one form: that of the first, or of `form`."""
    found: list[Examples] = []
    for name, (x, y) in zip(names, pairs, strict=True):
        named = f"the {part} examples of task {name!r}"
        images, labels = as_inputs(x, named), _checks.as_array(f"the labels of {named}", y)
        if len(images) == 0:
            raise ValueError(f"{named} must be at least one; got none. Leave the task out.")
        form = images if form is None else form
        check_same_form(images, form, named)
        limit = np.inf if classes is None else classes
        check_labels(labels, len(images), limit, f"the labels of {named}")
        found.append(Examples(images, labels))
    return found
