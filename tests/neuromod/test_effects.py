"""Factors, shifts and odds: what they do to a value, at extremes, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from neurogain.neuromod import Effect, effects


@given(p=st.floats(1e-3, 1 - 1e-3), amount=st.floats(-8, 8))
def test_odds_are_multiplied(p, amount):
    q = float(effects.odds(p, jnp.float32(amount)))
    expected = 1 / (1 + (1 - p) / p * np.exp(-amount))
    assert q == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("amount", [-1e3, -100.0, 100.0, 1e3])
def test_odds_of_large_amounts_are_certain(p, amount):
    value, gradient = jax.value_and_grad(lambda a: effects.odds(p, a))(jnp.float32(amount))
    assert value == pytest.approx(p if p in (0.0, 1.0) else float(amount > 0), abs=1e-7)
    assert gradient == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_nothing_is_changed_by_an_amount_of_nought(p):
    for act in (effects.odds, effects.scaled, effects.shifted):
        assert act(p, jnp.float32(0)) == jnp.float32(p)


@pytest.mark.parametrize("amount", [-2.0, -0.3, 0.4, 3.0])
def test_gradients(amount):
    with jax.enable_x64():
        for act in (effects.odds, effects.scaled, effects.shifted):
            check_grads(act, (jnp.float64(0.3), jnp.float64(amount)), order=1, modes=["rev"])
    assert jax.grad(lambda a: effects.odds(0.3, a))(jnp.float32(0)) == pytest.approx(0.21, rel=1e-5)


def test_sums_of_effects_are_differentiable_in_strength_and_activation():
    def total(strength, activation):
        both = [Effect("a", "gain", strength), Effect("b", "gain", 2 * strength)]
        sums = effects.combine(both, {"a": activation, "b": activation**2})
        return effects.scaled(3.0, sums["gain"])

    with jax.enable_x64():
        for activation in (0.0, 0.4):
            check_grads(total, (jnp.float64(0.5), jnp.float64(activation)), order=1, modes=["rev"])
