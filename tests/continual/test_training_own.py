"""Training on one's own arrays: features, tokens, one task; what does not fit together."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.continual import batches, models
from neurogain.continual.stream import Stream
from neurogain.continual.training import Protocol, Trainer

RNG = np.random.default_rng(0)
LABELS = np.arange(40) % 2
FEATURES = RNG.normal(size=(40, 5)) + 6 * (LABELS[:, None] - 0.5)  # float64, no pixels
TOKENS = RNG.integers(0, 4, (40, 3)) + 4 * LABELS[:, None]
SGD = {"learning_rate": 0.5}


class Bag(nn.Module):
    """Mean of embedded tokens, then a layer."""

    classes: int

    @nn.compact
    def __call__(self, tokens, train=False):
        del train
        assert jnp.issubdtype(tokens.dtype, jnp.integer)
        return nn.Dense(self.classes)(nn.Embed(8, 4)(tokens).mean(axis=1))


def trainer_of(x, model, tasks=1, **options):
    pairs = [(x, LABELS)] * tasks
    protocol = Protocol(iterations=20, batch_size=8, eval_every=20)
    fields = {"stream": Stream.from_arrays(pairs, pairs), "protocol": protocol} | options
    return Trainer(model, build_optimizer=lambda c: optax.sgd(c["learning_rate"]), **fields)


def test_one_task_of_features_is_learned_from_the_values_as_they_are():
    trainer = trainer_of(FEATURES, models.MLP(2, ()))
    runs = trainer.start([SGD], [0])
    before = runs.state.params["output"]["kernel"][0]
    _, curves = trainer.learn_and_evaluate(runs, 0)
    right = np.argmax(FEATURES.astype(np.float32) @ before, axis=1) == LABELS
    assert curves.accuracy[0, 0, 0] == pytest.approx(right.mean())
    assert curves.accuracy[0, 1, 0] > 0.95


def test_tokens_reach_an_embedding_as_integers():
    curves = trainer_of(TOKENS, Bag(2)).run([SGD], [0])
    assert curves.accuracy[0, 0, -1, 0] == 1.0


def test_features_are_normalised_only_where_they_are_images():
    images = FEATURES.reshape(40, 1, 1, 5).astype(np.float32)
    trainer = trainer_of(images, models.MLP(2, ()), normalize=True)
    flat = FEATURES.astype(np.float32)
    for found, expected in zip(trainer._scale, (flat.mean(axis=0), flat.std(axis=0)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"normalisation needs images, .*float32 of shape \(40, 5"):
        trainer_of(FEATURES, models.MLP(2, ()), normalize=True).start([SGD], [0])
    with pytest.raises(ValueError, match=r"augmentation needs images, .*int32 of shape \(40, 3"):
        trainer_of(TOKENS, Bag(2), augment=True).start([SGD], [0])
    with pytest.raises(ValueError, match=r"inputs of int32, shape \(1, 3\), it raised"):
        trainer_of(TOKENS, models.ResNet(2)).start([SGD], [0])


def test_streams_and_models_that_do_not_fit_are_refused_before_training():
    trainer = trainer_of(FEATURES, models.MLP(2, ()), tasks=2)
    stream = trainer.stream
    for changes, message in (
        ({"labels": stream.labels + 1}, r"labels .* in \[0, 2\); got 2 at example 1"),
        ({"starts": np.array([0, 0, 80])}, "must rise from 0 to the 80"),
        ({"images": np.where(stream.images > 5, np.nan, stream.images)}, "finite numbers"),
    ):
        wrong = dataclasses.replace(stream, **changes)
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(trainer, stream=wrong).start([SGD], [0])
    with pytest.raises(
        ValueError, match=r"return logits, \(batch, 2\), .* gives \(1, 1\)\. Change"
    ):
        dataclasses.replace(trainer, model=models.MLP(1, ())).start([SGD], [0])
    runs = trainer.start([SGD], [0])
    for task in (2, -1):
        with pytest.raises(ValueError, match=rf"`task` must be in \[0, 2\), .*; got {task}"):
            trainer.learn(runs, task)
    for keep in ([0], [21], [3, 2]):
        with pytest.raises(ValueError, match=r"`keep` must be updates of the task, 1 to 20, asc"):
            trainer.learn(runs, 0, keep=keep)


# one pass, and tasks of different lengths

SIZES = (21, 9, 16)


@pytest.fixture(scope="module")
def uneven():
    """Return a stream of tasks of different sizes, whose examples tell them apart."""
    x = RNG.normal(size=(sum(SIZES), 3))
    y = np.arange(len(x)) % 2
    ends = np.cumsum(SIZES)
    parts = [(x[end - n : end], y[end - n : end]) for end, n in zip(ends, SIZES, strict=True)]
    return Stream.from_arrays(parts, parts)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("regime", ["finetune", "joint", "replay"])
def test_a_pass_shows_every_example_once(uneven, regime, seed):
    protocol = Protocol.one_pass(uneven, regime=regime, batch_size=4, buffer_size=6)
    for task in range(3):
        low, high = int(uneven.starts[task]), int(uneven.starts[task + 1])
        low = 0 if regime == "joint" else low
        replayed = 2 if regime == "replay" and task else 0
        updates = -(-(high - low) // (4 - replayed))
        assert protocol.updates(task) == updates
        plan = batches.make_plan(uneven, protocol, task, seed)
        assert plan.shape == (4 * protocol.longest,)
        rows = plan.reshape(-1, 4)[:updates]
        fresh = rows[:, replayed:].ravel()
        assert sorted(fresh[fresh >= 0]) == list(range(low, high))
        assert fresh[fresh >= 0].tolist() != list(range(low, high))
        last = rows[-1, replayed:]
        assert (fresh[: -len(last)] >= 0).all()
        assert set(~last[last < 0]) <= set(last[last >= 0])  # filled up with its own
        if replayed:
            stored = batches.make_buffer(uneven, protocol, task, seed)[: 6 // task * task]
            assert set(rows[:, :2].ravel()) <= set(stored.tolist())
        assert not np.array_equal(plan, batches.make_plan(uneven, protocol, task, seed + 1))


def reference(kernel, stream, rows, rate):
    """Return the losses and the weights of SGD on the batches `rows`, in float64."""
    losses = []
    for row in rows:
        index = row[row >= 0]
        x, y = stream.images[index].astype(float), stream.labels[index]
        logits = x @ kernel
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(y)), y]).mean())
        kernel = kernel - rate * x.T @ (p - np.eye(2)[y]) / len(y)
    return losses, kernel


@pytest.mark.parametrize("way", ["side by side", "one by one", "step by step"])
def test_a_pass_is_sgd_on_its_batches_and_ends_with_nan(uneven, way):
    protocol = Protocol.one_pass(uneven, regime="finetune", batch_size=4)
    assert protocol.iterations == (6, 3, 4)
    trainer = trainer_of(FEATURES, models.MLP(2, ()), stream=uneven, protocol=protocol)
    trainer = dataclasses.replace(
        trainer, batched=way == "side by side", scanned=way != "step by step"
    )
    assert trainer.step_by_step == (way == "step by step")
    runs = trainer.start([SGD], [5])
    kernel = np.asarray(runs.state.params["output"]["kernel"][0], float)
    curves = trainer.run([SGD], [5])
    assert curves.accuracy.shape == (1, 3, 7, 3)
    for task, updates in enumerate(protocol.iterations):
        rows = batches.make_plan(uneven, protocol, task, 5).reshape(-1, 4)[:updates]
        losses, kernel = reference(kernel, uneven, rows, 0.5)
        np.testing.assert_allclose(curves.loss[0, task, :updates], losses, rtol=1e-4)
        images, labels = uneven.test_images[task], uneven.test_labels[task]
        n = uneven.test_counts[task]
        right = np.argmax(images[:n] @ kernel, axis=1) == labels[:n]
        assert curves.accuracy[0, task, updates, task] == pytest.approx(right.mean())
        for field in ("loss", "gain", "uncertainty"):
            assert np.isfinite(getattr(curves, field)[0, task, :updates]).all()
            assert np.isnan(getattr(curves, field)[0, task, updates:]).all()
        for accuracy in (curves.accuracy, curves.fast_accuracy):
            assert np.isfinite(accuracy[0, task, : updates + 1, : task + 1]).all()
            assert np.isnan(accuracy[0, task, updates + 1 :]).all()


def test_tasks_of_different_lengths_are_those_of_one_length_as_far_as_they_go(make_trainer):
    even = make_trainer("sgd", regime="finetune")
    shorter = make_trainer("sgd", regime="finetune", iterations=(6, 2, 4), eval_every=2)
    long, short = even.run([SGD], [0]), shorter.run([SGD], [0])
    np.testing.assert_allclose(short.loss[:, 0], long.loss[:, 0], rtol=1e-5)
    np.testing.assert_allclose(short.loss[:, 1, :2], long.loss[:, 1, :2], rtol=1e-5)
    assert np.isnan(short.loss[:, 1, 2:]).all()
    assert np.isnan(short.loss[:, 2]).sum() == 2
    np.testing.assert_array_equal(short.accuracy[:, 2, 0, :2], short.accuracy[:, 1, 1, :2])
    sources = [batches.make_source(even.stream, shorter.protocol, k) for k in range(3)]
    assert [int(source.first) for source in sources] == [0, 6, 8]


def test_schedules_end_with_their_task(make_trainer):
    lengths = {"regime": "finetune", "iterations": (6, 2, 4), "eval_every": 1}
    every = make_trainer("sgd", **lengths).run([SGD], [0])
    fewer = make_trainer("sgd", dense=1, sparse=1, **lengths)
    with pytest.raises(ValueError, match="`sparse` must divide the 5 iterations"):
        dataclasses.replace(fewer.protocol, sparse=3).check()
    same = fewer.run([SGD], [0])
    np.testing.assert_allclose(same.accuracy, every.accuracy, atol=1e-6)
    np.testing.assert_allclose(same.loss, every.loss, rtol=1e-5)


def test_runs_may_learn_tasks_of_different_lengths_side_by_side(make_trainer):
    trainer = make_trainer("sgd", regime="finetune", iterations=(6, 2, 4), eval_every=2)
    both = trainer.learn(trainer.start([SGD] * 2, [0, 1]), [2, 1], first=0)
    for run, task in enumerate((2, 1)):
        alone = trainer.learn(trainer.start([SGD] * 2, [0, 1]), task, first=0)
        for found, expected in zip(both.curves[2:5], alone.curves[2:5], strict=True):
            np.testing.assert_allclose(found[run], expected[run], rtol=1e-5)
        weights = (x.runs.state.params["output"]["kernel"][run] for x in (both, alone))
        np.testing.assert_allclose(*weights, rtol=1e-5, atol=1e-7)


def test_lengths_share_one_program(make_trainer):
    trainer = make_trainer("sgd", regime="finetune", iterations=(6, 2, 4), eval_every=2)
    traces = []

    def build(constants):
        traces.append(constants)
        return trainer.build_optimizer(constants)

    dataclasses.replace(trainer, build_optimizer=build).run([SGD], [0])
    assert len(traces) == 2  # once to start the runs, once for all tasks


def test_a_pass_that_is_none_is_refused(uneven):
    protocol = Protocol.one_pass(uneven, regime="finetune", batch_size=4)
    trainer = trainer_of(FEATURES, models.MLP(2, ()), stream=uneven, protocol=protocol)
    for changes, message in (
        (
            {"iterations": 6},
            r"`iterations` must be \(6, 3, 4\) to show every .*; got 6\. Pass Prot",
        ),
        ({"batch_size": 5}, r"`iterations` must be \(5, 2, 4\) to show every"),
        ({"iterations": (6, 3)}, "one for each of the 3 tasks; got 2 of them"),
        ({"iterations": ()}, r"`iterations` must be a whole number of at least 1; got \(\)"),
        ({"iterations": (6, 3, 0)}, "`iterations` must be a whole number of at least 1; got 0"),
        ({"eval_every": 2}, "`eval_every` must divide the 3 iterations of a task; got 2"),
        ({"once": 1}, "`once` must be True or False; got 1"),
    ):
        wrong = dataclasses.replace(protocol, **changes)
        with pytest.raises((ValueError, TypeError), match=message):
            dataclasses.replace(trainer, protocol=wrong).start([SGD], [0])
    with pytest.raises(ValueError, match="`draw` must be left out where every example"):
        dataclasses.replace(trainer, draw=batches.of_run).start([SGD], [0])
    with pytest.raises(ValueError, match="`batch_size` must be a whole number of at least 1"):
        Protocol.one_pass(uneven, regime="joint", batch_size=0)
    with pytest.raises(TypeError, match="a stream must be a Stream"):
        Protocol.one_pass("digits", regime="joint")
