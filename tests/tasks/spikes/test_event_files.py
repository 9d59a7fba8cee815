import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.tasks.spikes import EventFile

TIMES = [[0.0, 0.0125, 0.0125, 0.9], [0.0049, 0.02], []]
UNITS = [[3, 0, 0, 1], [699, 5], []]


def write(path, times=TIMES, units=UNITS, labels=(2, 0, 1), speakers=None):
    """Write a file in the layout of SHD: ragged times in half precision, and units."""
    with h5py.File(path, "w") as file:
        spikes = file.create_group("spikes")
        for name, rows, dtype in (("times", times, np.float16), ("units", units, np.uint16)):
            kind = h5py.vlen_dtype(dtype)
            data = spikes.create_dataset(name, (len(rows),), dtype=kind)
            for i, row in enumerate(rows):
                data[i] = np.asarray(row, dtype)
        file["labels"] = np.asarray(labels, np.uint16)
        if speakers is not None:
            file["extra/speaker"] = np.asarray(speakers, np.uint16)
    return path


def test_spikes_are_counted_in_steps_and_channels(tmp_path):
    with EventFile(write(tmp_path / "shd.h5", speakers=(4, 5, 6))) as file:
        assert (len(file), file.classes, file.speakers.tolist()) == (3, 3, [4, 5, 6])
        np.testing.assert_array_equal(file.labels, [2, 0, 1])
        found = file.batch([1, 0, 2], steps=4, dt=5.0)
    expected = np.zeros((3, 4, 700), np.uint8)
    expected[0, 0, 699] = 1  # 4.9 ms
    expected[1, 0, 3] = 1
    expected[1, 2, 0] = 2  # twice at 12.5 ms; 900 ms is behind the end
    np.testing.assert_array_equal(found, expected)  # 20 ms rounds to 20.004 in half precision


def test_what_is_no_such_file_is_refused_with_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.h5 is no file\. Get shd_train\.h5 .*zenke"):
        EventFile(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("no")
    with pytest.raises(ValueError, match=r"text\.h5 is no HDF5 file: .* Get shd_train"):
        EventFile(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": (0, 1)}, "as many times, units and labels, and some; got 3, 3, 2"),
        ({"times": [], "units": [], "labels": ()}, "and some; got 0, 0, 0"),
    ],
)
def test_files_of_another_layout_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        EventFile(write(tmp_path / "bad.h5", **change))


def test_a_file_without_spikes_says_what_it_has(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones(3)
    with pytest.raises(ValueError, match=r"must have spikes/times, .* and labels; it has data\. G"):
        EventFile(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("times", "units", "labels", "message"),
    [
        (
            np.zeros((3, 4)),
            np.zeros((3, 4), int),
            np.zeros(3, int),
            r"got shapes \(3, 4\), .*float64",
        ),
        (np.float64(1), np.int64(1), np.int64(1), r"got shapes \(\), \(\), \(\)"),
        (
            np.zeros(3),
            np.zeros(3),
            np.zeros(3, int),
            "one array of times and one of units, of any le",
        ),
        (None, None, np.zeros((3, 1), int), r"one label an example; got .* \(3, 1\) of object"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, times, units, labels, message):
    write(tmp_path / "own.h5")
    with h5py.File(tmp_path / "own.h5", "a") as file:
        for name, value in (("spikes/times", times), ("spikes/units", units), ("labels", labels)):
            if value is not None:
                del file[name]
                file[name] = value
    with pytest.raises(ValueError, match=message):
        EventFile(tmp_path / "own.h5")


def test_times_in_ms_closed_files_and_other_indices_are_refused(tmp_path):
    in_ms = [[1000 * t + 200 for t in row] for row in TIMES]
    with EventFile(write(tmp_path / "shd.h5", times=in_ms)) as file:
        with pytest.raises(
            ValueError, match=r"no spike of 2 .* 100 steps of 10 ms; times must be in"
        ):
            file.batch([0, 1], steps=100, dt=10.0)
        assert not file.batch([2], steps=100, dt=10.0).any()  # which is silent indeed
        with pytest.raises(TypeError, match=r"`indices` must be a sequence .*; got 0\. Pass \[0\]"):
            file.batch(0, steps=100, dt=10.0)
    with pytest.raises(ValueError, match=r"shd\.h5 is closed; open it again"):
        file.batch([0], steps=100, dt=10.0)


@pytest.mark.parametrize(
    ("change", "index", "message"),
    [
        ({}, 3, r"`indices` must be from 0 to 2, in .*; got 3"),
        (
            {"units": [[700, 0, 0, 1], *UNITS[1:]]},
            0,
            r"from 0 to 699; got 0 to 700\. .* takes units=701",
        ),
        ({"times": [[-0.5, 0, 0, 0], *TIMES[1:]]}, 0, r"finite and >= 0, in s; got -0\.5"),
        ({"times": [[0.5], *TIMES[1:]]}, 0, "as many times as units; got 1 and 4"),
    ],
)
def test_examples_out_of_range_are_refused(tmp_path, change, index, message):
    with (
        EventFile(write(tmp_path / "shd.h5", **change)) as file,
        pytest.raises((ValueError, IndexError), match=message),
    ):
        file.batch([index], steps=4, dt=5.0)


@pytest.mark.parametrize("labels", [np.array([0, 1, 2**40]), np.array([0, 1, 2**31], np.uint32),
                                    np.array([0, -1, 1]), np.array([0.0, 1.0, 2.0])])  # fmt: skip
@pytest.mark.parametrize("what", ["labels", "extra/speaker"])
def test_labels_and_speakers_are_whole_numbers_of_32_bits(tmp_path, labels, what):
    path = write(tmp_path / "shd.h5", speakers=(4, 5, 6))
    with h5py.File(path, "a") as file:
        del file[what]
        file[what] = labels
    with pytest.raises(ValueError, match=r"(labels|speakers) of .* must be 3 whole numbers of 32"):
        EventFile(path)


def test_speakers_are_one_an_example(tmp_path):
    with pytest.raises(ValueError, match=r"speakers of .* one an example; got .* shape \(2,\)"):
        EventFile(write(tmp_path / "shd.h5", speakers=(4, 5)))


def test_times_beyond_all_integers_are_behind_the_last_step(tmp_path):
    path = write(tmp_path / "shd.h5")
    with h5py.File(path, "a") as file:
        kind = h5py.vlen_dtype(np.float64)
        del file["spikes/times"]
        data = file["spikes"].create_dataset("times", (3,), dtype=kind)
        for i, row in enumerate([[0.001, 1e300, 1e12, 0.002], [0.0, 5e9], []]):
            data[i] = row
    with EventFile(path) as file:
        found = file.batch([0, 1], steps=4, dt=5.0)
    assert found.sum((1, 2)).tolist() == [2, 1]


def test_indices_may_be_any_whole_numbers_and_nothing_else(tmp_path):
    with EventFile(write(tmp_path / "shd.h5")) as file:
        wanted = file.batch([2, 0], steps=4, dt=5.0)
        for indices in (np.array([2, 0], np.uint8), jnp.array([2, 0]), (2, 0)):
            np.testing.assert_array_equal(file.batch(indices, steps=4, dt=5.0), wanted)
        assert file.batch([], steps=4, dt=5.0).shape == (0, 4, 700)
        for indices in (np.array([True, False, True]), [0.0], [[0]], "0", None):
            with pytest.raises(TypeError, match=r"`indices` must be a sequence of whole .*nonzero"):
                file.batch(indices, steps=4, dt=5.0)
