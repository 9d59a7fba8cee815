import dataclasses
import io
import json
import sys
import threading

import numpy as np
import pytest

from neurogain import arrays, cli, jobs, progress, runner
from tests import toy
from tests.toy import EXPERIMENT, ToyConfig


@pytest.fixture(autouse=True)
def ran():
    toy.RAN.clear()
    return toy.RAN


def metrics(out):
    found = json.loads((out / "metrics.json").read_text())
    del found["wall_time_s"]
    return found


def test_nothing_needs_the_disk(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    result = EXPERIMENT.run()
    assert result.metrics["total"] == 2 * ((0 + 2 + 4) * 2 + 3)
    assert result.parts["a"].value.shape == (3, 2)
    np.testing.assert_array_equal(result.axes["a"]["seed"], [0, 1, 2])
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_with_a_folder_the_result_is_the_same(tmp_path):
    result = runner.run(EXPERIMENT, ToyConfig(), out=tmp_path / "run")
    plain = EXPERIMENT.run()
    assert {**result.metrics, "wall_time_s": 0} == {**plain.metrics, "wall_time_s": 0}
    found = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").rglob("*.*")}
    units = {f"curves/{name},seed={seed}.npz" for name in "ab" for seed in range(3)}
    total = "curves/total,3%20of%20a,b.npz"
    assert found - {".lock"} == units | {total, "config.json", "metrics.json", "means.png"}


def test_seeds_and_methods_are_added_to_a_finished_folder(tmp_path, ran):
    out = tmp_path / "run"
    runner.run(EXPERIMENT, ToyConfig(("a",), seeds=2), out=out)
    del ran[:]
    config = ToyConfig(("a", "b"), seeds=3)
    grown = runner.run(EXPERIMENT, config, out=out, resume=True)
    assert ran == [("a", (2,)), ("b", (0, 1, 2)), ("total", ())]
    whole = EXPERIMENT.run(config)
    for label, result in whole.parts.items():
        for one, other in zip(grown.parts[label], result, strict=True):
            np.testing.assert_array_equal(one, other)
    assert json.loads((out / "config.json").read_text())["seeds"] == 3
    del ran[:]
    runner.run(EXPERIMENT, config, out=out, resume=True)
    assert ran == []


def test_a_setting_that_changes_results_is_refused(tmp_path):
    out = tmp_path / "run"
    runner.run(EXPERIMENT, ToyConfig(), out=out)
    with pytest.raises(ValueError, match=r"it differs in factor: 2\.0 there, 3\.0 here"):
        runner.run(EXPERIMENT, ToyConfig(factor=3.0), out=out, resume=True)
    with pytest.raises(ValueError, match="holds results"):
        runner.run(EXPERIMENT, ToyConfig(), out=out)


def test_overwrite_leaves_nothing_of_the_run_before(tmp_path):
    out = tmp_path / "run"
    runner.run(EXPERIMENT, ToyConfig(("a", "b")), out=out)
    runner.run(EXPERIMENT, ToyConfig(("b",), factor=3.0), out=out, overwrite=True)
    assert not list(out.glob("curves/a,*"))
    assert metrics(out)["total"] == 3 * 6 + 3
    with pytest.raises(ValueError, match="got both"):
        runner.run(EXPERIMENT, ToyConfig(), out=out, resume=True, overwrite=True)


def test_a_part_of_other_settings_is_not_taken(tmp_path):
    out = tmp_path / "run"
    runner.run(EXPERIMENT, ToyConfig(), out=out)
    other = tmp_path / "other"
    runner.run(EXPERIMENT, ToyConfig(factor=3.0), out=other)
    name = "a,seed=1.npz"
    (out / "curves" / name).write_bytes((other / "curves" / name).read_bytes())
    with pytest.raises(ValueError, match=r"a,seed=1\.npz is of other settings than this run's"):
        runner.run(EXPERIMENT, ToyConfig(), out=out, resume=True)


WRONG = {
    "shape": ("value", np.zeros((1, 3)), r"value has 3 along step, not 2"),
    "axes": ("value", np.zeros(2), r"value has shape \(2,\)"),
    "dtype": ("value", np.zeros((1, 2), int), "value has the dtype int64"),
    "finite": ("value", np.array([[np.nan, 0.0]]), "value has values that are not finite"),
    "coordinates": ("step", np.array([0, 2]), "has other coordinates along step"),
    "seed": ("seed", np.array([7]), "has other coordinates along seed"),
    "unknown": ("more", np.zeros(1), "has other arrays than value, time_ms: more"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_read_back_is_checked(tmp_path, kind):
    out = tmp_path / "run"
    runner.run(EXPERIMENT, ToyConfig(), out=out)
    path = out / "curves" / "b,seed=0.npz"
    with np.load(path) as file:
        content = dict(file)
    name, values, message = WRONG[kind]
    np.savez(path, **(content | {name: values}))
    with pytest.raises(ValueError, match=rf"b,seed=0\.npz {message}.*Delete it, and --resume"):
        runner.run(EXPERIMENT, ToyConfig(), out=out, resume=True)


RESULTS = {
    "length": (lambda one: one._replace(value=one.value[:1]), "value has 1 along seed, not 3"),
    "steps": (lambda one: one._replace(time_ms=np.arange(3.0)), "time_ms has 3 along step, not 2"),
    "finite": (lambda one: one._replace(value=one.value * np.nan), "values that are not finite"),
    "dtype": (lambda one: one._replace(value=one.value.astype(int)), "has the dtype int64"),
    "type": (lambda one: None, "NoneType has no value, time_ms"),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_what_a_part_returns_is_checked(tmp_path, kind):
    change, message = RESULTS[kind]

    def parts(config):
        for part in toy.parts(config):
            yield dataclasses.replace(part, run=lambda job, own=part.run: change(own(job)))

    experiment = dataclasses.replace(EXPERIMENT, parts=parts)
    must = "`run` of the part 'a' must return a Numbers as annotated"
    with pytest.raises(ValueError, match=rf"{must}.*{message}"):
        runner.run(experiment, ToyConfig(), out=tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.npz"))


@pytest.mark.parametrize("field", ["axes", "undefined"])
def test_axes_and_undefined_fields_of_a_part_are_there(field):
    given = {"axes": {"stap": np.arange(2)}, "undefined": ("valeu",)}[field]

    def parts(config):
        for part in toy.parts(config):
            yield dataclasses.replace(part, **{field: given})

    with pytest.raises(ValueError, match=rf"`{field}` of a must be of Numbers, .*; got"):
        runner.run(dataclasses.replace(EXPERIMENT, parts=parts), ToyConfig())


@pytest.mark.parametrize("value", [float("nan"), np.zeros(2), np.float32(1)])
def test_metrics_that_json_cannot_hold_are_named(tmp_path, value):
    experiment = dataclasses.replace(EXPERIMENT, summarize=lambda *_: {"one": [{"two": value}]})
    with pytest.raises(ValueError, match=r"must be JSON values; one\[0\]\.two is "):
        runner.run(experiment, ToyConfig(), out=tmp_path / "run")


def test_figures_that_cannot_be_imported_are_told_before_anything_is_run(tmp_path, ran):
    experiment = dataclasses.replace(EXPERIMENT, figures="no_such_figures")
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_figures'"):
        runner.run(experiment, ToyConfig(), out=tmp_path / "run")
    assert not ran


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, ran):
    def parts(config):
        for part in toy.parts(config):
            yield dataclasses.replace(part, at_once=1)

    def stop(config):
        for part in parts(config):

            def run(job, own=part.run):
                if len(ran) == 4:
                    raise KeyboardInterrupt
                return own(job)

            yield dataclasses.replace(part, run=run)

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        runner.run(dataclasses.replace(EXPERIMENT, parts=stop), ToyConfig(), out=out)
    assert not (out / "metrics.json").exists()
    runner.run(dataclasses.replace(EXPERIMENT, parts=parts), ToyConfig(), out=out, resume=True)
    assert ran == [*((n, (s,)) for n in "ab" for s in range(3)), ("total", ())]
    plain = EXPERIMENT.run(ToyConfig()).metrics
    assert metrics(out)["mean"] == plain["mean"]


def test_a_job_continues_from_its_checkpoint(tmp_path):
    seen = []

    def run(job):
        kept = job.checkpoint.load()
        start = 0 if kept is None else int(kept["done"])
        for i in range(start, 4):
            seen.append(i)
            job.checkpoint.save({"done": np.asarray(i + 1)})
            if len(seen) == 2:
                raise KeyboardInterrupt
        return toy.Total(np.asarray(1.0), np.asarray(1))

    experiment = dataclasses.replace(
        EXPERIMENT,
        parts=lambda config: [jobs.Part("long", toy.Total, run)],
        summarize=lambda config, found: {"mean": {}, "total": float(found["long"].total)},
    )
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        runner.run(experiment, ToyConfig(), out=out)
    assert list((out / "checkpoints").glob("*.npz"))
    runner.run(experiment, ToyConfig(), out=out, resume=True)
    assert seen == [0, 1, 2, 3]
    assert not (out / "checkpoints").exists()
    runner.run(experiment, ToyConfig())  # in memory a checkpoint keeps nothing
    assert seen[4:] == [0, 1, 2, 3]


def test_jobs_side_by_side_give_the_same(monkeypatch, ran):
    monkeypatch.setattr(jobs, "_cores", lambda: 3)
    threads = set()

    def parts(config):
        for part in toy.parts(config):

            def run(job, own=part.run):
                threads.add(threading.current_thread().name)
                return own(job)

            yield dataclasses.replace(part, run=run, at_once=1)

    experiment = dataclasses.replace(EXPERIMENT, parts=parts, threads=True)
    result = experiment.run(ToyConfig(seeds=8))
    assert threading.current_thread().name not in threads
    assert ran[-1] == ("total", ())  # it needs all others
    assert len(ran) == 17
    assert result.metrics["total"] == EXPERIMENT.run(ToyConfig(seeds=8)).metrics["total"]


def test_an_error_in_a_thread_stops_the_others(monkeypatch, tmp_path):
    monkeypatch.setattr(jobs, "_cores", lambda: 2)
    started = threading.Event()

    def fails(job):
        started.wait(10)
        raise ValueError("no such thing")

    def waits(job):
        started.set()
        while True:
            job.show(0, 1)  # raises once the run is stopped

    experiment = dataclasses.replace(
        EXPERIMENT,
        parts=lambda config: [jobs.Part(n, toy.Total, f) for n, f in (("f", fails), ("w", waits))],
        threads=True,
    )
    with pytest.raises(ValueError, match="no such thing"):
        runner.run(experiment, ToyConfig(), out=tmp_path / "run")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([("a", ()), ("a", ())], "different labels; got 'a' twice"),
        ([("a", ("b",)), ("b", ())], "labels of earlier parts; got b"),
    ],
)
def test_parts_that_cannot_be_run_are_refused(parts, message):
    found = [jobs.Part(label, toy.Total, lambda job: None, needs=needs) for label, needs in parts]
    with pytest.raises(ValueError, match=message):
        jobs.run(found, jobs.Memory())


def test_a_result_type_without_axes_is_refused():
    class Loose(toy.NamedTuple):
        x: float

    with pytest.raises(TypeError, match="`x` of Loose must be annotated with its dtype and its ax"):
        arrays.fields_of(Loose)


def test_bad_input_is_refused_before_the_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match="`factor` must be at least 0"):
        runner.run(EXPERIMENT, ToyConfig(factor=-1.0), out=tmp_path / "run")
    with pytest.raises(TypeError, match="`config` of toy must be a ToyConfig; got dict"):
        runner.run(EXPERIMENT, {"factor": 1.0})
    assert not (tmp_path / "run").exists()


def test_without_a_terminal_each_unit_is_one_line(capsys):
    EXPERIMENT.run(progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "toy: 3 parts; the whole takes about 5 seconds on 2 CPU cores."
    assert [line.partition(":")[0] for line in lines[1:]] == [
        "[1/3] a,seed=0-2",
        "[2/3] b,seed=0-2",
        "[3/3] total,3 of a,b",
    ]
    assert all(len(line) <= 80 and "\r" not in line for line in lines)


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    EXPERIMENT.run(progress=True)
    assert "\r" in terminal.getvalue()
    assert "100%" in terminal.getvalue()


def test_progress_goes_where_it_is_sent():
    told = []

    class Mine(progress.Silent):
        def show(self, label, done, total, note=""):
            told.append((label, done, total, note))

    EXPERIMENT.run(progress=Mine())
    assert told == [("a,seed=0-2", 1, 2, "half"), ("b,seed=0-2", 1, 2, "half")]


def test_results_are_seen_in_a_few_lines_tables_and_pictures():
    result = EXPERIMENT.run()
    assert len(repr(result).splitlines()) == 3
    assert result.table() == "total 30"
    assert result.figures == ("means",)
    assert result.figure("means")._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="`name` must be one of means; got 'x'"):
        result.figure("x")
    axes = result.plot().axes[0]
    assert result.plot(ax=axes) is axes.figure
    assert len(axes.lines) == 4
    assert result.to_xarray("a").value.sel(seed=1, step=1).item() == 3.0
    table = result.to_dataframe("value")
    assert list(table.columns) == ["part", "seed", "step", "value"]
    assert table.query("part == 'b' and seed == 2 and step == 0").value.item() == 4.0
    with pytest.raises(ValueError, match=r"must be of one of the parts, value, .*; got nothing"):
        result.to_dataframe("nothing")
    assert result.to_dataframe("total").total.tolist() == [30.0]
    with pytest.raises(ValueError, match="must have the same axes"):
        result.to_dataframe("value", "time_ms")


def test_an_experiment_of_ones_own_has_a_command(tmp_path, capsys):
    out = tmp_path / "run"
    cli.run(EXPERIMENT, ["--seeds", "2", "--out", str(out)])
    assert "total 12" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"^neurogain: `--factor` must be at least 0"):
        cli.run(EXPERIMENT, ["--factor", "-1", "--out", str(tmp_path / "other")])
    with pytest.raises(SystemExit, match="0"):
        cli.run(EXPERIMENT, ["--help"])
    assert f"{EXPERIMENT.name} [-h]" not in capsys.readouterr().out  # there is no subcommand


def test_an_experiment_without_figures_needs_no_matplotlib(tmp_path):
    experiment = dataclasses.replace(EXPERIMENT, figures=None)
    result = runner.run(experiment, ToyConfig(), out=tmp_path / "run")
    assert result.figures == ()
    assert not list((tmp_path / "run").glob("*.png"))
    with pytest.raises(ValueError, match="toy has no figures"):
        result.plot()


@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_what_is_of_a_folder_needs_one(option, ran):
    with pytest.raises(ValueError, match=f"`{option}` is of a run in a folder; got no `out`"):
        runner.run(EXPERIMENT, ToyConfig(), **{option: True})
    assert not ran
