import dataclasses
import json

import numpy as np
import pytest
from tiny_gap import TINY

from neurogain.continual import metrics
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig
from neurogain.jobs import Found
from neurogain.stats import t_interval


@pytest.fixture(scope="module")
def stream():
    return stability_gap.load_stream(TINY)


def curves(seeds=3, tasks=2, iterations=4, *, seed=0):
    """Return made-up curves in the form that the trainer returns."""
    rng = np.random.default_rng(seed)
    accuracy = rng.uniform(0.2, 1, (seeds, tasks, iterations + 1, tasks))
    accuracy[:, 0, :, 1:] = np.nan
    accuracy[:, 1, 0, 0] = accuracy[:, 0, -1, 0]
    flat = (seeds, tasks, iterations)
    return TaskCurves(
        accuracy=accuracy,
        slow_accuracy=accuracy[:, :, -1],
        gain=rng.uniform(1, 3, flat),
        uncertainty=rng.uniform(0, 1, flat),
        loss=rng.uniform(0, 2, flat),
        fast_accuracy=accuracy,
        evaluated_at=np.tile(np.arange(iterations + 1), (seeds, tasks, 1)),
    )


def at(made, times):
    """Return what the curves would be with evaluations at some times alone."""
    fields = ("accuracy", "fast_accuracy", "evaluated_at")
    return made._replace(**{name: getattr(made, name)[:, :, times] for name in fields})


def summarize(config=TINY, **curves):
    """Return the metrics of made-up curves."""
    found = Found()
    found.update(curves)
    found.seconds.update(dict.fromkeys(curves, 1.0))
    return stability_gap.EXPERIMENT.metrics(config, found)


def only(*names):
    """Return the small configuration with these methods."""
    return dataclasses.replace(TINY, optimizers=names)


def is_figure(value, seeds):
    """Return whether the value is {mean, ci: [low, high], per_seed} and consistent."""
    return (
        set(value) == {"mean", "ci", "per_seed"}
        and len(value["per_seed"]) == seeds
        and value["mean"] == pytest.approx(np.mean(value["per_seed"]))
        and value["ci"][0] <= value["mean"] <= value["ci"][1]
    )


SINGLE = {
    *("avg_sg", "avg_sg_previous_task", "avg_acc", "avg_acc_slow_weights", "min_acc", "wc_acc"),
    *("avg_anytime_acc", "max_gain", "wf_10", "wp_10", "wf_100", "wp_100"),
}
OTHER = {"summary", "hyperparameters", "diverged", "new_task_accuracy", "minimum_bias"}
PER_SWITCH = {
    f"{field}_per_switch{variant}"
    for field in ("sg", "depth", "duration", "area")
    for variant in ("", "_previous_task")
}


def test_summary_has_the_documented_shape():
    result = summarize(sgd=curves(), ngm=curves(seed=1))
    assert set(result) == {"schema_version", "benchmark", "config", "stream", "methods"}
    assert result["schema_version"] == 2  # 1: windows of n + 1 evaluations
    assert result["benchmark"] == "split-digits"
    assert set(result["methods"]) == {"sgd", "ngm"}
    for method in result["methods"].values():
        assert set(method) == OTHER | SINGLE | PER_SWITCH | {"wall_time_s"}
        for name in SINGLE:
            assert is_figure(method[name], seeds=3), name
        for name in PER_SWITCH:
            assert len(method[name]) == 1
            assert is_figure(method[name][0], seeds=3), name
        assert method["diverged"] == [False] * 3
    assert result["methods"]["ngm"]["summary"] == "NGM-SGD"
    assert result["methods"]["sgd"]["hyperparameters"] == {"learning_rate": 0.1}
    assert result["stream"]["tasks"] == ["0 to 4", "5 to 9"]
    assert sum(result["stream"]["training_images"]) == 1297
    assert result["stream"]["evaluation_images"] == [20, 20]


def test_summary_holds_the_measures_of_the_curves():
    made = curves()
    method = summarize(only("sgd"), sgd=made)["methods"]["sgd"]
    old = made.accuracy[:, 1, :, 0]
    sg = (old[:, 0] - old.min(axis=1)) / old[:, 0]
    np.testing.assert_allclose(method["avg_sg"]["per_seed"], sg)
    np.testing.assert_allclose(method["sg_per_switch"][0]["per_seed"], sg)
    np.testing.assert_allclose(method["min_acc"]["per_seed"], old.min(axis=1))
    np.testing.assert_allclose(method["avg_acc"]["per_seed"], made.accuracy[:, -1, -1].mean(axis=1))
    np.testing.assert_allclose(method["max_gain"]["per_seed"], made.gain.max(axis=(1, 2)))
    first, second = made.accuracy[:, 0, 1:, 0], made.accuracy[:, 1, 1:].mean(axis=2)
    anytime = (first.mean(axis=1) + second.mean(axis=1)) / 2
    np.testing.assert_allclose(method["avg_anytime_acc"]["per_seed"], anytime)


def test_intervals_lie_where_their_measures_do():
    """A t-interval over seeds that differ much reaches beyond [0, 1], and below no duration."""
    made = curves()
    made.accuracy[:, 1, 1:, 0] = made.accuracy[:, 1, :1, 0] * np.array([[1.0], [1.0], [0.0]])
    made.accuracy[:, :, 1:, 1] *= np.array([0.01, 0.9, 0.9])[:, None, None]
    method = stability_gap.measure(made)
    shares = SINGLE - {"max_gain"}
    values = {name: method[name] for name in shares}
    values |= {name: method[name][0] for name in PER_SWITCH}
    values |= {"new " + name: value for name, value in method["new_task_accuracy"].items()}
    cut = set()
    for name, value in values.items():
        high = np.inf if name.startswith(("duration", "area")) else 1
        low, high = np.clip(t_interval(value["per_seed"]), 0, high)
        assert value["ci"] == pytest.approx([low, high]), name
        cut |= {name} & {n for n in values if low == 0 or high == 1}
    assert {"avg_sg", "depth_per_switch", "duration_per_switch", "area_per_switch"} <= cut


def test_summary_is_plain_json_even_where_a_measure_is_undefined():
    made = curves()
    made.accuracy[1, :, :, :1] = 0.0  # nothing learned: the relative gap is undefined
    made.loss[1, 0, 2:] = np.nan
    made.gain[1, 0, 2:] = np.nan
    result = summarize(only("sgd"), sgd=made)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    method = result["methods"]["sgd"]
    assert method["avg_sg"]["mean"] is None
    assert method["avg_sg"]["ci"] == [None, None]
    assert [v is None for v in method["avg_sg"]["per_seed"]] == [False, True, False]
    assert method["max_gain"]["per_seed"][1] is None
    assert method["diverged"] == [False, True, False]
    assert method["avg_acc"]["mean"] is not None


def test_one_seed_has_no_interval():
    method = stability_gap.measure(curves(seeds=1))
    assert method["avg_sg"]["ci"] == [None, None]
    assert method["avg_sg"]["mean"] == method["avg_sg"]["per_seed"][0]


def test_a_name_that_comes_once_is_its_label():
    assert list(TINY.parse_methods()) == ["sgd", "ngm"]


def test_a_name_that_comes_twice_is_labelled_by_the_whole_text():
    texts = ("ngm:learning_rate=0.02", "sgd:learning_rate=0.2", "ngm")
    chosen = StabilityGapConfig(optimizers=texts).parse_methods()
    assert list(chosen) == ["ngm:learning_rate=0.02", "sgd", "ngm"]
    assert [m.constants["learning_rate"] for m in chosen.values()] == [0.02, 0.2, 0.01]


def test_evaluation_set_and_interval_stand_beside_the_minima():
    result = summarize(only("sgd"), sgd=curves())
    assert result["stream"]["evaluation_images"] == [20, 20]
    assert result["stream"]["eval_every"] == 1
    bias = result["methods"]["sgd"]["minimum_bias"]
    assert 0 < bias["standard_error"] <= (0.25 / 20) ** 0.5
    assert bias["standard_error"] < bias["at_most"] < 2 * bias["standard_error"]


def test_accuracy_on_the_new_task_is_reported_where_it_was_evaluated():
    made = curves(iterations=60)
    found = stability_gap.measure(made)["new_task_accuracy"]
    assert set(found) == {"10", "50"}
    np.testing.assert_allclose(found["50"]["per_seed"], made.accuracy[:, 1, 50, 1])
    assert stability_gap.measure(at(made, np.arange(0, 61, 4)))["new_task_accuracy"] == {}
    assert stability_gap.measure(at(made, np.arange(0, 61, 5)))["new_task_accuracy"] == found
    dense = [*range(11), 35, 60]
    found = stability_gap.measure(at(made, dense))["new_task_accuracy"]
    assert found.keys() == {"10"}
    np.testing.assert_allclose(found["10"]["per_seed"], made.accuracy[:, 1, 10, 1])


@pytest.mark.parametrize("times", [np.arange(0, 61, 5), np.array([*range(11), 35, 60])])
def test_the_iterations_of_evaluations_are_read_off_the_curves(times):
    made = at(curves(iterations=60), times)
    found = stability_gap.measure(made)
    runs = [metrics.gaps(run, eval_every=times) for run in made.accuracy]
    for name in ("duration", "area"):
        expected = [getattr(gap, name)[0] for gap in runs]
        np.testing.assert_allclose(found[f"{name}_per_switch"][0]["per_seed"], expected)
    anytime = [metrics.average_anytime_accuracy(run, eval_every=times) for run in made.accuracy]
    np.testing.assert_allclose(found["avg_anytime_acc"]["per_seed"], anytime)


def test_fast_weights_are_reported_where_others_act():
    made, other = curves(), curves(seed=1)
    fast = {"fast_avg_sg", "fast_avg_acc", "fast_avg_anytime_acc"}
    assert not fast & stability_gap.measure(made).keys()
    found = stability_gap.measure(made._replace(fast_accuracy=other.accuracy))
    assert found["fast_avg_sg"] == stability_gap.measure(other)["avg_sg"]
    assert found["fast_avg_acc"] == stability_gap.measure(other)["avg_acc"]
    assert found["fast_avg_anytime_acc"] == stability_gap.measure(other)["avg_anytime_acc"]
    assert found["avg_anytime_acc"] == stability_gap.measure(made)["avg_anytime_acc"]
    assert found["avg_sg"] == stability_gap.measure(made)["avg_sg"]


def test_a_schedule_of_evaluations_is_told_and_takes_less_time():
    config = dataclasses.replace(only("sgd"), iterations=40, dense=8, sparse=16)
    config.check()
    times = np.array([*range(9), 24, 40])
    result = summarize(config, sgd=at(curves(iterations=40), times))
    stream, plain = result["stream"], result["config"]
    assert (stream["eval_every"], stream["dense"], stream["sparse"]) == (1, 8, 16)
    assert (plain["dense"], plain["sparse"]) == (8, 16)
    text = " ".join(stability_gap.EXPERIMENT.table(result).split())
    assert "Evaluated after every update of the first 8 of a task, then every 16 updates on" in text
    [part] = stability_gap.EXPERIMENT.parts(config)
    np.testing.assert_array_equal(part.axes["evaluation"], times)
    every = dataclasses.replace(config, dense=None, sparse=None)
    assert "dense" not in summarize(every, sgd=curves(iterations=40))["stream"]
    assert stability_gap.EXPERIMENT.seconds(config) < stability_gap.EXPERIMENT.seconds(every)
