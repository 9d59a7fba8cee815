"""The gain as a read-out of a task's complexity: with more classes, and with more domains.

One network with ten outputs is trained by NGM-SGD on 2, 4, ..., 10 classes of digits, or on all
ten classes at 1 to 5 rotations, in two ways: one after the other, in joint training on all that
came so far; and each from scratch, with equal numbers of updates. The drive is the entropy in nats
or the entropy over ln C, with C the number of classes that are trained.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from neurogain.continual import builders, data, methods, streams
from neurogain.continual.runs import Runs
from neurogain.experiments.landscape.config import CLASSES, LandscapeConfig
from neurogain.experiments.landscape.training import make_trainer

LEVELS = {"classes": (2, 4, 6, 8, 10), "domains": (1, 2, 3, 4, 5)}
COMPLEXITIES = tuple(LEVELS)
IN_TURN, FROM_SCRATCH = WAYS = ("one after the other", "from scratch")
DRIVES = ("entropy", "entropy over ln C")


class Complexity(NamedTuple):
    """The gain and its drive at every level."""

    gain: Float[np.ndarray, "seed drive way level update"]  # after it
    entropy: Float[np.ndarray, "seed drive way level update"]  # nats, batch mean


def load_stream(config: LandscapeConfig, kind: str) -> streams.Stream:
    """Return the stream whose first k tasks are level k."""
    digits = data.load("digits")
    if kind == "classes":
        return streams.split(digits, tasks=len(LEVELS[kind]))
    return streams.rotated(digits, angles=[config.rotation * k for k in range(len(LEVELS[kind]))])


def run_complexity(
    config: LandscapeConfig,
    kind: str,
    *,
    seeds: Sequence[int] | None = None,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Complexity:
    """Train with the gain on every level of one kind, "classes" or "domains".

    `show` is called with the number of stretches of training done and their total.
    """
    chosen = tuple(config.seed_range if seeds is None else seeds)
    stream, ngm = load_stream(config, kind), methods.parse("ngm")
    method = dataclasses.replace(ngm, build=builders.scaled_drive(ngm.build))
    trainer = make_trainer(config, stream, method)
    levels = len(LEVELS[kind])
    classes = np.array(LEVELS[kind] if kind == "classes" else (CLASSES,) * levels)
    divisors = np.stack([np.ones(levels), np.log(classes)]).astype(np.float32)
    scales = 1 / divisors  # of the entropy, for each drive at each level

    def start(scales: np.ndarray) -> Runs:
        constants = [{**ngm.constants, "scale": float(x)} for x in scales for _ in chosen]
        return trainer.start(constants, chosen * len(scales))

    runs, in_turn = start(scales[:, 0]), []
    for level in range(levels):
        scale = jnp.asarray(scales[:, level].repeat(len(chosen)))
        runs = runs._replace(constants=runs.constants | {"scale": scale})
        runs, curves, _ = trainer.learn(runs, level)
        in_turn.append(curves)
        show(level + 1, 2 * levels)
    own = np.tile(np.arange(levels), len(DRIVES)).repeat(len(chosen))
    _, scratch, _ = trainer.learn(start(scales.ravel()), own.tolist(), first=0)
    show(2 * levels, 2 * levels)

    def together(field: str) -> np.ndarray:
        turns = np.stack([getattr(curves, field) for curves in in_turn], axis=1)
        turns = turns.reshape(len(DRIVES), len(chosen), levels, -1).swapaxes(1, 2)
        fresh = np.reshape(getattr(scratch, field), turns.shape)
        # (ways, drives, levels, seeds, updates) -> (seeds, drives, ways, levels, updates)
        return np.stack([turns, fresh]).transpose(3, 1, 0, 2, 4)

    return Complexity(together("gain"), together("uncertainty"))
