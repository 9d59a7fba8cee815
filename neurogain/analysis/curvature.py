"""Curvature of a loss: Hessian-vector products, and the largest eigenvalues by Lanczos.

A product costs about two gradients and no n x n matrix is formed. Everything is pure and runs under
jit, vmap and lax.map; the loss must not depend on anything random.

Sources: Golub & Van Loan, Matrix Computations (4th ed., 2013), section 10.1; for networks:
Ghorbani, Krishnan & Xiao, ICML 2019, arXiv 1901.10159.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PyTree

from neurogain import _checks

Loss = Callable[[PyTree], ArrayLike]  # from parameters to a scalar


class Eigenpairs(NamedTuple):
    """The k largest eigenvalues of a symmetric matrix A, as far as Lanczos has found them."""

    values: Float[Array, " k"]  # descending
    vectors: PyTree  # of unit length, along a leading axis of k
    residuals: Float[Array, " k"]  # |A v - value v|: an eigenvalue of A lies within this


def hessian_vector_product(loss: Loss, params: PyTree, vector: PyTree) -> PyTree:
    """Return H v for the Hessian H of `loss` at `params`: forward over reverse.

    Args:
      loss: from parameters to a scalar.
      params: any tree of floating arrays.
      vector: v, a tree like the parameters.

    Raises:
      ValueError: if the loss is no scalar, or `vector` is not like the parameters.
      TypeError: if a leaf is not floating.

    Example:
      >>> import jax.numpy as jnp
      >>> hessian_vector_product(lambda w: jnp.sum(w**3), jnp.array([1.0, 2.0]), jnp.ones(2))
      Array([ 6., 12.], dtype=float32)
    """
    _check_loss(loss, params)
    shapes = jax.tree.map(jnp.shape, params), jax.tree.map(jnp.shape, vector)
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`vector` must be a tree like the parameters, of shapes {shapes[0]}; got {shapes[1]}."
        )
    vector = jax.tree.map(lambda p, v: jnp.asarray(v, jnp.asarray(p).dtype), params, vector)
    return jax.jvp(jax.grad(loss), (params,), (vector,))[1]


def top_eigenpairs(
    loss: Loss, params: PyTree, k: int = 1, *, key: Array, steps: int | None = None
) -> Eigenpairs:
    """Return the k algebraically largest eigenvalues of the Hessian of `loss` at `params`.

    Args:
      loss: from parameters to a scalar.
      params: any tree of floating arrays, n numbers in all.
      k: how many; at most n.
      key: of the random start.
      steps: products that are made, k to n; min(n, 4 k + 30) by default. `residuals` say whether
        they were enough. The basis holds steps x n numbers.

    Returns:
      Pairs whose vectors are a tree like the parameters with a leading axis of k.

    Raises:
      ValueError: if `k` or `steps` is out of range, or the loss is no scalar.
      TypeError: if a leaf is not floating.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> scale = jnp.array([3.0, 1.0, 2.0])
      >>> loss = lambda w: 0.5 * jnp.sum(scale * w["a"] ** 2)
      >>> top_eigenpairs(loss, {"a": jnp.ones(3)}, 2, key=jax.random.key(0)).values.round(4)
      Array([3., 2.], dtype=float32)
    """
    _check_loss(loss, params)
    flat, unravel = ravel_pytree(params)

    def product(vector: Array) -> Array:
        tangent = jax.jvp(jax.grad(loss), (params,), (unravel(vector),))[1]
        return ravel_pytree(tangent)[0].astype(flat.dtype)

    found = lanczos(product, flat.size, k, key=key, steps=steps, dtype=flat.dtype)
    return found._replace(vectors=jax.vmap(unravel)(found.vectors))


def lanczos(
    product: Callable[[Array], Array],
    n: int,
    k: int,
    *,
    key: Array,
    steps: int | None = None,
    dtype: DTypeLike = jnp.float32,
) -> Eigenpairs:
    """Return the k algebraically largest eigenvalues of a symmetric matrix A given by products.

        w = A v_j;  alpha_j = v_j . w;  w <- w minus its part in all v_i, twice
        beta_j = |w|;  v_(j+1) = w / beta_j

    and the eigenvalues of the tridiagonal matrix of alpha and beta (Ritz values). Orthogonalising
    against the whole basis keeps copies of converged values out. Where w vanishes, the basis spans
    an invariant subspace: beta_j = 0, and a random vector orthogonal to it comes next, so that
    n steps find every eigenvalue as often as it occurs; with fewer, one that occurs several times
    may be found less often.

    Args:
      product: from v, shape (n,), to A v.
      n: size of A.
      k: how many; at most n.
      key: of the random start.
      steps: products that are made, k to n; min(n, 4 k + 30) by default.
      dtype: of the vectors.

    Returns:
      Pairs with vectors of shape (k, n).

    Raises:
      ValueError: if `k` or `steps` is out of range.

    Example:
      >>> matrix = jnp.diag(jnp.array([3.0, 1.0, 2.0]))
      >>> lanczos(lambda v: matrix @ v, 3, 2, key=jax.random.key(0)).values.round(4)
      Array([3., 2.], dtype=float32)
    """
    steps = _check_sizes(n, k, steps)
    dtype = jnp.dtype(dtype)
    smallest = jnp.finfo(dtype)

    def orthogonal(w: Array, basis: Array) -> Array:
        for _ in range(2):  # one pass leaves what it rounds away; two are enough
            w = w - (basis @ w) @ basis
        return w

    def unit(w: Array) -> Array:
        return w / jnp.maximum(jnp.linalg.norm(w), smallest.tiny)

    def step(
        carry: tuple[Array, Array], j: Array
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        basis, scale = carry
        v = basis[j]
        w = product(v)
        scale = jnp.maximum(scale, jnp.linalg.norm(w))
        alpha = v @ w
        w = orthogonal(w, basis)
        beta = jnp.linalg.norm(w)
        ended = beta <= 10 * smallest.eps * scale
        w = jax.lax.cond(
            ended,
            lambda: orthogonal(
                unit(jax.random.normal(jax.random.fold_in(key, j + 1), (n,), dtype)), basis
            ),
            lambda: w,
        )
        basis = basis.at[j + 1].set(unit(w))
        return (basis, scale), (alpha, jnp.where(ended, 0, beta))

    start = unit(jax.random.normal(jax.random.fold_in(key, 0), (n,), dtype))
    basis = jnp.zeros((steps + 1, n), dtype).at[0].set(start)
    with jax.default_matmul_precision("highest"):
        (basis, _), (alpha, beta) = jax.lax.scan(
            step, (basis, jnp.zeros((), dtype)), jnp.arange(steps)
        )
        tridiagonal = jnp.diag(alpha) + jnp.diag(beta[:-1], 1) + jnp.diag(beta[:-1], -1)
        values, mixing = jnp.linalg.eigh(tridiagonal)  # ascending
        values, mixing = values[::-1][:k], mixing[:, ::-1][:, :k]
        vectors = mixing.T @ basis[:-1]
    return Eigenpairs(values, vectors, jnp.abs(beta[-1] * mixing[-1]))


def _check_sizes(n: int, k: int, steps: int | None) -> int:
    """Return the number of steps."""
    _checks.whole("k", k, 1)
    if k > n:
        raise ValueError(
            f"`k` must be at most the {n} numbers of the parameters, one eigenvalue each; got {k}. "
            f"Pass k={n}."
        )
    if steps is None:
        return min(n, 4 * k + 30)
    _checks.whole("steps", steps, 1)
    if not k <= steps <= n:
        raise ValueError(
            f"`steps` must be from k = {k} to the {n} numbers of the parameters; got {steps}. "
            f"Pass steps={min(n, 4 * k + 30)}."
        )
    return steps


def _check_loss(loss: Loss, params: PyTree) -> None:
    leaves = jax.tree.leaves(params)
    if not leaves:
        raise ValueError("`params` must hold at least one array; got an empty tree.")
    for leaf in leaves:
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise TypeError(
                f"`params` must be floating throughout; got a leaf of {jnp.result_type(leaf)}. "
                "Close over it in the loss."
            )
    shape = jax.eval_shape(loss, params)
    if getattr(shape, "shape", None) != ():
        raise ValueError(
            f"`loss` must return a scalar; got {shape}. Take the mean, and leave out auxiliary "
            "values."
        )
