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
