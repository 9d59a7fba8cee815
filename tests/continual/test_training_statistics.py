"""Models with batch statistics in the compiled trainer, against an ordinary loop with optax."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import optim, uncertainty
from neurogain.continual import batches, images, methods, models, streams
from neurogain.continual.data import Dataset, Examples
from neurogain.continual.training import Protocol, Trainer

SEED = 2
NGM = methods.parse("ngm:learning_rate=0.05,baseline=1.5")


def averaged(constants):
    return optim.consolidate(NGM(constants), decay=0.6)


@pytest.fixture(scope="module")
def stream():
    """Return two tasks of two classes of coloured noise, 30 training and 10 test images a class."""
    rng = np.random.default_rng(0)

    def draw(n):
        labels = np.arange(4 * n, dtype=np.int32) % 4
        pixels = rng.normal(100 + 15 * labels[:, None, None, None], 40, (4 * n, 5, 5, 3))
        return Examples(np.clip(pixels, 0, 255).astype(np.uint8), labels)

    return streams.split(Dataset("noise", 4, draw(30), draw(10)), tasks=2)


@pytest.fixture(scope="module")
def trainer(stream):
    return Trainer(
        model=models.ResNet(4, width=2, blocks=(1,)),
        stream=stream,
        protocol=Protocol(iterations=4, batch_size=12),
        build_optimizer=NGM,
        baseline="baseline",
        normalize=True,
        batched=False,
        scanned=False,
    )


@pytest.fixture(scope="module")
def curves(trainer):
    return trainer.run([NGM.constants] * 2, [SEED + 1, SEED])


def loop(trainer, build):
    """Train one run update by update; return (accuracy, slow, loss, fast), one row a task."""
    stream, protocol, model = trainer.stream, trainer.protocol, trainer.model
    tx = build(NGM.constants)
    mean = stream.images.mean(axis=(0, 1, 2)) / 255
    sd = stream.images.std(axis=(0, 1, 2)) / 255
    key = jax.random.key(SEED)

    def inputs(pixels):
        return jnp.asarray((pixels / 255 - mean) / sd, jnp.float32)

    variables = jax.jit(model.init)(jax.random.fold_in(key, 0), inputs(stream.images[:1]))
    params, stats = variables["params"], variables["batch_stats"]
    state, acting_stats = tx.init(params), stats

    def forward(params, stats, x):
        logits, new = model.apply(
            {"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"]
        )
        return logits, new["batch_stats"]

    def loss_fn(params, stats, x, y):
        logits, stats = forward(params, stats, x)
        loss = -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(y)), y])
        return loss, (uncertainty.entropy(logits).mean(), stats)

    forward, update = jax.jit(forward), jax.jit(tx.update)
    gradient = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))
    predict = jax.jit(lambda p, s, x: model.apply({"params": p, "batch_stats": s}, x))

    def accuracy(params, stats, seen):
        row = np.full(stream.tasks, np.nan)
        for task in range(seen):
            logits = predict(params, stats, inputs(stream.test_images[task]))
            row[task] = np.mean(np.argmax(logits, axis=-1) == stream.test_labels[task])
        return row

    rows = []
    for task in range(stream.tasks):
        source = batches.make_source(stream, protocol, task)
        draws = jax.random.fold_in(jax.random.fold_in(key, 1), task)
        acting = optim.get_acting(state, params)
        curve, fast = (
            [accuracy(acting, acting_stats, task + 1)],
            [accuracy(params, stats, task + 1)],
        )
        losses = []
        for i in range(protocol.iterations):
            index = batches.draw(
                jax.random.fold_in(draws, i), protocol.batch_size, source, jnp.zeros(1, jnp.int32)
            )
            x, y = inputs(stream.images[index]), stream.labels[index]
            (loss, (drive, stats)), grads = gradient(params, stats, x, y)
            updates, state = update(grads, state, params, uncertainty=drive)
            params = optax.apply_updates(params, updates)
            acting = optim.get_acting(state, params)
            acting_stats = forward(acting, acting_stats, x)[1]
            if not optim.has_acting(state):
                acting_stats = stats
            losses.append(loss)
            curve.append(accuracy(acting, acting_stats, task + 1))
            fast.append(accuracy(params, stats, task + 1))
        slow = optim.get_fast_slow(state, params, baseline=NGM.constants["baseline"]).slow
        rows.append((curve, accuracy(slow, stats, task + 1), losses, fast))
    return [np.array(column) for column in zip(*rows, strict=True)]


def assert_as_in_a_loop(curves, expected):
    accuracy, slow, loss, fast = expected
    np.testing.assert_allclose(curves.loss[1], loss, rtol=1e-3)
    np.testing.assert_allclose(curves.accuracy[1], accuracy, atol=1e-6)
    np.testing.assert_allclose(curves.slow_accuracy[1], slow, atol=1e-6)
    np.testing.assert_allclose(curves.fast_accuracy[1], fast, atol=1e-6)


def test_joint_training_is_an_ordinary_loop(trainer, curves):
    assert_as_in_a_loop(curves, loop(trainer, NGM))
    np.testing.assert_array_equal(curves.fast_accuracy, curves.accuracy)
    assert len(np.unique(curves.accuracy[1, 1])) > 2  # there is something to compare


def test_weights_that_act_have_statistics_of_their_own(trainer):
    trainer = dataclasses.replace(trainer, build_optimizer=averaged)
    found = trainer.run([NGM.constants] * 2, [SEED + 1, SEED])
    assert_as_in_a_loop(found, loop(trainer, averaged))
    assert not np.array_equal(found.fast_accuracy, found.accuracy, equal_nan=True)


def test_evaluation_changes_nothing(trainer, curves):
    rare = dataclasses.replace(
        trainer, protocol=Protocol(iterations=4, batch_size=12, eval_every=4)
    )
    found = rare.run([NGM.constants] * 2, [SEED + 1, SEED])
    np.testing.assert_allclose(found.loss, curves.loss, rtol=1e-4)
    np.testing.assert_allclose(found.accuracy, curves.accuracy[:, :, ::4], atol=1e-6)


def test_runs_side_by_side_are_the_runs_one_by_one(trainer, curves):
    assert trainer.one_by_one
    batched = dataclasses.replace(trainer, batched=True)
    assert not batched.one_by_one
    found = batched.run([NGM.constants] * 2, [SEED + 1, SEED])
    for name, a, b in zip(curves._fields, curves, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.slow  # convolutions' gradients in a scan take a minute on a CPU
def test_a_compiled_scan_and_a_loop_around_the_update_are_the_same(trainer, curves):
    assert trainer.step_by_step  # on a CPU
    scanned = dataclasses.replace(trainer, build_optimizer=averaged, scanned=True)
    assert not scanned.step_by_step
    looped = dataclasses.replace(scanned, scanned=None)
    pairs = (t.run([NGM.constants], [SEED]) for t in (scanned, looped))
    for name, a, b in zip(curves._fields, *pairs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6, err_msg=name)


def test_runs_one_by_one_share_one_program_whatever_their_number(trainer):
    traces = []

    def build(constants):
        traces.append(constants)
        return NGM(constants)

    counted = dataclasses.replace(trainer, build_optimizer=build)
    counted.run([NGM.constants], [0])
    counted.run([NGM.constants] * 2, [1, 2])
    assert len(traces) == 2  # once to start a run, once for all tasks


def test_augmentation_changes_the_training_images_alone(trainer, curves, monkeypatch):
    shapes = []

    def black(key, pixels):
        shapes.append(pixels.shape)
        return jnp.zeros_like(pixels)

    monkeypatch.setattr(images, "augment", black)
    found = dataclasses.replace(trainer, augment=True).run([NGM.constants], [SEED])
    assert shapes == [(12, 5, 5, 3)]
    np.testing.assert_array_equal(found.accuracy[0, 0, 0], curves.accuracy[1, 0, 0])
    assert found.loss[0, 0, 0] != curves.loss[1, 0, 0]
