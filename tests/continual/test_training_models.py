"""Models of one's own: linen and nnx, with dropout, batch statistics and convolutions."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from neurogain.continual import network
from neurogain.continual.stream import Stream
from neurogain.continual.training import Protocol, Trainer

RNG = np.random.default_rng(0)
LABELS = np.arange(24) % 3
X = RNG.normal(size=(24, 5)).astype(np.float32)
IMAGES = RNG.normal(size=(24, 4, 4, 1)).astype(np.float32)
ROWS = RNG.normal(size=(24, 6, 2)).astype(np.float32)


class Dropped(nn.Module):
    rate: float = 0.5

    @nn.compact
    def __call__(self, x, train):  # without a default
        x = nn.Dropout(self.rate, deterministic=not train)(nn.Dense(8)(x))
        return nn.Dense(3, name="output")(x)


class Plain(nn.Module):
    @nn.compact
    def __call__(self, x):  # without `train`
        return nn.Dense(3, name="output")(x)


class Normalized(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)(x)
        return nn.Dense(3, name="output")(x)


class Both(nnx.Module):
    """Batch statistics and dropout, with a list of layers."""

    def __init__(self, rngs, rate=0.0):
        self.norm = nnx.BatchNorm(5, momentum=0.9, epsilon=1e-5, rngs=rngs)
        self.layers = nnx.List([nnx.Linear(5, 5, rngs=rngs) for _ in range(2)])
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.output = nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x):
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x)
        return self.output(self.dropout(x))


HALF = functools.partial(Both, rate=0.5)


class Rows(nn.Module):
    """Convolutions of sequences, inside a compiled function in a scan alone."""

    @nn.compact
    def __call__(self, x):
        kernel = self.param("more", nn.initializers.ones, (3, 2, 2))

        @jax.jit
        def again(x, _):
            dims = ("NWC", "WIO", "NWC")
            return jax.lax.conv_general_dilated(x, kernel, (1,), "SAME", dimension_numbers=dims), ()

        x, _ = jax.lax.scan(again, x, length=2)
        return nn.Dense(3)(x.mean(axis=1))


class LinenCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3, name="output")(nn.relu(nn.Conv(4, (3, 3))(x)).mean(axis=(1, 2)))


class NnxCNN(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 4, (3, 3), rngs=rngs)
        self.output = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x):
        return self.output(nnx.relu(self.conv(x)).mean(axis=(1, 2)))


def trainer_of(model, x=X, **changes):
    pairs = [(x[:12], LABELS[:12]), (x[12:], LABELS[12:])]
    fields = {
        "stream": Stream.from_arrays(pairs, pairs),
        "protocol": Protocol(iterations=3, batch_size=4, eval_every=3),
        "build_optimizer": optax.sgd(0.1),
    }
    return Trainer(model, **(fields | changes))


def test_dropout_follows_from_the_seed_and_differs_between_updates():
    same = [(np.ones((4, 5), np.float32), np.zeros(4, int))] * 2  # a batch is like all others
    trainer = trainer_of(Dropped(), stream=Stream.from_arrays(same, same))
    trainer = dataclasses.replace(trainer, build_optimizer=optax.sgd(0.0))
    first, again = (trainer.run({}, seeds).loss for seeds in ([3, 4], [4, 3]))
    np.testing.assert_array_equal(first, again[::-1])
    assert len(np.unique(first)) == first.size  # over seeds, tasks and updates


@pytest.mark.parametrize("model", [Dropped(), HALF], ids=["linen", "nnx"])
def test_dropout_leaves_out_half_and_doubles_the_rest(model):
    net = network.as_network(model)

    @jax.jit
    def outputs():
        params, stats = net.init(jax.random.key(0), jnp.ones((1, 5)))
        params["output"]["kernel"] = jnp.eye(*params["output"]["kernel"].shape)
        if stats:  # a constant input is 0 behind its normalisation in training
            params["norm"]["bias"] = stats["norm"]["mean"] = jnp.ones(5)
        x = jnp.ones((4000, 5))
        learned = [net.learn(params, stats, x, jax.random.key(i))[0][:, 0] for i in (7, 7, 8)]
        return net.predict(params, stats, x)[:, 0], learned

    full, (found, same, other) = jax.tree.map(np.asarray, outputs())
    np.testing.assert_allclose(full, full[0], rtol=1e-6)
    np.testing.assert_allclose(found[found != 0], 2 * full[0], rtol=1e-4)
    assert abs((found == 0).mean() - 0.5) < 0.04
    np.testing.assert_array_equal(found, same)
    assert 0.4 < ((found == 0) == (other == 0)).mean() < 0.6


@pytest.fixture(scope="module")
def normalized():
    return trainer_of(Normalized())


def loop(trainer, seed, draw, x=X):
    """Train `Normalized`'s weights in float64; return losses, kernel, bias, mean and variance."""
    state = trainer.start({}, [seed, seed]).state
    scale, shift = np.ones(5), np.zeros(5)
    kernel = np.asarray(state.params["output"]["kernel"][0], float)
    bias, mean, var, losses = np.zeros(3), np.zeros(5), np.ones(5), []
    for task in range(2):
        for i in range(3):
            index = draw(trainer, seed, task, i)
            batch, y = x[index].astype(float), LABELS[index]
            m, v = batch.mean(axis=0), batch.var(axis=0)
            mean, var = 0.9 * mean + 0.1 * m, 0.9 * var + 0.1 * v
            z = (batch - m) / np.sqrt(v + 1e-5)
            logits = (z * scale + shift) @ kernel + bias
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            losses.append(-np.log(p[np.arange(4), y]).mean())
            error = (p - np.eye(3)[y]) / 4
            back = error @ kernel.T
            kernel = kernel - 0.1 * (z * scale + shift).T @ error
            bias = bias - 0.1 * error.sum(axis=0)
            scale, shift = scale - 0.1 * (back * z).sum(axis=0), shift - 0.1 * back.sum(axis=0)
    return losses, kernel, bias, mean, var


def test_parameters_and_statistics_at_the_end_are_those_of_a_loop_in_numpy(normalized, drawn_batch):
    curves, state = normalized.run({}, [0, 1], return_state=True)
    losses, kernel, bias, mean, var = loop(normalized, 1, drawn_batch)
    np.testing.assert_allclose(curves.loss[1].ravel(), losses, rtol=1e-5)
    output, stats = state.params["output"], state.stats["batch_stats"]["BatchNorm_0"]
    for found, expected in (
        (output["kernel"], kernel), (output["bias"], bias), (stats["mean"], mean),
        (stats["var"], var),
    ):  # fmt: skip
        np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-6)


def test_an_nnx_module_is_the_linen_module_of_the_same_weights(normalized):
    class Same(nnx.Module):
        def __init__(self, rngs):
            self.norm = nnx.BatchNorm(5, momentum=0.9, epsilon=1e-5, rngs=rngs)
            self.output = nnx.Linear(5, 3, rngs=rngs)

        def __call__(self, x):
            return self.output(self.norm(x))

    linen, other = normalized, trainer_of(Same)
    runs, theirs = linen.start({}, [0, 1]), other.start({}, [0, 1])
    assert not np.array_equal(*(theirs.state.params["output"]["kernel"]))  # a seed, its weights
    kernel = jnp.copy(runs.state.params["output"]["kernel"])  # from other random numbers
    theirs.state.params["output"]["kernel"] = kernel
    ours, theirs = linen.learn(runs, 0), other.learn(theirs, 0)
    np.testing.assert_allclose(theirs.curves.loss, ours.curves.loss, rtol=1e-6)
    state, stats = theirs.runs.state, ours.runs.state.stats["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(state.stats["norm"]["mean"], stats["mean"], rtol=1e-5, atol=1e-7)
    predicted = other.predict(state, X), linen.predict(ours.runs.state, X)
    np.testing.assert_allclose(*predicted, rtol=1e-5, atol=1e-6)


def test_a_model_without_train_is_called_without():
    trainer = trainer_of(Plain())
    state = trainer.start({}, [0]).state
    assert state.stats == {}
    output = jax.tree.map(lambda x: np.asarray(x[0]), state.params["output"])
    expected = X @ output["kernel"] + output["bias"]
    np.testing.assert_allclose(trainer.predict(state, X)[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "x", "convolves"),
    [
        (LinenCNN(), IMAGES, True),
        (NnxCNN, IMAGES, True),
        (Rows(), ROWS, True),
        (Plain(), X, False),
        (HALF, X, False),
    ],
    ids=["linen", "nnx", "rows", "no linen", "no nnx"],
)
def test_convolutions_are_found_in_the_model(model, x, convolves):
    trainer = trainer_of(model, x)
    assert (trainer.one_by_one, trainer.step_by_step) == (convolves, convolves)  # on a CPU
    assert not dataclasses.replace(trainer, batched=True).one_by_one
    assert not dataclasses.replace(trainer, scanned=True).step_by_step


@pytest.mark.parametrize("model", [LinenCNN(), NnxCNN], ids=["linen", "nnx"])
def test_a_small_network_of_convolutions_is_trained_step_by_step(model, drawn_batch):
    trainer = trainer_of(model, IMAGES)
    assert trainer.step_by_step
    runs = trainer.start({}, [0, 1])
    params = jax.tree.map(lambda x: np.asarray(x[1], float), runs.state.params)
    kernel = next(x["kernel"] for name, x in params.items() if name != "output")
    index = drawn_batch(trainer, 1, 0, 0)
    padded = np.pad(IMAGES[index].astype(float), ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = sum(padded[:, i : i + 4, j : j + 4] @ kernel[i, j] for i in range(3) for j in range(3))
    logits = np.maximum(x, 0).mean(axis=(1, 2)) @ params["output"]["kernel"]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = trainer.learn(runs, 0).curves.loss
    assert loss[1, 0] == pytest.approx(-np.log(p[np.arange(4), LABELS[index]]).mean(), rel=1e-5)
    assert np.isfinite(loss).all()


# models that can't be trained


class Active(nn.Module):
    """Drops in evaluation, too."""

    @nn.compact
    def __call__(self, x):
        return nn.Dropout(0.5, deterministic=False)(nn.Dense(3)(x))


class Grows(nnx.Module):
    def __init__(self, rngs):
        self.output = nnx.Linear(5, 3, rngs=rngs)
        self.last = nnx.BatchStat(jnp.zeros((1, 3)))

    def __call__(self, x):
        self.last = nnx.BatchStat(jnp.zeros((2, 3)))
        return self.output(x)


class Quiet(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        return nn.Dropout(0.5, deterministic=deterministic)(nn.Dense(3)(x))


class Nothing(nn.Module):
    def __call__(self, x):
        return x[:, :3]


class Holding(nn.Module):
    array: object

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x + self.array)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (Dropped, TypeError, "must be a module, not its class; got .*Dropped"),
        (Holding(np.zeros(5)), TypeError, r"`model` must be hashable, .*; got Holding"),
        (lambda: Both(nnx.Rngs(0)), TypeError, r"got a Both\. Write lambda rngs: Both\(rngs=rngs"),
        (
            "mlp",
            TypeError,
            "must be a Flax linen module, or a function .*; got 'mlp'",
        ),
        (Active(), ValueError, r"shape \(1, 5\), it raised InvalidRngError: .* takes `train`, or"),
        (lambda rngs: 3, TypeError, "gives <class 'int'>, not an nnx.Module"),
        (Grows, ValueError, "keep the names, shapes and dtypes of its batch statistics"),
        (
            Quiet(),
            TypeError,
            "`deterministic` of its __call__ is not set by the trainer, `train` is",
        ),
        (Nothing(), ValueError, r"must have parameters, all of them floats; got none\. Keep"),
    ],
)
def test_models_that_cannot_be_trained_are_refused(model, error, message):
    if message.startswith("got a Both"):
        model = model()
    with pytest.raises(error, match=message):
        trainer_of(model).start({}, [0])
