"""Image files in folders as a data set: folder/train/CLASS/*.png and folder/test/CLASS/*.png."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neurogain._checks import said
from neurogain._extras import extra
from neurogain.continual.data import Dataset, Examples, check

with extra("continual"):
    from PIL import Image, ImageFile, ImageOps

DEEP_MODES = ("I", "F")  # more than 8 bits a channel, which "RGB" would cut off
DEEP_STORAGE = re.compile(r";16[BLN]")  # of PNG and TIFF, as Pillow writes it in a raw mode
J2K_SIZE = re.compile(rb"\xff\x4f\xff\x51.{38}(.)", re.DOTALL)  # bits of a JPEG 2000 channel - 1


def load(folder: str | Path) -> Dataset:
    """Load a folder of images whole, in RGB.

    The classes are the folders in `train`, numbered in the natural order of their names (1, 2, 10),
    which are the data set's `class_names`. Any format that Pillow reads, with one image a file and
    at most 8 bits a channel. An image is turned as its EXIF orientation says; grey values fill all
    three channels, palettes and CMYK are converted, transparency is dropped. Of a camera's
    multi-picture JPEG (MPO) the first picture counts. Files whose names start with a dot are left
    out.

    Args:
      folder: holds `train` and `test`, each with one folder a class, each with images of one size.

    Raises:
      FileNotFoundError: if `folder`, `train` or `test` is not there.
      ValueError: if there is no class, a class has no images or is in only one of the two, a file
        is no image, has several frames, more than 8 bits a channel or more pixels than Pillow
        allows, or images have mixed sizes. All name the file.
    """
    folder = Path(folder).expanduser()
    parts = {part: _classes(folder, part) for part in ("train", "test")}
    for part, other in (("train", "test"), ("test", "train")):
        missing = [name for name in parts[other] if name not in parts[part]]
        if missing:
            raise ValueError(
                f"every class must be in train and in test; {folder / part} lacks "
                f"{', '.join(missing)}. Add the images, or remove {folder / other / missing[0]}."
            )
    train, test = (_examples(parts[part]) for part in ("train", "test"))
    names = tuple(parts["train"])
    dataset = Dataset(folder.name or folder.resolve().name, len(names), train, test, names)
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
    """Return the image files of each class in `train` or `test`: classes in natural order."""
    root = folder / part
    if not root.is_dir():
        raise FileNotFoundError(
            f"`image_folder` must hold train/CLASS/*.png and test/CLASS/*.png; there is no folder "
            f"{root}."
        )
    folders = [path for path in root.iterdir() if not path.name.startswith(".")]
    broken = [path for path in folders if not path.exists()]
    if broken:
        raise ValueError(
            f"`image_folder` must hold folders of images; {broken[0]} is a link to nothing. "
            "Remove it."
        )
    classes = {
        path.name: [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
        for path in sorted(folders, key=_natural)
        if path.is_dir()
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


def _natural(path: Path) -> tuple[list[str | int], str]:
    """Return what sorts names as people do: 1, 2, 10."""
    pieces = re.split(r"([0-9]+)", path.name)  # text and digits in turn
    return [int(x) if i % 2 else x for i, x in enumerate(pieces)], path.name


def _read(path: Path) -> np.ndarray:
    """Return one image as uint8, (height, width, 3)."""
    if not path.is_file():  # opening a pipe would wait for ever
        raise ValueError(
            f"`image_folder` must hold images alone; {path} is no regular file. Remove it."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                reason = _why_refused(image, path)
                if not reason:
                    return _pixels(image)
    except Exception as error:  # Pillow raises any kind for what is broken
        raise ValueError(
            f"`image_folder` must hold images alone; {path} can't be read as one ({said(error)}). "
            "Remove it."
        ) from error
    raise ValueError(f"images must have {reason}. Convert it first.")


def _why_refused(image: ImageFile.ImageFile, path: Path) -> str:
    """Return which rule an opened image breaks and what it has; "" for none."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        return f"one frame; {path} has {frames}"
    if image.mode.split(";")[0] in DEEP_MODES:
        return f"at most 8 bits a channel; {path} has Pillow's mode {image.mode}"
    stored = [str(tile[3]) for tile in image.tile]
    bits = 16 if any(map(DEEP_STORAGE.search, stored)) else 8
    if any(tile[0] == "SGI16" for tile in image.tile):
        bits = 16
    if image.format == "PPM":
        highest = [x for tile in image.tile if isinstance(tile[3], tuple) for x in tile[3][1:]]
        bits = max([bits, *(int(x).bit_length() for x in highest)])
    if image.format == "JPEG2000" and (found := J2K_SIZE.search(path.read_bytes())):
        bits = (found[1][0] & 0x7F) + 1  # the highest bit is the sign's
    return f"at most 8 bits a channel; {path} has {bits}" if bits > 8 else ""


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels of an image, upright, as uint8, (height, width, 3)."""
    upright = ImageOps.exif_transpose(image)
    if "transparency" in upright.info:  # its colours stay, whatever is behind them
        upright = upright.convert("RGBA")
    return np.asarray(upright.convert("RGB"))
