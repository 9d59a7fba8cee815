"""Data sets as arrays: the embedded digits, and sets prepared by TensorFlow Datasets.

A folder of image files is read by `neurogain.continual.image_folder`. Examples may have any shape
and be of any numbers: uint8 are images, which the trainer scales to [0, 1]; all other dtypes reach
the model as they are (features, tokens), but for float64, which becomes float32, and 64-bit
integers, which become int32.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from neurogain import _checks
from neurogain._extras import extra
from neurogain.continual.images import check_images

TFDS_NAMES = ("mnist", "cifar10", "cifar100", "cifar100_subset")
NAMES = ("digits", *TFDS_NAMES)
SUBSET_OF = {"cifar100_subset": "cifar100"}  # results on these are not comparable with published

Names: TypeAlias = Sequence[str] | np.ndarray  # texts

DIGITS_TEST = 500  # images of the embedded set that are held out


class Examples(NamedTuple):
    """Labelled images, or other inputs of a model."""

    images: np.ndarray  # uint8, (n, height, width, channels); or (n, ...) of other numbers
    labels: np.ndarray  # int32, (n,)
    superclasses: np.ndarray | None = None  # int32, (n,), where the set has them


class Dataset(NamedTuple):
    """A data set with its own division into training and test examples."""

    name: str
    classes: int
    train: Examples
    test: Examples
    class_names: tuple[str, ...] | None = None  # of class 0, 1, ...; None: their numbers


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

    Args and errors as for `load`; of whatever name, such as "fashion_mnist". Images of 16 bits are
    refused.
    """
    train, names = _tfds_split(name, "train", data_dir)
    check_images(train.images, f"the set {name!r}")
    dataset = Dataset(name, len(names), train, _tfds_split(name, "test", data_dir)[0], names)
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
      TypeError: if examples are no real numbers, or labels are not integers.
      ValueError: if examples are not finite, or have another shape or dtype in training than in
        test; there is not one label an example, or a label is outside [0, classes); class names
        are not one a class, or two are the same.
    """
    check_names("class_names", dataset.class_names, dataset.classes, "class")
    form = None
    for part, examples in (("training", dataset.train), ("test", dataset.test)):
        named = f"the {part} images of {dataset.name}"
        images = as_inputs(examples.images, named)
        form = images[:0] if form is None else form
        check_same_form(images, form, named)
        limits = {"labels": dataset.classes, "superclasses": np.inf}
        for field, limit in limits.items():
            values = getattr(examples, field)
            if values is not None:
                check_labels(values, len(images), limit, f"the {field} of {named}")


def as_inputs(values: ArrayLike, named: str) -> np.ndarray:
    """Return examples, (n, ...), as float32 and int32 where they are of 64 bits, else unchanged.

    `named` says what they are, for errors.

    Raises:
      TypeError: if they are no real numbers.
      ValueError: if there is no axis of examples, or a number is not finite or beyond int32.

    Example:
      >>> as_inputs([[0.5, 1.0]], "the examples").dtype, as_inputs([[7, 9]], "the tokens").dtype
      (dtype('float32'), dtype('int32'))
    """
    array = _checks.as_array(named, values)
    real = jnp.issubdtype(array.dtype, jnp.floating)
    if not real and array.dtype.kind not in "iu":  # durations are no integers
        raise TypeError(
            f"{named} must be real numbers: images as uint8, features as floats, tokens as "
            f"integers; got {array.dtype}. Convert them with astype."
        )
    if array.ndim == 0:
        raise ValueError(f"{named} must have the shape (n, ...); got a single number.")
    inputs = array
    if array.dtype.itemsize > 4:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused
            inputs = array.astype(np.float32 if real else np.int32)
    elif not real:
        return array
    wrong = ~np.isfinite(inputs) if real else inputs != array
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        rule = "finite numbers of float32" if real else "integers of 32 bits"
        raise ValueError(
            f"{named} must be {rule}; got {array[place]} at index {place}. Replace such values, or "
            "leave the examples out."
        )
    return inputs


def check_same_form(images: np.ndarray, first: np.ndarray, named: str) -> None:
    """Raise ValueError unless examples, (n, ...), have the shape and dtype of the first ones."""
    if images.shape[1:] != first.shape[1:] or images.dtype != first.dtype:
        shape = ", ".join(("n", *map(str, first.shape[1:])))
        raise ValueError(
            f"{named} must have the shape ({shape}) and the dtype {first.dtype}, as the first "
            f"training images; got {images.shape} and {images.dtype}."
        )


def check_labels(values: np.ndarray, count: int, limit: float, named: str) -> None:
    """Raise an error unless there is one label an example, an integer in [0, limit)."""
    if values.dtype.kind not in "iu":
        raise TypeError(f"{named} must be integers; got {values.dtype}. Number the classes.")
    if values.shape != (count,):
        raise ValueError(f"{named} must be one an example, ({count},); got {values.shape}.")
    if len(values) and values.max() > np.iinfo(np.int32).max:
        raise ValueError(
            f"{named} must be integers of 32 bits; got {values.max()}. Number the classes from 0 "
            "on."
        )
    wrong = np.flatnonzero((values < 0) | (values >= limit))
    if len(wrong):
        raise ValueError(
            f"{named} must be in [0, {limit}); got {values[wrong[0]]} at example {wrong[0]}. "
            "Number the classes from 0 on."
        )


def check_names(argument: str, names: Names | None, count: int | None, each: str) -> None:
    """Raise an error unless there are distinct names, one for each if it is known how many.

    None passes.
    """
    if names is None:
        return
    several = isinstance(names, Sequence | np.ndarray) and not isinstance(names, str)
    if not several or np.ndim(names) != 1 or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"`{argument}` must be a list of texts, one a {each}; got {names!r:.200}. Pass "
            f"[str(x) for x in {argument}], or leave it out."
        )
    count = len(names) if count is None else count
    if len(names) != count or len(set(names)) != count:
        raise ValueError(
            f"`{argument}` must be {count} different texts, one a {each}; got {len(names)}, "
            f"{len(set(names))} of them different."
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


def _tfds_split(
    name: str, split: str, data_dir: str | Path | None
) -> tuple[Examples, tuple[str, ...]]:
    """Return the examples of one part, and the names of the classes: numbers where it has none."""
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
    return examples, tuple(source.dataset_info.features["label"].names)


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
