"""Each bad input is refused, with a message that names the argument, the rule and the value."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain.optim import (
    GainSource,
    consolidate,
    get_fast_slow,
    get_gain,
    get_weights,
    modulate_by_gain,
    multi_steps,
    ngm_sgd,
    reset_on_switch,
    scale_by_gain,
    with_gain_source,
)

NAN, INF = float("nan"), float("inf")


def _make(**options):
    return modulate_by_gain(optax.sgd(0.1), **options)


@pytest.mark.parametrize("drive", [NAN, -0.5, INF, np.array([0.5, -1.0]), np.zeros((0,))])
@pytest.mark.parametrize("per", ["global", "leaf"])
def test_a_bad_concrete_drive(drive, per, params, grads):
    tx = _make(per=per)
    for given in (drive, dict.fromkeys(params, drive)) if per == "leaf" else (drive,):
        with pytest.raises(ValueError, match=r"`uncertainty` must be finite, >= 0 and not empty"):
            tx.update(grads, tx.init(params), params, uncertainty=given)


def test_the_message_shows_the_drive(params, grads):
    tx = _make()
    with pytest.raises(ValueError, match=r"got -0\.5\. Pass for instance"):
        tx.update(grads, tx.init(params), params, uncertainty=-0.5)
    with pytest.raises(ValueError, match=r"got 100 values, lowest -2\.0"):
        tx.update(grads, tx.init(params), params, uncertainty=np.full(100, -2.0))


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        *(("decay", x, r"in \(0, 1\), per update") for x in (0.0, 1.0, -0.1, 1.5, NAN)),
        *(("baseline", x, "a finite gain of at least 1") for x in (0.99, 0.0, -1.0, NAN, INF)),
        *(("sensitivity", x, "finite and >= 0") for x in (-0.1, NAN, INF)),
        *(("initial_gain", x, "finite and > 0") for x in (0.0, -1.0, NAN, INF)),
    ],
)
def test_a_constant_outside_its_range(name, value, rule):
    with pytest.raises(ValueError, match=rf"`{name}` must be {rule}; got {value!r}\. Pass {name}="):
        _make(**{name: value})


def test_an_optimizer_that_was_not_built():
    with pytest.raises(TypeError, match=r"`inner` must be an optax optimizer.*optax\.adam\(1e-3\)"):
        modulate_by_gain(optax.adam)


def test_a_constant_that_is_no_number():
    with pytest.raises(TypeError, match="`decay` must be a number"):
        _make(decay="fast")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per": "neuron"}, '`per` must be "global", "leaf" or "unit"; got \'neuron\''),
        ({"on_missing": "ignore"}, '`on_missing` must be "raise" or "hold"'),
    ],
)
def test_an_unknown_choice(options, message):
    with pytest.raises(ValueError, match=message):
        _make(**options)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        ({"bias": True}, ValueError, "`mask` must have the structure of the parameters"),
        ({"bias": True, "hidden": True, "other": True}, ValueError, "or be a prefix of it; got"),
        (lambda p: [True, False], ValueError, "Pass a callable, mask=lambda params"),
        ({"bias": 1, "hidden": True, "out": True}, TypeError, "`mask` must hold one bool.*got 1"),
        (
            {"bias": 0.0, "hidden": 1.0, "out": 1.0},
            TypeError,
            r"`mask` must hold one bool.*got 0\.0",
        ),
        (lambda p: jax.tree.map(lambda x: x > 0, p), TypeError, "`mask` must hold one bool a leaf"),
        (False, ValueError, "`mask` must keep at least one leaf"),
        ({"bias": False, "hidden": False, "out": False}, ValueError, "keep at least one leaf"),
    ],
)
def test_a_bad_mask(mask, error, message, params):
    with pytest.raises(error, match=message):
        _make(mask=mask).init(params)


def test_an_integer_leaf_and_its_way_out(params):
    params = {**params, "count": jnp.arange(3)}
    with pytest.raises(TypeError, match=r"floating dtype; got int32, shape \(3,\).*`mask`"):
        _make().init(params)
    mask = jax.tree.map(lambda p: jnp.issubdtype(p.dtype, jnp.floating), params)
    for per in ("global", "leaf", "unit"):
        state = _make(mask=mask, per=per).init(params)
        assert not jax.tree.leaves(state.weights)


def test_missing_params(params, grads):
    tx = _make()
    with pytest.raises(ValueError, match="`params` must be passed to update"):
        tx.update(grads, tx.init(params), uncertainty=0.5)


def test_missing_drive_names_wrong_and_right_code(params, grads):
    tx = _make()
    wrong = r"wrong:  updates, state = tx\.update\(grads, state, params\)"
    right = r"right:  updates, state = tx\.update\(grads, state, params, uncertainty="
    with pytest.raises(TypeError, match=rf"(?s){wrong}.*{right}.*MultiSteps.*audit"):
        tx.update(grads, tx.init(params), params)


def test_a_tree_for_a_global_gain(params, grads):
    for tx in (_make(), scale_by_gain()):
        with pytest.raises(TypeError, match=r"(?s)scalar or a per-example array for a global gain"):
            tx.update(grads, tx.init(params), params, uncertainty=dict.fromkeys(params, 0.5))


def test_a_unit_drive_of_the_wrong_length(params, grads):
    tx = _make(per="unit")
    drive = {"bias": np.ones(4), "hidden": np.ones(3), "out": np.ones(2)}
    with pytest.raises(ValueError, match=r"units on its last axis, here 4; got shape \(3,\)"):
        tx.update(grads, tx.init(params), params, uncertainty=drive)


def test_a_drive_of_another_structure(params, grads):
    tx = _make(per="leaf")
    with pytest.raises(ValueError, match="`uncertainty` must be a scalar, a per-example array"):
        tx.update(grads, tx.init(params), params, uncertainty={"bias": 0.5})


def test_helpers_say_what_they_miss(params, grads):
    with pytest.raises(ValueError, match="must hold exactly one gain; found 0"):
        get_gain(optax.adam(0.1).init(params))
    twice = optax.chain(_make(), _make())
    state = twice.init(params)
    with pytest.raises(ValueError, match=r"found 2: .*find_gains"):
        get_gain(state)
    for helper in (get_weights, get_fast_slow):
        with pytest.raises(ValueError, match="twice, at"):
            helper(state, params)
        with pytest.raises(ValueError, match="must be the tree that the optimizer was"):
            helper(_make().init(params), {"other": jnp.ones(3)})


def test_helpers_multiply_nested_gains(params):
    tx = modulate_by_gain(_make(initial_gain=2.0), initial_gain=3.0)
    state = tx.init(params)
    weights, split = get_weights(state, params), get_fast_slow(state, params)
    for k in params:
        np.testing.assert_allclose(weights[k], params[k] / 6, rtol=1e-6)
        np.testing.assert_allclose(split.slow[k], params[k] / 6, rtol=1e-5)


STATES = (optax.sgd(0.1).init(jnp.ones(2)), optax.adam(0.1).init(jnp.ones(2)), None, {"gain": 1.0})
OWNERS = {
    "modulate_by_gain": (_make(), {"uncertainty": 0.5}),
    "scale_by_gain": (scale_by_gain(), {"uncertainty": 0.5}),
    "consolidate": (consolidate(optax.sgd(0.1)), {}),
    "reset_on_switch": (reset_on_switch(optax.sgd(0.1)), {"task_switch": False}),
    "multi_steps": (multi_steps(optax.sgd(0.1), 2), {"uncertainty": 0.5}),
}


@pytest.mark.parametrize("state", STATES, ids=["sgd", "adam", "none", "dict"])
@pytest.mark.parametrize("owner", OWNERS)
def test_a_state_of_another_optimizer(owner, state, params, grads):
    tx, extra = OWNERS[owner]
    with pytest.raises(TypeError, match=f"`state` must be the .*State that `{owner}` made; got"):
        tx.update(grads, state, params, **extra)


AROUND = {
    "modulate_by_gain": (modulate_by_gain, {"uncertainty": 0.5}),
    "consolidate": (consolidate, {}),
    "reset_on_switch": (reset_on_switch, {"task_switch": False}),
    "multi_steps": (lambda inner: multi_steps(inner, 2), {"uncertainty": 0.5}),
}


@pytest.mark.parametrize("owner", AROUND)
def test_a_state_around_another_inner_optimizer(owner, params, grads):
    make, extra = AROUND[owner]
    tx, other = make(optax.adam(0.1)), make(optax.sgd(0.1, momentum=0.9))
    with pytest.raises(ValueError, match=f"`state` must be that of `{owner}` around this inner"):
        tx.update(grads, other.init(params), params, **extra)


def test_an_error_of_the_inner_optimizer_is_its_own(params, grads):
    def update(updates, state, params=None):
        raise RuntimeError("of its own")

    tx = modulate_by_gain(optax.GradientTransformation(optax.sgd(0.1).init, update))
    with pytest.raises(RuntimeError, match="of its own"):
        tx.update(grads, tx.init(params), params, uncertainty=0.5)


def test_a_drive_of_some_leaves_is_refused_with_what_is_modulated(params, grads):
    first, *others = params
    tx = _make(per="leaf", mask={first: True} | dict.fromkeys(others, False))
    with pytest.raises(ValueError, match=rf"'{first}': True.*of which those marked True are mod"):
        tx.update(grads, tx.init(params), params, uncertainty={others[0]: 0.5})


def test_a_masked_array_is_no_drive(params, grads):
    drive = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    with pytest.raises(TypeError, match=r"`uncertainty` must be a plain array; got one of numpy"):
        _make().update(grads, _make().init(params), params, uncertainty=drive)


@pytest.mark.parametrize(
    "drive",
    ["high", b"x", object(), 1j, jax.random.key(0)],
    ids=["text", "bytes", "object", "complex", "key"],
)
def test_a_drive_that_is_no_number(drive, params, grads):
    tx = _make()
    state = tx.init(params)
    with pytest.raises(TypeError, match=r"`uncertainty` must be a real number or an array of them"):
        tx.update(grads, state, params, uncertainty=drive)


def test_a_traced_drive_that_is_complex(params, grads):
    tx = _make()
    state = tx.init(params)
    update = jax.jit(lambda drive: tx.update(grads, state, params, uncertainty=drive))
    with pytest.raises(TypeError, match="`uncertainty` must be a real number"):
        update(1j)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda grads: None, "have the structure of the parameters; got PyTreeDef"),
        (lambda grads: {"other": grads}, "have the structure of the parameters; got PyTreeDef"),
        (lambda grads: dict.fromkeys(grads, jnp.ones((7, 7))), r"shapes .*; got \(7, 7\) for one"),
        (lambda grads: dict.fromkeys(grads), "shapes of the modulated parameters; got None"),
    ],
    ids=["none", "names", "shapes", "holes"],
)
def test_gradients_of_other_parameters(made, said, params, grads):
    tx = _make()
    with pytest.raises(ValueError, match=f"gradients passed to update must .*{said}"):
        tx.update(made(grads), tx.init(params), params, uncertainty=0.5)


@pytest.mark.parametrize("leaf", ["x", len, object()], ids=["text", "function", "object"])
def test_a_leaf_that_is_no_array(leaf):
    with pytest.raises(TypeError, match="each leaf of the parameters must be an array"):
        _make().init({"w": leaf})


@pytest.mark.parametrize("per", ["global", "leaf"])
def test_gradients_of_each_example_reach_an_optimizer_that_takes_them(per):
    params = {"w": jnp.ones((3, 2)), "scale": jnp.ones(())}
    each = {"w": jnp.full((4, 3, 2), 0.5), "scale": jnp.full(4, 0.5)}
    mean = optax.stateless(lambda grads, _: jax.tree.map(lambda g: g.mean(0), grads))
    tx = modulate_by_gain(optax.chain(mean, optax.sgd(0.1)), per=per)
    updates, _ = tx.update(each, tx.init(params), params, uncertainty=0.0)
    for leaf in jax.tree.leaves(updates):
        np.testing.assert_allclose(leaf, np.full(leaf.shape, -0.05), rtol=1e-5)


def test_a_parameter_may_be_called_gradients():
    tx, params = _make(), {"gradients": jnp.ones(2)}
    with pytest.raises(ValueError, match="gradients passed to update must have the shapes"):
        tx.update({"gradients": {"a": 1.0}}, tx.init(params), params, uncertainty=0.0)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ngm_sgd(0.1, momentum=0.9, nesterov="no"), "`nesterov` must be True or False"),
        (lambda: consolidate(_make(), follow_gain="yes"), "`follow_gain` must be True or False"),
        (lambda: _make(keep_weights="yes"), "`keep_weights` must be True or False"),
        (lambda: with_gain_source(optax.sgd(0.1), GainSource), "`source` must have the functions"),
    ],
)
def test_a_flag_or_a_source_of_another_kind(build, said):
    with pytest.raises(TypeError, match=said):
        build()


@pytest.mark.parametrize("axis", [(0,), 0.0, None, "0", True])
def test_a_unit_axis_that_is_no_whole_number(axis):
    with pytest.raises(TypeError, match="`unit_axis` must be one whole number"):
        _make(per="unit", unit_axis=axis)


def test_numbers_of_numpy_are_numbers(params):
    multi_steps(ngm_sgd(0.1), np.int64(2)).init(params)
    _make(per="unit", unit_axis=np.int64(-1)).init(params)
