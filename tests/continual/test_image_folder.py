import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from neurogain.continual import image_folder, streams


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Hold two images in training and one in test of the classes ant and bee, 4 x 3 pixels."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 2), ("test", 1)):
        for name in ("bee", "ant"):
            for i in range(count):
                pixels = rng.integers(0, 256, (3, 4, 3))
                save(tmp_path / part / name / f"{i}.png", pixels)
    return tmp_path


def test_images_are_read_in_the_order_of_class_and_file(folder):
    (folder / "train" / "ant" / ".hidden").write_text("")
    loaded = image_folder.load(folder)
    assert (loaded.name, loaded.classes) == (folder.name, 2)
    paths = [folder / "train" / name for name in ("ant/0.png", "ant/1.png", "bee/0.png")]
    expected = [np.asarray(Image.open(path)) for path in paths]
    np.testing.assert_array_equal(loaded.train.images[:3], expected)
    assert loaded.train.images.dtype == np.uint8
    assert loaded.train.labels.tolist() == [0, 0, 1, 1]
    assert loaded.test.labels.tolist() == [0, 1]
    assert loaded.test.images.shape == (2, 3, 4, 3)


def test_grey_palette_and_transparent_images_become_rgb(folder):
    grey = np.arange(12).reshape(3, 4)
    save(folder / "train" / "ant" / "0.png", grey)
    rgba = np.zeros((3, 4, 4), np.uint8)
    rgba[..., 1] = 7
    save(folder / "train" / "ant" / "1.png", rgba)
    images = image_folder.load(folder).train.images
    np.testing.assert_array_equal(images[0], np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(images[1], rgba[..., :3])


@pytest.mark.parametrize("missing", ["train", "test", ""])
def test_missing_folder(folder, missing):
    root = folder / "none" if not missing else folder
    if missing:
        (folder / missing).rename(folder / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"`image_folder` must hold.*there is no folder"):
        image_folder.load(root)


def test_images_of_mixed_sizes(folder):
    save(folder / "test" / "bee" / "1.png", np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match=r"one size; \S+bee/1.png has 4 x 4 pixels, .* 4 x 3\."):
        image_folder.load(folder)


def test_test_images_of_another_size_than_the_training_images(folder):
    for name in ("ant", "bee"):
        save(folder / "test" / name / "0.png", np.zeros((5, 4, 3)))
    with pytest.raises(ValueError, match=r"test images of \S+ must have .*\(n, 3, 4, 3\) .*; got"):
        image_folder.load(folder)


@pytest.mark.parametrize(("part", "other"), [("train", "test"), ("test", "train")])
def test_a_class_that_only_one_part_has(folder, part, other):
    save(folder / other / "cat" / "0.png", np.zeros((3, 4, 3)))
    with pytest.raises(ValueError, match=rf"in train and in test; \S+/{part} lacks cat\. Add"):
        image_folder.load(folder)


def test_an_empty_class(folder):
    for part in ("train", "test"):
        (folder / part / "cat").mkdir()
    with pytest.raises(ValueError, match=r"every class must have images; \S+train/cat is empty"):
        image_folder.load(folder)


def test_a_single_class(folder):
    (folder / "train" / "bee").rename(folder / "bee")
    with pytest.raises(ValueError, match=r"at least 2 classes, .* \S+/train has ant\."):
        image_folder.load(folder)


@pytest.mark.parametrize("content", [b"no image", b"", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image(folder, content):
    (folder / "train" / "bee" / "0.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"images alone; \S+bee/0.png can't be read as one"):
        image_folder.load(folder)


def test_an_image_that_breaks_off(folder):
    path = folder / "train" / "ant" / "0.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"images alone; \S+ant/0.png can't be read as one"):
        image_folder.load(folder)


def png_of_16_bits(pixels):
    """Return a PNG of 16 bits a channel, (height, width, channels), which Pillow can't write."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    sums = ((kind, body, zlib.crc32(kind + body)) for kind, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)
        for kind, body, crc in sums
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_a_channel_are_refused(folder, channels):
    """Pillow would keep the high byte alone: 4095 becomes 15."""
    path = folder / "train" / "ant" / "1.png"
    path.write_bytes(png_of_16_bits(np.full((3, 4, channels), 4095)))
    with pytest.raises(ValueError, match=r"8 bits a channel; \S+ant/1.png has .*16.*Convert it"):
        image_folder.load(folder)


def read(folder, image, name, **options):
    """Return the pixels of an image that is saved among those of ant."""
    (folder / "train" / "ant" / "1.png").unlink(missing_ok=True)
    path = folder / "train" / "ant" / name
    image.save(path, **options)
    try:
        return image_folder.load(folder).train.images[1]
    finally:
        path.unlink()


DEEP = {
    "f.tiff": np.ones((3, 4), np.float32),
    "i.tiff": np.ones((3, 4), np.int32),
    "deep.tiff": np.full((3, 4), 4095, np.uint16),
    "deep.jp2": np.full((3, 4), 4095, np.uint16),
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_eight_bits_in_other_formats_are_refused(folder, name):
    with pytest.raises(ValueError, match=rf"8 bits a channel; \S+ant/{name} has .*Convert it"):
        read(folder, Image.fromarray(DEEP[name]), name)


def sgi_of_16_bits():
    header = struct.pack(">hBBHHHHll", 474, 0, 2, 3, 4, 4, 3, 0, 65535)
    rest = bytes(4) + b"x".ljust(80, b"\0") + struct.pack(">l", 0) + bytes(404)
    return header + rest + struct.pack(">48H", *[4095] * 48)


DEEP_COLOURS = {
    "raw.ppm": b"P6 4 4 65535\n" + struct.pack(">48H", *[4095] * 48),
    "plain.ppm": b"P3 4 4 65535\n" + b" ".join([b"4000"] * 48),
    "ten.ppm": b"P6 4 4 1023\n" + struct.pack(">48H", *[1000] * 48),
    "deep.sgi": sgi_of_16_bits(),
}


@pytest.mark.parametrize("name", DEEP_COLOURS)
def test_more_than_eight_bits_of_portable_colours_are_refused(folder, name):
    (folder / "train" / "ant" / name).write_bytes(DEEP_COLOURS[name])
    with pytest.raises(ValueError, match=rf"8 bits a channel; \S+ant/{name} has .*Convert it"):
        image_folder.load(folder)


def test_fewer_than_eight_bits_of_portable_colours_are_read(folder):
    (folder / "train" / "ant" / "1.png").unlink(missing_ok=True)
    (folder / "train" / "ant" / "1.ppm").write_bytes(b"P6 4 3 15\n" + bytes([5] * 36))
    np.testing.assert_array_equal(image_folder.load(folder).train.images[1], 85)


def test_colours_of_jpeg_2000_have_eight_bits(folder):
    pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    found = read(folder, Image.fromarray(pixels), "1.jp2", irreversible=False)
    np.testing.assert_array_equal(found, pixels)
    path = folder / "train" / "ant" / "1.jp2"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    place = content.index(b"\xff\x4f\xff\x51") + 42
    assert content[place] == 7  # 8 bits, less one
    path.write_bytes(content[:place] + b"\x0b" + content[place + 1 :])
    with pytest.raises(ValueError, match=r"8 bits a channel; \S+ant/1.jp2 has 12\. Convert it"):
        image_folder.load(folder)


GREY = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
CONVERTED = {
    "1": (Image.fromarray(GREY > 100), np.where(GREY > 100, 255, 0)),
    "LA": (Image.fromarray(np.stack([GREY, GREY // 2], axis=-1), "LA"), GREY),
    "CMYK": (Image.merge("CMYK", [Image.fromarray(x) for x in (255 - GREY,) * 3 + (GREY * 0,)]),
             GREY),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
@pytest.mark.parametrize("mode", CONVERTED)
def test_modes_become_rgb(folder, mode):
    image, expected = CONVERTED[mode]
    assert image.mode == mode
    found = read(folder, image, "x.tiff")
    np.testing.assert_array_equal(found, np.stack([expected] * 3, axis=-1))


def test_the_transparency_of_a_palette_is_dropped(folder):
    image = Image.fromarray(GREY // 20, "P")
    image.putpalette([(i * k) % 256 for i in range(12) for k in (1, 3, 7)])
    found = read(folder, image, "1.png", transparency=bytes(range(12)))
    np.testing.assert_array_equal(found, (GREY // 20)[..., None] * np.array([1, 3, 7]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(folder, orientation):
    """The eight orientations of the EXIF standard: where row 0 and column 0 are."""
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for part in ("train", "test"):
        for name in ("ant", "bee"):
            save(folder / part / name / "0.png", pixels)
    (folder / "train" / "bee" / "1.png").unlink()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = {
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1],
        5: pixels.transpose(1, 0, 2), 6: np.rot90(pixels, 1), 7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, -1),
    }[orientation]  # fmt: skip
    image = Image.fromarray(np.ascontiguousarray(stored))
    np.testing.assert_array_equal(read(folder, image, "1.png", exif=exif), pixels)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_several_frames_are_refused(folder, suffix):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    with pytest.raises(ValueError, match=rf"one frame; \S+ant/x.{suffix} has 2\. Convert it"):
        read(folder, frames[0], f"x.{suffix}", save_all=True, append_images=frames[1:])


def test_of_a_picture_with_a_preview_the_picture_counts(folder):
    frames = [Image.fromarray(np.full((3, 4, 3), i, np.uint8)) for i in (200, 0)]
    found = read(folder, frames[0], "x.mpo", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(found, 200, atol=2)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "device"])
def test_what_is_no_regular_file_is_refused(folder, kind):
    path = folder / "train" / "ant" / "x.png"
    {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to("nowhere.png"),
        "device": lambda: path.symlink_to("/dev/zero"),
    }[kind]()
    with pytest.raises(ValueError, match=r"images alone; \S+ant/x.png is no regular file"):
        image_folder.load(folder)


def test_a_class_that_is_a_link_to_nothing(folder):
    for part in ("train", "test"):
        (folder / part / "cat").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"\S+train/cat is a link to nothing"):
        image_folder.load(folder)


@pytest.mark.parametrize("most", [5, 8])  # beyond 12 pixels an error, or a warning, of Pillow
def test_more_pixels_than_pillow_allows(folder, monkeypatch, most):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(ValueError, match=r"\S+ant/0.png can't be read .*\(DecompressionBomb"):
        image_folder.load(folder)


@pytest.mark.parametrize("suffix", ["jpg", "gif", "tiff", "webp", "bmp"])
def test_files_that_break_off_are_refused_wherever_they_do(folder, suffix):
    path = folder / "train" / "ant" / f"x.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole) // 2, max(1, len(whole) // 9)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"\S+ant/x.{suffix} can't be read as one"):
            image_folder.load(folder)


def test_classes_are_in_natural_order_and_keep_their_names(tmp_path):
    names = ["10", "2", "20", "1", "a10", "a9", "01"]
    for part in ("train", "test"):
        for i, name in enumerate(names):
            save(tmp_path / part / name / "0.png", np.full((2, 2), i))
    loaded = image_folder.load(tmp_path)
    ordered = ("01", "1", "2", "10", "20", "a9", "a10")
    assert loaded.class_names == ordered
    assert loaded.train.images[:, 0, 0, 0].tolist() == [names.index(name) for name in ordered]
    assert streams.split(loaded, tasks=3).task_names == ("01, 1, 2", "10, 20", "a9, a10")
