"""Tasks by name: what a network of spiking cells may be asked to learn."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from neurogain.continual import data
from neurogain.tasks.spikes import heidelberg, images
from neurogain.tasks.spikes.labelled import Labelled
from neurogain.tasks.spikes.randman import randman
from neurogain.tasks.spikes.xor import TimedTargets, delayed_xor, multi_timescale_xor
from neurogain.tasks.spikes.yin_yang import yin_yang

Examples = Labelled | TimedTargets


@dataclasses.dataclass(frozen=True)
class SpikeTask:
    """A task: its sizes, and its examples from a key.

    Attributes:
      name: by which it is found.
      summary: what it is, in a few words.
      channels: of the input.
      classes: number of them.
      steps: of an example, 1 ms each for the network.
      draw: from a key, the numbers of training and of test examples, and the folder of data sets
        to both, `Labelled`, or `TimedTargets` where some steps have a target.
      cues: number of stretches of steps that have a target; 0: examples have one label each.
      train: number of training examples unless a run says another.
      test: number of test examples, likewise.
      most: numbers of training and of test examples that there are; None: any number.
      needs_data: whether it reads files of a folder.
      scale: by which that of a layer is multiplied; below 1 where inputs are currents, which last.
      sizes: from that folder to what `most` is, where the files tell; errors where they don't fit.

    Example:
      >>> train, test = TASKS["yin-yang"].draw(jax.random.key(0), 3, 2, None)
      >>> train.spikes.shape, test.labels.shape
      ((3, 50, 4), (2,))
    """

    name: str
    summary: str
    channels: int
    classes: int
    steps: int
    draw: Callable[[Key[Array, ""], int, int, Path | None], tuple[Examples, Examples]]
    cues: int = 0
    train: int = 8000
    test: int = 1000
    most: tuple[int | None, int | None] = (None, None)
    needs_data: bool = False
    scale: float = 1.0
    sizes: Callable[[Path | None], tuple[int, int]] | None = None

    def available(self, data_dir: Path | None) -> tuple[int | None, int | None]:
        """Return the numbers of training and of test examples that there are; errors of `sizes`."""
        return self.most if self.sizes is None else self.sizes(data_dir)

    @property
    def timed(self) -> bool:
        """Whether examples are `TimedTargets`."""
        return self.cues > 0


Make = Callable[[Key[Array, ""], int], Examples]


def divided(make: Make) -> Callable[..., tuple[Examples, Examples]]:
    """Return the `draw` of a task whose training and test examples are parts of one draw."""

    def draw(
        key: Key[Array, ""], train: int, test: int, data_dir: Path | None
    ) -> tuple[Examples, Examples]:
        del data_dir
        whole = jax.tree.map(jnp.asarray, make(key, train + test))
        first, second = (slice(train), slice(train, None))
        return tuple(jax.tree.map(lambda x, own=own: x[own], whole) for own in (first, second))

    return draw


def _randman(dims: int) -> Make:
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
        divided(lambda key, n: delayed_xor(key, n, delay=delay)), cues=1,
    )  # fmt: skip


def _of_images(name: str, side: int, most: tuple[int, int]) -> Iterator[SpikeTask]:
    """Yield a task for each code of a set; by default with at most 2e9 bytes of spikes."""
    blank = jax.ShapeDtypeStruct((1, side, side), jnp.float32)
    of_files = name in data.TFDS_NAMES
    for of, code in images.CODES.items():
        _, steps, channels = jax.eval_shape(code, blank, jax.random.key(0)).shape

        def draw(
            key: Key[Array, ""], train: int, test: int, data_dir: Path | None, code: Any = code
        ) -> tuple[Examples, Examples]:
            return images.draw(name, code, key, train, test, data_dir)

        fits = int(4e8 / (steps * channels) / 500) * 500
        yield SpikeTask(
            f"{name}-{of}", f"{name}, {images.SUMMARIES[of]}", channels, 10, steps, draw,
            train=min(most[0], fits, 10_000), test=min(most[1], 1000), most=most,
            needs_data=of_files, sizes=functools.partial(images.sizes, name) if of_files else None,
            scale=0.1 if of in images.GRADED else 1.0,
        )  # fmt: skip


def _of_words(name: str, what: str) -> SpikeTask:
    return SpikeTask(
        name, f"{what}, ten times as fast: bins of {heidelberg.BIN:g} ms", heidelberg.UNITS,
        heidelberg.CLASSES[name], heidelberg.STEPS, functools.partial(heidelberg.draw, name),
        needs_data=True, sizes=functools.partial(heidelberg.sizes, name),
    )  # fmt: skip


_ALL = (
    SpikeTask("randman", "curves in the space of spike times", 20, 10, 100, divided(_randman(1))),
    SpikeTask(
        "randman-2d", "surfaces in the space of spike times", 20, 10, 100, divided(_randman(2))
    ),
    SpikeTask("yin-yang", "parts of the symbol, by spike times", 4, 3, 50, divided(_yin_yang)),
    *(_delayed(delay) for delay in (50, 100, 180, 250, 500)),
    SpikeTask(
        "multi-timescale-xor", "exclusive or of one early cue and six later ones", 40, 2, 100,
        divided(multi_timescale_xor), cues=6,
    ),
    *_of_images("digits", 8, (1297, 500)),
    *_of_images("mnist", 28, (60_000, 10_000)),
    _of_words("shd", "spoken digits"),
    _of_words("ssc", "spoken commands"),
)  # fmt: skip
TASKS = {task.name: task for task in _ALL}
