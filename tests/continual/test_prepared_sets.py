"""Sets in the form of TensorFlow Datasets, written here without TensorFlow; no network."""

import io
import json
import logging
import socket

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from neurogain.continual import data, stream_specs, streams
from neurogain.continual.stream_specs import StreamOptions


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    attempts = []

    def refuse(*args, **options):
        attempts.append(args)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not attempts


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "png")
    return file.getvalue()


def write(root, name, version, features, splits):
    """Write rows {feature: value} as TFDS prepares them in ArrayRecord files."""
    from array_record.python.array_record_module import ArrayRecordWriter

    folder = root / name / version
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(features)
    features.save_config(folder)
    serializer = tfds.core.example_serializer.ExampleSerializer(features.get_serialized_info())
    for split, rows in splits.items():
        path = folder / f"{name}-{split}.array_record-00000-of-00001"
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for row in rows:
            writer.write(serializer.serialize_example(row | {"image": png(row["image"])}))
        writer.close()
    info = {
        "name": name,
        "version": version,
        "fileFormat": "array_record",
        "splits": [
            {
                "name": split,
                "numBytes": "1",
                "shardLengths": [str(len(rows))],
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            }
            for split, rows in splits.items()
        ],
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))


def rows_of(n, shape, **columns):
    rng = np.random.default_rng(n)
    images = rng.integers(0, 256, (n, *shape), np.uint8)
    columns = {"image": images, **columns}
    return [{key: column[i] for key, column in columns.items()} for i in range(n)]


def images_of(rows):
    return np.stack([row["image"] for row in rows])


def test_mnist_is_read_whole_and_in_order(tmp_path):
    splits = {
        "train": rows_of(12, (28, 28, 1), label=[i % 10 for i in range(12)]),
        "test": rows_of(5, (28, 28, 1), label=[9, 0, 3, 3, 1]),
    }
    features = {
        "image": tfds.features.Image(shape=(28, 28, 1)),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    write(tmp_path, "mnist", "3.0.1", features, splits)
    loaded = data.load("mnist", tmp_path)
    assert (loaded.name, loaded.classes) == ("mnist", 10)
    assert loaded.class_names == tuple("0123456789")
    for part, rows in ((loaded.train, splits["train"]), (loaded.test, splits["test"])):
        np.testing.assert_array_equal(part.images, images_of(rows))
        assert part.images.dtype == np.uint8
        assert part.labels.tolist() == [row["label"] for row in rows]
        assert part.labels.dtype == np.int32
        assert part.superclasses is None


def test_coarse_labels_become_superclasses(tmp_path):
    rows = rows_of(6, (32, 32, 3), label=[0, 1, 2, 3, 4, 5], coarse_label=[1, 0, 0, 2, 1, 2])
    features = {
        "image": tfds.features.Image(shape=(32, 32, 3)),
        "label": tfds.features.ClassLabel(num_classes=100),
        "coarse_label": tfds.features.ClassLabel(num_classes=20),
    }
    write(tmp_path, "cifar100", "3.0.2", features, {"train": rows, "test": rows[:3]})
    loaded = data.load("cifar100", tmp_path)
    np.testing.assert_array_equal(loaded.train.images, images_of(rows))
    assert loaded.train.superclasses.tolist() == [1, 0, 0, 2, 1, 2]
    assert loaded.test.superclasses.tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_missing_set_says_where_it_looked_and_how_to_prepare_it(tmp_path, name, caplog):
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(FileNotFoundError, match="nothing that can be read is there") as caught:
        data.load(name, tmp_path)
    message = str(caught.value)
    assert str(tmp_path / name) in message
    assert "pip install 'neurogain[tfds,prepare]'" in message
    assert f"data_dir={str(tmp_path)!r}, file_format='array_record'" in message


def test_missing_set_without_a_folder_names_the_default_of_tfds(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "default"))
    monkeypatch.setattr(tfds, "data_source", lambda *a, **k: (_ for _ in ()).throw(OSError()))
    with pytest.raises(FileNotFoundError, match="default"):
        data.load("mnist")


CIFAR100 = {
    "image": tfds.features.Image(shape=(32, 32, 3)),
    "label": tfds.features.ClassLabel(num_classes=100),
    "coarse_label": tfds.features.ClassLabel(num_classes=20),
}


def test_a_set_that_tfds_does_not_know_is_read_from_its_files(tmp_path):
    rows = rows_of(6, (32, 32, 3), label=[0, 1, 2, 3, 4, 5], coarse_label=[1, 0, 0, 2, 1, 2])
    write(tmp_path, "cifar100_subset", "1.0.0", CIFAR100, {"train": rows, "test": rows[:3]})
    loaded = data.load("cifar100_subset", tmp_path)
    assert (loaded.name, loaded.classes) == ("cifar100_subset", 100)
    assert loaded.test.labels.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(loaded.train.images, images_of(rows))


def test_names_of_classes_are_kept_but_for_the_streams_of_the_comparison(tmp_path):
    names = [f"animal {i}" for i in range(10)]
    rows = rows_of(10, (4, 4, 3), label=list(range(10)))
    features = {
        "image": tfds.features.Image(shape=(4, 4, 3)),
        "label": tfds.features.ClassLabel(names=names),
    }
    write(tmp_path, "cifar10", "3.0.2", features, {"train": rows, "test": rows})
    loaded = data.load("cifar10", tmp_path)
    assert (loaded.classes, loaded.class_names) == (10, tuple(names))
    split = streams.split(loaded)
    assert (split.task_names[1], split.class_names) == ("animal 2, animal 3", tuple(names))
    compared = stream_specs.find("split-cifar10").build(StreamOptions(data_dir=tmp_path))
    assert compared.task_names == ("0, 1", "2, 3", "4, 5", "6, 7", "8, 9")
    assert compared.class_names is None


def test_missing_subset_points_to_the_whole_set(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    message = r"nothing that can be read is there \(\w+\).*with the features of 'cifar100', or load"
    with pytest.raises(FileNotFoundError, match=message):
        data.load("cifar100_subset", tmp_path)


def test_images_of_mixed_sizes_are_refused(tmp_path):
    features = CIFAR100 | {"image": tfds.features.Image(shape=(None, None, 3))}
    rows = rows_of(2, (32, 32, 3), label=[0, 1], coarse_label=[0, 1])
    rows += rows_of(1, (32, 31, 3), label=[1], coarse_label=[1])
    write(tmp_path, "cifar100", "3.0.2", features, {"train": rows, "test": rows[:2]})
    message = r"one size; those of 'cifar100', train, have \[\(32, 31, 3\), \(32, 32, 3\)\]"
    with pytest.raises(ValueError, match=message):
        data.load("cifar100", tmp_path)


def test_images_of_sixteen_bits_are_refused(monkeypatch):
    deep = data.Examples(np.full((4, 3, 3, 1), 4095, np.uint16), np.arange(4) % 2)
    monkeypatch.setattr(data, "_tfds_split", lambda *_: (deep, ("a", "b")))  # as OpenCV reads them
    with pytest.raises(ValueError, match=r"'deep' needs images, .*; the examples are uint16 of"):
        data.load_tfds("deep")


def test_labels_out_of_the_declared_range_are_refused(tmp_path):
    rows = rows_of(3, (32, 32, 3), label=[0, 1, 9], coarse_label=[0, 1, 1])
    write(tmp_path, "cifar100_subset", "1.0.0", CIFAR100, {"train": rows, "test": rows})
    path = tmp_path / "cifar100_subset" / "1.0.0" / "features.json"
    declared = json.loads(path.read_text())
    label = declared["featuresDict"]["features"]["label"]["classLabel"]
    label["numClasses"] = "9"
    path.write_text(json.dumps(declared))
    message = r"training images of cifar100_subset must be in \[0, 9\); got 9 at example 2"
    with pytest.raises(ValueError, match=message):
        data.load("cifar100_subset", tmp_path)
