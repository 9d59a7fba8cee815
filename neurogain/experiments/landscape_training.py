"""Training that keeps its weights: joint training on a stream, recorded at chosen updates."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from neurogain import optim, uncertainty
from neurogain._extras import extra
from neurogain.continual.streams import Stream
from neurogain.optim.inspect import find_nodes

with extra("continual"):
    import flax.linen as nn


class Plan(NamedTuple):
    """What is trained on when, and kept when; T updates, traced."""

    seen: Any  # int32, (T,): batches are drawn uniformly from the first `seen` images
    switch: Any  # bool, (T,): a new task arrives with this update
    divisor: Any  # (T,): the drive is the entropy, in nats, over this
    slot: Any  # int32, (T + 1,): place of the weights after i updates; past the end: not kept


class Recorded(NamedTuple):
    """What one run records; leading axes for batches of runs."""

    effective: Any  # E, flat, (kept, n)
    underlying: Any  # W, flat, (kept, n)
    modulation: Any  # g with E = g W, (kept,); 1 without modulated weights
    gain: Any  # (T,) after each update; 1 where there is none
    entropy: Any  # nats, (T,), batch mean at each update
    loss: Any  # nats, (T,)


def plan(seen: np.ndarray, kept: np.ndarray, divisor: Any = 1.0) -> Plan:
    """Return the plan of training on the first `seen` images, (T,).

    Args:
      seen: number of images of each update.
      kept: ascending numbers of updates, 0 to T, after which the weights are kept.
      divisor: of the entropy that drives a gain, one number or (T,).
    """
    slot = np.full(len(seen) + 1, len(kept), np.int32)
    slot[kept] = np.arange(len(kept))
    switch = np.diff(seen, prepend=seen[:1]) != 0
    divisor = np.broadcast_to(np.asarray(divisor, np.float32), seen.shape)
    return Plan(seen.astype(np.int32), switch, divisor, slot)


def as_inputs(images: Any) -> Array:
    """Return images in [0, 1]."""
    return jnp.asarray(images, jnp.float32) / 255


def _modulation(opt_state: optax.OptState) -> Array:
    """Return the factor g between effective and underlying weights, of global gains."""
    nodes = find_nodes(opt_state, optim.ModulateByGainState)
    return jnp.prod(jnp.stack([jnp.ones(()), *(node.gain for node in nodes.values())]))


def _gain(opt_state: optax.OptState) -> Array:
    gains = jax.tree.leaves(optim.find_gains(opt_state))
    return gains[0] if gains else jnp.ones(())


@functools.partial(jax.jit, static_argnames=("model", "build", "kept", "batch_size"))
def _train(
    plan: Plan,
    seed: Array,
    images: Array,
    labels: Array,
    constants: Mapping[str, Array],
    *,
    model: nn.Module,
    build: Callable[..., optax.GradientTransformation],
    kept: int,
    batch_size: int,
) -> Recorded:
    tx = optax.with_extra_args_support(build(**constants))

    def loss_fn(params: PyTree, images: Array, labels: Array) -> tuple[Array, Array]:
        logits: Any = model.apply(params, images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, uncertainty.batch_mean(uncertainty.entropy(logits))

    def one(plan: Plan, seed: Array) -> Recorded:
        key = jax.random.key(seed)
        params = model.init(jax.random.fold_in(key, 0), as_inputs(images[:1]))
        flat = ravel_pytree(params)[0]
        batches = jax.random.fold_in(key, 1)

        def keep(books: tuple, slot: Array, params: PyTree, opt_state: Any) -> tuple:
            effective, underlying, modulation = books
            W = optim.get_weights(opt_state, params)
            return (
                effective.at[slot].set(ravel_pytree(params)[0], mode="drop"),
                underlying.at[slot].set(ravel_pytree(W)[0], mode="drop"),
                modulation.at[slot].set(_modulation(opt_state), mode="drop"),
            )

        def update(carry: tuple, now: tuple) -> tuple[tuple, tuple]:
            params, opt_state, books = carry
            i, seen, switch, divisor, slot = now
            drawn = jax.random.randint(jax.random.fold_in(batches, i), (batch_size,), 0, seen)
            (loss, entropy), gradient = jax.value_and_grad(loss_fn, has_aux=True)(
                params, as_inputs(images[drawn]), labels[drawn]
            )
            updates, opt_state = tx.update(
                gradient, opt_state, params, uncertainty=entropy / divisor, task_switch=switch
            )
            params = optax.apply_updates(params, updates)
            books = keep(books, slot, params, opt_state)
            return (params, opt_state, books), (_gain(opt_state), entropy, loss)

        opt_state = tx.init(params)
        books = tuple(jnp.zeros((kept, *shape)) for shape in (flat.shape, flat.shape, ()))
        books = keep(books, plan.slot[0], params, opt_state)
        numbers = (jnp.arange(plan.seen.size), *plan[:3], plan.slot[1:])
        (_, _, books), curves = jax.lax.scan(update, (params, opt_state, books), numbers)
        return Recorded(*books, *curves)

    return jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))(plan, seed)


def train(
    plans: list[Plan],
    seeds: range,
    stream: Stream,
    model: nn.Module,
    build: Callable[..., optax.GradientTransformation],
    constants: Mapping[str, float],
    *,
    kept: int,
    batch_size: int,
) -> Recorded:
    """Train every plan from every seed, side by side.

    Args:
      plans: of equal numbers of updates and of weights kept.
      seeds: of the initial weights and the batches, the same for all plans.
      stream: its images, in the order of its tasks.
      model: from inputs in [0, 1] to logits.
      build: the optimizer, from its constants.
      constants: of the optimizer.
      kept: number of updates at which weights are kept.
      batch_size: images per update.

    Returns:
      NumPy arrays with leading axes (plans, seeds).
    """
    found = _train(
        Plan(*map(np.stack, zip(*plans, strict=True))),
        jnp.asarray(list(seeds), jnp.uint32),
        *(jnp.asarray(x) for x in (stream.images, stream.labels)),
        {name: jnp.asarray(value, jnp.float32) for name, value in constants.items()},
        model=model,
        build=build,
        kept=kept,
        batch_size=batch_size,
    )
    return Recorded(*map(np.asarray, found))
