"""Models for the continual-learning benchmarks (Flax linen: pure `init` and `apply`)."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


class MLP(nn.Module):
    """Multi-layer perceptron with ReLU and no biases; weights start uniform in ±1/sqrt(fan_in).

    Without biases, one gain g on all L layers multiplies the logits by g^L: it sharpens the
    output and changes no decision.

    Source: arXiv 2507.14056 (784-400-400-10).
    """

    classes: int
    hidden: Sequence[int] = (400, 400)

    @nn.compact
    def __call__(self, images: Float[Array, "batch ..."]) -> Float[Array, "batch classes"]:
        """Return logits, (batch, classes), for inputs in [0, 1] of any shape."""
        init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
        x = jnp.reshape(images, (images.shape[0], -1))
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, use_bias=False, kernel_init=init)(x))
        return nn.Dense(self.classes, use_bias=False, kernel_init=init)(x)
