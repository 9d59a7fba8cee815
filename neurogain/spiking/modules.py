"""Layers and readouts of spiking cells as Flax modules, for linen and for nnx.

Each holds the parameters of a `Layer` or `Readout` and calls its pure functions, so all three ways
give the same numbers.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array

from neurogain._extras import extra
from neurogain.spiking.layers import Layer, LayerState
from neurogain.spiking.readouts import Readout

with extra("continual"):
    import flax.linen as nn
    from flax import nnx


class LinenLayer(nn.Module):
    """A `Layer` as a linen module; its parameters are those of `Layer.init`.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> module = LinenLayer(Layer(LIFCell(), LIFParams(), inputs=5, n=3))
      >>> (spikes, _), _ = module.init_with_output(jax.random.key(0), jnp.ones((20, 2, 5)))
      >>> spikes.shape
      (20, 2, 3)
    """

    layer: Layer

    def __post_init__(self) -> None:
        """Raise a TypeError if what it holds is no layer."""
        _check_is("layer", self.layer, Layer)
        super().__post_init__()

    @nn.compact
    def __call__(self, inputs: Array, *args: Any, **options: Any) -> tuple[Array, LayerState]:
        """Return spikes and state, as `Layer.apply` does."""
        params = {
            name: self.param(name, lambda key, name=name: self.layer.init(key)[name])
            for name in self.layer.shapes
        }
        return self.layer.apply(params, inputs, *args, **options)


class LinenReadout(nn.Module):
    """A `Readout` as a linen module; its parameters are those of `Readout.init`.

    Example:
      >>> import jax.numpy as jnp
      >>> module = LinenReadout(Readout(inputs=3, classes=2))
      >>> module.init_with_output(jax.random.key(0), jnp.ones((20, 4, 3)))[0].shape
      (4, 2)
    """

    readout: Readout

    def __post_init__(self) -> None:
        """Raise a TypeError if what it holds is no readout."""
        _check_is("readout", self.readout, Readout)
        super().__post_init__()

    @nn.compact
    def __call__(self, spikes: Array) -> Array:
        """Return logits."""
        params = {
            name: self.param(name, lambda key, name=name: self.readout.init(key)[name])
            for name in self.readout.shapes
        }
        return self.readout.apply(params, spikes)


class LinenClassifier(nn.Module):
    """Layers and a readout behind a code, as one linen module from numbers to logits.

    Parameters are those of `LinenLayer`, as "hidden_0" and so on, and of `LinenReadout`, as
    "output".

    Attributes:
      code: from inputs to spikes, (batch, steps, channels).
      layers: one behind the other.
      readout: of the last.

    Raises:
      TypeError, ValueError: if one is no layer or no readout, or inputs or steps don't fit those of
        the one before.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3)
      >>> held = lambda x: jnp.broadcast_to(x[:, None], (len(x), 20, 5))
      >>> module = LinenClassifier(held, (layer,), Readout(inputs=3, classes=2))
      >>> module.init_with_output(jax.random.key(0), jnp.ones((4, 5)))[0].shape
      (4, 2)
    """

    code: Callable[[Array], Array]
    layers: tuple[Layer, ...]
    readout: Readout

    def __post_init__(self) -> None:
        """Raise an error unless the layers and the readout fit one behind the other."""
        _check_chain(self.layers, self.readout)
        super().__post_init__()

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Return logits, (batch, classes)."""
        spikes = jax.numpy.swapaxes(self.code(inputs), 0, 1)
        for number, layer in enumerate(self.layers):
            spikes, _ = LinenLayer(layer, name=f"hidden_{number}")(spikes)
        return LinenReadout(self.readout, name="output")(spikes)


class NNXLayer(nnx.Module):
    """A `Layer` as an nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> from neurogain.spiking import LIFCell, LIFParams
      >>> layer = Layer(LIFCell(), LIFParams(), inputs=5, n=3)
      >>> spikes, _ = NNXLayer(layer, rngs=nnx.Rngs(0))(jnp.ones((20, 2, 5)))
      >>> spikes.shape
      (20, 2, 3)
    """

    def __init__(self, layer: Layer, *, rngs: nnx.Rngs) -> None:
        """Draw the parameters."""
        _check_is("layer", layer, Layer)
        self.layer = layer
        self.weights = nnx.data(jax.tree.map(nnx.Param, layer.init(rngs.params())))

    def __call__(self, inputs: Array, *args: Any, **options: Any) -> tuple[Array, LayerState]:
        """Return spikes and state, as `Layer.apply` does."""
        return self.layer.apply(_values(self.weights), inputs, *args, **options)


class NNXReadout(nnx.Module):
    """A `Readout` as an nnx module.

    Example:
      >>> import jax.numpy as jnp
      >>> NNXReadout(Readout(inputs=3, classes=2), rngs=nnx.Rngs(0))(jnp.ones((20, 4, 3))).shape
      (4, 2)
    """

    def __init__(self, readout: Readout, *, rngs: nnx.Rngs) -> None:
        """Draw the parameters."""
        _check_is("readout", readout, Readout)
        self.readout = readout
        self.weights = nnx.data(jax.tree.map(nnx.Param, readout.init(rngs.params())))

    def __call__(self, spikes: Array) -> Array:
        """Return logits."""
        return self.readout.apply(_values(self.weights), spikes)


def _check_is(name: str, value: Any, kind: type) -> None:
    """Raise a TypeError unless a value is of a kind."""
    if not isinstance(value, kind):
        raise TypeError(
            f"`{name}` must be a {kind.__name__}; got a {type(value).__name__}. Pass "
            f"{kind.__name__}(...)."
        )


def _check_chain(layers: Any, readout: Any) -> None:
    """Raise an error unless layers and a readout fit one behind the other."""
    if not isinstance(layers, tuple | list) or not layers:
        raise TypeError(f"`layers` must be a tuple of layers; got {layers!r:.200}. Pass (layer,).")
    for layer in layers:
        _check_is("layers", layer, Layer)
    _check_is("readout", readout, Readout)
    for before, after in itertools.pairwise([*layers, readout]):
        if after.inputs != before.n or after.dt != before.dt:
            raise ValueError(
                f"each of `layers`, and `readout`, must have as many inputs as the one before has "
                f"cells, and its dt; got {after.inputs} inputs and dt={after.dt:g} ms behind "
                f"{before.n} cells and {before.dt:g} ms."
            )


def _values(weights: Any) -> Any:
    """Return arrays in place of nnx variables."""
    return jax.tree.map(lambda x: x[...], weights, is_leaf=lambda x: isinstance(x, nnx.Param))
