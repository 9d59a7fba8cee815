"""Train each network at each delay: a part each, seed by seed."""

import functools
from collections.abc import Callable, Iterator, Sequence

from neurogain.experiments import spiking_training
from neurogain.experiments.dendrite.config import NETWORKS, DendriteConfig
from neurogain.experiments.spiking_training import UNDEFINED, Course, Learner, drawing
from neurogain.jobs import Part, seeded


def label(name: str, delay: int) -> str:
    """Return the label of a part."""
    return f"{name}, {delay} ms"


def parts(config: DendriteConfig) -> Iterator[Part]:
    """Yield a part for each network and delay."""
    seeds, axes = tuple(config.seed_range), Course.axes(config)
    for delay in config.delays:
        for name in config.networks:
            run = seeded(run_seeds, config, name, delay)
            of = label(name, delay)
            yield Part(of, Course, run, axes, seeds=seeds, at_once=1, undefined=UNDEFINED)


def seconds(config: DendriteConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    total = 0.0
    for delay in config.delays:
        for name in config.networks:
            layer, each = config.network(name, delay).layer, NETWORKS[name][0].seconds
            total += spiking_training.seconds(config, config.task(delay), layer, each)
    return total / 1.5  # two at once, which share memory


@functools.lru_cache(maxsize=4)  # all seeds share its compiled programs
def _learner(config: DendriteConfig, name: str, delay: int) -> Learner:
    return Learner(config, config.network(name, delay))


def run_seeds(
    config: DendriteConfig,
    name: str,
    delay: int,
    *,
    seeds: Sequence[int],
    show: Callable[..., None] = lambda done, total, note="": None,
) -> Course:
    """Train one network a seed; return the courses."""
    draw = drawing(config, config.task(delay))
    return _learner(config, name, delay).courses(seeds, draw, show)
