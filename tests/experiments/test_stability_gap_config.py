"""Configurations of the stability gap: what is asked, refused, and made of it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import optax
import pytest
from tiny_gap import TINY

from neurogain.continual import models
from neurogain.experiments import stability_gap
from neurogain.experiments.stability_gap import StabilityGapConfig


@pytest.fixture(scope="module")
def stream():
    return stability_gap.load_stream(TINY)


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
        ({"first_seed": -1}, r"`first_seed` must be in .0, 2.32.; got -1\."),
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
        (
            {"optimizers": ("sgd", "er", "ewc")},
            r"`regime` must be finetune for er, ewc, .*; got 'joint'\. Pass --regime finetune\.",
        ),
        ({"optimizers": ("er",), "regime": "replay"}, r"finetune for er, .* got 'replay'"),
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
        (
            {"iterations": (4, 8)},
            r"`iterations` must be a whole number of at least 1; got \(4, 8\)",
        ),
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


@pytest.mark.parametrize("name", ["two-timescale-follow", "clip-ngm-adam"])
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


def test_an_optimizer_that_is_built_is_refused_with_the_way_out():
    config = StabilityGapConfig(optimizers=(optax.adam(1e-3),))
    with pytest.raises(TypeError, match=r"`optimizers` must hold names, .*Pass Method\('mine'"):
        config.check()
