"""Tasks by name: what a network of spiking cells may be asked to learn."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from neurogain.tasks.spikes.randman import randman
from neurogain.tasks.spikes.xor import TimedTargets, delayed_xor, multi_timescale_xor
from neurogain.tasks.spikes.yin_yang import yin_yang


class Labelled(NamedTuple):
    """Examples with one label each."""

    spikes: Float[Array, "n steps channels"]
    labels: Int[Array, " n"]


Examples = Labelled | TimedTargets


@dataclasses.dataclass(frozen=True)
class SpikeTask:
    """A task: its sizes, and its examples from a key.

    Attributes:
      name: by which it is found.
      summary: what it is, in a few words.
      channels: of the input.
      classes: number of them.
      steps: of an example, 1 ms each.
      make: from a key and a number to so many examples, `Labelled`, or `TimedTargets` where some
        steps have a target.
      timed: whether it makes `TimedTargets`.

    Example:
      >>> TASKS["yin-yang"].make(jax.random.key(0), 3).spikes.shape
      (3, 50, 4)
    """

    name: str
    summary: str
    channels: int
    classes: int
    steps: int
    make: Callable[[Key[Array, ""], int], Examples]
    timed: bool = False


def _randman(dims: int) -> Callable[[Array, int], Examples]:
    def make(key: Array, n: int) -> Examples:
        found = randman(key, samples=-(-n // 10), dims=dims)
        return Labelled(found.spikes(100)[:n], found.labels[:n])

    return make


def _yin_yang(key: Array, n: int) -> Examples:
    points = yin_yang(key, n)
    return Labelled(points.spikes(50), points.labels)


def _delayed(delay: int) -> SpikeTask:
    return SpikeTask(
        f"delayed-xor-{delay}", f"exclusive or of two cues, {delay} ms apart", 20, 2, delay + 20,
        lambda key, n: delayed_xor(key, n, delay=delay), timed=True,
    )  # fmt: skip


_ALL = (
    SpikeTask("randman", "curves in the space of spike times", 20, 10, 100, _randman(1)),
    SpikeTask("randman-2d", "surfaces in the space of spike times", 20, 10, 100, _randman(2)),
    SpikeTask("yin-yang", "parts of the symbol, by spike times", 4, 3, 50, _yin_yang),
    *(_delayed(delay) for delay in (50, 100, 180, 250, 500)),
    SpikeTask(
        "multi-timescale-xor", "exclusive or of one early cue and six later ones", 40, 2, 100,
        multi_timescale_xor, timed=True,
    ),
)  # fmt: skip
TASKS = {task.name: task for task in _ALL}


def split(task: SpikeTask, key: Key[Array, ""], train: int, test: int) -> tuple[Examples, Examples]:
    """Return training and test examples of one draw of a task.

    Example:
      >>> first, second = split(TASKS["randman"], jax.random.key(0), 30, 20)
      >>> len(first.labels), len(second.labels)
      (30, 20)
    """
    whole = task.make(key, train + test)
    return (
        jax.tree.map(lambda x: jnp.asarray(x[:train]), whole),
        jax.tree.map(lambda x: jnp.asarray(x[train:]), whole),
    )
