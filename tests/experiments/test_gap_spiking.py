"""The stability gap of spiking cells: models, streams, options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import cli
from neurogain.continual import randman_sets, stream_specs
from neurogain.continual.stream import Stream
from neurogain.experiments import stability_gap
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.stability_gap import StabilityGapConfig
from neurogain.experiments.stream_models import Current, Latency
from neurogain.tasks.spikes.randman import randman

SPIKING = {"model": "spiking", "cells": (12,), "steps": 20, "iterations": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def stream():
    return stability_gap.load_stream(StabilityGapConfig(model="spiking"))


def trainer_of(stream, optimizer="sgd", **options):
    config = StabilityGapConfig(optimizers=(optimizer,), **SPIKING | options)
    config.check()
    [method] = config.parse_methods().values()
    return stability_gap.make_trainer(config, stream, method), method


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_makes_the_logits_of_its_layers_and_readout(cell, stream):
    code = "latency" if cell == "alif" else None
    trainer, _ = trainer_of(stream, cell=cell, cells=(6, 5), code=code)
    model, x = trainer.model, jnp.asarray(stream.images[:4]) / 255
    params = model.init(jax.random.key(0), x)["params"]
    coded = Latency(20)(x) if code else jnp.repeat(x.reshape(4, 1, 64), 20, axis=1)
    spikes = jnp.swapaxes(coded, 0, 1)
    for number, layer in enumerate(model.layers):
        spikes, _ = layer.apply(params[f"hidden_{number}"], spikes)
    expected = model.readout.apply(params["output"], spikes)
    np.testing.assert_array_equal(model.apply({"params": params}, x), expected)
    assert expected.shape == (4, 10)
    assert params["hidden_1"]["in"].shape == (6, 5)


def test_a_gain_reaches_the_output_or_all_layers(stream):
    for gain_on, on_all in ((None, True), ("all", True), ("output", False)):
        trainer, method = trainer_of(stream, "ngm", gain_on=gain_on)
        tx = trainer.build_optimizer(method.constants)
        params = {"hidden_0": {"in": jnp.ones((2, 2))}, "output": {"kernel": jnp.ones((2, 2))}}
        zeros = jax.tree.map(jnp.zeros_like, params)
        moved, _ = tx.update(zeros, tx.init(params), params, uncertainty=1.0)
        assert bool(moved["hidden_0"]["in"].any()) == on_all
        assert moved["output"]["kernel"].all()


def test_a_run_writes_what_other_streams_do_and_learns(tmp_path):
    arguments = [
        "stability-gap", "--model", "spiking", "--cells", "40", "--steps", "20", "--seeds", "1",
        "--iterations", "30", "--eval-every", "10", "--tasks", "2", "--optimizers",
        "adam:learning_rate=0.005", "--out", str(tmp_path),
    ]  # fmt: skip
    cli.main(arguments)
    metrics = stability_gap.run(
        StabilityGapConfig(
            model="spiking", cells=(40,), steps=20, seeds=1, iterations=30, eval_every=10, tasks=2,
            optimizers=("adam:learning_rate=0.005",),
        ),
        out=tmp_path, resume=True,
    ).metrics  # fmt: skip
    assert metrics["config"]["model"] == "spiking"
    [found] = metrics["methods"].values()
    assert found["avg_acc"]["mean"] > 0.4  # chance: 0.1
    assert {"avg_sg", "avg_anytime_acc"} <= set(found)


def test_latency_gives_back_the_times_of_randman():
    found = randman(jax.random.key(3), classes=4, samples=500)
    own = randman_sets.dataset(3, classes=4)
    assert own.train.images.shape == (1600, 20)
    assert np.bincount(own.test.labels).tolist() == [100] * 4
    rows = {x.tobytes(): i for i, x in enumerate(1 - np.asarray(found.times))}
    for part in (own.train, own.test):
        index = np.array([rows[x.tobytes()] for x in part.images])
        np.testing.assert_array_equal(part.labels, found.labels[index])
        late = np.abs(np.asarray(Latency(100)(jnp.asarray(part.images)) - found.spikes(100)[index]))
        assert late.sum() <= 2e-4 * late.size / 50  # 1 - (1 - t) is rounded at edges of steps


def test_streams_have_their_codes_and_any_numbers_are_currents():
    assert StabilityGapConfig(benchmark="split-randman").input_code == "latency"
    own = StabilityGapConfig(model="spiking")
    assert (own.input_code, own.as_json()["code"]) == ("current", "current")
    assert StabilityGapConfig(model="spiking", code="latency").input_code == "latency"
    assert StabilityGapConfig().as_json()["code"] is None
    x = jnp.array([[[-2.0], [300.0]]])
    np.testing.assert_array_equal(Current(3)(x), [[[-2, 300]] * 3])


def test_numbers_that_are_no_times_are_refused_by_latency():
    x = np.linspace(0, 2, 40, dtype=np.float32).reshape(20, 2)
    own = Stream.from_arrays([(x, np.arange(20) % 4)] * 2, [(x, np.arange(20) % 4)] * 2)
    with pytest.raises(
        ValueError, match=r"numbers in \[0, 1\], .* from 0 to 2\. Pass code='current"
    ):
        trainer_of(own, code="latency", tasks=2)


def test_scales_are_those_of_the_codes_and_the_mean_is_read(stream):
    for code, first in (("current", 0.1), ("latency", 3.0)):
        model = trainer_of(stream, code=code, cells=(6, 5))[0].model
        assert [layer.scale / 3000.0 for layer in model.layers] == [first, 3.0]
        assert model.readout.kind == "mean"


def test_domains_have_the_same_labels_and_other_manifolds():
    stream = stream_specs.find("domain-randman").build(stream_specs.StreamOptions(tasks=2))
    assert stream.task_names == ("domain 1", "domain 2")
    first, second = np.split(stream.images, 2)
    assert first.shape == second.shape
    assert not np.isin(first, second).all(axis=1).any()
    assert sorted(set(stream.labels.tolist())) == list(range(10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": "spiking", "hidden": (10,)},
            r"`hidden` belongs to an MLP, not to spiking cells",
        ),
        ({"cell": "l5"}, r"`cell` belongs to spiking cells, not to split-digits; got 'l5'"),
        ({"steps": 10}, r"`steps` belongs to spiking cells"),
        (
            {"model": "transformer"},
            r"`model` must be one of mlp, resnet, spiking; got 'transformer'",
        ),
        ({"model": "spiking", "cell": "hh"}, r"`cell` must be one of lif, .*; got 'hh'"),
        ({"model": "spiking", "cells": ()}, r"`cells` must be widths of at least 1"),
        ({"benchmark": "split-randman", "width": 8}, r"`width` belongs to a ResNet"),
        ({"code": "latency"}, r"`code` belongs to spiking cells, not to split-digits"),
        ({"model": "spiking", "code": "rate"}, r"`code` must be one of latency, current; got 'ra"),
        ({"model": "spiking", "steps": 0}, r"`steps` must be a whole number of at least 1"),
    ],
)
def test_options_of_other_models_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        StabilityGapConfig(**options).check()
