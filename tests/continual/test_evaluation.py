import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual import evaluation, streams

LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 2, 3, 2])


@pytest.fixture
def stream(fake_set):
    return streams.split(fake_set(LABELS), tasks=2)  # 7 and 3 test images; pixels are their numbers


@pytest.mark.parametrize(("size", "shape"), [(1000, (2, 7)), (7, (2, 7)), (6, (4, 4)), (3, (6, 3))])
def test_chunks_hold_every_image_once(stream, size, shape):
    sets = evaluation.chunked(stream, size)
    assert sets.labels.shape == shape
    assert sets.images.dtype == np.uint8
    assert sets.counts.tolist() == [7, 3]
    numbers = np.asarray(sets.images[..., 0, 0, 0])
    for task, expected in enumerate((range(7), range(7, 10))):
        rows = slice(task * shape[0] // 2, (task + 1) * shape[0] // 2)
        real = np.asarray(sets.labels[rows]) >= 0
        assert numbers[rows][real].tolist() == list(expected)
        assert np.asarray(sets.labels[rows])[real].tolist() == LABELS[list(expected)].tolist()


@pytest.mark.parametrize("size", [1000, 4, 3])
@pytest.mark.parametrize("seen", [1, 2])
@pytest.mark.parametrize("every_task", [False, True])
def test_accuracies_are_the_share_of_right_answers_of_the_tasks_seen(
    stream, size, seen, every_task
):
    answers = np.array([0, 0, 0, 1, 1, 1, 1, 3, 3, 2])  # right on 4 of 7 and 2 of 3

    def predict(pixels):
        return jnp.eye(4)[jnp.asarray(answers)[pixels[:, 0, 0, 0]]]

    sets = evaluation.chunked(stream, size)
    found = evaluation.accuracies(predict, sets, jnp.int32(seen), every_task=every_task)
    expected = [4 / 7, 2 / 3 if seen == 2 else np.nan]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_output_that_is_not_finite_is_wrong(stream):
    def predict(pixels):
        logits = jnp.eye(4)[jnp.asarray(LABELS)[pixels[:, 0, 0, 0]]]
        return logits.at[:, 3].set(jnp.where(pixels[:, 0, 0, 0] == 8, jnp.inf, 0))

    found = evaluation.accuracies(predict, evaluation.chunked(stream), jnp.int32(2))
    np.testing.assert_allclose(found, [1, 2 / 3], rtol=1e-6)
