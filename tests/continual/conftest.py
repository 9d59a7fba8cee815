import functools

import numpy as np
import pytest

from neurogain.continual import data, methods, models, streams
from neurogain.continual.data import Dataset, Examples
from neurogain.continual.training import Protocol, Trainer


@pytest.fixture(scope="session")
def digits():
    return data.load("digits")


@pytest.fixture(scope="session")
def stream(digits):
    return streams.split(digits, tasks=3, at_most=170)  # more than some tasks have: padded


@pytest.fixture(scope="session")
def make_trainer(stream):
    """Return trainers of a small MLP; equal arguments share one, and so its compiled programs."""

    @functools.cache
    def make(name, **protocol):
        method = methods.parse(name)
        return Trainer(
            model=models.MLP(stream.classes, (12,)),
            stream=stream,
            protocol=Protocol(**{"iterations": 6, "batch_size": 16, **protocol}),
            build_optimizer=method,
            baseline="baseline" if "baseline" in method.constants else None,
        )

    return make


@pytest.fixture
def fake_set():
    """Return a data set whose image number i of class c has all pixels i and label c."""

    def make(labels, superclasses=None, classes=None):
        labels = np.asarray(labels, np.int32)
        images = np.empty((len(labels), 2, 2, 1), np.uint8)
        images[:] = np.arange(len(labels))[:, None, None, None]
        coarse = None if superclasses is None else np.asarray(superclasses, np.int32)
        examples = Examples(images, labels, coarse)
        return Dataset("fake", classes or int(labels.max()) + 1, examples, examples)

    return make
