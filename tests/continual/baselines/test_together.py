"""The rules in one compiled loop: buffers and seen classes are carried, seeds go side by side."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from neurogain.continual import baselines
from neurogain.continual.baselines import Slots

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
LABELS = np.repeat(np.arange(4, dtype=np.int32), 10)  # one class after the other
BUFFER, EWC = baselines.class_balanced(4), baselines.online_ewc()
TX = baselines.agem(optax.sgd(0.1))


def _apply(params, x):
    return x @ params


def _update(carry, i):
    params, opt_state, memory, seen, wells, key = carry
    draw, other, add = jax.random.split(jax.random.fold_in(key, i), 3)
    index = i * 5 + jnp.arange(5)
    x, y = jnp.asarray(X)[index], jnp.asarray(LABELS)[index]
    old, there = BUFFER.sample(memory, 4, draw)
    second, _ = BUFFER.sample(memory, 4, other)

    def loss(params):
        logits, replayed = _apply(params, x), _apply(params, jnp.asarray(X)[old.indices])
        ace = baselines.er_ace_loss(logits, y, replayed, old.labels, seen, replayed_where=there)
        der = baselines.der_plus_plus_loss(
            replayed,
            old.extras,
            _apply(params, jnp.asarray(X)[second.indices]),
            second.labels,
            alpha=0.1,
            beta=0.5,
            where=there,
            other_where=there,
        )
        held = baselines.lwf_loss(logits, _apply(wells.anchors[0], x), seen)
        penalty = baselines.ewc_penalty(params, wells, 0.1)
        return ace + der + jnp.mean(held) + penalty, logits

    def rehearsed(params):
        return baselines.der_loss(
            _apply(params, jnp.asarray(X)[old.indices]), old.extras, alpha=1.0, where=there
        )

    grads, logits = jax.grad(loss, has_aux=True)(params)
    updates, opt_state = TX.update(
        grads, opt_state, params, reference_grads=jax.grad(rehearsed)(params)
    )
    fisher = baselines.fisher_diagonal(_apply, params, x, labels=y)
    wells = EWC.add(wells, params, fisher)
    params = optax.apply_updates(params, updates)
    memory = BUFFER.add(memory, Slots(index, y, logits), add)
    return (params, opt_state, memory, baselines.mark_seen(seen, y), wells, key), None


def _run(seed):
    key = jax.random.key(seed)
    params = 0.1 * jax.random.normal(key, (3, 4))
    memory = BUFFER.init(8, jnp.zeros(4))
    start = params, TX.init(params), memory, jnp.zeros(4, bool), EWC.init(params), key
    carry, _ = jax.lax.scan(_update, start, jnp.arange(8))
    return carry[:-1]


def test_all_rules_fit_into_one_program_without_promotion():
    """It is traced alone: each step carries on what it was given, in its shapes and dtypes."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        params, _, memory, seen, wells = jax.eval_shape(jax.vmap(_run), np.arange(3))
    assert (params.shape, params.dtype) == ((3, 3, 4), jnp.float32)
    assert (memory.slots.indices.shape, memory.slots.indices.dtype) == ((3, 8), jnp.int32)
    assert memory.slots.extras.shape == (3, 8, 4)
    assert (seen.shape, seen.dtype) == ((3, 4), bool)
    assert wells.fishers.shape == (3, 1, 3, 4)
