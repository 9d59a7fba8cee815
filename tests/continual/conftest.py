import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual import batches, data, methods, models, streams
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


@pytest.fixture(scope="session")
def drawn_batch():
    """Return the indices of an update's batch, by the rules of joint training."""

    @functools.partial(jax.jit, static_argnums=1)
    def draw(seed, size, source, i):
        key = jax.random.key(seed)
        for number in (1, source.task, i):
            key = jax.random.fold_in(key, number)
        return batches.draw(key, size, source, jnp.zeros(1, jnp.int32))

    def make(trainer, seed, task, i):
        source = batches.make_source(trainer.stream, trainer.protocol, task)
        return np.asarray(draw(seed, trainer.protocol.batch_size, source, i))

    return make
