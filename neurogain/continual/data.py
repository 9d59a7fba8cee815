"""Image data sets as arrays: the embedded digits, and sets prepared by TensorFlow Datasets."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

TFDS_NAMES = ("mnist", "cifar10", "cifar100")
NAMES = ("digits", *TFDS_NAMES)

DIGITS_TEST = 500  # images of the embedded set that are held out


class Examples(NamedTuple):
    """Labelled images."""

    images: np.ndarray  # uint8, (n, height, width, channels)
    labels: np.ndarray  # int32, (n,)
    superclasses: np.ndarray | None = None  # int32, (n,), where the set has them


class Dataset(NamedTuple):
    """A data set with its own division into training and test examples."""

    name: str
    classes: int
    train: Examples
    test: Examples


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a data set whole.

    Args:
      name: "digits" (scikit-learn's 8 x 8 digits, always there; a fixed, stratified 1,297 training
        and 500 test images), or "mnist", "cifar10", "cifar100" as prepared by
        TensorFlow Datasets in ArrayRecord files.
      data_dir: the TFDS folder; TFDS's own default where it is None. Not used for the digits.

    Raises:
      ValueError: an unknown name.
      FileNotFoundError: the folder does not hold the set in that form; the message says how to
        prepare it.
    """
    if name == "digits":
        return _digits()
    if name not in TFDS_NAMES:
        raise ValueError(f"`name` must be one of {', '.join(NAMES)}; got {name!r}.")
    train, test = (_tfds_split(name, split, data_dir) for split in ("train", "test"))
    return Dataset(name, int(train.labels.max()) + 1, train, test)


def _digits() -> Dataset:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)  # 0 to 16
    images = np.round(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    parts = train_test_split(
        images, labels.astype(np.int32), test_size=DIGITS_TEST, stratify=labels, random_state=0
    )
    return Dataset("digits", 10, Examples(parts[0], parts[2]), Examples(parts[1], parts[3]))


def _tfds_split(name: str, split: str, data_dir: str | Path | None) -> Examples:
    import tensorflow_datasets as tfds

    try:
        source = tfds.data_source(name, split=split, data_dir=data_dir, download=False)
    except Exception as error:
        raise FileNotFoundError(_how_to_prepare(name, data_dir, error)) from error
    rows = source.__getitems__(range(len(source)))  # one batched read

    def column(key: str) -> np.ndarray:
        return np.array([row[key] for row in rows], np.int32)

    coarse = column("coarse_label") if "coarse_label" in rows[0] else None
    return Examples(np.stack([row["image"] for row in rows]), column("label"), coarse)


def _how_to_prepare(name: str, data_dir: str | Path | None, error: Exception) -> str:
    import tensorflow_datasets as tfds

    folder = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    return (
        f"`data_dir` must hold {name!r} as TensorFlow Datasets prepares it in ArrayRecord files, "
        f"{folder / name}/<version>/; nothing that can be read is there "
        f"({type(error).__name__}). If the set lies elsewhere, pass that folder's parent. To "
        "prepare it (once, with TensorFlow; downloads the set):\n"
        "    pip install tensorflow-cpu importlib_resources\n"
        f'    python -c "import tensorflow_datasets as tfds; tfds.builder({name!r}, '
        f"data_dir={str(folder)!r}, file_format='array_record').download_and_prepare()\""
    )
