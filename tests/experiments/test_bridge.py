"""`neurogain bridge`: sources of the gain, their controls, and what it writes."""

import json

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import experiments
from neurogain.bridge import GainCurve
from neurogain.experiments import bridge
from neurogain.experiments.bridge import BridgeConfig, inside
from neurogain.experiments.bridge.config import OF_SPIKING
from neurogain.experiments.bridge.run import (
    Tuning,
    best,
    builder,
    control,
    curve_of,
    source_of,
)
from neurogain.experiments.training import load_stream
from neurogain.spiking.modules import LinenClassifier

SMALL = {
    "tuning_seeds": 1, "rates": (0.01, 0.3), "iterations": 6, "pyramidal": 8, "pv": 4, "som": 4,
    "curve_seeds": 2, "curve_duration": 100.0, "hidden": (6,), "seeds": 2, "batch_size": 16,
}  # fmt: skip
GAINS = {
    "spikes": np.array([[1.0, 1.5, 2.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.2, 1.1, 1.0, 1.0]]),
    "leaky": np.array([[1.0, 3.0, 5.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]),
}

CURVE = GainCurve("noradrenaline", 0, np.array([30.0, 60.0]), *[np.ones((2, 2))] * 3)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    longer = SMALL | {"iterations": 12}  # some updates lie before those whose spikes are shown
    config = BridgeConfig(sources=("none", "spikes", "mean"), **longer)
    return bridge.run(config, out=tmp_path_factory.mktemp("bridge") / "run")


def test_numbers_table_and_figures(result):
    metrics = json.loads((result.out / "metrics.json").read_text())
    assert [*metrics["sources"]] == ["none", "spikes", "mean"]
    for own in metrics["sources"].values():
        assert own["learning_rate"] in SMALL["rates"]
        assert len(own["avg_sg"]["per_seed"]) == 2
        assert 0 <= own["avg_anytime_acc"]["mean"] <= 1
    assert metrics["sources"]["none"]["max_gain"]["mean"] == 1
    assert metrics["curve"]["concentration_nM"][0] == 0
    assert [*metrics["links"]["alone"]] == [*inside.LINKS, "all"]
    assert [*metrics["differences"]] == ["spikes - none", "mean - none", "spikes - mean"]
    lines = experiments.get("bridge").table(metrics).splitlines()
    assert max(map(len, lines)) <= 80
    assert {p.stem for p in result.out.glob("*.png")} == set(result.figures)


def test_spikes_that_are_shown_are_those_of_the_run(result):
    """Read again, they give the gains that the optimizer had."""
    config = result.config
    spikes = result.parts["watched"].spikes
    window = inside.window(config)
    assert window.start > 0
    assert spikes.shape == (16, len(window) * 50)
    assert set(np.unique(spikes)) <= {0, 1, 2}
    curve = curve_of(result.parts["curve"])
    source = source_of(config, "spikes", curve, {}, [*config.seed_range])(0)
    state, given = source.init(), result.parts["spikes"].uncertainty[0].ravel()
    counts = []
    for u in given[: window.stop]:
        before = state.spikes
        _, state = source.update(state, u)
        counts.append(float(state.spikes - 0.8 * before))
    shown = spikes[: config.pyramidal].reshape(config.pyramidal, -1, 50).sum(axis=(0, 2))
    np.testing.assert_allclose(shown, counts[window.start :], atol=1e-3)


def test_the_gain_of_the_circuit_differs_between_seeds_and_the_mean_is_held(result):
    spikes, mean = result.parts["spikes"].gain, result.parts["mean"].gain
    assert np.mean(spikes[0] != spikes[1]) > 0.5
    flat = spikes.reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose(mean.reshape(2, -1), flat[:, None] * np.ones((2, 60)), rtol=1e-5)
    assert np.all(result.parts["none"].gain == 1)


def test_the_reported_rate_is_the_best_of_the_tuning_seeds(result):
    for name, own in result.metrics["sources"].items():
        tuned = result.parts[f"tuning,{name}"]
        assert own["learning_rate"] == SMALL["rates"][tuned.avg_anytime_acc.mean(1).argmax()]


def test_a_source_is_added_to_a_finished_folder(result):
    config = BridgeConfig(sources=("none", "spikes", "mean", "late"), **SMALL, late=2)
    before = (result.out / "metrics.json").read_text()
    with pytest.raises(ValueError, match="late"):  # `late` changes what the folder holds
        bridge.run(config, out=result.out, resume=True)
    assert (result.out / "metrics.json").read_text() == before


def test_controls_by_hand():
    config = BridgeConfig(sources=("spikes", "late"), late=2, jitter=1)
    g = GAINS["spikes"]
    np.testing.assert_allclose(control(config, "mean", GAINS), g.mean(1)[:, None] * np.ones((2, 6)))
    np.testing.assert_allclose(control(config, "late", GAINS)[0], [1, 1, 1, 1.5, 2, 1])
    yoked = control(config, "yoked", GAINS)
    for own, other in zip(yoked, g[::-1], strict=True):
        assert any(np.array_equal(own, np.roll(other, k)) for k in (-1, 0, 1))
    scaled = control(config, "scaled", GAINS)
    np.testing.assert_allclose(scaled.std(axis=1), GAINS["leaky"].std(axis=1))
    np.testing.assert_allclose((scaled[0] - 1) / (g[0] - 1 + (g[0] == 1)), [0, 4, 4, 0, 0, 0])


def test_a_replayed_course_reaches_the_optimizer():
    config = BridgeConfig(sources=("none", "spikes", "mean"))
    source = source_of(config, "late", CURVE, GAINS, [0, 1])
    late = control(config, "late", GAINS)
    tx = builder(config, "late", source)({"learning_rate": 0.1, "row": jnp.float32(1)})
    params = {"w": jnp.ones(2)}
    state = tx.init(params)
    for expected in late[1][:3]:
        _, state = tx.update(params, state, params, uncertainty=0.3)
        assert float(state.gain) == pytest.approx(expected)


def test_without_a_source_it_is_the_inner_optimizer():
    config = BridgeConfig()
    tx = builder(config, "none", None)({"learning_rate": 0.1, "row": 0.0})
    plain, params = optax.sgd(0.1), {"w": jnp.ones(2)}
    found, _ = tx.update(params, tx.init(params), params)
    expected, _ = plain.update(params, plain.init(params), params)
    np.testing.assert_array_equal(found["w"], expected["w"])


def test_the_best_rate_is_that_of_anytime_accuracy_and_finite():
    nothing = np.zeros((3, 2))
    anytime = np.array([[0.5, 0.6], [0.7, 0.8], [np.nan, 0.99]])
    assert best(Tuning(nothing, anytime, nothing, np.zeros((3, 2, 4)))) == 1


def test_spiking_cells_learn_under_the_sources():
    config = BridgeConfig(model="spiking", cells=(7,), steps=5, cell="alif")
    config.check()
    network = config.network(load_stream(config))
    assert isinstance(network, LinenClassifier)
    assert [(layer.inputs, layer.n) for layer in network.layers] == [(64, 7)]
    assert config.learning_rates == OF_SPIKING["sgd"]
    assert config.as_json()["model"] == "spiking"
    stream = BridgeConfig(benchmark="split-randman")
    assert (stream.model_name, stream.input_code) == ("spiking", "latency")
    assert BridgeConfig().as_json()["model"] == "mlp"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ("none", "mean")}, "`sources` must have spikes, for mean"),
        ({"sources": ("spikes", "scaled")}, "`sources` must have leaky, for scaled"),
        ({"sources": ()}, "`sources` must name at least one"),
        ({"sources": ("none", "none")}, "`sources` must name none twice"),
        ({"sources": ("dopamine",)}, "`sources` must be .*none, leaky"),
        ({"sources": ("spikes", "yoked"), "seeds": 1}, "`seeds` must be at least 2 for yoked"),
        ({"rates": (0.1, -1.0)}, "`rates` must be positive and finite"),
        ({"rates": (0.1, 0.1)}, "`rates` must hold none twice"),
        ({"pyramidal": 7}, "`pyramidal` must be even"),
        ({"ms_per_update": 0.3}, "`ms_per_update` must be a multiple of the circuit's step"),
        ({"benchmark": "split-cifar10"}, "`benchmark` must be a stream that trains an MLP"),
        ({"inner": "adam"}, "`inner` must be .*sgd"),
        ({"cells": (20,)}, r"`cells` must be left out where the model is mlp; got \(20,\)"),
        ({"model": "spiking", "hidden": (20,)}, "`hidden` must be left out where .* is spiking"),
        ({"benchmark": "split-randman", "hidden": (9,)}, "`hidden` must be left out where"),
        ({"model": "resnet"}, "`model` must be .*mlp"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        BridgeConfig(**options).check()
