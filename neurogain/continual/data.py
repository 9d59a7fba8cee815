"""Image data sets as arrays: the embedded digits, and sets prepared by TensorFlow Datasets.

A folder of image files is read by `neurogain.continual.image_folder`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurogain._extras import extra

TFDS_NAMES = ("mnist", "cifar10", "cifar100", "cifar100_subset")
NAMES = ("digits", *TFDS_NAMES)
SUBSET_OF = {"cifar100_subset": "cifar100"}  # results on these are not comparable with published

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
        TensorFlow Datasets in ArrayRecord files; "cifar100_subset" is a set of that form and with
        the features of cifar100 that holds some of its images.
      data_dir: the TFDS folder; TFDS's own default where it is None. Not used for the digits.

    Raises:
      ValueError: if the name is unknown, images have mixed sizes, or labels are out of range.
      FileNotFoundError: if the folder does not hold the set in that form; the message says how to
        prepare it.

    Example:
      >>> load("digits").train.images.shape
      (1297, 8, 8, 1)
    """
    if name == "digits":
        return _digits()
    if name not in TFDS_NAMES:
        raise ValueError(f"`name` must be one of {', '.join(NAMES)}; got {name!r}.")
    return load_tfds(name, data_dir)


def load_tfds(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load any set with images and labels that TensorFlow Datasets prepared in ArrayRecord files.

    Args and errors as for `load`; of whatever name, such as "fashion_mnist".
    """
    train, classes = _tfds_split(name, "train", data_dir)
    dataset = Dataset(name, classes, train, _tfds_split(name, "test", data_dir)[0])
    check(dataset)
    return dataset


def subset_note(name: str) -> str:
    """Return what stands beside results on a set that is a part of another; "" for the others."""
    if name not in SUBSET_OF:
        return ""
    whole = SUBSET_OF[name]
    return f"{name} is a part of {whole}: not to be compared with published figures on {whole}."


def check(dataset: Dataset) -> None:
    """Check that the arrays of a set fit together.

    Raises:
      TypeError: if images are not uint8, or labels are not integers.
      ValueError: if images have another shape than (n, height, width, channels), or another one in
        training than in test, there is not one label an image, or a label is outside [0, classes).
    """
    for part, examples in (("training", dataset.train), ("test", dataset.test)):
        images, named = examples.images, f"the {part} images of {dataset.name}"
        if images.dtype != np.uint8:
            raise TypeError(f"{named} must be uint8, 0 to 255; got {images.dtype}.")
        if images.ndim != 4 or images.shape[1:] != dataset.train.images.shape[1:]:
            raise ValueError(
                f"{named} must have the shape (n, height, width, channels), the last three as in "
                f"training, {dataset.train.images.shape[1:]}; got {images.shape}."
            )
        limits = {"labels": dataset.classes, "superclasses": np.inf}
        for field, limit in limits.items():
            values = getattr(examples, field)
            if values is None:
                continue
            if not np.issubdtype(values.dtype, np.integer):
                raise TypeError(f"the {field} of {named} must be integers; got {values.dtype}.")
            if values.shape != (len(images),):
                raise ValueError(
                    f"the {field} of {named} must be one an image, ({len(images)},); got "
                    f"{values.shape}."
                )
            wrong = np.flatnonzero((values < 0) | (values >= limit))
            if len(wrong):
                raise ValueError(
                    f"the {field} of {named} must be in [0, {limit}); got {values[wrong[0]]} at "
                    f"image {wrong[0]}. Number the classes from 0 on."
                )


def _digits() -> Dataset:
    with extra("continual"):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)  # 0 to 16
    images = np.round(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    parts = train_test_split(
        images, labels.astype(np.int32), test_size=DIGITS_TEST, stratify=labels, random_state=0
    )
    return Dataset("digits", 10, Examples(parts[0], parts[2]), Examples(parts[1], parts[3]))


def _tfds_split(name: str, split: str, data_dir: str | Path | None) -> tuple[Examples, int]:
    """Return the examples of one part, and the number of classes that the set declares."""
    with extra("tfds"):
        import tensorflow_datasets as tfds

    try:
        source = tfds.data_source(name, split=split, data_dir=data_dir, download=False)
    except Exception as error:
        raise FileNotFoundError(_how_to_prepare(name, data_dir, error)) from error
    rows = source.__getitems__(range(len(source)))  # one batched read

    def column(key: str) -> np.ndarray:
        return np.array([row[key] for row in rows], np.int32)

    shapes = {row["image"].shape for row in rows}
    if len(shapes) != 1:
        raise ValueError(
            f"all images must have one size; those of {name!r}, {split}, have {sorted(shapes)}."
        )
    coarse = column("coarse_label") if "coarse_label" in rows[0] else None
    examples = Examples(np.stack([row["image"] for row in rows]), column("label"), coarse)
    return examples, source.dataset_info.features["label"].num_classes


def _how_to_prepare(name: str, data_dir: str | Path | None, error: Exception) -> str:
    with extra("tfds"):
        import tensorflow_datasets as tfds

    folder = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    if name in SUBSET_OF:
        return (
            f"`data_dir` must hold {name!r} in ArrayRecord files, {folder / name}/<version>/; "
            f"nothing that can be read is there ({type(error).__name__}). TensorFlow Datasets does "
            f"not prepare this set: write it with the features of {SUBSET_OF[name]!r}, or load "
            f"{SUBSET_OF[name]!r} itself."
        )
    return (
        f"`data_dir` must hold {name!r} as TensorFlow Datasets prepares it in ArrayRecord files, "
        f"{folder / name}/<version>/; nothing that can be read is there "
        f"({type(error).__name__}). If the set lies elsewhere, pass that folder's parent. To "
        "prepare it (once, with TensorFlow; downloads the set):\n"
        "    pip install 'neurogain[tfds,prepare]'\n"
        f'    python -c "import tensorflow_datasets as tfds; tfds.builder({name!r}, '
        f"data_dir={str(folder)!r}, file_format='array_record').download_and_prepare()\""
    )
