"""Digits in spikes: the codes, and which examples are drawn."""

import jax
import numpy as np
import pytest

from neurogain.continual import data
from neurogain.tasks.spikes import images
from neurogain.tasks.spikes.task import TASKS


@pytest.mark.parametrize("code", images.CODES)
def test_a_task_has_the_sizes_that_it_states(code):
    for name in ("digits", "mnist"):
        task = TASKS[f"{name}-{code}"]
        side = {"digits": 8, "mnist": 28}[name]
        form = jax.ShapeDtypeStruct((2, side, side), np.float32)
        found = jax.eval_shape(images.CODES[code], form, jax.random.key(0))
        assert found.shape == (2, task.steps, task.channels)
        assert task.needs_data == (name == "mnist")
        assert task.scale == (0.1 if code in ("rows", "pixels") else 1.0)
    assert TASKS["mnist-pixels"].steps == 784
    assert TASKS["mnist-rows"].steps == 84


def test_examples_are_drawn_once_each_from_their_own_part():
    train, test = TASKS["digits-rows"].draw(jax.random.key(0), 1297, 500, None)
    for found, part in ((train, data.load("digits").train), (test, data.load("digits").test)):
        assert sorted(np.asarray(found.labels)) == sorted(part.labels)
        values = np.asarray(found.spikes)[:, ::10].reshape(len(found.labels), -1)
        expected = part.images.reshape(len(part.labels), -1) / np.float32(255)
        order, own = np.lexsort(values.T), np.lexsort(expected.T)
        np.testing.assert_allclose(values[order], expected[own], atol=1e-6)


def test_latency_says_the_grey_value():
    train, _ = TASKS["digits-latency"].draw(jax.random.key(0), 50, 10, None)
    spikes = np.asarray(train.spikes)
    assert set(spikes.sum(1).ravel()) == {0.0, 1.0}
    rows, _ = TASKS["digits-rows"].draw(jax.random.key(0), 50, 10, None)
    grey = np.asarray(rows.spikes)[:, ::10].reshape(50, -1)
    np.testing.assert_array_equal(spikes.sum(1) > 0, grey > 0)
    step = spikes.argmax(1)[grey > 0]
    assert np.all(np.diff(step[np.argsort(-grey[grey > 0], kind="stable")]) >= 0)


def test_more_examples_than_there_are():
    with pytest.raises(ValueError, match=r"`train` must be at most the 1297 train examples of dig"):
        TASKS["digits-rate"].draw(jax.random.key(0), 1298, 10, None)
