"""The kinds of models that experiments train on streams, each with what its trainer needs."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from neurogain._extras import extra
from neurogain.continual import models, stream_specs
from neurogain.continual.streams import Stream
from neurogain.experiments.spiking_cells import CELLS
from neurogain.spiking.modules import LinenClassifier
from neurogain.spiking.readouts import Readout
from neurogain.tasks.spikes import coding

with extra("continual"):
    from flax import linen as nn

Config: TypeAlias = Any  # of an experiment, with the options below that are a model's own


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """A kind of model.

    Attributes:
      summary: in words, as in "belongs to an MLP".
      build: from configuration and stream to a linen module whose last layer is "output".
      options: of the configuration that are its own; each with the words for whose it is.
      gain_on: on which layers a gain acts by default, as far as the method doesn't say.
      forced: whether the gain acts there whatever the method's own layers are.
      normalize: whether images are normalised.
      convolutional: whether it convolves; on a CPU runs then go one by one, update by update.
      batch_statistics: whether it has some; under a gain on all layers they are those at E, so
        that slow weights can't be evaluated.
      grid: of which kind's configurations benchmarks tune.
      seconds: from configuration to the time of compiling, and of an example forward, on a CPU.
    """

    summary: str
    build: Callable[[Config, Stream], nn.Module]
    options: Mapping[str, str]
    seconds: Callable[[Config], tuple[float, float]]
    gain_on: Literal["output", "all"] = "all"
    forced: bool = False
    normalize: bool = False
    convolutional: bool = False
    batch_statistics: bool = False
    grid: stream_specs.Model = "mlp"


def _mlp(config: Config, stream: Stream) -> nn.Module:
    return models.MLP(stream.classes, config.hidden)


def _resnet(config: Config, stream: Stream) -> nn.Module:
    dtype = jnp.dtype(config.compute_dtype)
    return models.ResNet(stream.classes, config.width, config.blocks, dtype)


@dataclasses.dataclass(frozen=True)
class Latency:
    """The code of inputs in [0, 1]: one spike each, the earlier the larger it is; none for 0."""

    steps: int

    def __call__(self, inputs: Array) -> Array:
        """Return spikes, (batch, steps, inputs)."""
        return coding.latency(inputs.reshape(len(inputs), -1), self.steps)


@dataclasses.dataclass(frozen=True)
class Current:
    """The code of any numbers: each is a current, held throughout."""

    steps: int

    def __call__(self, inputs: Array) -> Array:
        """Return what a layer gets, (batch, steps, inputs)."""
        flat = inputs.reshape(len(inputs), 1, -1)
        return jnp.broadcast_to(flat, (len(flat), self.steps, flat.shape[2]))


SPREAD = 3.0  # by which the scale of a layer is multiplied whose inputs are spikes, few of them
CODES: dict[str, tuple[Callable[[int], Callable[[Array], Array]], float]] = {
    "latency": (Latency, SPREAD), "current": (Current, 0.1),
}  # fmt: skip
"""From steps to the code of inputs; and by what it multiplies the scale of the first layer."""
READOUT = 50.0  # scale of the potentials that are read, of 200 cells


def _spiking(config: Config, stream: Stream) -> nn.Module:
    kind, (code, first) = CELLS[config.cell], CODES[config.input_code]
    if config.input_code == "latency":
        _check_times(stream)
    widths = (int(np.prod(stream.images.shape[1:])), *config.cells)
    scales = (first, *(SPREAD for _ in config.cells[1:]))
    layers = tuple(
        kind.layer(*pair, scale=own * kind.scale)
        for pair, own in zip(itertools.pairwise(widths), scales, strict=True)
    )
    readout = Readout(widths[-1], stream.classes, "mean", scale=READOUT)
    return LinenClassifier(code(config.steps), layers, readout)


def _check_times(stream: Stream) -> None:
    """Raise a ValueError if numbers of a stream can't be times of spikes."""
    numbers = stream.images
    if numbers.dtype != np.uint8 and not np.all((numbers >= 0) & (numbers <= 1)):
        raise ValueError(
            "`code` latency needs numbers in [0, 1], each the time of a spike; those of "
            f"{stream.name} are from {np.min(numbers):g} to {np.max(numbers):g}. Pass "
            "code='current'."
        )


def _of_mlp(config: Config) -> tuple[float, float]:
    return 6.0, 1e-6 + 3e-12 * 784 * sum(config.hidden)


def _of_resnet(config: Config) -> tuple[float, float]:
    return 60.0, 2.1e-3 * (config.width / 20) ** 2 * sum(config.blocks) / 8


def _of_spiking(config: Config) -> tuple[float, float]:
    kind = CELLS[config.cell]
    return 15.0, config.steps * sum(config.cells) * kind.substeps * kind.seconds / 3


MODELS: dict[str, ModelKind] = {
    "mlp": ModelKind("an MLP", _mlp, {"hidden": "an MLP"}, _of_mlp),
    "resnet": ModelKind(
        "a ResNet", _resnet,
        {"width": "a ResNet", "blocks": "a ResNet", "compute_dtype": "a ResNet's convolutions"},
        _of_resnet, "output", forced=True, normalize=True, convolutional=True,
        batch_statistics=True,
        grid="resnet",
    ),
    "spiking": ModelKind(
        "spiking cells", _spiking,
        dict.fromkeys(("cell", "cells", "steps", "code"), "spiking cells"), _of_spiking,
    ),
}  # fmt: skip
