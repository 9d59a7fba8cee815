import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.continual.baselines import (
    ewc,
    ewc_penalty,
    fisher_diagonal,
    online_ewc,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3)).astype(np.float32)
LABELS = np.array([0, 3, 1, 1, 2], np.int32)
PARAMS = {
    "w": RNG.normal(size=(3, 4)).astype(np.float32),
    "b": RNG.normal(size=4).astype(np.float32),
}
FISHER = jax.tree.map(lambda x: x**2, PARAMS)
OTHER = jax.tree.map(lambda x: x + 1.5, PARAMS)


def _apply(params, x):
    return x @ params["w"] + params["b"]


def _probabilities():
    z = X.astype(np.float64) @ PARAMS["w"] + PARAMS["b"]
    p = np.exp(z)
    return p / p.sum(1, keepdims=True)


def _quadratic(params, anchor, fisher):
    away = (params[k].astype(np.float64) - anchor[k] for k in params)
    return sum(float((fisher[k] * d**2).sum()) for k, d in zip(params, away, strict=True)) / 2


def test_the_empirical_fisher_of_softmax_regression():
    """d log p(y | x) / dw is x (1[c = y] - p_c)."""
    empirical = jax.jit(lambda y: fisher_diagonal(_apply, PARAMS, X, labels=y, at_once=2))
    fisher = empirical(LABELS)
    square = (np.eye(4)[LABELS] - _probabilities()) ** 2
    np.testing.assert_allclose(fisher["b"], square.mean(0), rtol=1e-5)
    np.testing.assert_allclose(fisher["w"], X.T**2 @ square / 5, rtol=1e-5)


def test_the_true_fisher_of_softmax_regression():
    """Its expectation is mean x^2 p_c (1 - p_c); the mean of many draws is within 5 deviations."""
    draws, p = 4000, _probabilities()
    many = np.repeat(X, draws, axis=0)
    estimate = jax.jit(lambda key: fisher_diagonal(_apply, PARAMS, many, key=key, at_once=1000))
    fisher = estimate(jax.random.key(0))
    # by class: what is averaged is (1 - p)^2 with probability p, and p^2 else
    variance = p * (1 - p) ** 4 + (1 - p) * p**4 - (p * (1 - p)) ** 2
    expected = {"b": (p * (1 - p)).mean(0), "w": X.T**2 @ (p * (1 - p)) / 5}
    deviation = {"b": variance.sum(0) ** 0.5, "w": (X.T**4 @ variance) ** 0.5}
    for name, value in expected.items():
        within = 5 * deviation[name] / 5 / draws**0.5
        assert np.all(np.abs(fisher[name] - value) < within), name
        assert np.all(within < 0.2 * value), name  # so that it could fail


def test_a_well_for_each_task():
    rule = ewc(2)
    state, add = rule.init(PARAMS), jax.jit(rule.add)
    penalty = jax.jit(jax.value_and_grad(ewc_penalty))
    assert float(penalty(OTHER, state, 3.0)[0]) == 0
    once = add(state, PARAMS, FISHER)
    twice = add(once, OTHER, PARAMS)
    first = _quadratic(OTHER, PARAMS, FISHER)
    value, _ = penalty(OTHER, once, 3.0)
    np.testing.assert_allclose(value, 3 * first, rtol=1e-5)
    value, _ = penalty(OTHER, twice, 3.0)
    np.testing.assert_allclose(value, 3 * first, rtol=1e-5)  # the second well is left out at 0
    value, grads = penalty(PARAMS, twice, 3.0)
    np.testing.assert_allclose(value, 3 * _quadratic(PARAMS, OTHER, PARAMS), rtol=1e-5)
    np.testing.assert_allclose(grads["b"], 3 * PARAMS["b"] * -1.5, rtol=1e-5)
    assert int(twice.tasks) == 2
    assert np.isnan(penalty(PARAMS, add(twice, PARAMS, FISHER), 3.0)[0])  # there is no third
    with pytest.raises(ValueError, match=r"`state.tasks` must be below 2.*Build ewc\(tasks=3\)"):
        rule.add(twice, PARAMS, FISHER)


def test_a_well_that_decays():
    @jax.jit
    @jax.vmap  # the decay is traced, and differs between runs
    def learned(decay):
        rule = online_ewc(decay)
        state = rule.init(PARAMS)
        for params in (PARAMS, OTHER, PARAMS):
            state = rule.add(state, params, FISHER)
        return state, ewc_penalty(OTHER, state, 1.0)

    decays = np.array([0.0, 0.5, 1.0], np.float32)
    state, penalty = learned(decays)
    factor = 1 + decays + decays**2
    np.testing.assert_allclose(state.fishers["b"][:, 0], np.outer(factor, FISHER["b"]), rtol=1e-6)
    np.testing.assert_array_equal(state.anchors["w"][1, 0], PARAMS["w"])
    np.testing.assert_allclose(penalty, factor * _quadratic(OTHER, PARAMS, FISHER), rtol=1e-5)


def test_low_precision_sums_in_float32():
    @jax.jit
    def learned(params):
        fisher = fisher_diagonal(lambda w, x: x * w, params, np.ones((1, 2)), labels=np.array([0]))
        rule = online_ewc()
        state = rule.add(rule.init(params), params, fisher)
        return state, ewc_penalty(params, state, 1.0)

    state, penalty = learned(jnp.full(2, 2.0, jnp.bfloat16))
    np.testing.assert_array_equal(state.fishers, np.full((1, 2), 0.25, np.float32))
    assert state.anchors.dtype == jnp.bfloat16
    assert penalty.dtype == state.fishers.dtype == jnp.float32


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({}, TypeError, "just one of `labels` and `key` must be given; got none"),
        ({"labels": LABELS, "key": 0}, TypeError, "just one of .* must be given; got both"),
        ({"labels": LABELS + 1}, ValueError, r"`labels` must be in \[0, 4\), the classes; got 4"),
        ({"labels": LABELS[:2]}, ValueError, r"`labels` must be \(5,\), one per example"),
        ({"labels": LABELS, "at_once": 0}, ValueError, "`at_once` must be a whole number"),
    ],
)
def test_a_fisher_of_what_does_not_fit_is_refused(given, error, match):
    with pytest.raises(error, match=match):
        fisher_diagonal(_apply, PARAMS, X, **given)


def test_inputs_and_outputs_are_checked():
    with pytest.raises(ValueError, match=r"`inputs` must be \(n, ...\).*got shape \(0, 3\)"):
        fisher_diagonal(_apply, PARAMS, X[:0], labels=LABELS)
    with pytest.raises(ValueError, match=r"`apply\(params, inputs\)` must be logits.*shape \(1,\)"):
        fisher_diagonal(lambda p, x: x[:, 0], PARAMS, X, labels=LABELS)


def test_constants_and_trees_are_checked():
    rule = ewc(1)
    state = rule.init(PARAMS)
    with pytest.raises(ValueError, match="`tasks` must be a whole number of at least 1; got 0"):
        ewc(0)
    with pytest.raises(ValueError, match=r"`decay` must be in \[0, 1\], per task; got 1.5"):
        online_ewc(1.5)
    with pytest.raises(ValueError, match="`strength` must be finite and >= 0; got -1"):
        ewc_penalty(PARAMS, state, -1.0)
    with pytest.raises(ValueError, match="`fisher` must have the structure of `init"):
        rule.add(state, PARAMS, FISHER["w"])
    with pytest.raises(ValueError, match=r"`params\['b'\]` must have .*\(4,\); got \(1, 4\)"):
        ewc_penalty(PARAMS | {"b": PARAMS["b"][None]}, state, 1.0)
