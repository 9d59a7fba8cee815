import numpy as np
import pytest
from PIL import Image

from neurogain.continual import image_folder


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
    with pytest.raises(ValueError, match=r"test images of \S+ must have .*\(3, 4, 3\); got"):
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


def test_sixteen_bits_a_channel_are_refused(folder):
    deep = np.full((3, 4), 3000, np.uint16)
    Image.fromarray(deep).save(folder / "train" / "ant" / "1.png")
    with pytest.raises(ValueError, match=r"8 bits a channel; \S+ant/1.png has Pillow's mode I;16"):
        image_folder.load(folder)
