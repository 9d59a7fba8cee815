"""SHD and SSC as tasks of the commands, from files in their layout."""

import dataclasses

import h5py
import jax
import numpy as np
import pytest

from neurogain.experiments import spiking_task
from neurogain.experiments.spiking_task import SpikingTaskConfig
from neurogain.tasks.spikes.task import TASKS

LABELS = {"train": tuple(range(8, 20)), "test": tuple(range(10))}


def write(folder, name="shd", labels=LABELS):
    """Write both files: example i spikes (i + 1) times on channel i, 15 ms apart."""
    for part, own in labels.items():
        with h5py.File(folder / f"{name}_{part}.h5", "w") as file:
            for field, dtype in (("times", np.float16), ("units", np.uint16)):
                kind = h5py.vlen_dtype(dtype)
                data = file.create_dataset(f"spikes/{field}", (len(own),), dtype=kind)
                for i in range(len(own)):
                    data[i] = np.asarray(
                        0.0055 + 0.015 * np.arange(i + 1) if field == "times" else [i] * (i + 1),
                        dtype,
                    )
            file["labels"] = np.asarray(own, np.uint16)
    return folder


def test_examples_are_those_of_the_files_each_once(tmp_path):
    train, test = TASKS["shd"].draw(jax.random.key(1), 12, 3, write(tmp_path))
    assert train.spikes.shape == (12, 100, 700)
    assert test.spikes.shape == (3, 100, 700)
    for spikes, label in zip(np.asarray(train.spikes), np.asarray(train.labels), strict=True):
        number = LABELS["train"].index(label)  # of the example in its file
        expected = np.zeros((100, 700))
        for k in range(number + 1):
            expected[int((5.5 + 15 * k) // 10), number] += 1
        np.testing.assert_array_equal(spikes, expected)
    assert sorted(np.asarray(train.labels)) == sorted(LABELS["train"])
    for spikes, label in zip(np.asarray(test.spikes), np.asarray(test.labels), strict=True):
        number = LABELS["test"].index(label)
        assert spikes[:, number].sum() == spikes.sum() == number + 1
    other, _ = TASKS["shd"].draw(jax.random.key(2), 12, 3, tmp_path)
    assert np.any(np.asarray(other.labels) != np.asarray(train.labels))
    with pytest.raises(ValueError, match=r"`test` must be at most the 10 test examples of .*_test"):
        TASKS["shd"].draw(jax.random.key(1), 12, 11, tmp_path)


def test_the_experiment_runs_on_files(tmp_path):
    config = SpikingTaskConfig(
        task="shd", data_dir=write(tmp_path), train=12, test=10, hidden=3, updates=2, batch_size=2,
        evaluate_every=2, seeds=1,
    )  # fmt: skip
    course = spiking_task.run(config).parts["course"]
    assert np.all(np.isfinite(course.loss))
    with pytest.raises(ValueError, match="`train` must be at most the 12 train examples of shd"):
        dataclasses.replace(config, train=13).check()


def test_folders_that_do_not_serve_are_refused_before_anything_is_traced(tmp_path):
    config = SpikingTaskConfig(task="ssc", train=12, test=10, batch_size=2)
    with pytest.raises(ValueError, match=r"`data_dir` must be the folder of ssc_train\.h5 .*zenke"):
        config.check()
    config = dataclasses.replace(config, data_dir=write(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"ssc_train\.h5 is no file\. Get shd_train"):
        config.check()
    own = dataclasses.replace(config, task="shd", data_dir=write(tmp_path, labels={
        "train": (20,) * 12, "test": (0,) * 10}))  # fmt: skip
    with pytest.raises(ValueError, match=r"labels of .*shd_train\.h5 must be below 20.*got 20"):
        own.check()
