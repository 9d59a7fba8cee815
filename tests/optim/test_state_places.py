"""The state holds arrays alone, in places that optax finds; a mask is evaluated at each update."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from neurogain.optim import consolidate, get_gain, modulate_by_gain, two_timescale

P = PartitionSpec
SPECS = {"bias": P("x"), "hidden": P(None, "x"), "out": P("x", None)}
MASK = {"bias": False, "hidden": True, "out": True}
STATES = {
    "global": (modulate_by_gain(optax.adam(0.1)), jnp.float32),
    "leaf": (modulate_by_gain(optax.adam(0.1), per="leaf"), jnp.float32),
    "unit": (modulate_by_gain(optax.adam(0.1), per="unit"), jnp.float32),
    "masked": (modulate_by_gain(optax.adam(0.1), mask=MASK), jnp.float32),
    "masked units": (modulate_by_gain(optax.adam(0.1), per="unit", mask=MASK), jnp.float32),
    "held": (modulate_by_gain(optax.adam(0.1), keep_weights=True), jnp.float32),
    "narrow": (modulate_by_gain(optax.adam(0.1)), jnp.bfloat16),
    "schedule": (modulate_by_gain(optax.adam(0.1), decay=lambda count: 0.9), jnp.float32),
    "nested": (modulate_by_gain(modulate_by_gain(optax.adam(0.1)), per="leaf"), jnp.float32),
    "slow": (two_timescale(), jnp.float32),
    "chain": (optax.chain(optax.clip(1.0), consolidate(modulate_by_gain(optax.sgd(0.1, 0.9)))),
              jnp.float32),
}  # fmt: skip


def of_dtype(params, dtype):
    return jax.tree.map(lambda x: x.astype(dtype), params)


MIXED = {"bias": jnp.float32, "hidden": jnp.bfloat16, "out": jnp.float32}


@pytest.mark.parametrize("per", ["global", "leaf"])
def test_companion_trees_of_parameters_of_several_dtypes(per, params):
    params = {k: x.astype(MIXED[k]) for k, x in params.items()}
    tx = modulate_by_gain(optax.adam(0.1), per=per)
    state = tx.init(params)
    specs = optax.tree_map_params(
        tx, lambda _, spec: spec, state, SPECS, transform_non_params=lambda _: P()
    )
    assert jax.tree.structure(specs) == jax.tree.structure(state)
    assert specs.weights == SPECS


@pytest.mark.parametrize("name", STATES)
def test_companion_trees_give_a_state_its_shardings(name, params):
    tx, dtype = STATES[name]
    params = of_dtype(params, dtype)
    state = tx.init(params)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    specs = optax.tree_map_params(
        tx, lambda _, spec: spec, state, SPECS, transform_non_params=lambda _: P()
    )
    assert jax.tree.structure(specs) == jax.tree.structure(state)
    mesh = Mesh(np.array(jax.devices()[:2]), ("x",))
    shardings = jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs)
    placed = jax.tree.map(jax.device_put, state, shardings)
    for field in ("mu", "trace", "slow") if name != "chain" else ("trace", "slow"):
        for _, tree in optax.tree.get_all_with_path(placed, field):
            assert {k: x.sharding.spec for k, x in tree.items()} == SPECS
    if name in ("held", "narrow"):
        assert {k: x.sharding.spec for k, x in placed.weights.items()} == SPECS


def test_an_optimizer_that_was_just_built_maps_a_restored_state(params):
    """Without an `init` of its own it knows no structure, and asks nothing of its own places."""
    make = lambda: modulate_by_gain(optax.adam(0.1), per="unit", mask=MASK)  # noqa: E731
    state = make().init(params)
    doubled = optax.tree_map_params(make(), lambda x: x + 1, state)
    assert jax.tree.structure(doubled) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, get_gain(doubled), get_gain(state))
    assert all(np.all(x == 1) for x in jax.tree.leaves(optax.tree.get(doubled, "mu")))


def test_a_mask_is_evaluated_at_each_update(params, grads):
    asked = []

    def mask(tree):
        asked.append(tree)
        return MASK

    tx = modulate_by_gain(optax.sgd(0.1), mask=mask)
    state = tx.init(params)
    tx.update(grads, state, params, uncertainty=0.5)
    assert len(asked) == 2


OTHERS = {
    "no mask": {},
    "another mask": {"mask": {"bias": True, "hidden": False, "out": True}},
    "leaf": {"per": "leaf", "mask": MASK},
    "unit": {"per": "unit", "mask": MASK},
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("per", ["global", "leaf", "unit"])
def test_a_state_of_another_mask_or_per_is_refused(per, other, params, grads):
    tx = modulate_by_gain(optax.sgd(0.1), mask=MASK, per=per)
    state = modulate_by_gain(optax.sgd(0.1), **OTHERS[other]).init(params)
    if other == per:
        tx.update(grads, state, params, uncertainty=0.5)
        return
    with pytest.raises(ValueError, match=f"`state` must be of this optimizer, with per='{per}'"):
        tx.update(grads, state, params, uncertainty=0.5)
    with pytest.raises(ValueError, match="`state` must be of this optimizer"):
        jax.eval_shape(lambda s: tx.update(grads, s, params, uncertainty=0.5), state)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Module:
    """Parameters that can be called, as modules of Equinox are."""

    w: object
    b: object

    def __call__(self, x):
        raise AssertionError("a mask of bools is no function")


def test_a_mask_may_be_a_callable_tree_of_bools():
    params = Module(jnp.ones(2), jnp.ones(2))
    for make in (modulate_by_gain, consolidate):
        tx = make(optax.sgd(0.1), mask=Module(True, False))
        tx.update(params, tx.init(params), params, uncertainty=0.5)


KINDS = {
    "global": modulate_by_gain(optax.adam(0.1)),
    "unit": modulate_by_gain(optax.adam(0.1), per="unit"),
    "held": modulate_by_gain(optax.adam(0.1), keep_weights=True),
    "slow": two_timescale(follow_gain=True),
}


@pytest.mark.parametrize("name", KINDS)
def test_abstract_parameters_give_a_state_of_the_same_shapes(name, params):
    tx = KINDS[name]
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), params)
    found, wanted = tx.init(abstract), tx.init(params)
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    jax.tree.map(lambda a, b: None if (a.shape, a.dtype) == (b.shape, b.dtype) else 1 / 0,
                 found, wanted)  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", [jnp.float8_e4m3fn, jnp.float8_e5m2])
def test_8_bit_floats_are_trained_in_single_precision(name, dtype):
    tx, params = KINDS[name], {"w": jnp.ones((2, 3), dtype)}
    state = tx.init(params)
    updates, state = tx.update(params, state, params, uncertainty=0.5)
    assert updates["w"].dtype == dtype
    assert all(x.dtype in (jnp.float32, jnp.int32) for x in jax.tree.leaves(state))
    assert np.all(np.isfinite(np.asarray(updates["w"], np.float32)))


@pytest.mark.parametrize("name", KINDS)
def test_parameters_may_be_python_numbers(name):
    tx = KINDS[name]
    plain, arrays = {"w": 2.0}, {"w": jnp.float32(2.0)}
    a = tx.update({"w": 0.5}, tx.init(plain), plain, uncertainty=0.5)
    b = tx.update({"w": jnp.float32(0.5)}, tx.init(arrays), arrays, uncertainty=0.5)
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_an_axis_of_no_units():
    params = {"w": jnp.ones((3, 0)), "v": jnp.ones((3, 2))}
    tx = modulate_by_gain(optax.adam(0.1), per="unit")
    state = tx.init(params)
    for drive in (0.5, {"w": jnp.zeros((4, 0)), "v": jnp.full((4, 2), 0.5)}):
        updates, after = tx.update(params, state, params, uncertainty=drive)
        assert updates["w"].shape == (3, 0)
        np.testing.assert_allclose(after.gain["v"], np.full((1, 2), 1.2), rtol=1e-6)


def test_a_state_with_a_gain_of_0_is_refused(params, grads):
    tx = modulate_by_gain(optax.sgd(0.1))
    state = jax.tree.map(jnp.zeros_like, tx.init(params))
    with pytest.raises(ValueError, match="the gain of `state` must be > 0"):
        tx.update(grads, state, params, uncertainty=0.5)


def test_an_axis_of_no_units_leaves_the_rate_of_consolidation():
    params = {"w": jnp.ones((3, 0))}
    tx = consolidate(modulate_by_gain(optax.sgd(0.1), per="unit"), decay=0.9, follow_gain=True)
    _, state = tx.update(params, tx.init(params), params, uncertainty=0.5)
    np.testing.assert_allclose(state.weight, 0.1, rtol=1e-6)
