import json
import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurogain import output
from neurogain.output import ResultFolder

CONFIG = {"seeds": 5, "optimizers": ["sgd", "ngm"]}


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "a" / "b", CONFIG, resume=False)


def files(folder):
    return sorted(str(p.relative_to(folder.path)) for p in folder.path.rglob("*") if p.is_file())


def test_claiming_a_folder_writes_the_configuration(folder):
    assert files(folder) == ["config.json"]
    assert _configuration(folder) == CONFIG


def test_units_come_back_as_they_were(folder):
    arrays = {"accuracy": np.array([0.5, np.nan], np.float32), "wall_time_s": np.asarray(1.5)}
    assert folder.load_unit("sgd") is None
    folder.save_unit("sgd", arrays)
    loaded = folder.load_unit("sgd")
    assert loaded.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(loaded[key], array)
        assert loaded[key].dtype == array.dtype


def test_files_are_replaced_whole(folder):
    for value in (1, 2):
        folder.save_unit("sgd", {"x": np.asarray(value)})
        folder.write_json("metrics.json", {"x": value})
    assert files(folder) == ["config.json", "curves/sgd.npz", "metrics.json"]
    assert folder.load_unit("sgd")["x"] == 2
    assert json.loads((folder.path / "metrics.json").read_text()) == {"x": 2}


def test_what_is_broken_off_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    folder.save_unit("sgd", {"x": np.asarray(1)})

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.save_unit("sgd", {"x": np.asarray(2)})
    assert files(folder) == ["config.json", "curves/sgd.npz"]
    assert folder.load_unit("sgd")["x"] == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_has_not_are_refused(folder, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_json("metrics.json", {"x": value})
    assert files(folder) == ["config.json"]


@pytest.mark.skipif(os.name == "nt", reason="file modes of POSIX")
def test_results_can_be_read_by_whom_the_umask_lets(folder):
    old = os.umask(0o022)
    try:
        folder.save_unit("sgd", {"x": np.asarray(1)})
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.unit_path("sgd").stat().st_mode) == 0o644


def test_unit_names_stay_in_their_folder(folder):
    for unit in ("../../x", "/etc/x", "a/b", "..", "a\\b", "ngm:learning_rate=0.1,decay=0.9"):
        path = folder.unit_path(unit)
        assert path.parent == folder.path / "curves"
        assert not set(path.name) & set('/\\:*?"<>| ')
        folder.save_unit(unit, {"x": np.asarray(1)})
        assert path.is_file()


NAMES = st.text("ab:_,=%/. 3A", max_size=6)


@given(NAMES, NAMES)
def test_two_units_never_share_a_file(tmp_path_factory, first, second):
    folder = object.__new__(ResultFolder)
    folder.path = tmp_path_factory.getbasetemp()
    assert (folder.unit_path(first) == folder.unit_path(second)) == (first == second)


@pytest.mark.parametrize("other", ["a_b", "a,b", "a b", "a%3Ab", "a/b"])
def test_names_that_look_alike_when_made_safe_are_kept_apart(folder, other):
    assert folder.unit_path("a:b") != folder.unit_path(other)


def _configuration(folder):
    written = json.loads((folder.path / "config.json").read_text())
    assert written.pop("versions") == output.versions()
    return written


def test_a_folder_without_finished_units_is_new(folder):
    ResultFolder(folder.path, CONFIG | {"seeds": 9}, resume=False)
    assert _configuration(folder)["seeds"] == 9


def test_resuming_with_other_versions_is_refused(folder, monkeypatch):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    newer = output.versions() | {"jax": "99.0"}
    monkeypatch.setattr(output, "versions", lambda: newer)
    with pytest.raises(ValueError, match=r"it differs in versions: .*99\.0.* here\. Pass --out"):
        ResultFolder(folder.path, CONFIG, resume=True)


def test_a_second_start_is_refused(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    with pytest.raises(ValueError, match=r"`out` must be a new folder.*--resume.*--out"):
        ResultFolder(folder.path, CONFIG, resume=False)


def test_resuming_keeps_what_is_there(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    again = ResultFolder(folder.path, CONFIG, resume=True)
    assert again.load_unit("sgd")["x"] == 1


def test_resuming_a_folder_that_is_new_starts_it(tmp_path):
    assert files(ResultFolder(tmp_path / "new", CONFIG, resume=True)) == ["config.json"]


def test_resuming_with_another_configuration_names_every_difference(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    other = {"seeds": 3, "optimizers": ["sgd", "ngm"], "regime": "joint"}
    message = r"it differs in regime: None there, joint here; seeds: 5 there, 3 here\. Pass --out"
    with pytest.raises(ValueError, match=message):
        ResultFolder(folder.path, other, resume=True)
    assert _configuration(folder) == CONFIG


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"`out` must be a folder that can be written; .*file.*--out"):
        ResultFolder(tmp_path / "file" / "run", CONFIG, resume=False)


def test_versions_name_what_results_depend_on():
    found = output.versions()
    assert {"neurogain", "jax", "jaxlib", "optax", "flax", "numpy", "python", "device"} == set(
        found
    )
    assert found["numpy"] == np.__version__
    assert all(isinstance(value, str) and value for value in found.values())


def test_arrays_without_a_configuration_are_not_taken(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    (folder.path / "config.json").unlink()
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"holds arrays, but no config\.json"):
            ResultFolder(folder.path, CONFIG, resume=resume)


def test_a_damaged_configuration_is_named(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    (folder.path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        ResultFolder(folder.path, CONFIG, resume=True)


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:60], lambda whole: b"", lambda whole: b"x"]
)
def test_damaged_arrays_are_named(folder, damage):
    folder.save_unit("sgd", {"x": np.arange(100)})
    path = folder.unit_path("sgd")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"sgd\.npz is damaged .* Delete it, and --resume"):
        folder.load_unit("sgd")


def test_arrays_of_another_unit_are_named(folder):
    folder.save_unit("sgd", {"x": np.arange(3)})
    with pytest.raises(ValueError, match=r"sgd\.npz lacks y: it is not of this run"):
        folder.load_unit("sgd", ("x", "y"))
