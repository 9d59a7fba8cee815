"""What a gain does to the output, as `audit` tells, and statistics for weights that act."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from neurogain.optim import (
    audit,
    consolidate,
    estimate_batch_stats,
    get_acting,
    modulate_by_gain,
    multi_steps,
    only,
)

X = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)


def params():
    rng = np.random.default_rng(1)
    shapes = {"normalised": (5, 6), "output": (6, 3), "lora_a": (5, 2), "lora_b": (2, 3)}
    return {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in shapes.items()}


def model(p, x):
    h = x @ p["normalised"]
    h = (h - h.mean(axis=1, keepdims=True)) / h.std(axis=1, keepdims=True)
    return h @ p["output"]


def lora(p, x):
    return x @ p["lora_a"] @ p["lora_b"]


def test_normalisation_takes_the_gain_away():
    tx = modulate_by_gain(optax.adam(0.1), per="leaf")
    effect = audit(tx, params(), apply=model, batch=X)[0].effect
    assert list(effect) == [f"[{k!r}]" for k in sorted(params())]
    assert effect["['normalised']"] < 1e-5
    np.testing.assert_allclose(effect["['output']"], 0.4, rtol=1e-5)
    assert effect["['lora_a']"] == 0  # this model does not read it


def test_a_product_of_factors_scales_with_the_gain_squared():
    for mask, expected in ((only("lora_a", "lora_b"), 1.4**2 - 1), (only("lora_b"), 0.4)):
        tx = modulate_by_gain(optax.sgd(0.1), mask=mask)
        (report,) = audit(tx, params(), apply=lora, batch=X)
        np.testing.assert_allclose(report.effect["all"], expected, rtol=1e-5)


@pytest.mark.parametrize("per", ["global", "leaf", "unit"])
def test_frozen_leaves_that_the_gain_moves_are_named(per):
    frozen = {k: k == "output" for k in params()}
    chain = lambda **o: optax.chain(  # noqa: E731
        optax.masked(optax.set_to_zero(), frozen), modulate_by_gain(optax.adam(0.1), per=per, **o)
    )
    (report,) = audit(chain(), params(), apply=model, batch=X)
    assert report.frozen == ("['output']",)
    (report,) = audit(chain(mask=only("lora_a")), params(), apply=model, batch=X)
    assert report.frozen == ()


HELD_BACK = {
    "warm-up": lambda: modulate_by_gain(optax.sgd(optax.linear_schedule(0.0, 0.1, 50))),
    "late": lambda: modulate_by_gain(
        optax.sgd(optax.join_schedules([lambda i: 0.0, lambda i: 0.1], [100]))
    ),
    "accumulation": lambda: multi_steps(modulate_by_gain(optax.adam(0.1)), 20),
    "accumulation inside": lambda: modulate_by_gain(
        optax.chain(optax.apply_every(12), optax.sgd(0.1))
    ),
    "one group later": lambda: modulate_by_gain(
        optax.multi_transform(
            {
                "now": optax.sgd(0.1),
                "later": optax.sgd(optax.join_schedules([lambda i: 0.0, lambda i: 0.1], [5])),
            },
            {k: "later" if k == "output" else "now" for k in params()},
        )
    ),
    "centralized": lambda: modulate_by_gain(optax.chain(optax.centralize(), optax.sgd(0.1))),
}


@pytest.mark.parametrize("name", HELD_BACK)
def test_leaves_that_an_optimizer_holds_back_for_a_while_are_not_frozen(name):
    (report,) = audit(HELD_BACK[name](), params(), apply=model, batch=X)
    assert report.frozen == ()


@pytest.mark.parametrize("held_back", [optax.identity, lambda: optax.apply_every(12)])
def test_frozen_leaves_are_named_behind_an_accumulation(held_back):
    frozen = optax.multi_transform(
        {"learn": optax.sgd(0.1), "stay": optax.set_to_zero()},
        {k: "stay" if k == "output" else "learn" for k in params()},
    )
    tx = modulate_by_gain(optax.chain(held_back(), frozen))
    assert audit(tx, params(), apply=model, batch=X)[0].frozen == ("['output']",)
    none = modulate_by_gain(optax.chain(held_back(), optax.set_to_zero()))
    assert len(audit(none, params(), apply=model, batch=X)[0].frozen) == len(params())


def test_without_a_model_nothing_is_computed():
    tx = modulate_by_gain(optax.adam(0.1))
    abstract = jax.eval_shape(params)
    (report,) = audit(tx, abstract)
    assert (report.effect, report.frozen) == (None, ())
    with pytest.raises(TypeError, match="`params` must be arrays"):
        audit(tx, abstract, apply=model, batch=X)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Dense(4)(x))
        return nn.Dense(2)(nn.relu(x))


def test_statistics_are_those_of_the_weights_that_act():
    """The mean of the batches' own statistics, whatever was gathered under other weights."""
    net = Net()
    variables = net.init(jax.random.key(0), X, train=True)
    tx = consolidate(optax.sgd(1.0), decay=0.5)
    held, state = variables["params"], tx.init(variables["params"])
    for _ in range(2):
        updates, state = tx.update(held, state, held)
        held = optax.apply_updates(held, updates)
    acts = get_acting(state, held)

    def update(stats, x):
        both = {"params": acts, "batch_stats": stats}
        return net.apply(both, x, train=True, mutable=["batch_stats"])[1]["batch_stats"]

    batches = X.reshape(4, 8, 5)
    found = estimate_batch_stats(update, variables["batch_stats"], list(batches))["BatchNorm_0"]
    dense = acts["Dense_0"]
    hidden = batches @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"])
    np.testing.assert_allclose(found["mean"], hidden.mean(axis=(0, 1)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["var"], hidden.var(axis=1).mean(axis=0), rtol=1e-4, atol=1e-6)


def test_what_gives_no_statistics_is_told():
    stats = {"mean": jnp.zeros(1)}
    with pytest.raises(ValueError, match="`update` must move the statistics"):
        estimate_batch_stats(lambda stats, x: stats, stats, [X])
    with pytest.raises(ValueError, match="`batches` must hold at least one"):
        estimate_batch_stats(lambda stats, x: stats, stats, [])


def test_weights_of_zero_say_nothing_of_their_gain():
    biased = {"kernel": jnp.ones((5, 3)), "bias": jnp.zeros(3)}
    tx = modulate_by_gain(optax.sgd(0.1), per="leaf")
    effect = audit(tx, biased, apply=lambda p, x: x @ p["kernel"] + p["bias"], batch=X)[0].effect
    assert np.isnan(effect["['bias']"])
    assert effect["['kernel']"] == pytest.approx(0.4)


class Normalised(nnx.Module):
    def __init__(self, rngs):
        self.layer, self.norm = nnx.Linear(5, 3, rngs=rngs), nnx.BatchNorm(3, rngs=rngs)

    def __call__(self, x):
        return self.norm(self.layer(x))


def test_an_nnx_module_with_batch_statistics_needs_a_copy():
    graph, own, rest = nnx.split(Normalised(nnx.Rngs(0)), nnx.Param, ...)
    tx = modulate_by_gain(optax.sgd(0.1), mask=lambda p: jax.tree.map(lambda x: x.ndim == 2, p))
    with pytest.raises(ValueError, match=r"`apply` must be a pure function .*copy=True\)\(x\)"):
        audit(tx, own, apply=lambda p, x: nnx.merge(graph, p, rest)(x), batch=X)
    copied = lambda p, x: nnx.merge(graph, p, rest, copy=True)(x)  # noqa: E731
    assert audit(tx, own, apply=copied, batch=X)[0].effect["all"] < 1e-3


@pytest.mark.parametrize("drive", [-1.0, np.array([0.5, np.nan])])
def test_a_drive_that_is_none(drive):
    with pytest.raises(ValueError, match="`uncertainty` must be finite, >= 0 and not empty; got"):
        audit(modulate_by_gain(optax.sgd(0.1)), params(), uncertainty=drive)
    abstract = jax.ShapeDtypeStruct((3,), jnp.float32)
    (report,) = audit(modulate_by_gain(optax.sgd(0.1)), params(), uncertainty=abstract)
    assert report.received


def test_a_batch_without_a_model():
    tx = modulate_by_gain(optax.sgd(0.1))
    with pytest.raises(TypeError, match="`apply` and `batch` belong together; got no `apply`"):
        audit(tx, params(), batch=X)
    with pytest.raises(TypeError, match="got no `batch`"):
        audit(tx, params(), apply=model)
    with pytest.raises(TypeError, match=r"`apply` must be a function .*; got 3"):
        audit(tx, params(), apply=3, batch=X)
    with pytest.raises((TypeError, ValueError), match=r"it raised TypeError: .*\. Call it alone\."):
        audit(tx, params(), apply=model, batch=X[:, :2])


def test_an_array_of_examples_is_no_array_of_batches():
    for x in (X, X[:, :, None, None]):
        with pytest.raises(TypeError, match=r"`batches` must be a list .*Pass \[x\]"):
            estimate_batch_stats(lambda stats, x: stats, {"mean": jnp.zeros(5)}, x)


@pytest.mark.parametrize(
    ("output", "error", "said"),
    [
        (lambda y: y.argmax(-1), TypeError, r"must return floating arrays.*int32\[32\]"),
        (lambda y: None, TypeError, "must return floating arrays, such as logits; got None"),
        (lambda y: 0 * y, ValueError, "not 0 everywhere.*got the norm 0.0"),
        (lambda y: y / 0, ValueError, "must be finite, and"),
    ],
    ids=["classes", "none", "zero", "infinite"],
)
def test_an_output_whose_change_has_no_measure_is_refused(output, error, said):
    tx = modulate_by_gain(optax.adam(0.1))
    with pytest.raises(error, match=said):
        audit(tx, params(), apply=lambda p, x: output(model(p, x)), batch=X)


def test_a_large_output_of_low_precision_is_measured():
    p = {"w": jnp.full((5, 200), 120.0, jnp.float16)}
    tx = modulate_by_gain(optax.sgd(0.1))
    (report,) = audit(tx, p, apply=lambda p, x: x @ p["w"], batch=jnp.eye(5, dtype=jnp.float16))
    assert report.effect["all"] == pytest.approx(0.4, abs=1e-3)


def test_whole_numbers_beside_logits_do_not_count():
    tx = modulate_by_gain(optax.sgd(0.1))
    (report,) = audit(
        tx, params(), apply=lambda p, x: {"y": x @ p["lora_a"], "n": jnp.int32(3)}, batch=X
    )
    assert report.effect["all"] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_statistics_of_low_precision_are_estimated_in_full(dtype):
    def update(stats, x):
        mean = 0.99 * stats["mean"] + 0.01 * x.mean(0).astype(stats["mean"].dtype)
        return {"mean": mean.astype(stats["mean"].dtype)}

    batches = [jnp.full((4, 2), 101.5), jnp.full((4, 2), 301.5)]
    found = estimate_batch_stats(update, {"mean": jnp.zeros(2, dtype)}, batches)["mean"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, jnp.full(2, 201.5, dtype))
