"""Models for the continual-learning benchmarks (Flax linen: pure `init` and `apply`).

Each is called with `train`, which matters where there are batch statistics; the last layer is named
"output".
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from neurogain._extras import extra

with extra("continual"):
    import flax.linen as nn

_UNIFORM = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")  # ±1/sqrt(fan_in)


class MLP(nn.Module):
    """Multi-layer perceptron with ReLU and no biases; weights start uniform in ±1/sqrt(fan_in).

    Without biases, one gain g on all L layers multiplies the logits by g^L: it sharpens the
    output and changes no decision.

    Source: arXiv 2507.14056 (784-400-400-10).

    Example:
      >>> import jax
      >>> model, images = MLP(10, (4,)), jnp.zeros((2, 8, 8, 1))
      >>> jax.eval_shape(model.init_with_output, jax.random.key(0), images)[0].shape
      (2, 10)
    """

    classes: int
    hidden: Sequence[int] = (400, 400)

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch ..."], train: bool = False
    ) -> Float[Array, "batch classes"]:
        """Return logits, (batch, classes), for inputs in [0, 1] of any shape."""
        del train
        layer = partial(nn.Dense, use_bias=False, kernel_init=_UNIFORM)
        x = jnp.reshape(images, (images.shape[0], -1))
        for width in self.hidden:
            x = nn.relu(layer(width)(x))
        return layer(self.classes, name="output")(x)


def by_patches(
    inputs: Float[Array, "batch height width channels"],
    kernel: Float[Array, "rows columns taken features"],
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **options: Any,
) -> Float[Array, "batch ..."]:
    """Convolve by matrix products of patches, for `conv_general_dilated` of `nn.Conv`.

    On a CPU, with few channels, this takes half the time of XLA's convolution: as many images at
    once as have patches that fit in the cache, whose patches are cut again for the gradient.
    Elsewhere, and with dilation or groups, it is XLA's convolution.

    Example:
      >>> conv = nn.Conv(4, (3, 3), conv_general_dilated=by_patches)
      >>> conv.init_with_output(jax.random.key(0), jnp.zeros((2, 8, 8, 3)))[0].shape
      (2, 8, 8, 4)
    """
    dilated = {*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())} - {1}
    special = dilated or options.get("feature_group_count", 1) != 1 or inputs.ndim != 4
    if special or jax.default_backend() != "cpu":
        return jax.lax.conv_general_dilated(inputs, kernel, strides, padding, **options)
    rows, columns, channels, features = kernel.shape
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(inputs.shape[1:3], (rows, columns), strides, padding)
    (top, bottom), (left, right) = padding
    down, across = strides
    height = (inputs.shape[1] + top + bottom - rows) // down + 1
    width = (inputs.shape[2] + left + right - columns) // across + 1
    flat = kernel.reshape(rows * columns * channels, features)

    @jax.checkpoint
    def convolve(images: Array) -> Array:
        x = jnp.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)))
        parts = [
            x[:, i : i + down * height : down, j : j + across * width : across][:, :height, :width]
            for i in range(rows)
            for j in range(columns)
        ]
        return (parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)) @ flat

    number, most = len(inputs), max(1, _CACHED // (height * width * len(flat)))
    at_once = max(n for n in range(1, min(most, number) + 1) if number % n == 0)
    if at_once == number:
        return convolve(inputs)
    parts = jax.lax.map(convolve, inputs.reshape(-1, at_once, *inputs.shape[1:]))
    return parts.reshape(number, height, width, features)


_CACHED = 1 << 19  # numbers


class ResNet(nn.Module):
    """Slim ResNet-18: width 20 in place of 64, a 3 x 3 stem, biases in the output layer alone.

    Four stages of two basic blocks, of 20, 40, 80 and 160 channels, the image halved before each
    but the first; batch normalisation behind every convolution; mean over the image. 1.1 million
    parameters. Weights start uniform in ±1/sqrt(fan_in). Batch statistics keep 0.9 of their value
    per update and use the variance without Bessel's correction.

    Sources: He et al., 'Deep residual learning for image recognition', CVPR 2016; the width:
    Lopez-Paz & Ranzato, 'Gradient episodic memory for continual learning', NeurIPS 2017.

    Example:
      >>> import jax
      >>> model, images = ResNet(10, width=4, blocks=(1, 1)), jnp.zeros((2, 8, 8, 3))
      >>> logits, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), images)
      >>> logits.shape, sorted(variables)
      ((2, 10), ['batch_stats', 'params'])
    """

    classes: int
    width: int = 20
    blocks: Sequence[int] = (2, 2, 2, 2)  # of each stage
    dtype: Any = jnp.float32  # of the convolutions; parameters, statistics and logits are float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"], train: bool = False
    ) -> Float[Array, "batch classes"]:
        """Return logits, (batch, classes); with `train`, normalise by the batch's own statistics.

        The collection `batch_stats` must then be mutable.
        """
        conv = partial(
            nn.Conv, use_bias=False, kernel_init=_UNIFORM, dtype=self.dtype,
            conv_general_dilated=by_patches,
        )  # fmt: skip
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        x = nn.relu(norm()(conv(self.width, (3, 3))(images)))
        for stage, blocks in enumerate(self.blocks):
            width = self.width * 2**stage
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                y = nn.relu(norm()(conv(width, (3, 3), stride, padding=1)(x)))
                y = norm()(conv(width, (3, 3))(y))
                if x.shape != y.shape:
                    x = norm()(conv(width, (1, 1), stride)(x))
                x = nn.relu(x + y)
        x = jnp.mean(x, axis=(1, 2), dtype=jnp.float32)
        return nn.Dense(self.classes, kernel_init=_UNIFORM, name="output")(x)


@cache
def flat_apply(model: nn.Module, shape: tuple[int, ...]) -> Callable[[Any, Any], Any]:
    """Return the model as a function of its weights in one row, and inputs; equal models share one.

    Args:
      model: without batch statistics.
      shape: of one input.

    Example:
      >>> flat_apply(MLP(3, (4,)), (8, 8, 1))(jnp.zeros(268), jnp.zeros((5, 8, 8, 1))).shape
      (5, 3)
    """
    unravel = ravel_pytree(model.init(jax.random.key(0), jnp.zeros((1, *shape))))[1]
    return lambda flat, inputs: model.apply(unravel(flat), inputs)
