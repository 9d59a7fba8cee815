"""Joint training by the trainer, with the weights kept at chosen updates."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from neurogain import optim
from neurogain.continual import batches
from neurogain.continual.protocol import Protocol
from neurogain.continual.runs import RunState
from neurogain.continual.streams import Stream
from neurogain.continual.training import BuildOptimizer, Trainer
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.optim.inspect import find_nodes


class Weights(NamedTuple):
    """The weights of one run at one time."""

    effective: Float[Array, " n"]  # E, flat
    underlying: Float[Array, " n"]  # W, flat
    modulation: Float[Array, ""]  # g with E = g W, of global gains; 1 without any


def make_trainer(config: LandscapeConfig, stream: Stream, build: BuildOptimizer) -> Trainer:
    """Return the trainer of one optimizer.

    A batch is drawn from all images so far, by the update's number in the whole run.
    """
    return Trainer(
        model=config.model(stream.classes),
        stream=stream,
        protocol=Protocol(config.iterations, config.batch_size, eval_every=config.iterations),
        build_optimizer=build,
        draw=batches.of_run,
        observe=weights,
    )


def weights(state: RunState) -> Weights:
    """Return the weights that a run is at."""
    underlying = optim.get_weights(state.opt_state, state.params)
    nodes = find_nodes(state.opt_state, optim.ModulateByGainState)
    return Weights(
        ravel_pytree(state.params)[0],
        ravel_pytree(underlying)[0],
        jnp.prod(jnp.stack([jnp.ones(()), *(node.gain for node in nodes.values())])),
    )


every_run = jax.vmap(weights)
