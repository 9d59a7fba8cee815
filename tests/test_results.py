import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurogain import results
from neurogain.results import ResultFolder

CONFIG = {"seeds": 5, "optimizers": ["sgd", "ngm"]}


@pytest.fixture
def folder(tmp_path):
    with ResultFolder(tmp_path / "a" / "b", CONFIG) as folder:
        yield folder


def files(folder):
    found = (p.relative_to(folder.path) for p in folder.path.rglob("*") if p.is_file())
    return sorted(str(p) for p in found if p.name != ".lock")


def again(folder, config=CONFIG, **options):
    """Claim a folder a second time, after the first owner has left it."""
    folder.close()
    return ResultFolder(folder.path, config, **options)


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
    with pytest.raises(ValueError, match="must be JSON values; x is "):
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
    assert written.pop("versions") == results.versions()
    return written


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
def test_files_of_another_run_are_not_overwritten_unasked(tmp_path, name):
    (tmp_path / name).write_text('{"mine": 1}')
    refused = {
        "config.json": (
            r"holds results\. Pass --resume",
            r"it differs in .*mine: 1 there, None here",
        ),
        "metrics.json": (r"holds metrics\.json, but no config\.json",) * 2,
    }
    for resume, message in enumerate(refused[name]):
        with pytest.raises(ValueError, match=message):
            ResultFolder(tmp_path, CONFIG, resume=bool(resume))
        assert (tmp_path / name).read_text() == '{"mine": 1}'


def test_a_run_of_which_nothing_is_finished_may_be_started_again_as_it_was(folder):
    again(folder).close()
    other = CONFIG | {"seeds": 9}
    for options in ({}, {"resume": True}):
        with pytest.raises(ValueError, match=r"holds results|differs in seeds"):
            again(folder, other, **options)
    assert _configuration(folder)["seeds"] == 5
    again(folder, other, overwrite=True).close()
    assert _configuration(folder)["seeds"] == 9


def test_resuming_with_other_versions_is_refused(folder, monkeypatch):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    newer = results.versions() | {"jax": "99.0"}
    monkeypatch.setattr(results, "versions", lambda: newer)
    with pytest.raises(ValueError, match=r"it differs in versions: .*99\.0.* here\. Pass --out"):
        again(folder, resume=True)


def test_a_second_start_is_refused(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    with pytest.raises(ValueError, match=r"`out` must be a new.*--resume.*--overwrite.*--out"):
        again(folder)


def test_resuming_keeps_what_is_there(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    with again(folder, resume=True) as resumed:
        assert resumed.load_unit("sgd")["x"] == 1


def test_resuming_a_folder_that_is_new_starts_it(tmp_path):
    with ResultFolder(tmp_path / "new", CONFIG, resume=True) as folder:
        assert files(folder) == ["config.json"]


def test_resuming_with_another_configuration_names_every_difference(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    other = {"seeds": 3, "optimizers": ["sgd", "ngm"], "regime": "joint"}
    message = r"it differs in regime: None there, joint here; seeds: 5 there, 3 here\. Pass --out"
    with pytest.raises(ValueError, match=message):
        again(folder, other, resume=True)
    assert _configuration(folder) == CONFIG


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"`out` must be a folder that can be written; .*file.*--out"):
        ResultFolder(tmp_path / "file" / "run", CONFIG, resume=False)


def test_versions_name_what_results_depend_on():
    found = results.versions()
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
            again(folder, resume=resume)


DAMAGED = {
    "broken off": (b"{", "Expecting"),
    "empty": (b"", "Expecting value"),
    "a list": (b"[1]", "it holds a list, not an object"),
    "null": (b"null", "it holds a NoneType, not an object"),
    "a number": (b"3.5", "it holds a float, not an object"),
    "a text": (b'"x"', "it holds a str, not an object"),
    "deeply nested": (b"[" * 100_000, "RecursionError|recursion"),
    "not UTF-8": (b"\xff\xfe{}", "codec can't decode"),
}


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_configuration_or_result_is_named(folder, damage, name):
    content, why = DAMAGED[damage]
    (folder.path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is damaged \(.*({why})") as error:
        again(folder, resume=True)
    assert "\n" not in str(error.value)


def test_a_configuration_that_is_a_folder_is_named(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    (folder.path / "config.json").unlink()
    (folder.path / "config.json").mkdir()
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        again(folder, resume=True)


def test_two_owners_at_a_time_are_refused(folder):
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OSError, match=r"is in use by another run\. Wait .* pass --out"):
            ResultFolder(folder.path, CONFIG, **options)
    again(folder, resume=True).close()


def test_another_process_is_kept_out_until_this_one_ends(tmp_path):
    hold = (
        "import sys, pathlib\nfrom neurogain import results\n"
        "results.versions = lambda: {}\n"
        "folder = results.ResultFolder(pathlib.Path(sys.argv[1]), {'a': 1})\n"
        "print('held', flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / "run")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(OSError, match="in use by another run"):
            ResultFolder(tmp_path / "run", CONFIG)
        other.kill()
    ResultFolder(tmp_path / "run", CONFIG, overwrite=True).close()


def test_what_a_killed_process_left_half_written_is_removed(folder):
    rest = folder.path / "curves" / ".sgd.npz.0123.part"
    rest.write_bytes(b"half")
    again(folder, resume=True).close()
    assert not rest.exists()


def test_a_full_disk_is_told_in_one_line_with_the_path(folder, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    message = r"sgd\.npz could not be written \(No space left on device\)\. .*--resume"
    with pytest.raises(OSError, match=message) as error:
        folder.save_unit("sgd", {"x": np.asarray(1)})
    assert "\n" not in str(error.value)
    assert files(folder) == ["config.json"]


def test_a_folder_that_vanishes_is_told_in_one_line_with_the_path(folder):
    shutil.rmtree(folder.path)
    with pytest.raises(OSError, match=r"sgd\.npz could not be written \(No such file"):
        folder.save_unit("sgd", {"x": np.asarray(1)})
    with pytest.raises(OSError, match=r"metrics\.json could not be written \(No such file"):
        folder.write_json("metrics.json", {})


def test_what_is_written_is_on_the_disk_before_it_takes_its_place(folder, monkeypatch):
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda d: (done.append("sync"), sync(d)))
    monkeypatch.setattr(Path, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    folder.save_unit("sgd", {"x": np.asarray(1)})
    assert done == ["sync", "replace", "sync"]  # the last one is of the folder


def test_threads_and_guesses_never_meet_a_temporary_name(folder):
    names = set()
    for _ in range(20):
        with results.replacing(folder.path / "x.json") as file:
            names.add(file.name if isinstance(file.name, str) else os.listdir(folder.path)[0])
            (part,) = folder.path.glob(".x.json.*.part")
            names.add(part.name)
    assert len({n for n in names if isinstance(n, str) and n.endswith(".part")}) == 20


def test_overwriting_spares_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"`overwrite` deletes .* holds notes\.txt, but no config"):
        ResultFolder(tmp_path, CONFIG, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_settings_that_only_add_parts_may_differ(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)})
    more = CONFIG | {"seeds": 9}
    with again(folder, more, resume=True, grows=("seeds",)) as grown:
        assert json.loads((grown.path / "config.json").read_text())["seeds"] == 9


def test_a_unit_of_other_settings_is_named(folder):
    folder.save_unit("sgd", {"x": np.asarray(1)}, digest=results.digest({"a": 1}))
    assert folder.load_unit("sgd", digest=results.digest({"a": 1})).keys() == {"x"}
    for other in (results.digest({"a": 2}), results.digest({})):
        with pytest.raises(ValueError, match=r"sgd\.npz is of other settings"):
            folder.load_unit("sgd", digest=other)
    folder.save_unit("old", {"x": np.asarray(1)})
    with pytest.raises(ValueError, match=r"old\.npz is of other settings"):
        folder.load_unit("old", digest=results.digest({}))


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


def test_a_folder_below_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = ResultFolder(Path("~/runs"), {})
    folder.close()
    assert folder.path == tmp_path / "runs"
