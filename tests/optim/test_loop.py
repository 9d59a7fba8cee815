"""Loss, gradients and drive of one forward pass, in the loops of plain JAX and of Flax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import Mesh, PartitionSpec

from neurogain.optim import get_gain, multi_steps, ngm_sgd, value_grad_and_uncertainty
from neurogain.optim.train_state import TrainState
from neurogain.uncertainty import (
    entropy,
    least_confidence,
    margin,
    normalized_entropy,
    surprise,
)

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32) * 3
Y = np.random.default_rng(1).integers(0, 2, size=8)


def _model(E, x):
    return jnp.tanh(x @ E["hidden"] + E["bias"]) @ E["out"]


def _loss(E, x, y):
    logits = _model(E, x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits


def _loss_aux(E, x, y):
    loss, logits = _loss(E, x, y)
    return loss, (logits, logits.sum())


def _equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.optimized
@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_it_is_value_and_grad_and_entropy_by_hand_bit_for_bit(wrap, params):
    def by_hand(E, x):
        (loss, (logits, aux)), grads = jax.value_and_grad(_loss_aux, (0, 1), has_aux=True)(E, x, Y)
        return (loss, aux), grads, entropy(logits)

    learn = value_grad_and_uncertainty(_loss_aux, has_aux=True, argnums=(0, 1))
    found = wrap(lambda E, x: learn(E, x, y=Y))(params, X)
    _equal(found, wrap(by_hand)(params, X))
    plain = wrap(lambda E, x: value_grad_and_uncertainty(_loss)(E, x, Y))(params, X)
    _equal(plain, (found[0][0], found[1][0], found[2]))
    assert found[2].shape == (8,)


def test_the_loss_runs_once_and_no_gradient_passes_the_drive(params):
    calls = []

    def loss(E, x, y):
        calls.append(1)
        value, logits = _loss(E, x, y)
        return value, (logits, y)

    learn = value_grad_and_uncertainty(loss, uncertainty=lambda z: surprise(*z))
    grads = jax.jit(jax.grad(lambda E: learn(E, X, Y)[2].sum()))(params)
    assert len(calls) == 1
    assert all(np.all(g == 0) for g in jax.tree.leaves(grads))
    assert any(np.any(g != 0) for g in jax.tree.leaves(jax.jit(learn)(params, X, Y)[1]))


def test_many_seeds_at_once(params, assert_close):
    learn = value_grad_and_uncertainty(_loss)
    seeds = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)
    both = jax.jit(jax.vmap(learn, in_axes=(0, None, None)))(seeds, X, Y)
    for i in range(2):
        one = learn(jax.tree.map(lambda p, i=i: p[i], seeds), X, Y)
        assert_close(jax.tree.map(lambda r, i=i: r[i], both), one, rtol=1e-5, atol=1e-6)


def _over_shards(check):
    data, whole = PartitionSpec("data"), PartitionSpec()
    mesh = Mesh(np.array(jax.devices()[:4]), "data")
    shards = functools.partial(
        jax.shard_map, mesh=mesh, in_specs=(whole, data, data), out_specs=whole, check_vma=check
    )
    return lambda f: jax.jit(shards(f))


def _over_rows(mapped):
    def wrap(f):
        rows = mapped(f, axis_name="data", in_axes=(None, 0, 0))
        rows = rows if mapped is jax.pmap else jax.jit(rows)
        return lambda E, x, y: jax.tree.map(
            lambda r: r[0], rows(E, x.reshape(4, 2, 3), y.reshape(4, 2))
        )

    return wrap


@pytest.mark.parametrize(
    "wrap",
    [_over_shards(True), _over_shards(False), _over_rows(jax.pmap), _over_rows(jax.vmap)],
    ids=["shard_map", "shard_map-unchecked", "pmap", "vmap"],
)
def test_means_over_devices_are_those_of_the_whole_batch(wrap, params, assert_close):
    learn = value_grad_and_uncertainty(_loss, axis_name="data")
    loss, grads, drive = wrap(learn)(params, X, Y)
    one = value_grad_and_uncertainty(_loss)(params, X, Y)
    assert_close((loss, grads, drive.mean()), (*one[:2], one[2].mean()), rtol=1e-5, atol=1e-6)


def test_micro_batches_are_the_whole_batch(params, assert_close):
    learn = value_grad_and_uncertainty(_loss)

    def train(tx, batches):
        def step(carry, batch):
            E, state = carry
            _, grads, drive = learn(E, *batch)
            updates, state = tx.update(grads, state, E, uncertainty=drive)
            return (optax.apply_updates(E, updates), state), None

        return jax.jit(lambda E: jax.lax.scan(step, (E, tx.init(E)), batches)[0])(params)

    E, state = train(multi_steps(ngm_sgd(0.1), 4), (X.reshape(4, 2, 3), Y.reshape(4, 2)))
    E_one, state_one = train(ngm_sgd(0.1), (X[None], Y[None]))
    assert_close(E, E_one, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(get_gain(state), get_gain(state_one), rtol=1e-6)
    assert get_gain(state) > 1


def test_a_train_state_takes_what_comes_out(params):
    state = TrainState.create(apply_fn=_model, params=params, tx=ngm_sgd(0.1))
    _, grads, drive = value_grad_and_uncertainty(_loss)(state.params, X, Y)
    state = state.apply_gradients(grads=grads, uncertainty=drive)
    expected = 1 + 0.4 * entropy(_model(params, X)).mean()
    np.testing.assert_allclose(get_gain(state.opt_state), expected, rtol=1e-6)


def test_an_nnx_loop_equals_one_by_hand_and_moves_its_statistics():
    class Model(nnx.Module):
        def __init__(self):
            self.hidden = nnx.Linear(3, 4, rngs=nnx.Rngs(0))
            self.norm = nnx.BatchNorm(4, rngs=nnx.Rngs(0))

        def __call__(self, x):
            return self.norm(self.hidden(x))

    def loss(model, x, y):
        logits = model(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    @nnx.jit
    def step(model, optimizer):
        learn = value_grad_and_uncertainty(loss, value_and_grad=nnx.value_and_grad)
        _, grads, drive = learn(model, X, Y)
        optimizer.update(model, grads, uncertainty=drive)

    @nnx.jit
    def step_by_hand(model, optimizer):
        (_, logits), grads = nnx.value_and_grad(loss, has_aux=True)(model, X, Y)
        optimizer.update(model, grads, uncertainty=entropy(logits))

    found = []
    for one in (step, step_by_hand):
        model = Model()
        optimizer = nnx.Optimizer(model, ngm_sgd(0.1), wrt=nnx.Param)
        one(model, optimizer)
        found.append((nnx.to_pure_dict(nnx.state(model)), get_gain(optimizer.opt_state)))
    _equal(*found)
    assert found[0][1] > 1
    assert np.any(found[0][0]["norm"]["mean"] != 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss_fn": 1.0}, "`loss_fn` must be a function; got 1.0. Pass the function itself"),
        ({"uncertainty": X}, "`uncertainty` must be a function; got array"),
        ({"value_and_grad": None}, "`value_and_grad` must be a function; got None"),
        ({"has_aux": 1}, "`has_aux` must be True or False; got 1"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(TypeError, match=message):
        value_grad_and_uncertainty(**{"loss_fn": _loss, **options})


@pytest.mark.parametrize("drive", [entropy, normalized_entropy, least_confidence, margin])
def test_one_logit_has_no_softmax(drive):
    def loss(w, z):
        return optax.sigmoid_binary_cross_entropy(w * z, jnp.ones_like(z)).mean(), w * z

    learn = value_grad_and_uncertainty(loss, uncertainty=drive)
    with pytest.raises(ValueError, match=r"at least two classes for .*; got shape \(4, 1\)\. For"):
        learn(1.0, jnp.ones((4, 1)))

    def both(w, z):
        value, logit = loss(w, z)
        return value, jnp.concatenate([jnp.zeros_like(logit), logit], axis=-1)

    value, _, uncertain = value_grad_and_uncertainty(both, uncertainty=drive)(1.0, jnp.ones((4, 1)))
    assert value > 0
    assert jnp.all(uncertain > 0)


@pytest.mark.parametrize("found", [None, {}, ()])
def test_a_drive_that_is_none(found):
    learn = value_grad_and_uncertainty(lambda w: (w, w), uncertainty=lambda logits: found)
    with pytest.raises(TypeError, match="`uncertainty` must return a drive, a number or an array"):
        learn(1.0)


@pytest.mark.parametrize(
    ("loss", "has_aux", "message"),
    [
        (lambda E: E.sum(), False, r"`loss_fn` must return \(loss, logits\); got .*Tracer"),
        (lambda E: (E.sum(), E, E), False, r"\(loss, logits\); got 3 values\. Return the logits"),
        (lambda E: (E.sum(), E), True, r"\(loss, \(logits, aux\)\), since has_aux=True; got "),
        (
            lambda E: (E.sum(), E, E),
            True,
            r"`loss_fn` must return \(loss, \(logits, aux\)\); got 3",
        ),
    ],
)
def test_a_loss_without_logits(loss, has_aux, message):
    with pytest.raises(TypeError, match=message):
        value_grad_and_uncertainty(loss, has_aux=has_aux)(jnp.ones(2))
