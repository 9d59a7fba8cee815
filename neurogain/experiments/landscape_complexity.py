"""The gain as a read-out of a task's complexity: with more classes, and with more domains.

One network with ten outputs is trained by NGM-SGD on 2, 4, ..., 10 classes of digits, or on all
ten classes at 1 to 5 rotations, in two ways: one after the other, in joint training on all that
came so far; and each from scratch, with equal numbers of updates. The drive is the entropy in nats
or the entropy over ln C, with C the number of classes that are trained.
"""

from typing import Any, NamedTuple

import numpy as np

from neurogain.continual import data, methods, streams
from neurogain.experiments import landscape_training as training
from neurogain.experiments.landscape import CLASSES, LandscapeConfig

LEVELS = {"classes": (2, 4, 6, 8, 10), "domains": (1, 2, 3, 4, 5)}
IN_TURN, FROM_SCRATCH = WAYS = ("one after the other", "from scratch")
DRIVES = ("entropy", "entropy over ln C")


class Complexity(NamedTuple):
    """Curves of shape (drives, ways, seeds, levels, iterations)."""

    gain: Any  # after each update
    entropy: Any  # nats, batch mean at each update


def load_stream(config: LandscapeConfig, kind: str) -> streams.Stream:
    """Return the stream whose first k tasks are level k."""
    digits = data.load("digits")
    if kind == "classes":
        return streams.split(digits, tasks=len(LEVELS[kind]))
    return streams.rotated(digits, angles=[config.rotation * k for k in range(len(LEVELS[kind]))])


def run_complexity(config: LandscapeConfig, kind: str) -> Complexity:
    """Train with the gain on every level of one kind, "classes" or "domains"."""
    stream, method = load_stream(config, kind), methods.parse("ngm")
    T, levels = config.iterations, len(LEVELS[kind])
    images = stream.starts[1:]
    classes = np.array(LEVELS[kind] if kind == "classes" else (CLASSES,) * levels)
    divisors = (np.ones(levels), np.log(classes))
    plans = {
        IN_TURN: [
            training.plan(np.repeat(images, T), np.array([levels * T]), np.repeat(divisor, T))
            for divisor in divisors
        ],
        FROM_SCRATCH: [
            training.plan(np.full(T, n), np.array([T]), d)
            for divisor in divisors
            for n, d in zip(images, divisor, strict=True)
        ],
    }
    found = []
    for way in WAYS:
        runs = training.train(
            plans[way], config.seed_range, stream, config.model(), method.build, method.constants,
            kept=1, batch_size=config.batch_size,
        )  # fmt: skip
        curves = np.stack([runs.gain, runs.entropy])
        # (2, drives, levels that are plans, seeds, levels that are stretches, T)
        curves = curves.reshape(2, len(DRIVES), -1, config.seeds, curves.shape[-1] // T, T)
        found.append(np.swapaxes(curves, 2, 3).reshape(2, len(DRIVES), config.seeds, levels, T))
    gain, entropy = np.stack(found, axis=2)
    return Complexity(gain, entropy)
