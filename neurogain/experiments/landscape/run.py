"""The loss around the first switch of a stream, and what a gain does: the parts.

One for each optimizer and one for each kind of complexity, kept seed by seed; and the demonstration
of fast and slow weights.
"""

from collections.abc import Iterator

import numpy as np

from neurogain.experiments.landscape import complexity, switch
from neurogain.experiments.landscape.complexity import COMPLEXITIES, Complexity
from neurogain.experiments.landscape.config import LandscapeConfig
from neurogain.experiments.landscape.fast_slow import FastSlow, run_fast_slow
from neurogain.experiments.landscape.switch import Switch
from neurogain.experiments.training import load_stream
from neurogain.jobs import Part, seeded

DEMONSTRATION = "fast-slow"


def parts(config: LandscapeConfig) -> Iterator[Part]:
    """Yield the parts.

    Raises:
      ValueError, FileNotFoundError: if the stream can't be loaded, or does not fit.
    """
    stream = load_stream(config)
    config.check_stream(stream)
    seeds = tuple(config.seed_range)
    update = np.arange(1, config.iterations + 1)
    axes = {
        "at": np.array(["E", "W"]),
        "task": np.array(stream.task_names[:2]),
        "update": update,
        "curvature_update": switch.times(config),
        "path_update": np.arange(-config.window, config.window + 1),
        "line_distance": switch.distances(config),
    }
    for label, _, method in config.labelled():
        yield Part(
            label, Switch, seeded(switch.run_method, config, stream, method), axes,
            seeds=seeds, undefined=Switch._fields, settings={"method": method.text},
        )  # fmt: skip
    yield Part(DEMONSTRATION, FastSlow, lambda job: run_fast_slow())
    for kind in COMPLEXITIES:
        axes = {
            "drive": np.array(complexity.DRIVES),
            "way": np.array(complexity.WAYS),
            "level": np.array(complexity.LEVELS[kind]),
            "update": update,
        }
        run = seeded(complexity.run_complexity, config, kind)
        yield Part(kind, Complexity, run, axes, seeds=seeds, undefined=Complexity._fields)


def seconds(config: LandscapeConfig) -> float:
    """Return about how long a run takes on two CPU cores."""
    weights = 64 * config.hidden[0] + 10 * config.hidden[-1]
    weights += sum(a * b for a, b in zip(config.hidden, config.hidden[1:], strict=False))
    measured = 2 * (config.iterations / config.every + 1) * config.products * 3 * config.images
    places = 2 * config.window + config.points + config.points**2 / config.seeds
    updates = 2 * config.iterations * config.batch_size * 3
    one = config.seeds * (measured * 2 + 200 * places + updates) * weights * 1e-10
    return len(config.optimizers) * (12 + one) + 15 + updates * config.seeds * weights * 3e-9
