import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurogain import optim
from neurogain.continual import builders, methods
from neurogain.continual.network import Variables


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_name_alone_gives_the_defaults(name):
    method = methods.parse(name)
    assert method == methods.METHODS[name]
    assert method.constants["learning_rate"] > 0


def _loss(params):
    parts = params["params"]
    error = parts["hidden"]["kernel"].sum(0) * parts["output"]["kernel"][:, 0] - 3.0
    return jnp.sum(error**2)


def _params():
    rng = np.random.default_rng(0)
    shapes = {"hidden": (3, 4), "output": (4, 2)}
    kernels = {k: {"kernel": jnp.float32(rng.normal(size=s))} for k, s in shapes.items()}
    return {"params": kernels}


CHANGED = {"baseline": 2.0, "max_norm": 1e3}  # half the default for the others
RUNS = 9  # at least one per constant, and one more


@functools.cache
def _train_all(name):
    """Train the optimizer with the default constants, and with one changed at a time, side by side.

    Returns the held weights after every update, (runs, updates, ...), the last states, and the
    weights that act in the end.
    """
    method = methods.METHODS[name]
    rows = [method.constants]
    rows += [{**rows[0], k: CHANGED.get(k, v / 2)} for k, v in rows[0].items()]
    rows += rows[:1] * (RUNS - len(rows))

    def run(constants):
        tx = optax.with_extra_args_support(method(constants))
        params = _params()
        state, history = tx.init(params), []
        grad_fn = jax.grad(_loss)
        for t in range(4):
            extra = {"uncertainty": jnp.float32(0.5), "task_switch": t == 2}
            updates, state = tx.update(grad_fn(params), state, params, grad_fn=grad_fn, **extra)
            params = optax.apply_updates(params, updates)
            history.append(params)
        together = jax.tree.map(lambda *x: jnp.stack(x), *history)
        return together, state, optim.get_acting(state, params)

    columns = {k: jnp.float32([row[k] for row in rows]) for k in rows[0]}
    return jax.tree.map(np.asarray, jax.vmap(run)(columns))  # uncompiled: each operation is, once


def _train(name):
    """Return the held weights after every update, the last state and the acting weights."""
    return jax.tree.map(lambda x: x[0], _train_all(name))


def _after(history, update):
    return jax.tree.map(lambda x: x[update], history)


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_constant_of_every_method_is_traced_and_counts(name):
    history, _, acting = _train_all(name)
    leaves = jax.tree.leaves((history, acting))
    assert all(np.isfinite(x).all() for x in leaves)
    method = methods.METHODS[name]
    strategy = () if method.strategy is None else inspect.signature(method.strategy).parameters
    for run, changed in enumerate(method.constants, start=1):
        assert any(np.any(x[run] != x[0]) for x in leaves) == (changed not in strategy), changed
    assert all(np.all(x[-1] == x[0]) for x in leaves)


ACTING = ["ema-", "schedule-free-", "two-timescale"]


@pytest.mark.parametrize("name", methods.METHODS)
def test_averaging_methods_act_with_other_weights_than_they_train(name):
    history, state, acting = _train(name)
    averaging = any(name.startswith(start) for start in ACTING)
    assert optim.has_acting(state) == averaging
    same = jax.tree.map(np.array_equal, acting, _after(history, -1))
    assert all(jax.tree.leaves(same)) != averaging


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ema-sgd", "sgd"),
        ("ema-msgd", "msgd"),
        ("ema-adam", "adam"),
        ("ema-clip-adam", "clip-adam"),
        ("ema-ngm", "ngm"),
        ("two-timescale-follow", "clip-ngm-adam"),
    ],
)
def test_averaging_leaves_the_training_as_it_is(name, base):
    ours, theirs = _train(name)[0], _train(base)[0]
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["sgd", "msgd", "adam"])
def test_clipping_scales_the_gradient_to_the_norm(name):
    """The first update is that of the base for the same gradient at norm 0.1."""
    params, base = _params(), methods.parse(name)
    grads = jax.grad(_loss)(params)
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(grads)))
    assert norm > 1
    tx = base(base.constants)
    scaled = jax.tree.map(lambda g: 0.1 * g / norm, grads)
    updates, _ = tx.update(scaled, tx.init(params), params)
    wanted = optax.apply_updates(params, updates)
    got = _after(_train(f"clip-{name}")[0], 0)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_weight_decay_shrinks_the_weights():
    plain, decayed = (_after(_train(name)[0], 0) for name in ("adam", "adamw"))
    start = jax.tree.leaves(_params())
    for a, b, p in zip(jax.tree.leaves(plain), jax.tree.leaves(decayed), start, strict=True):
        np.testing.assert_allclose(b, a - 1e-3 * 0.01 * p, rtol=1e-6)


def test_sharpness_aware_sgd_takes_the_gradient_uphill():
    params, constants = _params(), methods.METHODS["sam-sgd"].constants
    grads = jax.grad(_loss)(params)
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(grads)))
    uphill = jax.tree.map(lambda p, g: p + constants["rho"] * g / norm, params, grads)
    assert _loss(uphill) > _loss(params)
    wanted = jax.tree.map(
        lambda p, g: p - constants["learning_rate"] * g, params, jax.grad(_loss)(uphill)
    )
    got = _after(_train("sam-sgd")[0], 0)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_sharpness_aware_methods_say_what_they_need():
    method = methods.METHODS["sam-adam"]
    tx, params = method(method.constants), _params()
    with pytest.raises(TypeError, match="needs params and `grad_fn`; write"):
        tx.update(params, tx.init(params), params, uncertainty=0.5)


@pytest.mark.parametrize("name", ["two-timescale-follow", "clip-ngm-adam", "ngm-output"])
def test_the_gain_is_on_the_output_layer(name):
    history, state, _ = _train(name)
    held = _after(history, -1)
    split = optim.get_fast_slow(*jax.tree.map(jnp.asarray, (state, held)))
    gain = 1 + 0.2 * sum(0.9**i for i in range(4))
    fast, held = split.fast["params"], held["params"]
    assert not np.any(fast["hidden"]["kernel"])
    np.testing.assert_allclose(
        fast["output"]["kernel"], (1 - 1 / gain) * held["output"]["kernel"], rtol=1e-5
    )


def _with_constants_of(name, build):
    """Return a method's figures under its constants with another builder, as `_train` does."""
    own = dataclasses.replace(methods.METHODS[name], name="other", build=build)
    methods.METHODS["other"] = own
    try:
        return _train("other")
    finally:
        del methods.METHODS["other"]
        _train_all.cache_clear()


def test_the_preset_has_its_gain_on_all_layers_and_averages_what_it_trains():
    history, state, _ = _train("two-timescale")
    split = optim.get_fast_slow(*jax.tree.map(jnp.asarray, (state, _after(history, -1))))
    assert all(np.any(layer["kernel"]) for layer in split.fast["params"].values())
    del history, state

    def unaveraged(consolidation, **constants):
        del consolidation
        return builders.clipped(optim.ngm_adam)(**constants)

    held, other = _train("two-timescale")[0], _with_constants_of("two-timescale", unaveraged)[0]
    jax.tree.map(np.testing.assert_array_equal, held, other)


def test_the_consolidation_that_follows_the_gain_is_slower():
    on_output = functools.partial(optim.two_timescale, mask=builders.OUTPUT)
    *_, plain = _with_constants_of("two-timescale-follow", on_output)
    history, _, following = _train("two-timescale-follow")

    def way(weights):  # of the hidden layer from the first update on
        first = _after(history, 0)["params"]["hidden"]["kernel"]
        return np.abs(weights["params"]["hidden"]["kernel"] - first)

    assert np.all(way(following) < way(plain))
    assert np.all(way(plain) < way(_after(history, -1)))


def test_a_method_of_ones_own_is_found_by_name_and_passes_as_itself():
    lion = methods.Method("lion", "Lion", optax.lion, {"learning_rate": 1e-4})
    assert methods.register(lion) is lion
    try:
        assert methods.parse("lion:learning_rate=0.1").constants == {"learning_rate": 0.1}
        with pytest.raises(ValueError, match="there is a method 'lion' already"):
            methods.register(lion)
    finally:
        del methods.METHODS["lion"]
    found = methods.parse_all(["sgd", lion], sensitivity=0.4)
    assert found == {"sgd": methods.METHODS["sgd"], "lion": lion}
    faster = dataclasses.replace(lion, constants={"learning_rate": 1e-3})
    labels = ["lion:learning_rate=0.0001", "lion:learning_rate=0.001"]
    assert list(methods.parse_all([lion, faster])) == labels


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "a=b"])
def test_names_that_no_text_could_carry_are_refused(name):
    with pytest.raises(ValueError, match="`name` must be without colons"):
        methods.register(methods.Method(name, "", optax.sgd, {"learning_rate": 0.1}))


def test_constants_out_of_range_are_refused_when_a_method_is_made_known():
    bad = methods.Method("bad", "", optax.sgd, {"learning_rate": -1.0})
    with pytest.raises(ValueError, match="`learning_rate` of 'bad' must be positive"):
        methods.register(bad)
    with pytest.raises(ValueError, match="`learning_rate` of 'bad' must be positive"):
        methods.parse_all([bad])


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_text_gives_the_method_back(name):
    assert methods.parse(methods.METHODS[name].text) == methods.METHODS[name]


def test_a_mask_goes_only_to_a_method_that_takes_it():
    with pytest.raises(ValueError, match=r"`mask` must go to a method whose builder .* got sgd"):
        methods.METHODS["sgd"].with_mask(None)


def test_those_that_a_method_must_beat_are_known():
    for method in methods.METHODS.values():
        assert set(method.against) <= methods.METHODS.keys()


def test_constants_are_set_and_the_others_kept():
    method = methods.parse("ngm:learning_rate=2e-2,sensitivity=0.2")
    expected = {"learning_rate": 0.02, "decay": 0.9, "baseline": 1.0, "sensitivity": 0.2}
    assert (method.name, method.constants) == ("ngm", expected)
    assert methods.METHODS["ngm"].constants["sensitivity"] == 0.4  # the default is not touched


def test_default_sensitivity_is_for_methods_with_a_gain_of_their_own():
    assert methods.parse("ngm", sensitivity=0.5).constants["sensitivity"] == 0.5
    assert methods.parse("rate-matched", sensitivity=0.5).constants["sensitivity"] == 0.5
    assert methods.parse("entropy-rate", sensitivity=0.5).constants["sensitivity"] == 0.4
    assert "sensitivity" not in methods.parse("sgd", sensitivity=0.5).constants
    assert methods.parse("ngm:sensitivity=0.1", sensitivity=0.5).constants["sensitivity"] == 0.1


def test_a_size_is_a_whole_number_of_the_strategy_and_no_constant():
    method = methods.parse("der++:memory=2e2,beta=1")
    assert method.constants == {"learning_rate": 1e-3, "alpha": 1.0, "beta": 1.0}
    assert (method.sizes, type(method.sizes["memory"])) == ({"memory": 200}, int)
    assert method.text == "der++:learning_rate=0.001,alpha=1,beta=1,memory=200"
    assert methods.parse(method.text) == method
    strategy = method.make_strategy(method.constants)
    state = strategy.init(Variables({}, {}), jnp.zeros(3))
    assert state.slots.extras.shape == (200, 3)
    own = dataclasses.replace(method, sizes={"memory": 0})
    with pytest.raises(ValueError, match=r"`memory` of 'der\+\+' must be a whole number"):
        methods.parse_all([own])


def test_a_colon_without_constants_is_the_name_alone():
    assert methods.parse("sgd:").constants == methods.parse("sgd").constants


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sdg", r"must be among sgd, msgd, adam, ngm, .*; got 'sdg'\. Did you mean sgd\?"),
        ("sgd,adam", r"got 'sgd,adam'\. Give each for itself: sgd adam"),
        ("", r"must be among .*; got ''"),
        ("sgd:momentum=0.9", r"may set learning_rate of 'sgd'; got 'momentum' in"),
        ("ngm:decay=0.5,decay=0.7", r"once; got 'decay' again in 'ngm:decay=0.5,decay=0.7'"),
        (
            "sgd:learning_rate=fast",
            r"`learning_rate` of 'sgd' must be a number; got 'fast'\. Write",
        ),
        ("sgd:learning_rate", r"must be a number; got ''\. Write sgd:learning_rate=0\.1"),
        ("sgd:learning_rate=-0.1", r"`learning_rate` of 'sgd' must be positive.*got -0\.1"),
        ("sgd:learning_rate=0", r"must be positive and finite; got 0\.0"),
        ("sgd:learning_rate=nan", r"must be positive and finite; got nan"),
        ("adam:learning_rate=inf", r"must be positive and finite; got inf"),
        ("ngm:decay=1", r"`decay` must be in \(0, 1\), per update; got 1\.0"),
        ("ngm:decay=0", r"`decay` must be in \(0, 1\), per update; got 0\.0"),
        ("ngm:decay=nan", r"`decay` must be in \(0, 1\), per update; got nan"),
        ("ngm:baseline=0.9", r"`baseline` must be a finite gain of at least 1; got 0\.9"),
        ("ngm:sensitivity=-0.1", r"`sensitivity` must be finite and >= 0; got -0\.1"),
        ("msgd:momentum=1", r"`momentum` of 'msgd' must be in \[0, 1\); got 1\.0"),
        ("msgd:momentum=-0.5", r"`momentum` of 'msgd' must be in \[0, 1\); got -0\.5"),
        ("fixed-gain:gain=0.5", r"`gain` of 'fixed-gain' must be finite and at least 1; got 0\.5"),
        ("clip-adam:max_norm=0", r"`max_norm` of 'clip-adam' must be positive and .*got 0\.0"),
        ("clip-sgd:max_norm=nan", r"`max_norm` of 'clip-sgd' must be positive and .*got nan"),
        (
            "ema-adam:consolidation=1",
            r"`consolidation` of 'ema-adam' must be in \[0, 1\); got 1\.0",
        ),
        ("two-timescale:consolidation=-0.1", r"`consolidation` of .* must be in \[0, 1\)"),
        ("sam-sgd:rho=0", r"`rho` of 'sam-sgd' must be positive and finite; got 0\.0"),
        ("sam-adam:rho=inf", r"`rho` of 'sam-adam' must be positive and finite; got inf"),
        ("adamw:weight_decay=-1", r"`weight_decay` of 'adamw' must be finite and >= 0; got -1\.0"),
        ("schedule-free-sgd:b1=0", r"`b1` of 'schedule-free-sgd' must be in \(0, 1\); got 0\.0"),
        ("er:memory=0", r"`memory` of 'er' must be a whole number of at least 1; got 0\."),
        ("er:memory=1.5", r"`memory` of 'er' must be a whole number of at least 1; got 1\.5"),
        ("er:memory=inf", r"`memory` of 'er' must be a whole number of at least 1; got inf"),
        ("er:memory=many", r"`memory` of 'er' must be a number; .*\. Write er:memory=500"),
        ("er:alpha=1", r"may set learning_rate, memory of 'er'; got 'alpha' in"),
        ("der++:alpha=-1", r"`alpha` of 'der\+\+' must be finite and >= 0; got -1\.0"),
        ("der++:beta=nan", r"`beta` of 'der\+\+' must be finite and >= 0; got nan"),
        ("ewc:penalty=-1", r"`penalty` of 'ewc' must be finite and >= 0; got -1\.0"),
        ("ewc:fisher_examples=0", r"`fisher_examples` of 'ewc' must be a whole .* 1; got 0"),
        ("lwf:distillation=inf", r"`distillation` of 'lwf' must be finite and >= 0; got inf"),
        ("lwf:temperature=0", r"`temperature` of 'lwf' must be positive and finite; got 0\.0"),
        ("fixed-gain:gain=nan", r"`gain` of 'fixed-gain' must be finite and at least 1; got nan"),
    ],
)
def test_bad_text_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        methods.parse(text)
