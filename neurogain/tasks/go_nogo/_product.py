"""Products of matrices in full float32, since an agent's choices hang on small differences."""

import functools

import jax
import jax.numpy as jnp

product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
