"""The trainer against forward and backward passes written by hand, in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from neurogain.continual import batches

RATE, SEED = 0.3, 3


def forward(layers, images):
    activities = [images.reshape(len(images), -1) / 255]
    for i, W in enumerate(layers):
        h = activities[-1] @ W
        activities.append(h if i == len(layers) - 1 else h * (h > 0))
    return activities


def probabilities(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sgd_step(layers, images, labels):
    """Return the loss and the entropy of a batch, and the weights after the step."""
    activities = forward(layers, images)
    p = probabilities(activities[-1])
    rows = np.arange(len(labels))
    loss, entropy = -np.log(p[rows, labels]).mean(), -(p * np.log(p)).sum(axis=1).mean()
    delta = p.copy()
    delta[rows, labels] -= 1
    delta /= len(labels)
    new = [None] * len(layers)
    for i in reversed(range(len(layers))):
        new[i] = layers[i] - RATE * activities[i].T @ delta
        delta = (delta @ layers[i].T) * (activities[i] > 0)
    return loss, entropy, new


def accuracies(layers, stream, seen):
    values = [np.nan] * stream.tasks
    for task in range(seen):
        count = stream.test_counts[task]
        predicted = forward(layers, stream.test_images[task, :count])[-1].argmax(axis=1)
        values[task] = np.mean(predicted == stream.test_labels[task, :count])
    return values


def indices(trainer, task):
    """Yield the indices of a task's batches in joint training, as the trainer draws them."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(SEED), 1), task)
    source = batches.make_source(trainer.stream, trainer.protocol, task)
    for i in range(trainer.protocol.iterations):
        draw = jax.random.fold_in(key, i)
        yield np.asarray(
            batches.draw(draw, trainer.protocol.batch_size, source, jnp.zeros(1, jnp.int32))
        )


def test_losses_entropies_and_accuracies_are_those_of_plain_sgd(make_trainer):
    trainer = make_trainer("sgd")
    stream = trainer.stream
    curves = trainer.run([{"learning_rate": RATE}], [SEED])

    init = trainer.model.init(
        jax.random.fold_in(jax.random.key(SEED), 0),
        jnp.asarray(stream.images[:1] / 255, jnp.float32),
    )
    names = ("Dense_0", "output")
    layers = [np.asarray(init["params"][name]["kernel"], np.float64) for name in names]
    for task in range(stream.tasks):
        losses, entropies, curve = [], [], [accuracies(layers, stream, task + 1)]
        for index in indices(trainer, task):
            loss, entropy, layers = sgd_step(layers, stream.images[index], stream.labels[index])
            losses.append(loss)
            entropies.append(entropy)
            curve.append(accuracies(layers, stream, task + 1))
        np.testing.assert_allclose(curves.loss[0, task], losses, rtol=1e-4)
        np.testing.assert_allclose(curves.uncertainty[0, task], entropies, rtol=1e-4)
        np.testing.assert_allclose(curves.accuracy[0, task], curve, rtol=1e-6)
        np.testing.assert_allclose(curves.slow_accuracy[0, task], curve[-1], rtol=1e-6)
    np.testing.assert_array_equal(curves.gain, 1.0)


def test_runs_of_one_seed_share_their_batches_and_weights(make_trainer):
    sgd = make_trainer("sgd").run([{"learning_rate": RATE}], [SEED])
    ngm = make_trainer("ngm").run([make_trainer("ngm").build_optimizer.constants], [SEED])
    np.testing.assert_allclose(sgd.loss[0, 0, 0], ngm.loss[0, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(sgd.accuracy[0, 0, 0], ngm.accuracy[0, 0, 0])
