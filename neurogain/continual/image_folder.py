"""Image files in folders as a data set: folder/train/CLASS/*.png and folder/test/CLASS/*.png."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neurogain._extras import extra
from neurogain.continual.data import Dataset, Examples, check

with extra("continual"):
    from PIL import Image

DEEP_MODES = ("I", "F")  # more than 8 bits a channel, which "RGB" would cut off


def load(folder: str | Path) -> Dataset:
    """Load a folder of images whole, in RGB.

    The classes are the folders in `train`, numbered in the order of their names. Any format that
    Pillow reads, with at most 8 bits a channel; grey values fill all three channels, transparency
    is dropped, files whose names start with a dot are left out.

    Args:
      folder: holds `train` and `test`, each with one folder a class, each with images of one size.

    Raises:
      FileNotFoundError: if `folder`, `train` or `test` is not there.
      ValueError: if there is no class, a class has no images or is in only one of the two, a file
        is no image, or images have mixed sizes.
    """
    folder = Path(folder).expanduser()
    parts = {part: _classes(folder, part) for part in ("train", "test")}
    for part, other in (("train", "test"), ("test", "train")):
        missing = sorted(parts[other].keys() - parts[part].keys())
        if missing:
            raise ValueError(
                f"every class must be in train and in test; {folder / part} lacks "
                f"{', '.join(missing)}. Add the images, or remove {folder / other / missing[0]}."
            )
    train, test = (_examples(parts[part]) for part in ("train", "test"))
    dataset = Dataset(folder.name, len(parts["train"]), train, test)
    check(dataset)
    return dataset


def _examples(classes: Mapping[str, list[Path]]) -> Examples:
    """Read the images of all classes, in the order given."""
    paths = [path for files in classes.values() for path in files]
    first = _read(paths[0])
    images = np.empty((len(paths), *first.shape), np.uint8)
    for i, path in enumerate(paths):
        image = _read(path)
        if image.shape != first.shape:
            size, expected = (f"{x.shape[1]} x {x.shape[0]}" for x in (image, first))
            raise ValueError(
                f"all images must have one size; {path} has {size} pixels, {paths[0]} has "
                f"{expected}. Resize them first."
            )
        images[i] = image
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), list(map(len, classes.values())))
    return Examples(images, labels)


def _classes(folder: Path, part: str) -> dict[str, list[Path]]:
    """Return the image files of each class in `train` or `test`, both in the order of names."""
    root = folder / part
    if not root.is_dir():
        raise FileNotFoundError(
            f"`image_folder` must hold train/CLASS/*.png and test/CLASS/*.png; there is no folder "
            f"{root}."
        )
    classes = {
        path.name: [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
        for path in sorted(root.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    }
    if len(classes) < 2:
        raise ValueError(
            f"`image_folder` must have at least 2 classes, one folder each; {root} has "
            f"{', '.join(classes) or 'none'}."
        )
    for name, files in classes.items():
        if not files:
            raise ValueError(
                f"every class must have images; {root / name} is empty. Remove it in train and "
                "test, or add some."
            )
    return classes


def _read(path: Path) -> np.ndarray:
    """Return one image as uint8, (height, width, 3)."""
    try:
        with Image.open(path) as image:
            mode, pixels = image.mode, np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:  # SyntaxError: a broken PNG
        raise ValueError(
            f"`image_folder` must hold images alone; {path} can't be read as one "
            f"({type(error).__name__}). Remove it."
        ) from error
    if mode.split(";")[0] in DEEP_MODES:
        raise ValueError(
            f"images must have at most 8 bits a channel; {path} has Pillow's mode {mode}. "
            "Convert it first."
        )
    return pixels
