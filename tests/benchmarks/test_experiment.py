from benchmarks import experiment


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
