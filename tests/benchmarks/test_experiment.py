import json
from pathlib import Path

from benchmarks import experiment, report
from benchmarks.record import Record


def test_methods_that_are_not_run_stay_where_the_protocol_is_the_same():
    one, other = {"avg_sg": 1}, {"avg_sg": 2}
    config = {"optimizers": ["msgd"], "data_dir": None, "seeds": 1}
    earlier = {"metrics": {"methods": {"msgd": one, "adam": one}, "config": config}}
    now = {
        "methods": {"adam": other},
        "config": {
            "optimizers": ["adam"],
            "data_dir": "x",
            "seeds": 1,
            "dense": None,
            "sparse": None,
        },
    }
    assert experiment._methods_not_run(earlier, now) == {"msgd": one}
    now["config"] |= {"dense": 50, "sparse": 10}
    assert experiment._methods_not_run(earlier, now) == {}
    now["config"] |= {"dense": None, "sparse": None, "seeds": 2}
    assert experiment._methods_not_run(earlier, now) == {}
    assert experiment._methods_not_run({}, now) == {}
    assert experiment._methods_not_run({"metrics": {"rows": []}}, now) == {}


def test_the_time_of_a_resumed_run_is_not_that_of_the_measurement():
    record = Record("name", "Title", "command")
    assert record.content()["wall_time_s"] >= 0
    record.resumed = True
    content = record.content()
    assert content["wall_time_s"] is None
    assert ", in " not in report.circumstances(content)


def test_no_folder_of_this_machine_is_kept(tmp_path, monkeypatch):
    def main(words):
        folder = Path(words[words.index("--out") + 1])
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text('{"config": {"data_dir": "/home/me"}, "methods": {}}')

    monkeypatch.setattr(experiment.cli, "main", main)
    record = Record("name", "Title", "command", tmp_path / "out", tmp_path / "work")
    experiment.keep(record, ["stability-gap", "--data-dir", "/home/me"])
    assert "/home" not in json.dumps(record.content())
    assert "--data-dir DIR" in record.notes[0]
