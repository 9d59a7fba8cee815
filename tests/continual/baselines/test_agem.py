import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax.test_util import check_grads

from neurogain.continual.baselines import agem, project_gradients

PROJECT = jax.jit(project_gradients)
numbers = hnp.arrays(np.float32, 5, elements=st.floats(-100, 100, width=32))


def _tree(x):
    return {"w": x[:4].reshape(2, 2), "b": x[4]}


def _flat(tree):
    return np.append(np.asarray(tree["w"], np.float64).ravel(), tree["b"])


@given(g=numbers, r=numbers)
def test_against_the_equation_in_float64(g, r):
    projected = _flat(PROJECT(_tree(g), _tree(r)))
    g, r = g.astype(np.float64), r.astype(np.float64)
    expected = g - (g @ r) / (r @ r) * r if g @ r < 0 else g
    scale = np.linalg.norm(g)
    np.testing.assert_allclose(projected, expected, rtol=1e-5, atol=1e-5 * scale)
    assert projected @ r >= -1e-5 * scale * np.linalg.norm(r)
    assert np.linalg.norm(projected) <= scale * (1 + 1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_size_of_the_reference_does_not_count(scale):
    g, r = np.array([1, -2, 0, 1, 1], np.float32), np.array([0, 1, 0, -1, 0], np.float32)
    expected = g + 1.5 * r
    np.testing.assert_allclose(_flat(PROJECT(_tree(g), _tree(r * np.float32(scale)))), expected)


def test_without_a_reference_gradient_nothing_changes():
    g = np.arange(5, dtype=np.float32)
    zeros = np.zeros(5, np.float32)
    np.testing.assert_array_equal(_flat(PROJECT(_tree(g), _tree(zeros))), g)

    def total(g, r):
        return jnp.sum(project_gradients(_tree(g), _tree(r))["w"])

    of_g, of_r = jax.jit(jax.grad(total, argnums=(0, 1)))(g, zeros)
    np.testing.assert_array_equal(of_g, [1, 1, 1, 1, 0])
    assert np.all(np.isfinite(of_r))


def test_the_derivative():
    @jax.jit
    def of_both(g, r):
        tree = project_gradients(_tree(g), _tree(r))
        return jnp.sum(jnp.sin(tree["w"])) + tree["b"] ** 2

    g, r = np.array([1.0, -2.0, 0.5, 1.0, 1.0]), np.array([0.3, 1.0, 0.1, -1.0, 0.2])
    assert g @ r < 0
    with jax.enable_x64():
        check_grads(of_both, (g, r), 1, modes=["rev"])


def test_what_is_not_finite_is_not_hidden():
    g, r = np.ones(5, np.float32), np.full(5, np.nan, np.float32)
    assert np.all(np.isnan(_flat(PROJECT(_tree(g), _tree(r)))))


def test_low_precision_is_kept():
    projected = PROJECT(jnp.array([1, -2], jnp.bfloat16), jnp.array([0, 3], jnp.float32))
    assert projected.dtype == jnp.bfloat16
    np.testing.assert_array_equal(projected.astype(np.float32), [1, 0])


def test_the_inner_optimizer_gets_projected_gradients_and_other_arguments():
    def update(updates, state, params=None, *, uncertainty, **extra_args):
        assert not extra_args
        return jax.tree.map(lambda x: -uncertainty * x, updates), state + 1

    inner = optax.GradientTransformationExtraArgs(lambda params: jnp.zeros([]), update)
    tx = agem(inner)
    g, r = np.array([1.0, -2.0], np.float32), np.array([0.0, 3.0], np.float32)
    updates, state = tx.update(g, tx.init(g), g, reference_grads=r, uncertainty=2.0)
    np.testing.assert_array_equal(updates, [-2, 0])
    assert float(state) == 1


def test_seeds_side_by_side():
    g, r = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
    both = jax.jit(jax.vmap(lambda g, r: project_gradients(_tree(g), _tree(r))))(g, r)
    for i in range(3):
        own = _flat({"w": both["w"][i], "b": both["b"][i]})
        np.testing.assert_allclose(own, _flat(PROJECT(_tree(g[i]), _tree(r[i]))), rtol=1e-5)


def test_what_does_not_fit_is_refused():
    tx, g = agem(optax.sgd(0.1)), {"w": np.ones(2)}
    state = tx.init(g)
    with pytest.raises(TypeError, match="`reference_grads` must be passed to update"):
        tx.update(g, state, g)
    with pytest.raises(ValueError, match="`reference_grads` must have the structure of `grads`"):
        tx.update(g, state, g, reference_grads={"v": np.ones(2)})
    with pytest.raises(ValueError, match=r"`reference_grads\['w'\]` must.*\(2,\); got \(3,"):
        tx.update(g, state, g, reference_grads={"w": np.ones(3)})
    with pytest.raises(TypeError, match="`grads` must be of floating dtypes; got int32"):
        project_gradients({"w": np.ones(2, int)}, g)
    with pytest.raises(TypeError, match="`inner` must be an optax optimizer"):
        agem(optax.sgd)
