import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurogain.spiking import random_bits


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_bits_are_those_of_jax(make, n):
    for seed in (0, 1, 2**31):
        key = jax.random.fold_in(make(seed), 5)
        expected = jax.random.bits(key, (n,), jnp.uint32)
        np.testing.assert_array_equal(random_bits.draw(key, n), expected)


def test_keys_of_another_generator_are_drawn_from_by_it():
    key = jax.random.key(3, impl="rbg")
    np.testing.assert_array_equal(random_bits.draw(key, 9), jax.random.bits(key, (9,), jnp.uint32))


def test_bits_of_many_keys_are_those_of_each():
    keys = jax.random.split(jax.random.key(0), 4)
    batched = jax.vmap(lambda k: random_bits.draw(k, 5))(keys)
    np.testing.assert_array_equal(batched, [random_bits.draw(k, 5) for k in keys])
