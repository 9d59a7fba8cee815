"""Accuracy on the evaluation sets of the tasks seen so far, in chunks of bounded size."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from neurogain.continual.streams import Stream

CHUNK = 1000  # examples of one forward pass, at most


class EvaluationSets(NamedTuple):
    """The evaluation sets of K tasks in C chunks each, on the device."""

    images: Num[Array, "KC size ..."]
    labels: Int[Array, "KC size"]  # -1 where padded
    counts: Int[Array, " K"]  # images of each task


def chunked(stream: Stream, size: int = CHUNK) -> EvaluationSets:
    """Divide the sets into as few equal chunks as `size` allows."""
    tasks, most = stream.test_labels.shape
    chunks = -(-most // size)
    size = -(-most // chunks)
    pad = ((0, 0), (0, chunks * size - most))
    pixels = stream.test_images.shape[2:]
    images = np.pad(stream.test_images, pad + ((0, 0),) * len(pixels))
    labels = np.pad(stream.test_labels, pad, constant_values=-1)
    return EvaluationSets(
        images=jnp.asarray(images.reshape(tasks * chunks, size, *pixels)),
        labels=jnp.asarray(labels.reshape(tasks * chunks, size)),
        counts=jnp.asarray(stream.test_counts, jnp.int32),
    )


def accuracies(
    predict: Callable[[Array], Array],
    sets: EvaluationSets,
    seen: Int[Array, ""],
    *,
    every_task: bool = False,
) -> Float[Array, " K"]:
    """Return the accuracy on each of the first `seen` tasks, NaN for the others.

    A non-finite output is wrong, so a run that diverged reads 0.

    Args:
      predict: examples -> logits, (size, classes).
      sets: see above.
      seen: number of tasks, traced: what is not seen costs nothing.
      every_task: predict also what is not seen. The number of rounds is then known beforehand, and
        an accelerator does not wait for the host in each of them.
    """
    tasks = len(sets.counts)
    chunks = len(sets.labels) // tasks

    def one(i: Array, right: Array) -> Array:
        logits = predict(sets.images[i])
        correct = jnp.argmax(logits, axis=-1) == sets.labels[i]
        correct &= jnp.all(jnp.isfinite(logits), axis=-1)
        return right.at[i // chunks].add(jnp.sum(correct, dtype=right.dtype))

    rounds = tasks * chunks if every_task else seen * chunks
    right = jax.lax.fori_loop(0, rounds, one, jnp.zeros(tasks, jnp.int32))
    return jnp.where(jnp.arange(tasks) < seen, right / sets.counts, jnp.nan)
