"""Random bits for a draw per cell in every step, by a generator that fuses with the step.

On CPUs JAX runs its Threefry generator as a loop of its own over whole arrays (which compiles
faster), and drawing costs twice as much as the two-compartment cell. The same 20 rounds written
out fuse with the step and cost a third of that; the bits are the same.
"""

import jax
import jax.numpy as jnp
import numpy as np

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def draw(key: jax.Array, n: int) -> jax.Array:
    """Return `jax.random.bits(key, (n,), uint32)`, bit for bit.

    Keys of another generator than Threefry (JAX's default) are handed to that generator. Bit i
    depends on the key and on i alone, so results don't depend on how cells are sharded.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Threefry-2x32-20).
    """
    if str(jax.random.key_impl(key)) != "threefry2x32":
        return jax.random.bits(key, (n,), jnp.uint32)
    first, second = jax.random.key_data(key)
    keys = (first, second, first ^ second ^ _PARITY)
    x0 = jnp.broadcast_to(keys[0], (n,))
    x1 = jax.lax.iota(jnp.uint32, n) + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = (x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))
            x1 = x0 ^ x1
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0 ^ x1
