"""multi_steps: k micro-batches make the update of one big batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import get_gain, modulate_by_gain, multi_steps

K = 4
DRIVES = {  # per-leaf gains?, the drive like which to accumulate, the micro-batch's drive
    "scalar": ("global", 0.0, lambda rng: np.float32(rng.uniform())),
    "per example": ("global", 0.0, lambda rng: rng.uniform(size=5).astype(np.float32)),
    "tree of scalars": (
        "leaf",
        {"bias": 0.0, "hidden": 0.0, "out": 0.0},
        lambda rng: {k: np.float32(rng.uniform()) for k in ("bias", "hidden", "out")},
    ),
    "tree of units": (
        "unit",
        {"bias": np.zeros(4), "hidden": np.zeros(4), "out": np.zeros(2)},
        lambda rng: {
            "bias": rng.uniform(size=4).astype(np.float32),
            "hidden": rng.uniform(size=(3, 4)).astype(np.float32),
            "out": rng.uniform(size=2).astype(np.float32),
        },
    ),
}


def _mean(drives, like):
    per_batch = [jax.tree.map(lambda x, z: x if np.ndim(x) == np.ndim(z) else x.mean(0), d, like)
                 for d in drives]  # fmt: skip
    return jax.tree.map(lambda *xs: np.mean(xs, axis=0), *per_batch)


@pytest.mark.parametrize("name", DRIVES)
def test_micro_batches_equal_one_big_batch(name, params, assert_close):
    per, like, draw = DRIVES[name]
    rng = np.random.default_rng(0)
    big = modulate_by_gain(optax.adam(0.1), per=per)
    tx = optax.chain(optax.identity(), multi_steps(big, K, uncertainty_like=like))
    update, state, ours = jax.jit(tx.update), tx.init(params), params
    big_update, apply = jax.jit(big.update), jax.jit(optax.apply_updates)
    big_state, theirs = big.init(params), params
    for _ in range(2):
        grads = [
            jax.tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), params)
            for _ in range(K)
        ]
        drives = [draw(rng) for _ in range(K)]
        for i, (g, u) in enumerate(zip(grads, drives, strict=True)):
            updates, state = update(g, state, ours, uncertainty=u)
            assert any(jnp.any(x != 0) for x in jax.tree.leaves(updates)) == (i == K - 1)
            ours = apply(ours, updates)
        mean = jax.tree.map(lambda *xs: np.mean(xs, axis=0), *grads)
        updates, big_state = big_update(mean, big_state, theirs, uncertainty=_mean(drives, like))
        theirs = apply(theirs, updates)
    assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert_close(get_gain(state), get_gain(big_state), rtol=1e-5)


def test_needs_the_drive(params, grads):
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    with pytest.raises(TypeError, match="`multi_steps` did not receive `uncertainty`"):
        tx.update(grads, tx.init(params), params)


def test_refuses_a_drive_of_another_structure(params, grads):
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1), per="leaf"), 2)
    drive = dict.fromkeys(params, 0.5)
    with pytest.raises(ValueError, match="must have the structure of `uncertainty_like`"):
        tx.update(grads, tx.init(params), params, uncertainty=drive)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (), (4, 1)])
def test_refuses_a_drive_of_other_axes(shape, params, grads):
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2, uncertainty_like=np.zeros(4))
    with pytest.raises(ValueError, match=r"last axes of `uncertainty_like`, \(4,\); got"):
        tx.update(grads, tx.init(params), params, uncertainty=np.full(shape, 0.5))


def test_refuses_a_bad_drive(params, grads):
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    with pytest.raises(ValueError, match="must be finite, >= 0"):
        tx.update(grads, tx.init(params), params, uncertainty=-1.0)


def test_optax_alone_hands_on_the_last_micro_batch(params, grads):
    tx = optax.MultiSteps(modulate_by_gain(optax.sgd(0.1)), 2)
    state = tx.init(params)
    for drive in (1.0, 0.5):
        _, state = tx.update(grads, state, params, uncertainty=drive)
    np.testing.assert_allclose(get_gain(state), 1.2, rtol=1e-6)


def test_a_bad_micro_batch_does_not_outlive_its_update(params, grads):
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    update, state = jax.jit(tx.update), tx.init(params)
    for drive in (jnp.nan, 1.0):
        _, state = update(grads, state, params, uncertainty=drive)
    assert np.isnan(state.uncertainty)
    _, state = update(grads, state, params, uncertainty=0.5)
    assert float(state.uncertainty) == 0.5


def test_a_given_gain_stands_beside_the_drives(params, grads):
    """A micro-batch with a gain has no share in the mean of the drives, and keeps no old one."""
    tx = multi_steps(modulate_by_gain(optax.sgd(0.1)), 2)
    update, state = jax.jit(tx.update), tx.init(params)
    given = [{"uncertainty": 0.9}, {"uncertainty": 0.9}, {"gain": 1.3}, {"uncertainty": 0.5}]
    for one in given:
        _, state = update(grads, state, params, **one)
    assert float(state.uncertainty) == 0.5
    for one in ({"gain": 1.3}, {"gain": 1.5}):
        _, state = update(grads, state, params, **one)
    assert float(state.uncertainty) == 0.0
    assert float(get_gain(state)) == 1.5


def accumulated(gradients, weights, dtype=np.float32, **options):
    """Return minus the step of SGD with rate 1 behind one window of micro-batches."""
    tx = multi_steps(optax.sgd(1.0), len(gradients), **options)
    params = {"w": jnp.zeros(1, dtype)}
    state = tx.init(params)
    for gradient, weight in zip(gradients, weights, strict=True):
        given = {} if weight is None else {"weight": weight}
        step, state = tx.update(
            {"w": jnp.full(1, gradient, dtype)}, state, params, uncertainty=0.5, **given
        )
    return -float(step["w"][0])


@pytest.mark.parametrize(
    ("gradients", "weights", "mean"),
    [
        ((1, 4), (2.0, None), 2.0),  # without a weight it is 1, wherever it stands
        ((1, 4), (None, 2.0), 3.0),
        ((1, 5), (1.5, 0.5), 2.0),
        ((np.nan, 4), (0.0, 3.0), 4.0),  # of weight 0: padding alone
        ((3, np.nan), (2.0, 0.0), 3.0),
        ((1, 2, 6), (0.0, 1.0, 3.0), 5.0),
        ((1, 2), (0.0, 0.0), 0.0),
    ],
)
def test_the_mean_of_micro_batches_is_that_of_their_weights(gradients, weights, mean):
    assert accumulated(gradients, weights) == pytest.approx(mean, rel=1e-6)
    summed = accumulated(gradients, weights, use_grad_mean=False)
    assert summed == pytest.approx(len(gradients) * mean, rel=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize(("gradient", "weight"), [(50.0, 2000.0), (0.5, 2e-7), (20.0, 4096.0)])
def test_weights_of_any_size_fit_into_low_precision(gradient, weight, dtype):
    assert accumulated((gradient, gradient), (weight, weight), dtype) == gradient


def window(gradients, weights, **options):
    """Return step and drive behind a window under jit; weights are traced there."""
    tx = multi_steps(optax.sgd(1.0), len(gradients), **options)
    params = {"w": jnp.zeros_like(gradients[0])}
    state = tx.init(params)
    update = jax.jit(
        lambda g, state, weight: tx.update({"w": g}, state, params, uncertainty=0.5, weight=weight)
    )
    for gradient, weight in zip(gradients, weights, strict=True):
        step, state = update(gradient, state, weight)
    return step["w"], state.uncertainty


def test_weights_keep_the_imaginary_part_of_gradients():
    """optax accumulates in float32, which has none, unless it is told otherwise."""
    gradients = jnp.array([1 + 1j]), jnp.array([4 - 5j])
    step, _ = window(gradients, [2.0, 1.0], accumulator_dtype=jnp.complex64)
    np.testing.assert_allclose(step, [-2.0 + 1j], atol=1e-6)
    with pytest.raises(ValueError, match=r"`accumulator_dtype` must be complex .*complex64"):
        window(gradients, [2.0, 1.0])


def test_weights_keep_double_precision():
    with jax.enable_x64(True):
        gradients = jnp.array([1 / 3]), jnp.array([1 / 7])
        step, _ = window(gradients, [3.0, 1.0], accumulator_dtype=jnp.float64)
        assert step.dtype == np.float64
        np.testing.assert_allclose(step, [-(3 / 3 + 1 / 7) / 4], rtol=1e-15)


@pytest.mark.parametrize("weights", [(np.nan, 1.0), (1.0, np.nan), (1.0, -1.0), (np.inf, 1.0)])
def test_a_traced_weight_that_is_none_shows(weights):
    """It can't be an error under jit; it must not be a micro-batch that is left out."""
    step, drive = window([jnp.ones(1), 4 * jnp.ones(1)], weights)
    assert np.isnan(step).all()
    assert np.isnan(drive)


def test_gradients_may_be_python_numbers():
    tx = multi_steps(optax.sgd(1.0), 1)
    params = {"w": 0.5}
    step, _ = tx.update({"w": 2.0}, tx.init(params), params, uncertainty=0.5)
    assert float(step["w"]) == -2.0


def test_without_weights_it_is_the_mean_of_optax_bit_for_bit():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=7).astype(np.float32)
    plain = optax.MultiSteps(optax.sgd(1.0), 7)
    params = {"w": jnp.zeros(1)}
    state = plain.init(params)
    for gradient in gradients:
        step, state = plain.update({"w": jnp.full(1, gradient)}, state, params)
    assert accumulated(gradients, [None] * 7) == -float(step["w"][0])
