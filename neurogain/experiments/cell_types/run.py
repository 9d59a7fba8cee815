"""Train each network on several maps of labels: a part each, seed by seed."""

import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

from neurogain.experiments import spiking_training
from neurogain.experiments.cell_types.config import CellTypesConfig
from neurogain.experiments.spiking_cells import CELLS
from neurogain.experiments.spiking_training import UNDEFINED, Course, InContext, Learner, drawing
from neurogain.jobs import Part, seeded
from neurogain.tasks.spikes.labelled import Labelled
from neurogain.tasks.spikes.task import Examples


def label(config: CellTypesConfig, types: int) -> str:
    """Return the label of a network."""
    if types == 0:
        return "no modulator"
    if types == config.hidden:
        return "one per cell"
    return "uniform" if types == 1 else f"{types} types"


def parts(config: CellTypesConfig) -> Iterator[Part]:
    """Yield a part for each network."""
    seeds, axes = tuple(config.seed_range), Course.axes(config)
    for types in config.numbers_of_types:
        run, of = seeded(run_seeds, config, types), label(config, types)
        yield Part(of, Course, run, axes, seeds=seeds, at_once=1, undefined=UNDEFINED)


def seconds(config: CellTypesConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    layer, each = config.network(0).layer, CELLS[config.cell].seconds
    one = spiking_training.seconds(config, config.first_task, layer, 1.3 * each)
    return one * len(config.numbers_of_types) / 1.5  # two at once, which share memory


def in_contexts(
    examples: Examples, contexts: int, classes: int, of_maps: Array, of_contexts: Array
) -> InContext:
    """Return examples each in a context of its own, with the labels of that context's map.

    `examples` have one label each. The maps are (p + c) mod classes in context c, with one random
    permutation p of the classes; `of_maps` and `of_contexts` are keys.
    """
    assert isinstance(examples, Labelled)  # the configuration has seen to it
    order = jax.random.permutation(of_maps, classes)
    context = jax.random.randint(of_contexts, (len(examples.labels),), 0, contexts)
    return InContext(
        spikes=examples.spikes,
        labels=(order[examples.labels] + context) % classes,
        levels=(context / (contexts - 1))[:, None].astype(jnp.float32),
    )


@functools.lru_cache(maxsize=4)  # all seeds share its compiled programs
def _learner(config: CellTypesConfig, types: int) -> Learner:
    return Learner(config, config.network(types))


def run_seeds(
    config: CellTypesConfig,
    types: int,
    *,
    seeds: Sequence[int],
    show: Callable[..., None] = lambda done, total, note="": None,
) -> Course:
    """Train one network a seed; return the courses."""
    plain, classes = drawing(config, config.first_task), config.first_task.classes

    def draw(key: Array) -> tuple[InContext, InContext]:
        of_examples, of_maps, of_train, of_test = jax.random.split(key, 4)
        train, test = plain(of_examples)
        return (
            in_contexts(train, config.contexts, classes, of_maps, of_train),
            in_contexts(test, config.contexts, classes, of_maps, of_test),
        )

    return _learner(config, types).courses(seeds, draw, show)
