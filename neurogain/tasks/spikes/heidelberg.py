"""Spoken words in spikes: the sets SHD and SSC, from the user's files.

Source: Cramer et al., IEEE Trans Neural Netw Learn Syst 33:2744 (2022), 10.1109/TNNLS.2020.3044364.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from neurogain.tasks.spikes.events import WHERE, EventFile
from neurogain.tasks.spikes.labelled import Labelled, chosen

CLASSES = {"shd": 20, "ssc": 35}
UNITS, STEPS, BIN = 700, 100, 10.0  # channels; bins of so many ms, each a step of the network


@contextlib.contextmanager
def files(name: str, data_dir: Path | None) -> Iterator[tuple[EventFile, EventFile]]:
    """Open the training and the test file of a set.

    Raises:
      ValueError: if there is no folder, or a file has another layout or other labels.
      FileNotFoundError: if a file is missing; the message says where to get it.
      MissingExtraError: if h5py is not installed.
    """
    if data_dir is None:
        raise ValueError(
            f"`data_dir` must be the folder of {name}_train.h5 and {name}_test.h5; got None. "
            f"{WHERE}"
        )
    paths = [Path(data_dir) / f"{name}_{part}.h5" for part in ("train", "test")]
    with EventFile(paths[0], units=UNITS) as train, EventFile(paths[1], units=UNITS) as test:
        for one in (train, test):
            if one.classes > CLASSES[name]:
                raise ValueError(
                    f"labels of {one.path} must be below {CLASSES[name]}, as those of {name}; got "
                    f"{one.classes - 1}."
                )
        yield train, test


def sizes(name: str, data_dir: Path | None) -> tuple[int, int]:
    """Return the numbers of training and of test examples in the files; errors as in `files`."""
    with files(name, data_dir) as (train, test):
        return len(train), len(test)


def draw(
    name: str, key: Key[Array, ""], train: int, test: int, data_dir: Path | None
) -> tuple[Labelled, Labelled]:
    """Return training and test examples, drawn without replacement from the two files.

    Spikes are counted in 100 bins of 10 ms, each of which is a step: where a step of the network is
    1 ms, speech is ten times as fast. All examples are read at once, 70 kB each in uint8.

    Args:
      name: shd or ssc.
      key: a jax.random.key.
      train: number of training examples.
      test: number of test examples.
      data_dir: folder of the files.

    Raises:
      ValueError: if a file has fewer examples, or as in `files` and `EventFile.batch`.
      FileNotFoundError: if a file is missing.
    """
    found = []
    with files(name, data_dir) as both:
        for number, (file, n) in enumerate(zip(both, (train, test), strict=True)):
            own, what = jax.random.fold_in(key, number), ("train", "test")[number]
            index = chosen(own, len(file), n, what=what, of=str(file.path))
            spikes = file.batch(index.tolist(), steps=STEPS, dt=BIN)
            found.append(Labelled(jnp.asarray(spikes), jnp.asarray(file.labels[index])))
    return found[0], found[1]
