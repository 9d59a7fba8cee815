"""Losses, measures of uncertainty and optimizers of one's own; constants without names."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import optim, uncertainty
from neurogain.continual import batches, models, network
from neurogain.continual.stream import Stream
from neurogain.continual.training import Protocol, Trainer

RNG = np.random.default_rng(0)
LABELS = np.arange(20) % 2
X = RNG.normal(size=(20, 3)).astype(np.float32)
STREAM = Stream.from_arrays([(X, LABELS)], [(X, LABELS)])
PROTOCOL = Protocol(iterations=4, batch_size=5, eval_every=4)
SGD = optax.sgd(0.1)


def trainer_of(optimizer=SGD, **changes):
    fields = {"stream": STREAM, "protocol": PROTOCOL} | changes
    return Trainer(models.MLP(2, ()), build_optimizer=optimizer, **fields)


@pytest.fixture
def batch(drawn_batch):
    """Return inputs and labels of an update of the first task, in float64."""

    def make(seed, i):
        index = drawn_batch(trainer_of(), seed, 0, i)
        return X[index].astype(float), LABELS[index]

    return make


def squares(logits, labels):
    return jnp.sum((logits - jax.nn.one_hot(labels, 2)) ** 2, axis=-1)


def first_kernel(trainer, seed):
    init = network.initial_variables(trainer._network, jax.random.key(seed), jnp.asarray(X[:1]))
    return np.asarray(init.params["output"]["kernel"], float)


def test_a_measure_of_uncertainty_that_takes_labels_drives_the_gain(batch):
    trainer = trainer_of(optim.ngm_sgd(0.1, sensitivity=0.4), uncertainty=uncertainty.surprise)
    kernel = first_kernel(trainer, 0)
    x, y = batch(0, 0)
    p = np.exp(x @ kernel) / np.exp(x @ kernel).sum(axis=1, keepdims=True)
    curves = trainer.learn(trainer.start({}, [0]), 0).curves
    assert curves.uncertainty[0, 0] == pytest.approx(-np.log(p[np.arange(5), y]).mean(), rel=1e-5)
    np.testing.assert_allclose(curves.uncertainty, curves.loss, rtol=1e-5)
    gain, gains = 1.0, []
    for drive in np.asarray(curves.uncertainty[0]):
        gain = 1 + 0.9 * (gain - 1) + 0.4 * drive
        gains.append(gain)
    np.testing.assert_allclose(curves.gain[0], gains, rtol=1e-5)


def test_what_fills_up_a_pass_counts_neither_in_loss_nor_in_drive():
    protocol = Protocol.one_pass(STREAM, regime="finetune", batch_size=8)
    trainer = trainer_of(
        protocol=protocol, loss=squares, uncertainty=lambda z, labels: z[:, 0] ** 2
    )
    kernel = first_kernel(trainer, 2)
    rows = batches.make_plan(STREAM, protocol, 0, 2).reshape(-1, 8)
    curves = trainer.learn(trainer.start({}, [2]), 0).curves
    for i, row in enumerate(rows):
        x, y = X[row[row >= 0]].astype(float), LABELS[row[row >= 0]]
        error = x @ kernel - np.eye(2)[y]
        assert curves.loss[0, i] == pytest.approx((error**2).sum(axis=1).mean(), rel=1e-5)
        expected = ((x @ kernel)[:, 0] ** 2).mean()
        assert curves.uncertainty[0, i] == pytest.approx(expected, rel=1e-5)
        kernel = kernel - 0.1 * 2 * x.T @ error / len(y)
    with pytest.raises(ValueError, match=r"one loss for each example, \(8,\), since a pass leaves"):
        trainer_of(protocol=protocol, loss=lambda *x: squares(*x).mean()).start({}, [0])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"loss": 3}, TypeError, r"`loss` must be a function of \(logits, labels\); got 3"),
        ({"loss": lambda z: z}, TypeError, r"`loss` must .* shapes \(5, 2\), \(5,\) it raised Typ"),
        (
            {"loss": lambda z, y: z},
            ValueError,
            r"each example, \(5,\), or one number; got float",
        ),
        ({"loss": lambda z, y: y}, ValueError, r"must return floats: .*; got int32 of shape \(5,"),
        ({"uncertainty": 3}, TypeError, "`uncertainty` must be a function of logits; got 3"),
        ({"uncertainty": lambda z: z.mean()}, ValueError, r"each example, \(5,\); got float32 of "),
        ({"uncertainty": lambda z: (z, z)}, ValueError, r"one drive for .*; got \(Shape"),
        ({"optimizer": 3}, TypeError, "`build_optimizer` must be an optax optimizer, or .*; got 3"),
        ({"optimizer": lambda c: 3}, TypeError, "`build_optimizer` must be .*; got 3"),
    ],
)
def test_functions_that_do_not_fit_are_refused_before_training(changes, error, message):
    with pytest.raises(error, match=message):
        trainer_of(**changes).start({}, [0])


# optimizers

OWN = {
    "line search": optax.chain(
        optax.sgd(1.0),
        optax.scale_by_backtracking_linesearch(8),
        optax.contrib.reduce_on_plateau(factor=0.5, patience=1),
    ),
    "sam": optax.contrib.sam(
        optax.sgd(0.1), optax.normalize_by_update_norm(-0.05), opaque_mode=True
    ),
}


AROUND = {
    "alone": lambda tx: tx,
    "in a chain": lambda tx: optax.chain(optax.identity(), tx),
    "consolidated": optim.consolidate,
    "reset": optim.reset_on_switch,
}


def by_hand(name, kernel, seed, batch):
    """Train by an ordinary loop with optax, as its documentation calls each optimizer."""
    tx, params = OWN[name], {"output": {"kernel": jnp.asarray(kernel, jnp.float32)}}

    def step(params, state, x, y):
        def value_fn(params):
            logits = x @ params["output"]["kernel"]
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(5), y])

        value, grad = jax.value_and_grad(value_fn)(params)
        keywords = {"value": value, "grad": grad, "value_fn": value_fn}
        if name == "sam":
            keywords = {"grad_fn": lambda p, _: jax.grad(value_fn)(p)}
        updates, state = tx.update(grad, state, params, **keywords)
        return optax.apply_updates(params, updates), state, value

    state, losses, step = tx.init(params), [], jax.jit(step)
    for i in range(4):
        x, y = batch(seed, i)
        params, state, value = step(params, state, jnp.asarray(x, jnp.float32), y)
        losses.append(value)
    return losses, params["output"]["kernel"]


@pytest.mark.parametrize(
    ("name", "around"), [("line search", "alone"), *(("sam", each) for each in AROUND)]
)
def test_an_optimizer_gets_the_keywords_that_it_needs(name, around, batch):
    trainer = trainer_of(AROUND[around](OWN[name]))
    losses, kernel = by_hand(name, first_kernel(trainer, 1), 1, batch)
    (*_, state), curves, _ = trainer.learn(trainer.start([{}, {}], [0, 1]), 0)
    np.testing.assert_allclose(curves.loss[1], losses, rtol=1e-4)
    np.testing.assert_allclose(state.params["output"]["kernel"][1], kernel, rtol=1e-3, atol=1e-5)


# constants

WAYS = {"side by side": (True, None), "one by one": (False, True), "step by step": (False, False)}


@pytest.mark.parametrize("way", WAYS)
def test_constants_may_have_no_names_and_a_loss_may_be_one_number(way, batch):
    batched, scanned = WAYS[way]
    trainer = trainer_of(loss=lambda *x: squares(*x).mean(), batched=batched, scanned=scanned)
    assert trainer.step_by_step == (way == "step by step")
    (*_, state), curves, _ = trainer.learn(trainer.start([{}, {}], [0, 1]), 0)
    for seed in (0, 1):
        kernel, losses = first_kernel(trainer, seed), []
        for i in range(4):
            x, y = batch(seed, i)
            error = x @ kernel - np.eye(2)[y]
            losses.append((error**2).sum(axis=1).mean())
            kernel = kernel - 0.1 * 2 * x.T @ error / 5
        np.testing.assert_allclose(curves.loss[seed], losses, rtol=1e-5)
        learned = state.params["output"]["kernel"][seed]
        np.testing.assert_allclose(learned, kernel, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("constants", "seeds", "error", "message"),
    [
        ([{}], [0, 1], ValueError, "one entry per run, and at least one; got 1 and 2"),
        ([{"rate": 0.1}], [0], ValueError, r"must be \{\} for an optimizer that is built .* got"),
        ([{"a": 1}, {"b": 1}], [0, 1], ValueError, r"the same names; got \{'a': 1\} and \{'b'"),
        ([{"a": "high"}], [0], TypeError, r"`constants\['a'\]` must be a number"),
        ([{"a": [1.0, 2.0]}], [0], ValueError, r"`constants\['a'\]` must be one number"),
        ({}, [0.5], ValueError, "`seeds` must be a whole number of at least 0; got 0.5"),
        ({}, [-1], ValueError, "`seeds` must be a whole number of at least 0; got -1"),
    ],
)
def test_constants_and_seeds_that_do_not_fit_are_refused(constants, seeds, error, message):
    with pytest.raises(error, match=message):
        trainer_of().start(constants, seeds)
