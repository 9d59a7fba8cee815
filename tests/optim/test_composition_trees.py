"""Drives that are trees like the parameters, through the wrappers that split trees."""

import jax
import numpy as np
import optax
import pytest

from neurogain.optim import get_gain, modulate_by_gain

NOT_BIAS = {"bias": False, "hidden": True, "out": True}
LABELS = {"bias": "plain", "hidden": "gain", "out": "gain"}


def _inner(per):
    return modulate_by_gain(optax.sgd(0.1), per=per)


WRAPPERS = {
    "chain": (lambda per: optax.chain(optax.clip(1.0), _inner(per)), True),
    "masked": (
        lambda per: optax.masked(_inner(per), NOT_BIAS, mask_compatible_extra_args=True),
        False,
    ),
    "partition": (
        lambda per: optax.partition(
            {"gain": _inner(per), "plain": optax.sgd(0.1)}, LABELS, mask_compatible_extra_args=True
        ),
        False,
    ),
    "own mask": (lambda per: modulate_by_gain(optax.sgd(0.1), per=per, mask=NOT_BIAS), False),
}


def _drive(per, seed):
    rng = np.random.default_rng(seed)
    if per == "leaf":
        return {"bias": 0.1, "hidden": 0.5, "out": rng.uniform(0, 1, size=7)}  # per example too
    return {"bias": rng.uniform(size=4), "hidden": rng.uniform(size=(5, 4)), "out": np.ones(2)}


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("per", ["leaf", "unit"])
@pytest.mark.parametrize("name", WRAPPERS)
def test_each_leaf_follows_its_own_drive(name, per, wrap, params, grads, oracle):
    build, with_bias = WRAPPERS[name]
    tx = build(per)
    update, state = wrap(tx.update), tx.init(params)
    expected = dict.fromkeys(params, 1.0)
    for seed in range(3):
        drive = _drive(per, seed)
        _, state = update(grads, state, params, uncertainty=drive)
        for k in params:
            axes = tuple(range(np.ndim(drive[k]) - (per == "unit")))
            expected[k] = oracle.gain_step(expected[k], np.mean(drive[k], axis=axes))
    gain = get_gain(state)
    for k in ("bias", "hidden", "out") if with_bias else ("hidden", "out"):
        np.testing.assert_allclose(np.ravel(gain[k]), np.ravel(expected[k]), rtol=1e-6)
    if not with_bias:
        assert not jax.tree.leaves(gain["bias"])


def test_one_value_is_shared_by_all_gains(params, grads):
    tx = _inner("unit")
    _, state = tx.update(grads, tx.init(params), params, uncertainty=np.array([0.25, 0.75]))
    for gain in jax.tree.leaves(state.gain):
        np.testing.assert_allclose(gain, 1.2, rtol=1e-6)


def test_masked_without_the_flag_does_not_misread_a_tree(params, grads, oracle):
    tx = optax.masked(_inner("leaf"), NOT_BIAS)
    drive = {"bias": 0.1, "hidden": 0.5, "out": 0.9}
    _, state = tx.update(grads, tx.init(params), params, uncertainty=drive)
    np.testing.assert_allclose(get_gain(state)["hidden"], oracle.gain_step(1.0, 0.5), rtol=1e-6)
    np.testing.assert_allclose(get_gain(state)["out"], oracle.gain_step(1.0, 0.9), rtol=1e-6)
