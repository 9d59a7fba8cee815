"""What training returns, keeps on disk and calls back, of a model with dropout and statistics.

The optimizer averages, and the strategy keeps the model of the task before.
"""

import dataclasses
import shutil
import sys

import flax.linen as nn
import jax
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from neurogain import optim
from neurogain._extras import MissingExtraError
from neurogain.continual import strategies
from neurogain.continual.stream import Stream
from neurogain.continual.training import Protocol, Trainer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:orbax")

RNG = np.random.default_rng(0)
LABELS = np.arange(12) % 2
PARTS = [(RNG.normal(size=(12, 3)).astype(np.float32), LABELS) for _ in range(3)]
RATE, SEEDS = {"rate": 0.1}, [0, 1]


class Model(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(x))
        return nn.Dense(2, name="output")(nn.Dropout(0.2, deterministic=not train)(x))


def noisy(constants):
    """Averaged, with a key in its state."""
    noise = optax.add_noise(0.01, 0.5, jax.random.key(5))
    return optim.consolidate(optax.chain(noise, optax.adam(constants["rate"])))


@pytest.fixture(scope="module")
def trainer():
    stream = Stream.from_arrays(PARTS, PARTS)
    protocol = Protocol(iterations=4, batch_size=4, eval_every=2, regime="finetune")
    return Trainer(Model(), stream, protocol, noisy, strategy=strategies.lwf())


@pytest.fixture(scope="module")
def whole(trainer):
    return trainer.run(RATE, SEEDS, return_state=True)


def same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)


class InterruptionError(Exception):
    """Stands for whatever ends a run early."""


@pytest.fixture(scope="module")
def folder(trainer, tmp_path_factory):
    """Return the folder of a run that was interrupted behind its second task."""
    folder = tmp_path_factory.mktemp("runs") / "here"

    def stop(task, curves):
        if task == 1:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        trainer.run(RATE, SEEDS, stop, checkpoint_dir=folder)
    return folder


def test_the_state_at_the_end_gives_the_last_accuracies(trainer, whole):
    curves, state = whole
    assert state.params["output"]["kernel"].shape == (2, 4, 2)
    assert state.stats["batch_stats"]["BatchNorm_0"]["mean"].shape == (2, 4)
    for task, (x, y) in enumerate(PARTS):
        right = np.argmax(trainer.predict(state, x), axis=-1) == y
        np.testing.assert_allclose(curves.accuracy[:, 2, -1, task], right.mean(axis=1))


def test_lwf_keeps_the_model_that_acts_at_the_end_of_a_task(whole):
    state = whole.state
    acting = (optim.get_acting(state.opt_state, state.params), state.acting_stats)
    same(tuple(state.strategy.old), acting)
    assert state.strategy.old_classes.tolist() == [[True, True]] * 2


def test_training_goes_on_bit_for_bit_behind_what_is_kept(trainer, whole, folder):
    seen = []
    options = {"return_state": True, "checkpoint_dir": folder}
    resumed = trainer.run(RATE, SEEDS, lambda task, curves: seen.append(task), **options)
    assert seen == [2]
    same(resumed, whole)
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == ["task_0", "task_1", "task_2"]
    same(trainer.run(RATE, SEEDS, lambda task, curves: seen.append(task), **options), whole)
    assert seen == [2]
    with ocp.StandardCheckpointer() as checkpointer:  # the weights are found by name
        found = checkpointer.restore(folder / "task_2")
    same(found["params"]["output"]["kernel"], whole.state.params["output"]["kernel"])
    same(found["stats"], whole.state.stats)
    same(found["strategy"], whole.state.strategy)


def test_a_folder_of_other_runs_is_refused(trainer, folder, tmp_path):
    for changes, message in (
        ({"seeds": [0, 2]}, r"must hold these runs; .* \['seeds'\]\[1\] is 1, here 2\."),
        ({"constants": {"rate": 0.2}}, r"\['constants'\]\['rate'\]\[0\] is 0\.1"),
    ):
        call = {"constants": RATE, "seeds": SEEDS} | changes
        with pytest.raises(ValueError, match=message):
            trainer.run(**call, checkpoint_dir=folder)
    protocol = Protocol(iterations=2, batch_size=4, regime="finetune")
    other = dataclasses.replace(trainer, protocol=protocol)
    with pytest.raises(ValueError, match=r"\[.protocol.\] is .Protocol\(iterations=4"):
        other.run(RATE, SEEDS, checkpoint_dir=folder)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ValueError, match=r"must be a new or empty folder, .* has no runs\.json"):
        trainer.run(RATE, SEEDS, checkpoint_dir=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def _copied(folder, there):
    """Copy what is kept behind the second task."""
    return shutil.copytree(folder, there, ignore=shutil.ignore_patterns("task_2*"))


@pytest.mark.parametrize("name", ["runs.json", "task_0_curves.npz", "task_1/_METADATA"])
def test_a_damaged_file_is_named(name, trainer, folder, tmp_path):
    there = _copied(folder, tmp_path / "copy")
    (there / name).write_text("{")
    with pytest.raises(
        ValueError, match=rf"{name.partition('/')[0]} can't be read \(.*nother folder"
    ):
        trainer.run(RATE, SEEDS, checkpoint_dir=there)


def test_a_folder_may_be_below_the_home(trainer, folder, tmp_path, monkeypatch):
    _copied(folder, tmp_path / "home" / "runs")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    seen = []
    trainer.run(RATE, SEEDS, lambda task, curves: seen.append(task), checkpoint_dir="~/runs")
    assert seen == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_without_orbax_the_command_is_said(trainer, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(MissingExtraError, match=r"orbax .*: pip install 'neurogain\[continual\]'$"):
        trainer.run(RATE, SEEDS, checkpoint_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_state_is_given_within_a_task(trainer, whole):
    seen = []
    options = {"return_state": True, "on_update": lambda *x: seen.append(x), "every": 3}
    curves, state = trainer.run(RATE, SEEDS, **options)
    assert [x[:2] for x in seen] == [(0, 3), (1, 3), (2, 3)]
    for name, found, expected in zip(curves._fields, curves, whole.curves, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=name)
    for a, b in zip(*map(jax.tree.leaves, (state.params, whole.state.params)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    kernels = [np.asarray(x[2].params["output"]["kernel"]) for x in seen]
    assert kernels[0].shape == (2, 4, 2)
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[2], state.params["output"]["kernel"])  # one update later


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"on_update": print, "every": 0}, ValueError, "`every` must be a whole number of at le"),
        ({"every": 2}, ValueError, "`every` belongs to `on_update`; got 2 without it"),
        ({"on_update": 3}, TypeError, r"`on_update` must be a function of \(task, update, state"),
        ({"on_update": lambda x: x}, TypeError, "`on_update` must be a function of"),
        ({"on_update": print, "task": [0, 1]}, ValueError, "`on_update` needs one `task` for all"),
    ],
)
def test_calls_within_a_task_that_do_not_fit_are_refused(trainer, options, error, message):
    runs = trainer.start(RATE, SEEDS)
    with pytest.raises(error, match=message):
        trainer.learn(runs, **({"task": 0} | options))
