"""A hidden layer of spiking cells and leaky read-outs learn a task: one part, seed by seed."""

import functools
from collections.abc import Callable, Iterator, Sequence

from neurogain.experiments import spiking_training
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_task.config import SpikingTaskConfig
from neurogain.experiments.spiking_training import UNDEFINED, Course, Learner, drawing
from neurogain.jobs import Part, seeded


def parts(config: SpikingTaskConfig) -> Iterator[Part]:
    """Yield the one part."""
    run, axes = seeded(run_seeds, config), Course.axes(config)
    seeds = tuple(config.seed_range)
    yield Part("course", Course, run, axes, seeds=seeds, at_once=1, undefined=UNDEFINED)


def seconds(config: SpikingTaskConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    layer, each = config.network().layer, CELLS[config.cell].seconds
    return spiking_training.seconds(config, config.first_task, layer, each)


@functools.lru_cache(maxsize=1)  # all seeds share its compiled programs
def _learner(config: SpikingTaskConfig) -> Learner:
    return Learner(config, config.network())


def run_seeds(
    config: SpikingTaskConfig,
    *,
    seeds: Sequence[int],
    show: Callable[..., None] = lambda done, total, note="": None,
) -> Course:
    """Train one network a seed; return the courses."""
    return _learner(config).courses(seeds, drawing(config, config.first_task), show)
