"""Batch statistics for weights that act and have never been trained with: averages of weights."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree


def estimate_batch_stats(
    update: Callable[[PyTree, Any], PyTree], stats: PyTree, batches: Iterable[Any]
) -> PyTree:
    """Return the statistics of batch normalisation for other weights than those that were trained.

    Running means and variances belong to the weights under which they were gathered. Weights that
    are an average, as `get_acting` returns, need their own: here the mean, over some batches, of
    the statistics of each batch. A layer's update is `new = m old + (1 - m) batch`, so two calls,
    with statistics of 0 and of 1, tell the momentum m and those of the batch.

    Args:
      update: a forward pass in training: from statistics and a batch to new statistics, such as
        `lambda stats, x: model.apply({"params": acts, "batch_stats": stats}, x, train=True,
        mutable=["batch_stats"])[1]["batch_stats"]` in Flax. It is compiled.
      stats: statistics of the model; their shapes and dtypes alone count.
      batches: a list or an iterator of them, of equal size; a few dozen will do.

    Returns:
      Statistics like `stats`.

    Raises:
      TypeError: if `batches` is one array.
      ValueError: if there is no batch, or the layers do not update their statistics (a momentum of
        1, or a forward pass in evaluation).

    Example:
      >>> def update(stats, x):  # of a layer with momentum 0.9
      ...     return {"mean": 0.9 * stats["mean"] + 0.1 * x.mean(axis=0)}
      >>> batches = list(jnp.arange(12.0).reshape(3, 4, 1))
      >>> estimate_batch_stats(update, {"mean": jnp.zeros(1)}, batches)["mean"].round(4)
      Array([5.5], dtype=float32)

    Source: Izmailov et al., arXiv 1803.05407, section 3.2.
    """
    if isinstance(batches, jax.Array | np.ndarray):
        raise TypeError(
            "`batches` must be a list or an iterator of batches; got one array of shape "
            f"{batches.shape}. Pass [x] for one batch x, or list(x) where its rows are batches."
        )

    @jax.jit
    def of_batch(batch: Any) -> tuple[PyTree, PyTree]:
        zero, one = (
            jax.tree.map(_in_full, update(jax.tree.map(fill, stats), batch))
            for fill in (lambda x: 0 * _in_full(x), lambda x: 0 * _in_full(x) + 1)
        )
        momentum = jax.tree.map(lambda z, o: o - z, zero, one)
        return momentum, jax.tree.map(lambda z, m: z / (1 - m), zero, momentum)

    total, count = None, 0
    for batch in batches:
        momentum, own = of_batch(batch)
        if any(np.any(np.asarray(m) > 1 - 1e-6) for m in jax.tree.leaves(momentum)):
            raise ValueError(
                "`update` must move the statistics by what the batch has; it leaves some as they "
                "are. Call the model as in training, with a momentum below 1."
            )
        total = own if total is None else jax.tree.map(jnp.add, total, own)
        count += 1
    if total is None:
        raise ValueError("`batches` must hold at least one batch; it is empty.")
    return jax.tree.map(lambda t, x: (t / count).astype(x.dtype), total, stats)


def _in_full(x: Array) -> Array:
    """Return an array in float32 at least, so that small shares of a batch are not lost."""
    return jnp.asarray(x, jnp.promote_types(jnp.asarray(x).dtype, jnp.float32))
