"""The Hessian of L(g W) in W is g^2 times the Hessian of L at E = g W."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from neurogain.optim import get_gain, get_weights, modulate_by_gain
from neurogain.uncertainty import entropy


def _logits(E, x):
    return jnp.tanh(x @ E["hidden"] + E["bias"]) @ E["out"]


def test_hessian_at_the_underlying_weights_is_g_squared_times_that_at_the_effective(params):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(8, 3)), rng.integers(0, 2, size=8)

    def loss(E):
        return optax.softmax_cross_entropy_with_integer_labels(_logits(E, x), y).mean()

    with jax.enable_x64():
        E = jax.tree.map(lambda p: p.astype(jnp.float64), params)
        tx = optax.chain(modulate_by_gain(optax.adam(0.01)))
        state = tx.init(E)

        @jax.jit
        def step(E, state):
            updates, state = tx.update(
                jax.grad(loss)(E), state, E, uncertainty=entropy(_logits(E, x))
            )
            return optax.apply_updates(E, updates), state

        for _ in range(5):
            E, state = step(E, state)
        g, (W, unravel) = get_gain(state), ravel_pytree(get_weights(state, E))
        assert g > 1.3

        def of_weights(W):
            return loss(jax.tree.map(lambda w: g * w, unravel(W)))

        @jax.jit
        def compare(e, vectors):
            def product(v):
                return jax.jvp(jax.grad(of_weights), (W,), (v,))[1]

            return jax.vmap(product)(vectors), jax.hessian(lambda e: loss(unravel(e)))(e)

        vectors = rng.normal(size=(3, W.size))
        products, dense = compare(ravel_pytree(E)[0], vectors)
        np.testing.assert_allclose(products, g**2 * (vectors @ dense), rtol=1e-9, atol=1e-12)
