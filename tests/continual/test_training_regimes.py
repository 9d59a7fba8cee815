"""Which images the batches come from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurogain.continual import batches
from neurogain.continual.protocol import Protocol

BATCH = 16


def protocol(regime, buffer_size=60):
    return Protocol(batch_size=BATCH, regime=regime, buffer_size=buffer_size)


def drawn(stream, regime, task, number=400, buffer_size=60):
    """Return image numbers, (batches, batch size)."""
    chosen = protocol(regime, buffer_size)
    source = batches.make_source(stream, chosen, task)
    buffer = jnp.asarray(batches.make_buffer(stream, chosen, task, seed=0))
    keys = jax.random.split(jax.random.key(task), number)
    return np.asarray(jax.vmap(lambda key: batches.draw(key, BATCH, source, buffer))(keys))


def stored(stream, task, buffer_size, seed=0):
    """Return the image numbers that a batch can be replayed from."""
    chosen = protocol("replay", buffer_size)
    count = int(batches.make_source(stream, chosen, task).stored)
    return batches.make_buffer(stream, chosen, task, seed)[:count]


def task_of(stream, index):
    return np.searchsorted(stream.starts, index, side="right") - 1


def assert_uniform(index, low, high):
    assert index.min() >= low
    assert index.max() < high
    counts = np.bincount(index.ravel() - low, minlength=high - low)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("task", [0, 1, 2])
def test_joint_draws_uniformly_from_all_images_so_far(stream, task):
    assert_uniform(drawn(stream, "joint", task), 0, stream.starts[task + 1])


@pytest.mark.parametrize("task", [0, 1, 2])
def test_finetune_draws_from_the_task_alone(stream, task):
    assert_uniform(drawn(stream, "finetune", task), stream.starts[task], stream.starts[task + 1])


def test_replay_starts_with_the_first_task_alone(stream):
    assert_uniform(drawn(stream, "replay", 0), 0, stream.starts[1])


@pytest.mark.parametrize("task", [1, 2])
def test_replay_takes_half_of_a_batch_from_the_buffer(stream, task):
    index = drawn(stream, "replay", task)
    assert_uniform(index[:, BATCH // 2 :], stream.starts[task], stream.starts[task + 1])
    replayed, buffer = index[:, : BATCH // 2], stored(stream, task, 60)
    counts = [np.sum(replayed == number) for number in buffer]
    assert sum(counts) == replayed.size
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(("task", "buffer_size"), [(1, 60), (2, 60), (2, 61), (1, 7), (2, 2)])
def test_buffer_is_bounded_with_equal_shares_of_distinct_old_images(stream, task, buffer_size):
    buffer = stored(stream, task, buffer_size)
    assert len(buffer) == len(set(buffer.tolist())) == buffer_size // task * task
    assert np.bincount(task_of(stream, buffer), minlength=3).tolist() == [
        buffer_size // task if old < task else 0 for old in range(3)
    ]


def test_a_smaller_share_is_part_of_the_larger_one(stream):
    first, then = set(stored(stream, 1, 60).tolist()), set(stored(stream, 2, 60).tolist())
    assert {number for number in then if number < stream.starts[1]} < first


def test_a_share_larger_than_the_task_holds_all_of_it(stream):
    size = int(stream.starts[1])
    buffer = stored(stream, 1, size + 5)
    assert set(buffer.tolist()) == set(range(size))


def test_buffers_differ_by_seed(stream):
    assert set(stored(stream, 1, 60).tolist()) != set(stored(stream, 1, 60, seed=1).tolist())
