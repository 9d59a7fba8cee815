"""Train each network and test it under noise: a part for each condition, seed by seed."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from neurogain.experiments import spiking_training
from neurogain.experiments.heterogeneity.config import CONDITIONS, NOISES, HeterogeneityConfig
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_training import UNDEFINED, Course, Keys, Learner, drawing
from neurogain.jobs import Part, seeded
from neurogain.tasks.spikes import noise


class Robust(NamedTuple):
    """How learning went, and how well what was learned stands noise."""

    loss: Float[np.ndarray, "seed update"]  # nats, without the cost of rates
    gradient_norm: Float[np.ndarray, "seed update"]  # before clipping
    rate_hz: Float[np.ndarray, "seed update"]
    accuracy: Float[np.ndarray, "seed evaluation"]
    test_rate_hz: Float[np.ndarray, "seed evaluation"]
    noisy_accuracy: Float[np.ndarray, "seed noise"]  # on the test examples, after training
    noisy_rate_hz: Float[np.ndarray, "seed noise"]


def parts(config: HeterogeneityConfig) -> Iterator[Part]:
    """Yield a part for each condition."""
    axes = Course.axes(config) | {"noise": np.array(NOISES)}
    seeds = tuple(config.seed_range)
    for condition in config.conditions:
        run = seeded(run_seeds, config, condition)
        yield Part(condition, Robust, run, axes, seeds=seeds, at_once=1, undefined=UNDEFINED)


def seconds(config: HeterogeneityConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    layer, each = config.network("none").layer, CELLS[config.cell].seconds
    one = spiking_training.seconds(config, config.first_task, layer, each)
    compiling = 10 * config.seeds * sum(CONDITIONS[name][0] for name in config.conditions)
    return (one * len(config.conditions) + compiling) / 1.5  # two at once, which share memory


def under(config: HeterogeneityConfig, name: str, examples: Any, key: Array) -> Any:
    """Return examples under a kind of noise."""
    spikes = examples.spikes
    if name == "jitter":
        spikes = noise.jitter(spikes, key, config.jitter)
    elif name == "deletion":
        spikes = noise.thinned(spikes, key, config.deletion)
    elif name == "background":
        spikes = noise.with_background(spikes, key, config.background)
    return examples._replace(spikes=spikes)


def learner_of(config: HeterogeneityConfig, condition: str, seed: int) -> Learner:
    """Return the learner of a network; all seeds share one where the seed draws no constants."""
    if CONDITIONS[condition][0]:
        return Learner(config, config.network(condition, seed))
    return _alike(config, condition)


@functools.lru_cache(maxsize=2)
def _alike(config: HeterogeneityConfig, condition: str) -> Learner:
    return Learner(config, config.network(condition))


def run_seeds(
    config: HeterogeneityConfig,
    condition: str,
    *,
    seeds: Sequence[int],
    show: Callable[..., None] = lambda done, total, note="": None,
) -> Robust:
    """Train one network a seed; return courses and accuracies under noise."""
    rows = []
    for seed in seeds:
        learner = learner_of(config, condition, seed)
        course, carry, test = learner.run(seed, drawing(config, config.first_task), show)
        keys = jax.random.split(Keys.of_seed(seed).noise, len(NOISES))
        noisy = [
            learner.evaluate(carry, under(config, name, test, key))
            for name, key in zip(NOISES, keys, strict=True)
        ]
        accuracy, rate = (np.array(x, np.float32) for x in zip(*noisy, strict=True))
        rows.append((*course, accuracy, rate))
    return Robust(*(np.stack(x) for x in zip(*rows, strict=True)))
