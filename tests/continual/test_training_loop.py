"""The compiled, batched trainer against an ordinary training loop with optax."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import optim, uncertainty
from neurogain.continual import batches

SEED = 4


class Biased(nn.Module):
    """With biases, so that slow and effective weights decide differently under a global gain."""

    classes: int = 10

    @nn.compact
    def __call__(self, images, train=False):
        x = images.reshape(len(images), -1)
        x = nn.relu(nn.Dense(12, bias_init=nn.initializers.normal(0.5))(x))
        return nn.Dense(self.classes, bias_init=nn.initializers.normal(0.5))(x)


def loop(trainer):
    """Train one run update by update; return accuracies, losses and gains, one row a task."""
    method, stream, protocol = trainer.build_optimizer, trainer.stream, trainer.protocol
    tx = method(method.constants)
    key = jax.random.key(SEED)
    images = jnp.asarray(stream.images, jnp.float32) / 255
    params = trainer.model.init(jax.random.fold_in(key, 0), images[:1])
    state = tx.init(params)

    @jax.jit
    def gradient(params, x, y):
        def loss_fn(params):
            logits = trainer.model.apply(params, x)
            entropy = uncertainty.entropy(logits).mean()
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(y)), y]), entropy

        return jax.value_and_grad(loss_fn, has_aux=True)(params)

    @jax.jit
    def step(grads, state, params, drive, switch):
        extra = {"uncertainty": drive, "task_switch": switch}
        return optax.with_extra_args_support(tx).update(grads, state, params, **extra)

    @jax.jit
    def predict(params, images):
        return jnp.argmax(trainer.model.apply(params, images / 255), axis=-1)

    def accuracy(params, seen):
        row = np.full(stream.tasks, np.nan)
        for task in range(seen):
            right = np.asarray(predict(params, stream.test_images[task]))
            right = right == stream.test_labels[task]
            row[task] = right.sum() / stream.test_counts[task]
        return row

    rows = []
    for task in range(stream.tasks):
        source = batches.make_source(stream, protocol, task)
        buffer = batches.make_buffer(stream, protocol, task, SEED)
        draws = jax.random.fold_in(jax.random.fold_in(key, 1), task)
        curve, losses, gains = [accuracy(params, task + 1)], [], []
        for i in range(protocol.iterations):
            index = batches.draw(
                jax.random.fold_in(draws, i), protocol.batch_size, source, jnp.asarray(buffer)
            )
            (loss, drive), grads = gradient(params, images[index], stream.labels[index])
            updates, state = step(grads, state, params, drive, task > 0 and i == 0)
            params = optax.apply_updates(params, updates)
            losses.append(loss)
            gains.append(optim.get_gain(state) if trainer.baseline else 1.0)
            curve.append(accuracy(params, task + 1))
        slow = params
        if trainer.baseline:
            share = method.constants["baseline"] / gains[-1]
            slow = jax.tree.map(lambda E, share=share: share * E, params)
        rows.append((curve, losses, gains, accuracy(slow, task + 1)))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("name", "regime"),
    [
        ("ngm:learning_rate=0.03,baseline=1.5", "joint"),
        ("adam-reset:learning_rate=0.003", "replay"),
    ],
)
def test_compiled_trainer_is_an_ordinary_loop(make_trainer, name, regime):
    trainer = make_trainer(name, regime=regime, buffer_size=30)
    trainer = dataclasses.replace(trainer, model=Biased())
    constants = trainer.build_optimizer.constants
    curves = trainer.run([constants, constants], [SEED + 1, SEED])
    accuracy, loss, gains, slow_accuracy = loop(trainer)
    np.testing.assert_allclose(curves.loss[1], loss, rtol=2e-4)
    np.testing.assert_allclose(curves.gain[1], gains, rtol=1e-4)
    np.testing.assert_allclose(curves.accuracy[1], accuracy, rtol=1e-6)
    np.testing.assert_allclose(curves.slow_accuracy[1], slow_accuracy, rtol=1e-6)
    assert not np.array_equal(curves.loss[0], curves.loss[1])
    if trainer.baseline:
        assert not np.array_equal(slow_accuracy, accuracy[:, -1], equal_nan=True)


def test_optimizers_can_ask_for_gradients_at_other_weights(make_trainer):
    """A step with the gradient that `grad_fn` gives at the weights themselves is one of SGD."""

    def build(constants):
        def update(updates, state, params, *, grad_fn, **extra_args):
            del updates, extra_args
            grads = grad_fn(params)
            return jax.tree.map(lambda g: -constants["learning_rate"] * g, grads), state

        return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)

    trainer = make_trainer("sgd")
    asked = dataclasses.replace(trainer, build_optimizer=build)
    found, expected = (t.run([{"learning_rate": 0.3}], [SEED]) for t in (asked, trainer))
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-4)
