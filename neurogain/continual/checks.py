"""Whether model, stream and protocol fit together, before anything is compiled."""

import functools
from collections.abc import Sequence

import jax
import numpy as np

from neurogain._extras import extra
from neurogain.continual import images, models
from neurogain.continual.protocol import Protocol
from neurogain.continual.stream import Stream, check_stream

with extra("continual"):
    import flax.linen as nn


def check_training(
    model: nn.Module, stream: Stream, protocol: Protocol, *, augment: bool, own_draw: bool
) -> None:
    """Check what a model is trained on, and how.

    Raises:
      TypeError, ValueError: if `check_stream` or the protocol's own checks raise it, examples are
        no images where they are augmented or convolved, or one pass is drawn in another way.
    """
    protocol.check()
    check_stream(stream)
    protocol.check_for(stream)
    if protocol.once and own_draw:
        raise ValueError("`draw` must be left out where every example is drawn once.")
    if augment:
        images.check_images(stream.images, "augmentation")
    if isinstance(model, models.ResNet):
        images.check_images(stream.images, "a ResNet")


def check_outputs(model: nn.Module, example: jax.Array, stream: Stream) -> None:
    """Raise a ValueError unless a model has an output for each class of the stream."""
    shape = _outputs(model, example.shape, example.dtype)
    if len(shape) != 2 or shape[0] != 1 or shape[1] < stream.classes:
        raise ValueError(
            f"`model` must return logits, (batch, {stream.classes}), one for each class of "
            f"{stream.name}; a batch of 1 gives {shape}. Change its last layer."
        )


@functools.cache
def _outputs(model: nn.Module, shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, ...]:
    """Return the shape of a model's output; traced once for all optimizers."""
    example = jax.ShapeDtypeStruct(shape, dtype)
    return jax.eval_shape(model.init_with_output, jax.random.key(0), example)[0].shape


def check_runs(constants: Sequence[object], seeds: Sequence[int]) -> None:
    """Raise a ValueError unless there is one of each for every run."""
    if len(constants) != len(seeds) or not seeds:
        raise ValueError(
            "`constants` and `seeds` must have one entry per run, and at least one; got "
            f"{len(constants)} and {len(seeds)}."
        )


def check_tasks(
    tasks: Sequence[int], keep: Sequence[int], runs: int, count: int, protocol: Protocol
) -> None:
    """Raise a ValueError unless each run has one of `count` tasks, with the updates to keep."""
    if len(tasks) != runs:
        raise ValueError(
            f"`task` must be one number, or one for each of the {runs} runs; got {len(tasks)} of "
            "them."
        )
    wrong = [task for task in tasks if not 0 <= task < count]
    if wrong:
        raise ValueError(f"`task` must be in [0, {count}), one of the stream; got {wrong[0]}.")
    places, updates = np.asarray(keep, int), min(map(protocol.updates, tasks))
    if np.any(np.diff(places) <= 0) or np.any((places < 1) | (places > updates)):
        raise ValueError(
            f"`keep` must be updates of the task, 1 to {updates}, ascending; got {keep!r:.200}."
        )
