import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from neurogain.analysis import hessian_vector_product, lanczos, top_eigenpairs
from neurogain.optim import get_gain, get_weights, ngm_sgd
from neurogain.uncertainty import entropy

KEY = jax.random.key(0)


def logits(params, x):
    return jnp.tanh(x @ params["hidden"] + params["bias"]) @ params["out"]


def network(dtype):
    """Return a small network's parameters and its loss."""
    rng = np.random.default_rng(0)
    params = {
        "hidden": jnp.asarray(rng.normal(size=(4, 6)), dtype),
        "bias": jnp.asarray(rng.normal(size=6), dtype),
        "out": jnp.asarray(rng.normal(size=(6, 3)), dtype),
    }
    x, y = jnp.asarray(rng.normal(size=(20, 4)), dtype), rng.integers(0, 3, size=20)

    def loss(params):
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, x), y).mean()

    return params, loss, x


def dense_hessian(params, loss):
    flat, unravel = ravel_pytree(params)
    return np.asarray(jax.jit(jax.hessian(lambda p: loss(unravel(p))))(flat))


def top(loss, params, k, key=KEY):
    return jax.jit(lambda p: top_eigenpairs(loss, p, k, key=key))(params)


@functools.partial(jax.jit, static_argnames=("k", "steps"))
def of_diagonal(values, k, steps=None):
    return lanczos(lambda v: values * v, len(values), k, key=KEY, steps=steps)


def test_largest_eigenvalues_of_a_network_are_those_of_its_dense_hessian():
    with jax.enable_x64():
        params, loss, _ = network(jnp.float64)
        values, vectors = np.linalg.eigh(dense_hessian(params, loss))
        found = top(loss, params, 5)
        np.testing.assert_allclose(found.values, values[:-6:-1], rtol=1e-4)
        rows = jax.vmap(lambda v: ravel_pytree(v)[0])(found.vectors)
        overlap = np.abs(np.sum(rows * vectors[:, :-6:-1].T, axis=1))
        np.testing.assert_allclose(overlap, 1, atol=1e-4)
        assert found.vectors["out"].shape == (5, 6, 3)


def test_float32_is_good_to_1e_4_too():
    params, loss, _ = network(jnp.float32)
    values = np.linalg.eigvalsh(dense_hessian(params, loss))
    found = top(loss, params, 3)
    np.testing.assert_allclose(found.values, values[:-4:-1], rtol=1e-4)
    assert found.values.dtype == jnp.float32


def test_products_are_those_of_the_dense_hessian():
    with jax.enable_x64():
        params, loss, _ = network(jnp.float64)
        dense, unravel = dense_hessian(params, loss), ravel_pytree(params)[1]
        product_of = jax.jit(lambda v: hessian_vector_product(loss, params, unravel(v)))
        for v in np.random.default_rng(1).normal(size=(3, len(dense))):
            product = ravel_pytree(product_of(v))[0]
            np.testing.assert_allclose(product, dense @ v, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        [3.0, 1.0, 2.0, -5.0],
        [2.0, 2.0, 1.0, 1.0],  # every eigenvalue more than once
        [1.0] * 4,
        [0.0] * 4,
        [7.0],
        list(np.linspace(-1, 4, 60)),
    ],
)
def test_n_steps_find_every_eigenvalue_of_a_diagonal_as_often_as_it_occurs(values):
    n = len(values)
    found = of_diagonal(jnp.asarray(values), n, steps=n)
    np.testing.assert_allclose(found.values, sorted(values, reverse=True), atol=1e-5)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(n), atol=1e-5)
    products = found.vectors * jnp.asarray(values)
    np.testing.assert_allclose(products, found.values[:, None] * found.vectors, atol=1e-4)


def test_converged_values_have_no_copies():
    # without orthogonalising against the whole basis, 100 would appear several times
    values = np.concatenate([[100.0], np.linspace(0, 1, 199)])
    found = of_diagonal(jnp.asarray(values), 3, steps=80)
    np.testing.assert_allclose(found.values, [100, 1, values[-2]], rtol=1e-3)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(3), atol=1e-5)


def test_residuals_bound_the_error():
    values = np.linspace(0, 1, 300)
    found = of_diagonal(jnp.asarray(values), 2, steps=25)
    true = np.linalg.norm(found.vectors * values - found.values[:, None] * found.vectors, axis=1)
    np.testing.assert_allclose(found.residuals, true, rtol=1e-2, atol=1e-6)
    nearest = np.abs(values[:, None] - np.asarray(found.values)).min(axis=0)
    assert (nearest <= found.residuals + 1e-6).all()
    assert found.residuals.max() > 1e-3  # far from converged, and it says so


def test_the_largest_are_meant_by_sign_not_by_size():
    found = of_diagonal(jnp.array([-9.0, 1.0, 2.0]), 1)
    np.testing.assert_allclose(found.values, [2.0], rtol=1e-5)


def test_under_jit_it_is_the_same_and_traced_once():
    params, loss, _ = network(jnp.float32)
    traces = []

    @jax.jit
    def compiled(params, key):
        traces.append(None)
        return top_eigenpairs(loss, params, 2, key=key, steps=20)

    eager = top_eigenpairs(loss, params, 2, key=KEY, steps=20)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
        compiled(params, KEY),
        eager,
    )
    compiled(jax.tree.map(lambda p: 2 * p, params), jax.random.key(1))
    assert len(traces) == 1


def test_batched_it_is_the_same_as_one_by_one():
    params, loss, _ = network(jnp.float32)
    both = jax.tree.map(lambda p: jnp.stack([p, 0.5 * p]), params)
    one = jax.jit(lambda p: top_eigenpairs(loss, p, 1, key=KEY).values)
    batched = jax.jit(jax.vmap(one))(both)
    for i in range(2):
        alone = one(jax.tree.map(lambda p, i=i: p[i], both))
        np.testing.assert_allclose(batched[i], alone, rtol=1e-4)


def test_in_a_trained_network_the_eigenvalues_at_w_are_g_squared_times_those_at_e():
    E, loss, x = network(jnp.float32)
    tx = ngm_sgd(0.05)
    state = tx.init(E)

    @jax.jit
    def step(E, state):
        u = entropy(logits(E, x))
        updates, state = tx.update(jax.grad(loss)(E), state, E, uncertainty=u)
        return optax.apply_updates(E, updates), state

    for _ in range(60):
        E, state = step(E, state)
    g, W = get_gain(state), get_weights(state, E)
    assert g > 1.3
    keys = jax.random.split(KEY)
    at_e = top(loss, E, 3, keys[0])
    at_w = top(lambda w: loss(jax.tree.map(lambda p: g * p, w)), W, 3, keys[1])
    np.testing.assert_allclose(at_w.values / at_e.values, g**2, rtol=1e-3)


def test_it_runs_under_strict_promotion():
    params, _, _ = network(jnp.float32)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.jit(lambda: lanczos(lambda v: 2 * v, 5, 2, key=KEY))()
        hessian_vector_product(lambda p: jnp.sum(p["out"] ** 2), params, params)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "`k` must be a whole number of at least 1; got 0"),
        ({"k": 49}, "`k` must be at most the 48 numbers of the parameters.*got 49. Pass k=48"),
        ({"k": 3, "steps": 2}, "`steps` must be from k = 3 to the 48 numbers.*got 2"),
        ({"k": 3, "steps": 49}, "`steps` must be from k = 3 to the 48 numbers.*got 49"),
        ({"k": 1.5}, "`k` must be a whole number"),
    ],
)
def test_sizes_out_of_range_are_refused(options, message):
    params, loss, _ = network(jnp.float32)
    with pytest.raises(ValueError, match=message):
        top_eigenpairs(loss, params, key=KEY, **options)


def test_losses_and_trees_that_cannot_be_differentiated_twice_are_refused():
    params, loss, _ = network(jnp.float32)
    with pytest.raises(ValueError, match="`loss` must return a scalar"):
        top_eigenpairs(lambda p: p["bias"], params, key=KEY)
    with pytest.raises(ValueError, match="`loss` must return a scalar"):
        top_eigenpairs(lambda p: (loss(p), 0.0), params, key=KEY)
    with pytest.raises(TypeError, match=r"`params` must be floating throughout.*int32"):
        top_eigenpairs(lambda p: 0.0, {"step": jnp.zeros(3, jnp.int32)}, key=KEY)
    with pytest.raises(ValueError, match="`params` must hold at least one array"):
        top_eigenpairs(loss, {}, key=KEY)
    with pytest.raises(ValueError, match=r"`vector` must be a tree like the parameters"):
        hessian_vector_product(loss, params, params | {"bias": jnp.ones(5)})
    with pytest.raises(ValueError, match=r"`vector` must be a tree like the parameters"):
        hessian_vector_product(loss, params, {"bias": params["bias"]})
