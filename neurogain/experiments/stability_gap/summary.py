"""The numbers of the stability gap from the curves of all methods."""

from typing import Any

import numpy as np

from neurogain.continual.streams import Stream
from neurogain.continual.summary import measure
from neurogain.experiments.stability_gap.config import StabilityGapConfig
from neurogain.experiments.training import load_stream
from neurogain.jobs import Found


def describe(config: StabilityGapConfig, stream: Stream) -> dict[str, Any]:
    """Return what there is to know of the stream."""
    described: dict[str, Any] = {
        "name": stream.name,
        "tasks": list(stream.task_names),
        "training_images": np.diff(stream.starts).tolist(),
        "evaluation_images": stream.test_counts.tolist(),
        "eval_every": config.protocol.eval_every,
    }
    if config.sparse is not None:
        described |= {"dense": config.dense, "sparse": config.sparse}
    if config.spec.note:
        described["note"] = config.spec.note
    return described


def summarize(config: StabilityGapConfig, found: Found) -> dict[str, Any]:
    """Return the content of metrics.json without versions."""
    stream = load_stream(config)
    measured = {}
    for label, name, method in config.labelled():
        measured[name] = {
            "summary": method.summary,
            "hyperparameters": method.hyperparameters,
            **measure(found[label], stream.test_counts),
            "wall_time_s": found.seconds[label],
        }
    return {
        "benchmark": config.spec.name,
        "stream": describe(config, stream),
        "methods": measured,
    }
