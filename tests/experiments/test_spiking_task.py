import dataclasses
import json

import numpy as np
import pytest

from neurogain import cli
from neurogain.experiments import spiking_task
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_task import SpikingTaskConfig

SMALL = SpikingTaskConfig(
    task="yin-yang",
    hidden=12,
    updates=20,
    batch_size=16,
    train=64,
    test=30,
    seeds=2,
    evaluate_every=5,
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Return a small run, in a folder."""
    return spiking_task.run(SMALL, out=tmp_path_factory.mktemp("spiking") / "run")


def test_numbers_and_figures_are_on_disk(result):
    metrics = json.loads((result.out / "metrics.json").read_text())
    accuracy = metrics["test_accuracy"]
    assert len(accuracy["per_seed"]) == 2
    assert accuracy["mean"] == pytest.approx(np.mean(accuracy["per_seed"]))
    assert 0 <= accuracy["ci"][0] <= accuracy["ci"][1] <= 1
    assert metrics["parameters"] == 12 * 4 + 13 * 3
    assert {p.stem for p in result.out.glob("*.png")} == {"learning"}
    course = result.parts["course"]
    assert (course.loss.shape, course.accuracy.shape) == ((2, 20), (2, 5))
    assert accuracy["per_seed"] == pytest.approx(course.accuracy[:, -1])


def test_a_seed_is_the_same_alone(result):
    alone = spiking_task.run(dataclasses.replace(SMALL, seeds=1, first_seed=1))
    np.testing.assert_array_equal(alone.parts["course"].loss[0], result.parts["course"].loss[1])


def test_a_network_learns_and_its_weights_act_by_the_optimizer():
    config = dataclasses.replace(
        SMALL, task="randman", hidden=32, updates=200, train=600, test=200, seeds=1,
        evaluate_every=200, batch_size=32, optimizer="adam:learning_rate=0.01",
    )  # fmt: skip
    course = spiking_task.run(config).parts["course"]
    assert course.accuracy[0, 0] < 0.3
    assert course.accuracy[0, -1] > 0.6
    averaged = dataclasses.replace(
        config, optimizer="ema-adam:learning_rate=0.01,consolidation=0.99999"
    )
    slow = spiking_task.run(averaged).parts["course"]
    np.testing.assert_allclose(slow.loss, course.loss, rtol=1e-3)  # the weights that learn
    assert slow.accuracy[0, -1] < course.accuracy[0, -1]  # those that act are the mean of them all


@pytest.mark.parametrize(
    "change",
    [
        {"cell": "l5", "learn": ("dendrite.tau_w",)},
        {"cell": "izhikevich", "optimizer": "ngm"},
        {"cell": "alif", "task": "delayed-xor-50", "recurrent": True},
        {"task": "multi-timescale-xor", "optimizer": "two-timescale"},
    ],
)
def test_any_cell_task_and_optimizer_go_together(change):
    config = dataclasses.replace(SMALL, updates=2, evaluate_every=2, seeds=1, **change)
    found = spiking_task.run(config)
    course = found.parts["course"]
    assert np.all(np.isfinite(course.loss))
    assert np.all(course.gradient_norm > 0)
    lines = spiking_task.EXPERIMENT.table(found.metrics).splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "mnist"}, r"`task` must be one of randman, .*; got 'mnist'"),
        ({"cell": "hh"}, r"`cell` must be one of lif, alif, izhikevich, l5; got 'hh'"),
        ({"optimizer": "er"}, "`optimizer` must need one gradient an update, .*; got 'er'"),
        ({"optimizer": "sam-sgd"}, "one gradient an update"),
        ({"optimizer": "foo"}, r"must be among sgd, .*, ngm-output; got 'foo'"),
        ({"constants": ("C=5",)}, r"`constants` must leave time constants .* of 1 ms, .*got C=5"),
        ({"learn": ("C", "C")}, "`learn` must be different names; got C, C"),
        ({"max_norm": 0.0}, r"`max_norm` must be positive and finite, dimensionless; got 0\.0"),
        ({"learn": ("tau",)}, "`learn` must name constants, each one of C, g_leak"),
        ({"constants": ("tau=3",)}, r"`constants` must be texts NAME=NUMBER, each name one of C, "),
        ({"constants": ("C",)}, r"given once; got 'C'\. Pass for instance C=200\."),
        ({"constants": ("C=3", "C=4")}, "given once; got 'C=4'"),
        ({"constants": ("C=nan",)}, "given once; got 'C=nan'"),
        ({"constants": ("C=-3",)}, "`C` must be positive"),
        ({"evaluate_every": 7}, "`evaluate_every` must divide the 20 updates; got 7"),
        ({"batch_size": 65}, "`batch_size` must be at most the 64 training examples; got 65"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change).check()


def test_cells_have_the_constants_that_are_given():
    config = dataclasses.replace(SMALL, cell="l5", constants=("soma.d=100", "dendrite.tau_w=20"))
    config.check()
    layer = config.network().layer
    assert (layer.constants.soma.d, layer.constants.dendrite.tau_w) == (100.0, 20.0)
    assert layer.constants.soma.C == CELLS["l5"].constants.soma.C


def test_currents_are_scaled_down_and_ends_of_intervals_are_not_negative(result):
    config = dataclasses.replace(SMALL, task="digits-rows")
    assert config.network().layer.scale == pytest.approx(0.1 * CELLS["lif"].scale)
    assert SMALL.network().layer.scale == CELLS["lif"].scale
    for name in ("rate_hz", "largest_gradient_norm"):
        assert result.metrics[name]["ci"][0] >= 0


def test_every_kind_of_cell_allows_its_step():
    for kind in CELLS.values():
        assert kind.layer(3, 2).substeps == kind.substeps


def test_the_command_runs_and_prints_the_accuracy(tmp_path, capsys):
    words = (
        "spiking-task --task yin-yang --cell lif --optimizer adam --seeds 1 --updates 2 "
        "--evaluate-every 2 --hidden 4 --train 20 --test 10 --batch-size 4 --out"
    )
    cli.main([*words.split(), str(tmp_path / "run")])
    assert "accuracy on test examples" in capsys.readouterr().out


def test_a_set_that_is_not_there_is_told_before_a_folder_is_claimed(tmp_path):
    config = dataclasses.replace(SMALL, task="mnist-latency", data_dir=tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="`data_dir` must hold 'mnist'"):
        spiking_task.run(config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
