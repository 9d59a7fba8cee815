import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from neurogain.continual import metrics, models
from neurogain.continual.training import TaskCurves
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig
from neurogain.jobs import Found
from neurogain.stats import t_interval

TINY = StabilityGapConfig(
    optimizers=("sgd", "ngm"),
    seeds=2,
    iterations=4,
    batch_size=8,
    eval_images=20,
    hidden=(6,),
    tasks=2,
)


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


@pytest.mark.parametrize(
    ("benchmark", "value"),
    [
        ("split-mnist", 0.4),
        ("rotated-mnist", 0.5),
        ("split-cifar10", 0.2),
        ("domain-cifar100", 0.1),
        ("domain-cifar100_subset", 0.1),
        ("image-folder", 0.1),
    ],
)
def test_sensitivity_is_the_published_one_of_the_benchmark(benchmark, value):
    config = StabilityGapConfig(benchmark=benchmark, optimizers=("ngm",))
    assert config.parse_methods()["ngm"].constants["sensitivity"] == value


@pytest.mark.parametrize(
    ("benchmark", "size"), [("split-digits", 64), ("rotated-mnist", 128), ("split-cifar10", 256)]
)
def test_batch_size_follows_the_data_and_is_recorded(benchmark, size):
    assert StabilityGapConfig(benchmark=benchmark).protocol.batch_size == size
    assert StabilityGapConfig(benchmark=benchmark).as_json()["batch_size"] == size
    given = StabilityGapConfig(benchmark=benchmark, batch_size=7)
    assert given.as_json()["batch_size"] == 7


def test_configuration_survives_json():
    plain = TINY.as_json()
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, r"`seeds` must be a whole number of at least 1; got 0\."),
        ({"first_seed": -1}, r"`first_seed` must be a whole number of at least 0; got -1\."),
        ({"eval_images": 0}, r"`eval_images` must be a whole number of at least 1; got 0\."),
        ({"class_order_seed": -1}, r"`class_order_seed` must be a whole .* at least 0; got -1\."),
        ({"benchmark": "rotated-digits", "class_order_seed": 1}, r"`class_order_seed` belongs to"),
        ({"hidden": ()}, r"`hidden` must be widths of at least 1 unit; got \(\)"),
        ({"hidden": (4, 0)}, r"`hidden` must be widths of at least 1 unit; got \(4, 0\)"),
        ({"tasks": 1}, r"at least 2 tasks; got 1\. Pass more `tasks`"),
        ({"benchmark": "rotated-digits", "angles": (0.0,)}, r"at least 2 tasks; got 1\..*`angles`"),
        ({"optimizers": ()}, r"`optimizers` must name at least one method.*got none\."),
        ({"optimizers": ("sgd", "sgd")}, r"none twice with the same constants; got sgd sgd\."),
        ({"optimizers": ("sdg",)}, r"must be among .*; got 'sdg'"),
        ({"iterations": 0}, r"`iterations` must be a whole number of at least 1; got 0"),
        ({"batch_size": 0}, r"`batch_size` must be a whole number of at least 1; got 0"),
        ({"eval_every": 3}, r"`eval_every` must divide the 200 iterations of a task; got 3"),
        ({"dense": 50}, r"`dense` and `sparse` must be given both or neither; got 50 and None\."),
        ({"dense": 50, "sparse": 7}, r"`sparse` must divide the 150 iterations .*; got 7\."),
        ({"regime": "online"}, r"`regime` must be .* got 'online'"),
        ({"benchmark": "split-svhn"}, r"`benchmark` must be one of .*; got 'split-svhn'\."),
        ({"scale": "huge"}, r"`scale` must be one of default, paper, small; got 'huge'\."),
        ({"scale": "small", "eval_every": 3}, r"must divide the 100 iterations of a task; got 3"),
        ({"width": 0}, r"`width` must be a whole number of at least 1; got 0\."),
        ({"blocks": (2, 0)}, r"`blocks` must be at least 1 block a stage; got \(2, 0\)"),
        ({"benchmark": "domain-cifar100", "tasks": 1}, r"at least 2 tasks; got 1\."),
        (
            {"benchmark": "image-folder"},
            r"`image_folder` must be given with image-folder; got None",
        ),
        (
            {"image_folder": Path("x")},
            r"`image_folder` belongs to image-folder, not to .*; got x\.",
        ),
        ({"compute_dtype": "bfloat16"}, r"a ResNet's convolutions, not to split-digits; got 'bf"),
        ({"width": 10}, r"`width` belongs to a ResNet, not to split-digits; got 10\. Leave it"),
        ({"blocks": (1,)}, r"`blocks` belongs to a ResNet, not to split-digits"),
        ({"angles": (0.0, 40.0)}, r"`angles` belongs to rotated-mnist, .*, not to split-digits"),
        ({"buffer_size": 50}, r"`buffer_size` belongs to the regime replay, not to joint; got 50"),
        ({"benchmark": "split-cifar10", "hidden": (9,)}, r"`hidden` belongs to an MLP, not to spl"),
        (
            {"benchmark": "rotated-digits", "tasks": 4},
            r"`tasks` belongs to split-mnist, .*, not to ro",
        ),
    ],
)
def test_bad_configurations_are_refused_before_any_data_are_read(changes, message):
    with pytest.raises(ValueError, match=message):
        StabilityGapConfig(**changes).check()


def test_the_defaults_pass():
    StabilityGapConfig().check()


def test_the_tonic_gain_is_known_to_the_trainer(stream):
    texts = ("sgd", "ngm", "fixed-gain", "rate-matched")
    chosen = StabilityGapConfig(optimizers=texts).parse_methods()
    known = [stability_gap.make_trainer(TINY, stream, m).baseline for m in chosen.values()]
    assert known == [None, "baseline", "gain", "baseline"]


def test_rotated_stream_follows_the_angles():
    config = StabilityGapConfig(benchmark="rotated-digits", angles=(0.0, 45.0), eval_images=30)
    loaded = stability_gap.load_stream(config)
    assert loaded.task_names == ("0°", "45°")
    assert loaded.test_counts.tolist() == [30, 30]


@pytest.mark.parametrize("scale", ["default", "paper"])
@pytest.mark.parametrize("benchmark", ["split-cifar10", "image-folder"])
def test_the_published_protocol(scale, benchmark):
    config = StabilityGapConfig(benchmark=benchmark, scale=scale)
    assert config.preset == (5, 200, 256, 1, 500)
    assert config.protocol.batch_size == 256
    assert config.task_count == 5


def test_the_small_protocol_and_what_wins_over_it():
    config = StabilityGapConfig(benchmark="domain-cifar100", scale="small")
    assert config.preset == (3, 100, 64, 5, 100)
    assert config.task_count == 3
    given = StabilityGapConfig(scale="small", iterations=800, eval_every=1, seeds=4, tasks=2)
    assert given.preset == (4, 800, 64, 1, 100)
    written = given.as_json()
    expected = {"scale": "small", "iterations": 800, "seeds": 4, "batch_size": 64, "tasks": 2}
    assert written | expected == written


def test_evaluation_images_are_those_asked_for_or_all_where_the_default_is_more():
    assert stability_gap.load_stream(StabilityGapConfig()).test_counts.max() < 500
    small = stability_gap.load_stream(StabilityGapConfig(scale="small"))
    assert small.test_counts.max() == 100
    with pytest.raises(ValueError, match=r"`eval_images` must be at most \d+, .*; got 500\."):
        stability_gap.load_stream(StabilityGapConfig(eval_images=500))


@pytest.mark.parametrize(
    ("benchmark", "gain_on", "on_all"),
    [
        ("split-digits", None, True),
        ("split-digits", "output", False),
        ("split-cifar10", None, False),
        ("split-cifar10", "all", True),
    ],
)
def test_the_gain_is_on_all_layers_of_an_mlp_and_on_the_output_of_a_resnet(
    stream, benchmark, gain_on, on_all
):
    config = StabilityGapConfig(benchmark=benchmark, gain_on=gain_on, optimizers=("ngm", "sgd"))
    ngm, sgd = config.parse_methods().values()
    params = {name: {"kernel": np.ones((2, 2), np.float32)} for name in ("Dense_0", "output")}
    trainer = stability_gap.make_trainer(config, stream, ngm)
    updates = optim_updates(trainer.build_optimizer(ngm.constants), params)
    assert bool(updates["Dense_0"].any()) == on_all
    assert updates["output"].all()
    assert stability_gap.make_trainer(config, stream, sgd).build_optimizer == sgd
    assert config.as_json()["gain_on"] == ("all" if on_all else "output")


@pytest.mark.parametrize("name", ["two-timescale", "two-timescale-follow", "clip-ngm-adam"])
@pytest.mark.parametrize("gain_on", [None, "output", "all"])
def test_a_gain_that_is_the_outputs_by_default_is_on_all_layers_on_request(stream, name, gain_on):
    config = StabilityGapConfig(gain_on=gain_on, optimizers=(name,))
    [method] = config.parse_methods().values()
    params = {layer: {"kernel": np.ones((2, 2), np.float32)} for layer in ("Dense_0", "output")}
    tx = stability_gap.make_trainer(config, stream, method).build_optimizer(method.constants)
    updates = optim_updates(tx, params)
    assert bool(updates["Dense_0"].any()) == (gain_on == "all")
    assert updates["output"].all()


def optim_updates(tx, params):
    """Return the updates for a gradient of zero under uncertainty: those of the gain alone."""
    zeros = {name: {"kernel": np.zeros((2, 2), np.float32)} for name in params}
    updates, _ = tx.update(zeros, tx.init(params), params, uncertainty=1.0)
    return {name: np.asarray(leaf["kernel"]) for name, leaf in updates.items()}


def test_models_and_inputs_of_the_benchmarks(stream):
    sgd = StabilityGapConfig(optimizers=("sgd",)).parse_methods()["sgd"]
    mlp = stability_gap.make_trainer(TINY, stream, sgd)
    assert (type(mlp.model), mlp.normalize, mlp.one_by_one) == (models.MLP, False, False)
    config = StabilityGapConfig(
        benchmark="split-cifar10", width=3, blocks=(1,), compute_dtype="bfloat16", augment=True
    )
    resnet = stability_gap.make_trainer(config, stream, sgd)
    assert resnet.model == models.ResNet(10, 3, (1,), np.dtype("bfloat16"))
    assert (resnet.normalize, resnet.augment, resnet.one_by_one) == (True, True, True)
    assert resnet.slow_weights
    on_all = dataclasses.replace(config, gain_on="all")  # batch statistics are those at E
    assert not stability_gap.make_trainer(on_all, stream, sgd).slow_weights


def test_a_subset_is_named_as_such(stream):
    config = StabilityGapConfig(benchmark="domain-cifar100_subset", optimizers=("sgd",))
    described = stability_gap.describe(config, stream)
    assert described["note"].startswith("cifar100_subset is a part of cifar100: not to be compared")
    assert "note" not in stability_gap.describe(TINY, stream)


def test_lists_arrays_and_single_values_are_taken():
    config = StabilityGapConfig(
        benchmark="rotated-digits", optimizers="ngm", hidden=[8, 8], angles=np.array([0.0, 45.0])
    )
    config.check()
    same = StabilityGapConfig(
        benchmark="rotated-digits", optimizers=("ngm",), hidden=(8, 8), angles=(0.0, 45.0)
    )
    assert config == same
    assert config.as_json() == same.as_json()


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
