"""Randman as a data set and as a stream of domains: classes are curves in the space of spike times.

An example has one number a unit, how early it spikes: 1 - t, with t in [0, 1) of the whole. So a
code by latency gives back the times, and any other model can read them, too.
"""

import jax
import numpy as np

from neurogain.continual.data import Dataset, Examples
from neurogain.continual.stream import Stream
from neurogain.tasks.spikes.randman import randman

TRAIN, TEST = 400, 100  # examples of each class


def dataset(seed: int = 0, classes: int = 10) -> Dataset:
    """Return a set of Randman: 20 units, manifolds of one dimension, drawn by the seed.

    Example:
      >>> dataset().train.images.shape
      (4000, 20)
    """
    found = randman(jax.random.key(seed), classes=classes, samples=TRAIN + TEST)
    early, labels = 1 - np.asarray(found.times), np.asarray(found.labels)
    of_class = [np.flatnonzero(labels == label) for label in range(classes)]
    parts = (slice(TRAIN), slice(TRAIN, None))
    first, second = (np.sort(np.concatenate([own[part] for own in of_class])) for part in parts)
    return Dataset(
        f"randman-{seed}",
        classes,
        Examples(early[first], labels[first].astype(np.int32)),
        Examples(early[second], labels[second].astype(np.int32)),
    )


def domains(tasks: int, *, eval_images: int | None = None, at_most: int = 500) -> Stream:
    """Return a stream of the same labels whose manifolds are new in every task.

    Args:
      tasks: number of them.
      eval_images, at_most: as for `streams.split`.

    Example:
      >>> domains(3, at_most=100).tasks
      3
    """
    sets = [dataset(seed) for seed in range(tasks)]
    train = [(s.train.images, s.train.labels) for s in sets]
    test = [(s.test.images, s.test.labels) for s in sets]
    return Stream.from_arrays(
        train,
        test,
        name="domain-randman",
        task_names=[f"domain {k + 1}" for k in range(tasks)],
        eval_images=eval_images,
        at_most=at_most,
    )
