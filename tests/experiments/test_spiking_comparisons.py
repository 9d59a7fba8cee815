"""Experiments that compare networks of spiking cells: heterogeneity, dendrites, types of cells."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain import cli, experiments
from neurogain.experiments import cell_types, dendrite, heterogeneity
from neurogain.experiments.cell_types import CellTypesConfig
from neurogain.experiments.cell_types.run import in_contexts
from neurogain.experiments.dendrite import DendriteConfig
from neurogain.experiments.heterogeneity import HeterogeneityConfig
from neurogain.experiments.spiking_training import Keys, decisions_of_cues, parameters
from neurogain.tasks.spikes.labelled import Labelled
from neurogain.tasks.spikes.task import TASKS

SIZES = {
    "hidden": 6, "updates": 4, "evaluate_every": 2, "train": 30, "test": 20, "batch_size": 8,
    "seeds": 2,
}  # fmt: skip
SMALL = {
    "heterogeneity": HeterogeneityConfig(task="yin-yang", **SIZES),
    "dendrite": DendriteConfig(delays=(50,), **SIZES),
    "cell-types": CellTypesConfig(task="yin-yang", types=(0, 1, 2, 6), **SIZES),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return a small run of each, in folders."""
    folder = tmp_path_factory.mktemp("comparisons")
    return {
        name: experiments.get(name).run(config, out=folder / name) for name, config in SMALL.items()
    }


@pytest.mark.parametrize("name", SMALL)
def test_numbers_tables_and_figures(name, results):
    result = results[name]
    metrics = json.loads((result.out / "metrics.json").read_text())
    networks = metrics["networks"] if name != "dendrite" else metrics["delays"][0]["networks"]
    assert len(networks) == 4
    for own in networks.values():
        accuracy = own["test_accuracy"]
        assert len(accuracy["per_seed"]) == 2
        assert 0 <= accuracy["ci"][0] <= accuracy["mean"] <= accuracy["ci"][1] <= 1
    lines = experiments.get(name).table(metrics).splitlines()
    assert max(map(len, lines)) <= 80
    assert {p.stem for p in result.out.glob("*.png")} == set(result.figures)


def test_differences_are_in_pairs_of_seeds(results):
    metrics = results["cell-types"].metrics
    assert metrics["first"] == "uniform"
    pairs = [
        metrics["networks"][n]["test_accuracy"]["per_seed"] for n in ("one per cell", "uniform")
    ]
    expected = np.subtract(*pairs)
    np.testing.assert_allclose(metrics["difference_to_first"]["one per cell"]["per_seed"], expected)
    under = results["heterogeneity"].metrics["difference_to_first"]["jitter"]["learned"]["per_seed"]
    noisy = results["heterogeneity"].parts
    expected = noisy["learned"].noisy_accuracy[:, 1] - noisy["none"].noisy_accuracy[:, 1]
    np.testing.assert_allclose(under, expected, atol=1e-6)


def test_before_learning_networks_differ_only_in_what_they_name(results):
    """Learned constants start at the given ones, and strengths of modulators at 0."""
    parts = results["heterogeneity"].parts
    first = {name: course.loss[:, 0] for name, course in parts.items()}
    np.testing.assert_array_equal(first["none"], first["learned"])
    np.testing.assert_array_equal(first["drawn"], first["drawn and learned"])
    assert np.all(first["none"] != first["drawn"])
    types = {name: course.loss[:, 0] for name, course in results["cell-types"].parts.items()}
    for name, loss in types.items():
        np.testing.assert_array_equal(loss, types["no modulator"], err_msg=name)


def test_a_seed_draws_the_constants_and_the_rest():
    config = SMALL["heterogeneity"]
    once, again, other = (config.network("drawn", seed).layer.constants.C for seed in (0, 0, 1))
    np.testing.assert_array_equal(once, again)
    assert np.all(np.asarray(once) != np.asarray(other))


def test_rates_outside_the_band_cost(results):
    free = heterogeneity.run(dataclasses.replace(SMALL["heterogeneity"], band=(), seeds=1))
    banded = results["heterogeneity"].parts["none"]
    assert free.parts["none"].loss[0, 0] == banded.loss[0, 0]  # loss is without the cost
    assert np.all(free.parts["none"].gradient_norm[0, 0] != banded.gradient_norm[0, 0])


def test_point_cells_have_as_many_parameters_as_dendrites():
    config = DendriteConfig(hidden=64)
    found = {name: parameters(config.network(name, 100)) for name in config.networks}
    for name in ("LIF", "adaptive LIF"):
        assert abs(found[name] - found["dendrite"]) <= 12, name  # half a cell
    assert config.cells("soma") == config.cells("dendrite") == 64


def test_contexts_permute_labels_and_only_levels_tell_them():
    labels = jax.random.randint(jax.random.key(0), (300,), 0, 10)
    spikes = jax.random.uniform(jax.random.key(1), (300, 2, 3))
    keys = jax.random.split(jax.random.key(2))
    found = in_contexts(Labelled(spikes, labels), 3, 10, *keys)
    np.testing.assert_array_equal(found.spikes, spikes)
    levels = np.asarray(found.levels)[:, 0]
    maps = []
    for level in (0.0, 0.5, 1.0):
        here = levels == level
        own = dict(zip(labels[here].tolist(), found.labels[here].tolist(), strict=True))
        assert sorted(own) == sorted(own.values()) == list(range(10))  # a permutation
        np.testing.assert_array_equal(found.labels[here], [own[x] for x in labels[here].tolist()])
        maps.append([own[label] for label in range(10)])
    for label in range(10):
        assert len({own[label] for own in maps}) == 3  # maps differ everywhere


@pytest.mark.parametrize("name", ["delayed-xor-50", "multi-timescale-xor"])
def test_a_cue_is_decided_by_the_mean_over_its_steps(name):
    task = TASKS[name]
    examples, _ = task.draw(jax.random.key(0), 5, 1, None)
    logits = np.random.default_rng(0).normal(size=(5, task.steps, 2)).astype(np.float32)
    found, wanted = decisions_of_cues(jnp.asarray(logits), examples, task.cues)
    counted, targets = np.asarray(examples.counted), np.asarray(examples.targets)
    for i in range(5):
        before, sums = False, []
        for step in range(task.steps):
            if counted[i, step]:
                if not before:
                    sums.append([])
                sums[-1].append(logits[i, step])
                assert wanted[i, len(sums) - 1] == targets[i, step]
            before = counted[i, step]
        assert len(sums) == task.cues
        np.testing.assert_allclose(found[i], [np.mean(x, axis=0) for x in sums], rtol=1e-5)


def test_the_keys_of_a_seed_are_its_own_each():
    keys = [jax.random.key_data(x).tolist() for s in (0, 1) for x in Keys.of_seed(s)]
    assert len({tuple(x) for x in keys}) == 10


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (HeterogeneityConfig(conditions=("some",)), r"`conditions` must be one of none, drawn"),
        (HeterogeneityConfig(conditions=()), "`conditions` must hold at least one value, and none"),
        (HeterogeneityConfig(conditions=("none", "none")), "`conditions` must hold .* none twice"),
        (HeterogeneityConfig(task="digits-rows"), "`task` must be one in spikes, for their noise"),
        (HeterogeneityConfig(task="digits-rate", train=1298), "`train` must be at most the 1297 "),
        (HeterogeneityConfig(band=("a", "b")), "`band` must be two rates"),
        (DendriteConfig(band_cost=1.0), "`band_cost` must be given with a band"),
        *(
            (HeterogeneityConfig(fields=fields, conditions=conditions),
             r"`fields` must be different constants, each one of C, g_leak, tau_w, synapses.tau")
            for fields in (("tau",), ("C", "C"), ("v_t",), ("E_leak", "C"))
            for conditions in (("none",), ("none", "learned"))
        ),
        (HeterogeneityConfig(cv=0.0), "`cv` must be positive"),
        (HeterogeneityConfig(deletion=1.5), r"`deletion` must be in \[0, 1\]; got 1\.5"),
        (HeterogeneityConfig(band=(5.0,)), r"`band` must be two rates in Hz.*\(5, 20\)"),
        (HeterogeneityConfig(band=(9.0, 5.0)), "`band` must be two rates"),
        (HeterogeneityConfig(data_dir="x"), "`data_dir` must be left out with randman"),
        (DendriteConfig(delays=(70,)), "`delays` must be among 50, 100, 180, 250, 500 ms"),
        (DendriteConfig(delays=()), "`delays` must be among"),
        (DendriteConfig(networks=("axon",)), "`networks` must be one of soma, dendrite"),
        (DendriteConfig(delays=(50, 50)), "`delays` must hold .* none twice"),
        (CellTypesConfig(types=(1, 1)), "`types` must hold .* none twice"),
        (CellTypesConfig(types=(0.5,)), "`types` must be a whole number"),
        (CellTypesConfig(contexts=11), "`contexts` must be at most the 10 classes"),
        (CellTypesConfig(contexts=1), "`contexts` must be a whole number of at least 2"),
        (CellTypesConfig(types=(65,)), "`types` must be numbers of types from 0 to the 64 cells"),
        (CellTypesConfig(task="delayed-xor-50"), "`task` must be one of randman"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        config.check()


def test_a_command_runs(tmp_path, capsys):
    words = (
        "cell-types --task digits-rows --types 0 1 --seeds 1 --updates 2 --evaluate-every 2 "
        "--hidden 4 --train 20 --test 10 --batch-size 4 --out"
    )
    cli.main([*words.split(), str(tmp_path / "run")])
    assert "told by a modulator alone" in " ".join(capsys.readouterr().out.split())
    assert cell_types.EXPERIMENT.name == "cell-types"
    assert dendrite.EXPERIMENT.name == "dendrite"
